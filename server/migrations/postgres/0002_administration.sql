-- What administrators see and do.

-- Who did what to accounts and to the sharing of documents. Entries outlive what they tell of, so they refer to nothing.
create table audit (
    id bytea primary key not null,
    at bigint not null,
    -- null for the command line
    actor_id bytea,
    address text,
    action text not null,
    doc_id bytea,
    user_id bytea,
    detail text
);
create index audit_by_time on audit (at, id);

-- the name folded to lower case: what is searched
alter table users add column name_key text not null default '';
update users set name_key = lower(name);
create index users_by_time on users (created_at, id);
create index documents_by_time on documents (updated_at, id);

-- A row to lock where a rule spans rows: databases agree on no other way.
create table guards (
    name text primary key not null
);
insert into guards (name) values ('administrators');
