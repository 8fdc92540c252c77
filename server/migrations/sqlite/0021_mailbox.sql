-- The mailbox that the address of an account names, in the one form that is compared; null where a former release made the
-- account and it is not noted yet, or where an older account has the same one.
alter table users add column mailbox text;
create unique index users_by_mailbox on users (mailbox);
