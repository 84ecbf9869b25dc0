//! Who acts, and the checks that every part of the app shares.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Id, Meta};

/// The other side had to do this, or somebody who is no party.
pub const WRONG_ACTOR: Code = "wrong_actor";
/// Not possible in this state.
pub const BAD_TRANSITION: Code = "bad_transition";
/// The deadline had passed.
pub const EXPIRED: Code = "expired";
/// An event of this feed with this or a later number has been applied.
pub const DUPLICATE: Code = "duplicate";
/// A text is longer than allowed.
pub const TOO_LONG: Code = "too_long";
/// A list has more items than allowed.
pub const TOO_MANY: Code = "too_many";
/// A value makes no sense: a quantity below 1, an end before its start, an unknown line.
pub const BAD_VALUE: Code = "bad_value";

/// Bytes of a name that tells legs or resources apart.
pub const SLUG_MAX: usize = 64;
/// Bytes of a title.
pub const TITLE_MAX: usize = 200;
/// Bytes of a note, a place or a reason.
pub const NOTE_MAX: usize = 1_000;
/// Feeds that can write to one aggregate: some devices for each of a few parties. A
/// bound for the state.
pub const FEEDS_MAX: usize = 64;

/// The role of a writer in the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// Role `owner`: who sells, and sequences the topic.
    Provider,
    /// Role `client`: who buys.
    Client,
    /// Role `arbiter`.
    Arbiter,
    /// Role `deliverer`.
    Deliverer,
}

impl Party {
    /// The party that wrote an event. Error: `wrong_actor` for any other role.
    pub fn of(meta: &Meta<'_>) -> Result<Self, Code> {
        Ok(match meta.role {
            "owner" => Self::Provider,
            "client" => Self::Client,
            "arbiter" => Self::Arbiter,
            "deliverer" => Self::Deliverer,
            _ => return Err(WRONG_ACTOR),
        })
    }

    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Client => "client",
            Self::Arbiter => "arbiter",
            Self::Deliverer => "deliverer",
        }
    }
}

/// How far each feed has been applied to an aggregate. Numbers of a feed only grow, so
/// what comes again is known without keeping every id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Feeds(Vec<(Id, u64)>);

impl Feeds {
    /// Notes an event. Errors: `duplicate`, `too_many`.
    pub fn note(&mut self, meta: &Meta<'_>) -> Result<(), Code> {
        let author = Id(meta.author);
        let full = self.0.len() == FEEDS_MAX;
        match self.0.iter_mut().find(|(device, _)| *device == author) {
            Some((_, seq)) if *seq >= meta.seq => Err(DUPLICATE),
            Some((_, seq)) => {
                *seq = meta.seq;
                Ok(())
            }
            None if full => Err(TOO_MANY),
            None => {
                self.0.push((author, meta.seq));
                Ok(())
            }
        }
    }
}

/// When an event was written: UTC ms, as bodies write instants.
pub fn at_ms(meta: &Meta<'_>) -> i64 {
    // 48 bits
    meta.at_ms() as i64
}

/// `wrong_actor` unless it holds.
pub(crate) fn actor(holds: bool) -> Result<(), Code> {
    if holds { Ok(()) } else { Err(WRONG_ACTOR) }
}

/// `bad_transition` unless it holds.
pub(crate) fn possible(holds: bool) -> Result<(), Code> {
    if holds { Ok(()) } else { Err(BAD_TRANSITION) }
}

/// `too_long` where a text has more bytes.
pub(crate) fn short(text: &str, max: usize) -> Result<(), Code> {
    if text.len() <= max {
        Ok(())
    } else {
        Err(TOO_LONG)
    }
}

/// [`short`] for a text that may be missing.
pub(crate) fn short_if(text: Option<&str>, max: usize) -> Result<(), Code> {
    text.map_or(Ok(()), |text| short(text, max))
}

/// A name: 1 to [`SLUG_MAX`] bytes. Errors: `too_long`, `bad_value`.
pub(crate) fn slug(text: &str) -> Result<(), Code> {
    short(text, SLUG_MAX)?;
    if text.is_empty() {
        Err(BAD_VALUE)
    } else {
        Ok(())
    }
}

/// `too_many` where a list has more items.
pub(crate) fn few<T>(items: &[T], max: usize) -> Result<(), Code> {
    if items.len() <= max {
        Ok(())
    } else {
        Err(TOO_MANY)
    }
}

/// `bad_value` unless it holds.
pub(crate) fn sound(holds: bool) -> Result<(), Code> {
    if holds { Ok(()) } else { Err(BAD_VALUE) }
}
