-- The id that PostgreSQL, Redis and S3 of one installation share; one row.
create table installation (
    only_row smallint primary key not null check (only_row = 1),
    id bytea not null
);
