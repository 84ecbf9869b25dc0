//! Reading and writing the postcard wire format, one encoding for each value.
//!
//! A hand-written reader instead of a derived one: it hands out slices of its
//! input, checks each length before it allocates anything, and refuses what is
//! not canonical where it stands, so that nothing has to be encoded again to
//! compare. A test holds it against the `postcard` crate.

use crate::refusal::Refusal;

/// The most bytes that a canonical `u64` takes.
pub const VARINT_MAX: usize = 10;

/// Reads canonical values off the front of some bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes from an earlier position to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.input[start..self.at]
    }

    /// Whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.at == self.input.len()
    }

    /// Takes the next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let rest = &self.input[self.at..];
        let taken = rest.get(..len).ok_or(Refusal::Truncated)?;
        self.at += len;
        Ok(taken)
    }

    /// A fixed number of bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Refusal> {
        let byte = *self.input.get(self.at).ok_or(Refusal::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    /// An unsigned integer in its shortest form.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Refusal> {
        let mut value = 0u64;
        for index in 0..VARINT_MAX {
            let byte = self.byte()?;
            // the tenth byte has room for one bit
            if index == VARINT_MAX - 1 && byte > 1 {
                return Err(Refusal::NotCanonical);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if byte == 0 && index > 0 {
                    return Err(Refusal::NotCanonical);
                }
                return Ok(value);
            }
        }
        Err(Refusal::NotCanonical)
    }

    /// A length or count of at most `limit`.
    #[inline]
    pub fn length(&mut self, limit: usize) -> Result<usize, Refusal> {
        let length = self.varint()?;
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(Refusal::TooLarge),
        }
    }

    /// A byte string of at most `limit` bytes.
    #[inline]
    pub fn bytes(&mut self, limit: usize) -> Result<&'a [u8], Refusal> {
        let length = self.length(limit)?;
        self.take(length)
    }

    /// A text of at most `limit` bytes.
    pub fn text(&mut self, limit: usize) -> Result<&'a str, Refusal> {
        std::str::from_utf8(self.bytes(limit)?).map_err(|_| Refusal::NotCanonical)
    }

    /// Whether an optional value follows.
    #[inline]
    pub fn option(&mut self) -> Result<bool, Refusal> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Refusal::NotCanonical),
        }
    }

    /// The end: refuses bytes that are left over.
    pub fn end(self) -> Result<(), Refusal> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Refusal::NotCanonical)
        }
    }
}

/// Writes canonical values to the end of a buffer.
pub trait Writer {
    /// An unsigned integer in its shortest form.
    fn put_varint(&mut self, value: u64);
    /// A byte string with its length.
    fn put_bytes(&mut self, bytes: &[u8]);
    /// An optional fixed array.
    fn put_option(&mut self, value: Option<&[u8]>);
}

impl Writer for Vec<u8> {
    #[inline]
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    #[inline]
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn put_option(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.push(0),
            Some(bytes) => {
                self.push(1);
                self.extend_from_slice(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_are_those_of_postcard(value: u64) {
            let mut ours = Vec::new();
            ours.put_varint(value);
            prop_assert_eq!(&ours, &postcard::to_stdvec(&value).unwrap());
            prop_assert_eq!(Reader::new(&ours).varint(), Ok(value));
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.varint() {
                let mut again = Vec::new();
                again.put_varint(value);
                prop_assert_eq!(reader.since(0), &again[..]);
            }
        }
    }

    #[test]
    fn longer_forms_are_refused() {
        assert_eq!(
            Reader::new(&[0x80, 0x00]).varint(),
            Err(Refusal::NotCanonical)
        );
        assert_eq!(
            Reader::new(&[0xff; 10]).varint(),
            Err(Refusal::NotCanonical)
        );
        assert_eq!(Reader::new(&[0x80]).varint(), Err(Refusal::Truncated));
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0x7f]).bytes(8),
            Err(Refusal::TooLarge)
        );
    }
}
