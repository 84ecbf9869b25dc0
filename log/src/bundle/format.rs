//! The frame of a bundle: magic, records, end hash. Streams; holds one record at a time.

use std::io::{self, Read, Write};

use crate::hash::Context;
use crate::limits::BUNDLE_RECORD_MAX;
use crate::refusal::Refusal;
use crate::wire::{VARINT_MAX, Writer};

/// The first bytes of a bundle; the last of them is the version.
const MAGIC: [u8; 8] = *b"SYNLOG\x00\x01";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A run of entries.
    Run,
    /// A fork proof.
    ForkProof,
    /// A signed identity statement.
    Statement,
    /// The bytes of a reducer.
    Reducer,
    /// Something for people: an unsigned CBOR map.
    Note,
    /// A receipt: an attestation.
    Receipt,
}

impl RecordKind {
    /// The number in the file.
    pub fn number(self) -> u8 {
        match self {
            Self::Run => 1,
            Self::ForkProof => 2,
            Self::Statement => 3,
            Self::Reducer => 4,
            Self::Note => 5,
            Self::Receipt => 6,
        }
    }

    /// The kind with a number.
    pub fn from_number(number: u8) -> Option<Self> {
        let kinds = [
            Self::Run,
            Self::ForkProof,
            Self::Statement,
            Self::Reducer,
            Self::Note,
            Self::Receipt,
        ];
        kinds.into_iter().find(|kind| kind.number() == number)
    }
}

/// A record of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Byte offset in the file.
    pub offset: u64,
    /// What it is.
    pub kind: RecordKind,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// What is wrong with a bundle's frame.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Reading or writing failed.
    #[error("the bundle could not be read or written")]
    Io(#[from] io::Error),
    /// The bytes are not a bundle's, from this offset on.
    #[error("at byte {offset}: {what}")]
    Frame {
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

impl BundleError {
    /// The code, if it is the file's fault.
    pub fn refusal(&self) -> Option<Refusal> {
        matches!(self, Self::Frame { .. }).then_some(Refusal::BadBundle)
    }
}

/// Reads records one by one.
pub struct BundleReader<R> {
    input: R,
    offset: u64,
    hasher: blake3::Hasher,
    ended: bool,
}

impl<R: Read> BundleReader<R> {
    /// Checks the magic.
    pub fn new(input: R) -> Result<Self, BundleError> {
        let mut reader = Self {
            input,
            offset: 0,
            hasher: Context::Bundle.hasher(),
            ended: false,
        };
        let mut magic = [0; 8];
        let whole = reader.fill(&mut magic)?;
        if !whole || magic != MAGIC {
            return Err(BundleError::Frame {
                offset: 0,
                what: "this is not a synlog bundle",
            });
        }
        reader.hasher.update(&magic);
        Ok(reader)
    }

    /// Fills the buffer; `false` if the input ends before.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, BundleError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => return Ok(false),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.offset += buffer.len() as u64;
        Ok(true)
    }

    fn byte(&mut self) -> Result<u8, BundleError> {
        let mut byte = [0];
        let cut = BundleError::Frame {
            offset: self.offset,
            what: "the file ends early",
        };
        if self.fill(&mut byte)? {
            Ok(byte[0])
        } else {
            Err(cut)
        }
    }

    /// The next record; `None` after the last, when the end hash was right.
    pub fn next_record(&mut self) -> Result<Option<Record>, BundleError> {
        if self.ended {
            return Ok(None);
        }
        let offset = self.offset;
        let number = self.byte()?;
        if number == 0 {
            let mut hash = [0; 32];
            if !self.fill(&mut hash)? {
                return Err(BundleError::Frame {
                    offset,
                    what: "the file ends early",
                });
            }
            if hash != *self.hasher.finalize().as_bytes() {
                return Err(BundleError::Frame {
                    offset,
                    what: "the file is damaged: its end hash does not match",
                });
            }
            if self.fill(&mut [0])? {
                return Err(BundleError::Frame {
                    offset: self.offset,
                    what: "there is something after the end",
                });
            }
            self.ended = true;
            return Ok(None);
        }
        let unknown = BundleError::Frame {
            offset,
            what: "there is a record of an unknown kind",
        };
        let kind = RecordKind::from_number(number).ok_or(unknown)?;
        self.hasher.update(&[number]);
        let length = self.length(offset)?;
        // grown as bytes come: a length is only a claim
        let mut data = Vec::new();
        let read = (&mut self.input).take(length).read_to_end(&mut data)?;
        self.offset += read as u64;
        if (read as u64) < length {
            return Err(BundleError::Frame {
                offset,
                what: "the file ends early",
            });
        }
        self.hasher.update(&data);
        Ok(Some(Record { offset, kind, data }))
    }

    fn length(&mut self, offset: u64) -> Result<u64, BundleError> {
        let mut bytes = Vec::with_capacity(VARINT_MAX);
        loop {
            bytes.push(self.byte()?);
            if bytes.last().is_some_and(|byte| byte & 0x80 == 0) || bytes.len() == VARINT_MAX {
                break;
            }
        }
        self.hasher.update(&bytes);
        let length = crate::wire::Reader::new(&bytes).length(BUNDLE_RECORD_MAX);
        let length = length.map_err(|_| BundleError::Frame {
            offset,
            what: "the length of a record is wrong",
        });
        length.map(|length| length as u64)
    }
}

/// Writes a bundle.
pub struct BundleWriter<W> {
    output: W,
    hasher: blake3::Hasher,
    written: u64,
}

impl<W: Write> BundleWriter<W> {
    /// Writes the magic.
    pub fn new(output: W) -> Result<Self, BundleError> {
        let mut writer = Self {
            output,
            hasher: Context::Bundle.hasher(),
            written: 0,
        };
        writer.put(&MAGIC)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(self.output.write_all(bytes)?)
    }

    /// Adds a record.
    pub fn record(&mut self, kind: RecordKind, data: &[u8]) -> Result<(), BundleError> {
        if data.len() > BUNDLE_RECORD_MAX {
            return Err(BundleError::Frame {
                offset: self.written,
                what: "a record is too large for a bundle",
            });
        }
        let mut front = vec![kind.number()];
        front.put_varint(data.len() as u64);
        self.put(&front)?;
        self.put(data)
    }

    /// Writes the end. Gives the output back.
    pub fn finish(mut self) -> Result<W, BundleError> {
        let hash = *self.hasher.finalize().as_bytes();
        self.output.write_all(&[0])?;
        self.output.write_all(&hash)?;
        self.output.flush()?;
        Ok(self.output)
    }
}
