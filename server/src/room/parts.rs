//! The services of a room, the same for all rooms of a node. A room knows neither the registry nor other rooms.

use std::{sync::Arc, time::Duration};

use super::{edited::Edited, memory::Memory, unarchived::Unarchived};
use crate::{
    compaction::Compactor, config::RoomConfig, directory::Directory, ids::NodeId, relay::Relay, storage::Storage,
    tasks::Tasks,
};

/// The number of rooms above which a room without peers ends at once.
const CROWDED: usize = 1_000;

pub(super) struct Parts {
    pub(super) storage: Storage,
    pub(super) compactor: Compactor,
    pub(super) directory: Directory,
    pub(super) relay: Arc<dyn Relay>,
    pub(super) node: NodeId,
    pub(super) config: RoomConfig,
    pub(super) tasks: Tasks,
    pub(super) gauges: Gauges,
}

/// Measurements that rooms record.
pub(super) struct Gauges {
    pub(super) memory: Memory,
    pub(super) unarchived: Unarchived,
    pub(super) edited: Edited,
}

impl Parts {
    /// How long a room without peers stays loaded.
    pub(super) fn idle(&self) -> Duration {
        if self.is_crowded() { Duration::ZERO } else { self.config.idle }
    }

    /// Whether there are too many rooms to keep unused ones.
    pub(super) fn is_crowded(&self) -> bool {
        self.gauges.memory.documents() > CROWDED
    }
}
