-- Accounts, log-ins, documents and who may do what with them. Ids are 16 bytes, times milliseconds since 1970.

create table users (
    id bytea primary key not null,
    email text not null,
    -- the address folded to lower case: what is compared
    email_key text not null unique,
    name text not null,
    color text not null,
    password_hash text not null,
    is_admin boolean not null default false,
    is_disabled boolean not null default false,
    created_at bigint not null
);

create table sessions (
    id bytea primary key not null,
    user_id bytea not null references users (id) on delete cascade,
    created_at bigint not null,
    expires_at bigint not null
);
create index sessions_by_user on sessions (user_id);
create index sessions_by_expiry on sessions (expires_at);

create table documents (
    id bytea primary key not null,
    title text not null,
    -- the title folded to lower case: what is searched
    title_key text not null,
    language text not null,
    size_bytes bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null
);

create table grants (
    doc_id bytea not null references documents (id) on delete cascade,
    user_id bytea not null references users (id) on delete cascade,
    -- 1 viewer, 2 editor, 3 owner
    role integer not null,
    created_at bigint not null,
    primary key (doc_id, user_id)
);
create index grants_by_user on grants (user_id);
create index grants_by_role on grants (doc_id, role, created_at);

create table links (
    id bytea primary key not null,
    doc_id bytea not null references documents (id) on delete cascade,
    -- SHA-256 of the secret; the secret itself is shown once and kept nowhere
    secret_hash bytea not null unique,
    role integer not null,
    created_at bigint not null,
    expires_at bigint
);
create index links_by_document on links (doc_id);
