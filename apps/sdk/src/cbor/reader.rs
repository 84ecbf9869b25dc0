//! Reading CBOR item by item.

use core::cmp::Ordering;

use super::value::key_order;

/// Bytes that are not the CBOR of `spec/01-encoding.md` 1.3, or not of the shape asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCbor;

impl core::fmt::Display for BadCbor {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("bad_cbor")
    }
}

impl std::error::Error for BadCbor {}

/// Levels of nesting.
const DEPTH_MAX: u8 = 16;

/// What stands next; of an array or map only how long it is.
pub(super) enum Item<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(u64),
    Map(u64),
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, depth: 1 }
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], BadCbor> {
        let len = usize::try_from(len).map_err(|_| BadCbor)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(BadCbor)?;
        self.rest = rest;
        Ok(taken)
    }

    fn uint(&mut self, len: u64, above: u64) -> Result<u64, BadCbor> {
        let bytes = self.take(len)?.iter();
        let value = bytes.fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value > above {
            Ok(value)
        } else {
            Err(BadCbor)
        }
    }

    fn text(&mut self, len: u64) -> Result<&'a str, BadCbor> {
        core::str::from_utf8(self.take(len)?).map_err(|_| BadCbor)
    }

    fn head(&mut self) -> Result<(u8, u64), BadCbor> {
        let (first, rest) = self.rest.split_first().ok_or(BadCbor)?;
        self.rest = rest;
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            24 => self.uint(1, 23)?,
            25 => self.uint(2, 0xff)?,
            26 => self.uint(4, 0xffff)?,
            27 => self.uint(8, 0xffff_ffff)?,
            _ => return Err(BadCbor),
        };
        Ok((first >> 5, argument))
    }

    /// Whether `null` stands next; it stays there.
    pub(super) fn null_is_next(&self) -> bool {
        self.rest.first() == Some(&0xf6)
    }

    pub(super) fn item(&mut self) -> Result<Item<'a>, BadCbor> {
        if self.depth > DEPTH_MAX {
            return Err(BadCbor);
        }
        let int = |argument: u64| i64::try_from(argument).map_err(|_| BadCbor);
        let (major, argument) = self.head()?;
        Ok(match (major, argument) {
            (0, _) => Item::Int(int(argument)?),
            (1, _) => Item::Int(!int(argument)?),
            (2, _) => Item::Bytes(self.take(argument)?),
            (3, _) => Item::Text(self.text(argument)?),
            (4, _) => Item::Array(argument),
            (5, _) => Item::Map(argument),
            (7, 20) => Item::Bool(false),
            (7, 21) => Item::Bool(true),
            (7, 22) => Item::Null,
            _ => return Err(BadCbor),
        })
    }

    /// Passes over one item with all that is in it.
    pub(super) fn skip(&mut self) -> Result<(), BadCbor> {
        match self.item()? {
            Item::Array(len) => {
                self.enter();
                for _ in 0..len {
                    self.skip()?;
                }
                self.leave();
            }
            Item::Map(len) => {
                self.enter();
                let mut last = None;
                for _ in 0..len {
                    last = Some(self.key(last)?);
                    self.skip()?;
                }
                self.leave();
            }
            _ => {}
        }
        Ok(())
    }

    /// A key of a map, which must come after the one before it.
    pub(super) fn key(&mut self, last: Option<&str>) -> Result<&'a str, BadCbor> {
        let (3, len) = self.head()? else {
            return Err(BadCbor);
        };
        let key = self.text(len)?;
        match last {
            Some(last) if key_order(last, key) != Ordering::Less => Err(BadCbor),
            _ => Ok(key),
        }
    }

    /// Into an array or map: one level deeper.
    pub(super) fn enter(&mut self) {
        self.depth += 1;
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn end(&self) -> Result<(), BadCbor> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(BadCbor)
        }
    }
}
