//! Every metric with its name and description. Metrics without labels exist from the start, so that a rate can be
//! computed from the first event on.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Bounds of the one histogram that counts instead of measuring time.
pub(super) const COMMANDS: (&str, [f64; 10]) =
    ("codesync_mailbox_commands", [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]);

const COUNTERS: [(&str, &str); 24] = [
    ("codesync_edits_total", "Edits that rooms applied from their own sockets."),
    ("codesync_updates_refused_total", "Edits that rooms refused."),
    ("codesync_client_conflicts_total", "Edits refused because their client id holds other edits at the same clock."),
    ("codesync_edits_brought_total", "Edits applied under a client id that their sender's socket does not declare."),
    ("codesync_forks_total", "Replicas given up because the log holds other edits at the same clock."),
    ("codesync_updates_from_other_nodes_total", "Updates that rooms applied from the log."),
    ("codesync_append_retries_total", "Appends retried because the log did not answer."),
    ("codesync_exact_appends_refused_total", "Edits for callers that were decided again: another node appended first."),
    ("codesync_append_failures_total", "Appends that failed and ended their room."),
    ("codesync_replicas_rebuilt_total", "Replicas dropped and rebuilt from snapshot and log."),
    ("codesync_replicas_diverged_total", "Replicas that differed from another node's at the same offset of the log."),
    ("codesync_documents_evicted_total", "Documents unloaded because their memory was needed."),
    ("codesync_loads_refused_total", "Documents not loaded because open documents take all the memory."),
    ("codesync_outboxes_dropped_total", "Outboxes of slow peers that were dropped for one diff."),
    ("codesync_sockets_slowed_total", "Sockets read more slowly because they sent too many messages."),
    ("codesync_compaction_failures_total", "Compactions that failed."),
    ("codesync_retention_failures_total", "Failed attempts to prune old snapshots."),
    ("codesync_snapshots_damaged_total", "Snapshots that were found damaged."),
    ("codesync_log_lost_total", "Logs found emptied or rolled back."),
    ("codesync_log_restored_total", "Logs to which a whole state was appended after a loss."),
    (
        "codesync_redis_connections_replaced_total",
        "Connections to Redis that were replaced: silent, cut, or refusing writes.",
    ),
    ("codesync_redis_subscriptions_cut_total", "Subscriptions to Redis that were cut."),
    ("codesync_connections_refused_total", "Connections that were refused because there were too many."),
    ("codesync_relay_dropped_total", "Messages to other nodes that were dropped because the relay was too slow."),
];
const LABELLED_COUNTERS: [(&str, &str); 3] = [
    ("codesync_http_requests_total", "Calls by method, route and status."),
    ("codesync_sockets_refused_total", "Sockets that were refused, by close code."),
    ("codesync_load_failures_total", "Documents that could not be loaded."),
];
const GAUGES: [(&str, &str); 7] = [
    ("codesync_sessions_open", "Open sockets."),
    ("codesync_rooms_live", "Documents in memory."),
    ("codesync_documents_memory_bytes", "Estimated memory of loaded documents."),
    ("codesync_log_bytes_behind_snapshot", "Bytes in the logs of live documents that no snapshot covers."),
    ("codesync_oldest_unarchived_edit_seconds", "Age of the oldest edit that no snapshot covers."),
    ("codesync_documents_unknown", "Stored documents that the directory does not know."),
    ("codesync_sweeper_documents", "Documents whose node may have died before it took a snapshot."),
];
const HISTOGRAMS: [(&str, &str); 6] = [
    (COMMANDS.0, "Commands that a room read from its mailbox at once."),
    ("codesync_append_seconds", "Seconds that an append to the log took."),
    ("codesync_edit_to_peer_seconds", "Seconds from the arrival of an edit to its write to a peer."),
    ("codesync_edit_to_durable_seconds", "Seconds from the arrival of an edit until it is durable."),
    ("codesync_load_seconds", "Seconds that loading a document took."),
    ("codesync_compaction_seconds", "Seconds that a compaction took."),
];

/// Describes all metrics to the recorder.
pub(super) fn announce() {
    for (name, says) in COUNTERS {
        describe_counter!(name, says);
        counter!(name).increment(0);
    }
    for (name, says) in LABELLED_COUNTERS {
        describe_counter!(name, says);
    }
    for (name, says) in GAUGES {
        describe_gauge!(name, says);
        gauge!(name).increment(0);
    }
    for (name, says) in HISTOGRAMS {
        describe_histogram!(name, says);
        let _ = histogram!(name);
    }
    describe_gauge!("codesync_stores_unavailable", "1 for each store that does not answer this node.");
    describe_histogram!("codesync_http_request_seconds", "Seconds that a call took, by method and route.");
}
