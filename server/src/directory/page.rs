//! Long lists: they run from new to old and are given page by page.

use uuid::Uuid;

/// A place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The time that the entry before the place is sorted by, in milliseconds.
    pub at: i64,
    /// The entry before the place.
    pub id: Uuid,
}

impl Position {
    /// Before everything.
    pub(super) const START: Self = Self { at: i64::MAX, id: Uuid::max() };
}

/// Some of a list, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    /// A page of the `limit` first of `items`: one more shows that there are more.
    pub(super) fn cut(mut items: Vec<T>, limit: u8, position: impl Fn(&T) -> Position) -> Self {
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next = items.last().filter(|_| more).map(position);
        Self { items, next }
    }
}
