-- The id that the stores of one installation share; one row.
create table installation (
    only_row integer primary key not null check (only_row = 1),
    id blob not null
);
