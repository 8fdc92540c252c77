-- States of documents that can be read and restored. Each is a snapshot; which of those without a name stay is decided by age.

create table versions (
    id blob primary key not null,
    doc_id blob not null references documents (id) on delete cascade,
    -- the snapshot's offset, 32 hexadecimal digits
    snapshot text not null,
    -- null where nobody asked for it
    name text,
    author_id blob references users (id) on delete set null,
    size_bytes bigint not null,
    created_at bigint not null
);
create index versions_by_document on versions (doc_id, created_at, id);
create unique index versions_without_name on versions (doc_id, snapshot) where name is null;
