-- Whether the lines of the document end in CR LF where it leaves as a file; its shared text has LF alone.
alter table documents add column crlf boolean not null default false;
