//! CodeSync's documents and their wire protocol, without I/O, clock or threads; compatible with Yjs 13.6 and y-protocols.
//!
//! Bytes from outside become an [`Update`] only through [`Document::check`], and only an [`Update`] can be applied. Where
//! applying fails nothing is left to read: a [`Document`] is given away for it, a [`Replica`] is empty then.
//!
//! ```
//! use codesync_crdt::{Document, Applied, Limits, Replica};
//!
//! let alice = Document::new(Limits::default());
//! let edit = alice.replacement("content", "hello", 1)?.expect("the text differs");
//! let (alice, _) = alice.with_update(&edit)?;
//!
//! let mut bob = Replica::from(Document::new(Limits::default()));
//! let received = bob.live().expect("nothing failed").check(edit.bytes().clone())?;
//! assert_eq!(bob.apply(&received)?, Applied::Changed);
//! let bob = bob.live().expect("nothing failed");
//! assert_eq!(bob.text("content"), "hello");
//! assert_eq!(bob.state_vector(), alice.state_vector());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod awareness;
mod document;
mod error;
mod lib0;
mod limits;
pub mod protocol;
mod replica;
mod state_vector;
mod text;
mod update;

pub use awareness::{Awareness, AwarenessEntry, decode_awareness, encode_awareness};
pub use document::{Applied, Document, TEXT};
pub use error::{DocumentError, Malformed, Refusal};
pub use limits::Limits;
pub use protocol::{Message, decode_frame, encode};
pub use replica::Replica;
pub use state_vector::StateVector;
pub use text::normalize;
pub use update::{Comparison, Update};

/// Identifies one author of edits: a page load, or an edit made by the server. Below 2^53.
pub type ClientId = u64;
