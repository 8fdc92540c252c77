//! Bytes in lib0's encoding, well-formed or not.

use bytes::Bytes;

use super::ROOT;

/// Writes values in lib0's encoding, well-formed or not.
#[derive(Clone, Default)]
pub(crate) struct Wire(pub(crate) Vec<u8>);

impl Wire {
    pub(crate) fn number(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(crate) fn numbers(self, values: &[u64]) -> Self {
        values.iter().fold(self, |wire, value| wire.number(*value))
    }

    pub(crate) fn string(self, text: &str) -> Self {
        self.number(text.len() as u64).raw(text.as_bytes())
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A struct that inserts text at the start of the root.
    pub(crate) fn root_text(self, text: &str) -> Self {
        self.raw(&[0x04]).number(1).string(ROOT).string(text)
    }

    /// A struct that inserts text after another.
    pub(crate) fn text_after(self, client: u64, clock: u64, text: &str) -> Self {
        self.raw(&[0x84]).numbers(&[client, clock]).string(text)
    }

    pub(crate) fn bytes(self) -> Bytes {
        self.0.into()
    }
}
