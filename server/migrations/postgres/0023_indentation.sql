-- What everyone indents the document by: 0 as its text or its language has it, 1 a tab, then 2, 3, 4 and 8 spaces.
alter table documents add column indentation bigint not null default 0;
