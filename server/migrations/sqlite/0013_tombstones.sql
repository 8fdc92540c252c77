-- Documents that were deleted. Logs and snapshots are removed for a tombstone only: a document that is merely unknown here is
-- kept. A trigger, so that no delete can miss it, the previous release's neither.
create table tombstones (
    doc_id blob primary key not null,
    deleted_at bigint not null,
    -- when the stores are swept next; null once nothing can write there any more
    sweep_at bigint
);
create index tombstones_by_sweep on tombstones (sweep_at);
create trigger documents_tombstone after delete on documents begin
    insert or replace into tombstones (doc_id, deleted_at, sweep_at)
    values (
        old.id,
        cast(unixepoch('subsec') * 1000 as integer),
        cast(unixepoch('subsec') * 1000 as integer)
    );
end;
