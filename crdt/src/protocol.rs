//! The wire: one WebSocket frame holds one or more messages of y-protocols, or of our extension to it.

pub mod codesync;
pub mod encode;

use crate::lib0::Reader;
use crate::{Limits, Malformed, StateVector};

pub(crate) const SYNC: u64 = 0;
pub(crate) const AWARENESS: u64 = 1;
pub(crate) const AUTH: u64 = 2;
pub(crate) const QUERY_AWARENESS: u64 = 3;
pub(crate) const CODESYNC: u64 = 100;

pub(crate) const STEP_1: u64 = 0;
pub(crate) const STEP_2: u64 = 1;
pub(crate) const UPDATE: u64 = 2;

/// One message; updates and awareness are not decoded here.
#[derive(Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// The state vector of the sender, to be answered with step 2.
    SyncStep1(StateVector),
    /// Everything that the sender of step 1 lacked.
    SyncStep2(&'a [u8]),
    /// An edit.
    Update(&'a [u8]),
    /// Presence of one or more clients.
    Awareness(&'a [u8]),
    /// Requests the presence of all clients.
    QueryAwareness,
    /// Permission was denied, with the reason.
    Auth(&'a str),
    /// Our extension.
    Codesync(codesync::Message<'a>),
    /// A message of a type or kind that this release does not know, and the rest of its frame, because its length is
    /// unknown.
    Unknown,
}

/// Reads all messages of a frame, none from an empty one. Everything after a message of an unknown type is ignored, as
/// in the reference server. The whole frame is refused if a message of a known type is malformed.
pub fn decode_frame<'a>(frame: &'a [u8], limits: &Limits) -> Result<Vec<Message<'a>>, Malformed> {
    let mut reader = Reader::new(frame);
    let mut messages = Vec::with_capacity(1);
    while reader.remaining() > 0 && messages.last() != Some(&Message::Unknown) {
        if messages.len() == limits.frame_messages {
            return Err(Malformed::Limit("messages in a frame"));
        }
        messages.push(decode_message(&mut reader, limits)?);
    }
    Ok(messages)
}

fn decode_message<'a>(reader: &mut Reader<'a>, limits: &Limits) -> Result<Message<'a>, Malformed> {
    match reader.number()? {
        SYNC => match reader.number()? {
            STEP_1 => Ok(Message::SyncStep1(StateVector::decode(reader.buffer()?, limits)?)),
            STEP_2 => Ok(Message::SyncStep2(reader.buffer()?)),
            UPDATE => Ok(Message::Update(reader.buffer()?)),
            _ => Ok(Message::Unknown),
        },
        AWARENESS => Ok(Message::Awareness(reader.buffer()?)),
        AUTH => match reader.number()? {
            0 => Ok(Message::Auth(reader.string()?)),
            _ => Ok(Message::Unknown),
        },
        QUERY_AWARENESS => Ok(Message::QueryAwareness),
        CODESYNC => Ok(codesync::decode(reader)?.map_or(Message::Unknown, Message::Codesync)),
        _ => Ok(Message::Unknown),
    }
}

/// Without document text and states, which must not be logged.
impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Message::SyncStep1(seen) => write!(f, "SyncStep1({} clients)", seen.len()),
            Message::SyncStep2(update) => write!(f, "SyncStep2({} bytes)", update.len()),
            Message::Update(update) => write!(f, "Update({} bytes)", update.len()),
            Message::Awareness(update) => write!(f, "Awareness({} bytes)", update.len()),
            Message::QueryAwareness => write!(f, "QueryAwareness"),
            Message::Auth(reason) => write!(f, "Auth({reason:?})"),
            Message::Codesync(message) => message.fmt(f),
            Message::Unknown => write!(f, "Unknown"),
        }
    }
}
