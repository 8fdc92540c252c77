//! Compares the known part of an update with the replica at the same clocks. Pure: both sides are bytes that were
//! checked before.

use super::structs::{Content, Id, Parent, Structs};
use crate::ClientId;
use crate::lib0::Reader;

/// The result of comparing an update at known clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal to the replica, or nothing known.
    Same,
    /// Other edits than the replica's: somebody else wrote under that client id.
    Differs {
        /// The client id that was used twice.
        client: ClientId,
        /// The first clock whose edits differ.
        clock: u32,
    },
    /// The replica's own encoding could not be read at these clocks.
    NotComparable,
}

/// Clocks of one client that both sides have, and the bytes of the update from `start` on.
pub(crate) struct Overlap<'a> {
    pub(crate) client: ClientId,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// From here on an edit that is deleted only in the replica is a difference.
    pub(crate) strict_from: u32,
    pub(crate) structs: &'a [u8],
}

/// Compares each overlap with `own`, the encoded part of the replica that begins at the overlaps' starts.
pub(crate) fn compare(overlaps: &[Overlap<'_>], own: &[u8]) -> Comparison {
    compare_sections(overlaps, own).unwrap_or(Comparison::NotComparable)
}

fn compare_sections(overlaps: &[Overlap<'_>], own: &[u8]) -> Option<Comparison> {
    let mut reader = Reader::new(own);
    let sections = reader.count(5).ok()?;
    let mut compared = 0;
    for _ in 0..sections {
        let count = reader.count(2).ok()?;
        let client = reader.number().ok()?;
        let clock = reader.number_u32().ok()?;
        let mut ours = Structs::new(reader, client, clock);
        if let Some(overlap) = overlaps.iter().find(|overlap| overlap.client == client) {
            if overlap.start != clock {
                return None;
            }
            let mut theirs = Structs::new(Reader::new(overlap.structs), client, clock);
            if let Some(clock) = first_difference(&mut ours, &mut theirs, overlap)? {
                return Some(Comparison::Differs { client, clock });
            }
            compared += 1;
        }
        if compared == overlaps.len() {
            return Some(Comparison::Same);
        }
        reader = ours.behind(count)?;
    }
    None
}

/// Walks both sides to the end of the overlap, unit by unit; outer `None` if either cannot be read.
fn first_difference<'a>(
    ours: &mut Structs<'a>,
    theirs: &mut Structs<'a>,
    &Overlap { end, strict_from, .. }: &Overlap<'_>,
) -> Option<Option<u32>> {
    ours.open()?;
    theirs.open()?;
    loop {
        let clock = ours.clock();
        if clock >= end {
            return Some(None);
        }
        let border = if clock < strict_from { strict_from } else { end };
        let units = ours.end().min(theirs.end()).min(end).min(border) - clock;
        let lost = matches!(ours.item.content, Content::Deleted) && !matches!(theirs.item.content, Content::Deleted);
        if !same_place(ours, theirs) || (lost && clock >= strict_from) {
            return Some(Some(clock));
        }
        if let Some(unit) = different_unit(ours, theirs, units) {
            return Some(Some(clock + unit));
        }
        ours.pass(units, end)?;
        theirs.pass(units, end)?;
    }
}

/// Whether both sides insert at the same place: within a struct, each unit follows the one before.
fn same_place(ours: &Structs<'_>, theirs: &Structs<'_>) -> bool {
    let ((our_origin, our_parent), (their_origin, their_parent)) = (left(ours), left(theirs));
    let parents_agree = match (our_parent, their_parent) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => true,
    };
    our_origin == their_origin && ours.item.right_origin == theirs.item.right_origin && parents_agree
}

/// The origin at the current clock, and the parent if it is written there.
fn left<'a>(side: &Structs<'a>) -> (Option<Id>, Option<Parent<'a>>) {
    if side.clock() == side.start() {
        (side.item.origin, side.item.parent)
    } else {
        (Some((side.client, side.clock() - 1)), None)
    }
}

/// The first of `units` that differs. Deleted edits have lost their content, and encoders write values of other
/// kinds differently: only the kind of those is compared.
fn different_unit<'a>(ours: &mut Structs<'a>, theirs: &mut Structs<'a>, units: u32) -> Option<u32> {
    match (&mut ours.item.content, &mut theirs.item.content) {
        (Content::Gone, Content::Gone) => None,
        // A replica without nested types has none of these: a difference like any other.
        (Content::Gone, _) | (_, Content::Gone) => Some(0),
        (Content::Deleted, Content::Deleted) => None,
        (Content::Text(text), Content::Deleted) | (Content::Deleted, Content::Text(text)) => {
            text.nth(units as usize - 1);
            None
        }
        (Content::Text(ours), Content::Text(theirs)) => (0..units).find(|_| !same_unit(ours.next(), theirs.next())),
        (Content::Deleted, Content::Other(_)) | (Content::Other(_), Content::Deleted) => None,
        (Content::Other(ours), Content::Other(theirs)) if ours == theirs => None,
        _ => Some(0),
    }
}

/// A split inside a surrogate pair replaces both halves by U+FFFD on the side that split; nothing else does.
fn same_unit(ours: Option<u16>, theirs: Option<u16>) -> bool {
    const REPLACED: u16 = 0xfffd;
    let is_half = |unit| (0xd800..=0xdfff).contains(&unit);
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            ours == theirs || (ours == REPLACED && is_half(theirs)) || (theirs == REPLACED && is_half(ours))
        }
        _ => false,
    }
}
