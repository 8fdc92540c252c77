/// The deepest nesting that can be configured: yrs decodes values by recursion.
pub(crate) const JSON_DEPTH_MAX: usize = 64;

/// The limits of one message, update or document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one update. A keystroke of five bytes takes about 150 in yrs, so this also bounds the memory of one
    /// apply.
    pub update_bytes: usize,
    /// Root types of a document. Ours has one; other pages have a few.
    pub roots: usize,
    /// Bytes of a root type's name.
    pub root_name_bytes: usize,
    /// Bytes of a map key or a formatting attribute's name.
    pub key_bytes: usize,
    /// Levels of nested arrays and objects in one JSON value.
    pub json_depth: usize,
    /// JSON values in one update, of at least a byte each; an empty object of two bytes takes about 64 in memory.
    pub json_values: usize,
    /// Client ids of a document, and so of a state vector. Each page load adds one.
    pub state_vector_clients: usize,
    /// Structs, or ranges of deletions, that are applied at once: yrs may walk the whole document for each.
    pub step_structs: usize,
    /// Messages in one frame.
    pub frame_messages: usize,
    /// Bytes of one client's awareness state.
    pub awareness_state_bytes: usize,
    /// Clients in one awareness update.
    pub awareness_clients_per_update: usize,
    /// Clients whose awareness one room keeps.
    pub awareness_clients: usize,
}

impl Limits {
    /// The limits for data that an earlier check accepted under other limits, and for our own edits: only what makes
    /// yrs fail is checked.
    pub(crate) fn stored() -> Self {
        Self {
            update_bytes: usize::MAX,
            roots: usize::MAX,
            root_name_bytes: usize::MAX,
            key_bytes: usize::MAX,
            json_depth: JSON_DEPTH_MAX,
            json_values: usize::MAX,
            state_vector_clients: usize::MAX,
            step_structs: usize::MAX,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            update_bytes: 8 << 20,
            roots: 32,
            root_name_bytes: 64,
            key_bytes: 1024,
            json_depth: 16,
            json_values: 1 << 17,
            state_vector_clients: 1 << 18,
            step_structs: 256,
            frame_messages: 64,
            awareness_state_bytes: 16 << 10,
            awareness_clients_per_update: 1024,
            awareness_clients: 4096,
        }
    }
}
