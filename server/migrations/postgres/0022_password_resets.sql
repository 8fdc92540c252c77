-- One-time ways to a new password, which administrators hand out; and from where accounts were logged in to, so that whoever
-- tries passwords does not shut out who knows the right one.

create table password_resets (
    -- of an account the newest alone counts
    user_id bytea primary key not null references users (id) on delete cascade,
    secret_hash bytea not null unique,
    expires_at bigint not null
);

create table log_in_addresses (
    user_id bytea not null references users (id) on delete cascade,
    -- an address, of IPv6 its network of 64 bits
    address text not null,
    last_at bigint not null,
    primary key (user_id, address)
);
