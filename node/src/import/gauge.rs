//! What a table is read through: it knows how long a row is, and how what was read ends.

use std::cell::Cell;
use std::io::{self, Read};

/// Bytes of a row with all its quotes.
const ROW_MAX: u64 = 1 << 20;

/// Counts the bytes of the row that is being read, and stops where it has no end.
pub(super) struct Gauge<'a, R> {
    pub(super) input: R,
    /// Bytes since it was set to 0.
    pub(super) row_bytes: &'a Cell<u64>,
    /// All bytes that were read, and the last of them.
    pub(super) all: &'a Cell<u64>,
    pub(super) last: &'a Cell<u8>,
}

impl<R: Read> Read for Gauge<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.row_bytes.get() > ROW_MAX {
            let text = "the row has more than 1 MiB: is there a quote that does not end?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let read = self.input.read(buffer)?;
        self.row_bytes.set(self.row_bytes.get() + read as u64);
        self.all.set(self.all.get() + read as u64);
        let last = buffer.get(..read).and_then(<[u8]>::last);
        self.last.set(last.copied().unwrap_or(self.last.get()));
        Ok(read)
    }
}
