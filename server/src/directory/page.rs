//! Long lists: from new to old, page by page.

use uuid::Uuid;

/// A position in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The sort time of the entry before this position, in milliseconds.
    pub at: i64,
    /// The entry before this position.
    pub id: Uuid,
}

impl Position {
    /// Before everything.
    pub(super) const START: Self = Self { at: i64::MAX, id: Uuid::max() };
}

/// A page of a list, and where the next one begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// The position of the next page; `None` at the end.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    /// A page of the first `limit` of `items`; one item more shows that there are more.
    pub(super) fn cut(mut items: Vec<T>, limit: u8, position: impl Fn(&T) -> Position) -> Self {
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next = items.last().filter(|_| more).map(position);
        Self { items, next }
    }
}
