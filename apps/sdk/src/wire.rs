//! Integers and bytes of the interface (`spec/01-encoding.md` 1.1).

/// Input that is not as the interface says. A host never gives it; in a module it is a
/// trap, natively an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadInput;

impl core::fmt::Display for BadInput {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the input is not as the interface of reducers says")
    }
}

impl std::error::Error for BadInput {}

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], BadInput> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(BadInput)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, BadInput> {
        let (first, rest) = self.rest.split_first().ok_or(BadInput)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], BadInput> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(BadInput)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, BadInput> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(BadInput);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BadInput)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], BadInput> {
        let len = self.varint()?;
        self.take(usize::try_from(len).map_err(|_| BadInput)?)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, BadInput> {
        core::str::from_utf8(self.bytes()?).map_err(|_| BadInput)
    }

    pub(crate) fn end(&self) -> Result<(), BadInput> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(BadInput)
        }
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
