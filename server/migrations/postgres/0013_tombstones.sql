-- Documents that were deleted. Logs and snapshots are removed for a tombstone only: a document that is merely unknown here is
-- kept. A trigger, so that no delete can miss it, the previous release's neither.
create table tombstones (
    doc_id bytea primary key not null,
    deleted_at bigint not null,
    -- when the stores are swept next; null once nothing can write there any more
    sweep_at bigint
);
create index tombstones_by_sweep on tombstones (sweep_at);
create function note_deleted_document() returns trigger language plpgsql as $$
declare
    now_ms constant bigint := extract(epoch from clock_timestamp()) * 1000;
begin
    insert into tombstones (doc_id, deleted_at, sweep_at) values (old.id, now_ms, now_ms)
    on conflict (doc_id) do update set deleted_at = now_ms, sweep_at = now_ms;
    return null;
end
$$;
create trigger documents_tombstone after delete on documents
    for each row execute function note_deleted_document();
