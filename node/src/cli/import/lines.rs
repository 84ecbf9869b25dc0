//! Lines of a file, one at a time, in bounded memory.

use std::io::{self, BufRead};

/// Reads lines; one that is too long is skipped without being held.
pub(super) struct Lines<R> {
    input: R,
    max: usize,
    /// Bytes that were read.
    pub bytes: u64,
    /// The number of the last line, from 1.
    pub number: u64,
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes are in the buffer.
    Whole,
    /// It has more bytes than are held.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// Lines of an input, of at most so many bytes each.
    pub(super) fn new(input: R, max: usize) -> Self {
        Self {
            input,
            max,
            bytes: 0,
            number: 0,
        }
    }

    /// The next line into a buffer, without its end; `None` after the last.
    pub(super) fn next_into(&mut self, line: &mut Vec<u8>) -> io::Result<Option<Line>> {
        line.clear();
        let (mut found, mut begun) = (Line::Whole, false);
        loop {
            let part = match self.input.fill_buf() {
                Ok(part) => part,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if part.is_empty() {
                break;
            }
            if !begun {
                begun = true;
                self.number += 1;
            }
            let end = part.iter().position(|byte| *byte == b'\n');
            let text = &part[..end.unwrap_or(part.len())];
            if line.len() + text.len() > self.max {
                found = Line::TooLong;
                line.clear();
            }
            if found == Line::Whole {
                line.extend_from_slice(text);
            }
            let used = text.len() + usize::from(end.is_some());
            self.bytes += used as u64;
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(begun.then_some(found))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_whatever_the_buffer() {
        let text = b"one\r\n\n0123456789ab\nlast";
        for capacity in 1..20 {
            let input = io::BufReader::with_capacity(capacity, &text[..]);
            let (mut lines, mut line, mut got) = (Lines::new(input, 10), Vec::new(), Vec::new());
            while let Some(found) = lines.next_into(&mut line).unwrap() {
                got.push((
                    lines.number,
                    found,
                    String::from_utf8(line.clone()).unwrap(),
                ));
            }
            let want = [
                (1, Line::Whole, "one"),
                (2, Line::Whole, ""),
                (3, Line::TooLong, ""),
                (4, Line::Whole, "last"),
            ];
            assert_eq!(
                got,
                want.map(|(number, found, text)| (number, found, text.to_owned()))
            );
            assert_eq!(lines.bytes, text.len() as u64);
        }
    }
}
