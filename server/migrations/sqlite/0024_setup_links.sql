-- One-time links by which the first administrator of a new installation is made.

create table setup_links (
    secret_hash blob primary key not null,
    expires_at bigint not null
);
