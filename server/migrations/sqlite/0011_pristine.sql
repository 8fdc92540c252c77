-- Whether no snapshot of the document was ever begun. Of those that are here already that is not known.
alter table documents add column pristine boolean not null default false;
