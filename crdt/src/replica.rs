//! A document that can be lost. After an update that failed half-way it cannot be read, and the type makes a reader
//! handle that.

use crate::{Applied, Document, DocumentError, Update};

/// A document, or nothing once applying an update to it has failed.
#[derive(Debug)]
pub struct Replica(Option<Document>);

impl Replica {
    /// The document; `None` once it is lost.
    pub fn live(&self) -> Option<&Document> {
        self.0.as_ref()
    }

    /// The document, to measure it; `None` once it is lost.
    pub fn live_mut(&mut self) -> Option<&mut Document> {
        self.0.as_mut()
    }

    /// Applies an update that was checked against this replica.
    ///
    /// # Errors
    /// [`DocumentError::Corrupt`] changes nothing; after [`DocumentError::Poisoned`] the document is lost.
    pub fn apply(&mut self, update: &Update) -> Result<Applied, DocumentError> {
        self.apply_while(update, || true)
    }

    /// Applies an update that was checked against this replica, asking between its steps whether to continue: a few
    /// hostile kilobytes can take seconds. If the answer is no, the document is lost.
    ///
    /// # Errors
    /// As [`Replica::apply`].
    pub fn apply_while(&mut self, update: &Update, go_on: impl FnMut() -> bool) -> Result<Applied, DocumentError> {
        self.live().ok_or(DocumentError::Poisoned)?.follows(update)?;
        let document = self.0.take().ok_or(DocumentError::Poisoned)?;
        let (document, effect) = document.with_update_while(update, go_on)?;
        self.0 = Some(document);
        Ok(effect)
    }
}

impl From<Document> for Replica {
    fn from(document: Document) -> Self {
        Self(Some(document))
    }
}
