//! The wire format of protocol buffers, read lazily: fields and repeated numbers
//! are iterators over the bytes, so nothing is allocated on a length's word.
//! The format: <https://protobuf.dev/programming-guides/encoding/>.

/// What is wrong with bytes that should be a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A number that does not end, or has more than 64 bits.
    #[error("a number does not end")]
    BadVarint,
    /// A field is longer than its message.
    #[error("a field runs past the end of its message")]
    PastEnd,
    /// A wire type that the format does not use any more, or never did.
    #[error("a field of an unknown wire type")]
    BadType,
    /// A field is of another type than it should be.
    #[error("a field has another type than the format says")]
    OtherType,
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// A number: varint or of fixed width.
    Number(u64),
    /// Bytes, text, a message, or packed numbers.
    Bytes(&'a [u8]),
}

/// Reads a varint from the front of some bytes.
pub fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(WireError::BadVarint)?;
        *rest = after;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return Err(WireError::BadVarint);
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::BadVarint)
}

/// A number of type `sint32` or `sint64`.
pub fn unzigzag(value: u64) -> i64 {
    // the lowest bit is the sign; both casts keep all bits
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn split<'a>(rest: &mut &'a [u8], len: u64) -> Result<&'a [u8], WireError> {
    let len = usize::try_from(len).map_err(|_| WireError::PastEnd)?;
    let (front, after) = rest.split_at_checked(len).ok_or(WireError::PastEnd)?;
    *rest = after;
    Ok(front)
}

fn fixed(bytes: &[u8]) -> u64 {
    let low_first = bytes.iter().rev();
    low_first.fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The fields of a message in the order in which they stand; ends after an error.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of a message.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Result<(u64, Field<'a>), WireError> {
        let key = varint(&mut self.rest)?;
        let field = match key & 7 {
            0 => Field::Number(varint(&mut self.rest)?),
            1 => Field::Number(fixed(split(&mut self.rest, 8)?)),
            2 => {
                let len = varint(&mut self.rest)?;
                Field::Bytes(split(&mut self.rest, len)?)
            }
            5 => Field::Number(fixed(split(&mut self.rest, 4)?)),
            _ => return Err(WireError::BadType),
        };
        Ok((key >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

/// A message, asked for its fields by number.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a>(pub &'a [u8]);

impl<'a> Message<'a> {
    /// All bytes fields of a number.
    pub fn all(&self, number: u64) -> impl Iterator<Item = Result<&'a [u8], WireError>> + 'a {
        let wanted = move |field: &Result<(u64, Field<'a>), WireError>| {
            field.as_ref().map_or(true, |(found, _)| *found == number)
        };
        Fields::new(self.0)
            .filter(wanted)
            .map(|field| match field? {
                (_, Field::Bytes(bytes)) => Ok(bytes),
                (_, Field::Number(_)) => Err(WireError::OtherType),
            })
    }

    /// The bytes of a field that is not repeated; the last one counts.
    pub fn bytes(&self, number: u64) -> Result<Option<&'a [u8]>, WireError> {
        let mut last = None;
        for bytes in self.all(number) {
            last = Some(bytes?);
        }
        Ok(last)
    }

    /// The number in a field that is not repeated; the last one counts.
    pub fn number(&self, number: u64) -> Result<Option<u64>, WireError> {
        let mut last = None;
        for field in Fields::new(self.0) {
            match field? {
                (found, Field::Number(value)) if found == number => last = Some(value),
                (found, Field::Bytes(_)) if found == number => return Err(WireError::OtherType),
                _ => {}
            }
        }
        Ok(last)
    }

    /// The numbers of a repeated field, packed or not.
    pub fn numbers(&self, number: u64) -> Numbers<'a> {
        Numbers {
            fields: Fields::new(self.0),
            number,
            packed: &[],
        }
    }
}

/// The numbers of a repeated field; ends after an error.
#[derive(Debug, Clone)]
pub struct Numbers<'a> {
    fields: Fields<'a>,
    number: u64,
    packed: &'a [u8],
}

impl Iterator for Numbers<'_> {
    type Item = Result<u64, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if !self.packed.is_empty() {
                let read = varint(&mut self.packed);
                if read.is_err() {
                    (self.packed, self.fields.rest) = (&[], &[]);
                }
                return Some(read);
            }
            match self.fields.next()? {
                Ok((found, field)) if found == self.number => match field {
                    Field::Number(value) => return Some(Ok(value)),
                    Field::Bytes(packed) => self.packed = packed,
                },
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn put(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    #[test]
    fn what_does_not_end_is_refused() {
        let cases: [(&[u8], WireError); 6] = [
            (&[0x80], WireError::BadVarint),
            (&[0xff; 11], WireError::BadVarint),
            (&[0x0a, 5, 1], WireError::PastEnd),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], WireError::PastEnd),
            (&[0x0d, 1, 2], WireError::PastEnd),
            (&[0x0b], WireError::BadType),
        ];
        for (bytes, error) in cases {
            let last = Fields::new(bytes).last().unwrap();
            assert_eq!(last, Err(error), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_packed_or_not(values in prop::collection::vec(any::<u64>(), 0..50), cut in 0_usize..50) {
            let cut = cut.min(values.len());
            let (mut message, mut packed) = (Vec::new(), Vec::new());
            values[..cut].iter().for_each(|value| put(&mut packed, *value));
            message.push(8 << 3 | 2);
            put(&mut message, packed.len() as u64);
            message.extend(&packed);
            for value in &values[cut..] {
                message.push(8 << 3);
                put(&mut message, *value);
            }
            let read: Result<Vec<u64>, _> = Message(&message).numbers(8).collect();
            prop_assert_eq!(read, Ok(values));
        }

        #[test]
        fn zigzag_comes_back(value: i64) {
            let coded = (value << 1) ^ (value >> 63);
            prop_assert_eq!(unzigzag(coded as u64), value);
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let fields = Fields::new(&bytes).count();
            let numbers = Message(&bytes).numbers(1).count();
            prop_assert!(fields <= bytes.len() && numbers <= bytes.len());
        }
    }
}
