//! What a command and the running node say to each other over the socket file.
//!
//! ```text
//! frame   length u32, little-endian, of what follows │ kind u8 │ fields
//! ```
//!
//! Both ends are the same program of the same user; a node of another version says so
//! and does nothing. Decoding takes nothing for granted all the same.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};

use crate::cli::Looks;

/// Bytes of a frame: a command line fits, and more is never needed.
pub const FRAME_MAX: usize = 1 << 20;
/// Bytes of output or input in one frame.
pub const PIECE_MAX: usize = 1 << 16;
/// Arguments of a command.
const ARGUMENTS_MAX: usize = 10_000;

/// A command to be run on behalf of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Version of the caller's program.
    pub version: String,
    /// The arguments, the program's name first.
    pub arguments: Vec<OsString>,
    /// Where it was typed.
    pub directory: PathBuf,
    /// What outputs the caller has.
    pub looks: Looks,
    /// The time that the caller's environment pins, for tests.
    pub now_ms: Option<u64>,
}

/// What the caller says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Run a command.
    Run(Request),
    /// Close the store and leave it to the caller until the connection ends.
    Borrow {
        /// Version of the caller's program.
        version: String,
    },
    /// A piece of standard input; empty at its end.
    Input(Vec<u8>),
}

/// What the running node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// For standard output.
    Out(Vec<u8>),
    /// For standard error.
    Err(Vec<u8>),
    /// A piece of standard input is wanted.
    WantInput,
    /// The store is closed: it is the caller's.
    Yours,
    /// The end, with the exit code.
    Done(u8),
    /// The command has begun: from here on it must not be run again elsewhere.
    Begun,
    /// Nothing was done: the node is of another version.
    OtherVersion(String),
}

impl Call {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Run(request) => {
                out.push(1);
                out.put_bytes(request.version.as_bytes());
                out.put_varint(request.arguments.len() as u64);
                for argument in &request.arguments {
                    out.put_bytes(argument.as_bytes());
                }
                out.put_bytes(request.directory.as_os_str().as_bytes());
                let looks = request.looks;
                let flags = [looks.out_terminal, looks.err_terminal, looks.colour];
                out.extend(flags.map(u8::from));
                match request.now_ms {
                    None => out.push(0),
                    Some(ms) => {
                        out.push(1);
                        out.put_varint(ms);
                    }
                }
            }
            Self::Borrow { version } => {
                out.push(2);
                out.put_bytes(version.as_bytes());
            }
            Self::Input(bytes) => {
                out.push(3);
                out.extend_from_slice(bytes);
            }
        }
        out
    }

    /// Decodes one; anything may be in it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(bytes);
        let call = match reader.byte()? {
            1 => {
                let version = reader.text(FRAME_MAX)?.to_owned();
                let mut arguments = Vec::new();
                for _ in 0..reader.length(ARGUMENTS_MAX)? {
                    arguments.push(OsString::from_vec(reader.bytes(FRAME_MAX)?.to_vec()));
                }
                let directory = OsString::from_vec(reader.bytes(FRAME_MAX)?.to_vec());
                let looks = Looks {
                    out_terminal: reader.option()?,
                    err_terminal: reader.option()?,
                    colour: reader.option()?,
                };
                let now_ms = match reader.option()? {
                    true => Some(reader.varint()?),
                    false => None,
                };
                Self::Run(Request {
                    version,
                    arguments,
                    directory: PathBuf::from(directory),
                    looks,
                    now_ms,
                })
            }
            2 => Self::Borrow {
                version: reader.text(FRAME_MAX)?.to_owned(),
            },
            3 => return Ok(Self::Input(bytes[1..].to_vec())),
            _ => return Err(Refusal::NotCanonical),
        };
        reader.end()?;
        Ok(call)
    }
}

impl Reply {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, rest): (u8, &[u8]) = match self {
            Self::Out(bytes) => (1, bytes),
            Self::Err(bytes) => (2, bytes),
            Self::WantInput => (3, &[]),
            Self::Yours => (4, &[]),
            Self::Done(code) => (5, std::slice::from_ref(code)),
            Self::OtherVersion(version) => (6, version.as_bytes()),
            Self::Begun => (7, &[]),
        };
        let mut out = vec![kind];
        out.extend_from_slice(rest);
        out
    }

    /// Decodes one; anything may be in it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let (kind, rest) = bytes.split_first().ok_or(Refusal::Truncated)?;
        match (kind, rest) {
            (1, _) => Ok(Self::Out(rest.to_vec())),
            (2, _) => Ok(Self::Err(rest.to_vec())),
            (3, []) => Ok(Self::WantInput),
            (4, []) => Ok(Self::Yours),
            (7, []) => Ok(Self::Begun),
            (5, [code]) => Ok(Self::Done(*code)),
            (6, _) => {
                let text = std::str::from_utf8(rest).map_err(|_| Refusal::NotCanonical)?;
                Ok(Self::OtherVersion(text.to_owned()))
            }
            _ => Err(Refusal::NotCanonical),
        }
    }
}

/// Writes a frame as a whole.
pub fn write_frame(output: &mut dyn Write, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len())
        .ok()
        .filter(|_| body.len() <= FRAME_MAX);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(body);
    output.write_all(&frame)?;
    output.flush()
}

/// Reads a frame; `None` where the other end has closed between two frames.
pub fn read_frame(input: &mut dyn Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut have = 0;
    while have < 4 {
        match input.read(&mut length[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => have += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_MAX {
        return Err(io::Error::other("a frame is too long"));
    }
    // grows with what comes, not with what the length claims
    let mut body = Vec::new();
    input.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn request() -> impl Strategy<Value = Request> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
        let arguments = proptest::collection::vec(bytes(), 0..6);
        (arguments, bytes(), any::<[bool; 3]>(), any::<Option<u64>>()).prop_map(
            |(arguments, directory, [out_terminal, err_terminal, colour], now_ms)| Request {
                version: "0.1.0".to_owned(),
                arguments: arguments.into_iter().map(OsString::from_vec).collect(),
                directory: PathBuf::from(OsString::from_vec(directory)),
                looks: Looks {
                    out_terminal,
                    err_terminal,
                    colour,
                },
                now_ms,
            },
        )
    }

    proptest! {
        #[test]
        fn calls_come_back(request in request()) {
            let call = Call::Run(request);
            prop_assert_eq!(Call::decode(&call.encode()), Ok(call));
        }

        #[test]
        fn bytes_from_outside_decode_to_themselves_or_not_at_all(
            bytes in proptest::collection::vec(any::<u8>(), 0..60)
        ) {
            if let Ok(call) = Call::decode(&bytes) {
                prop_assert_eq!(call.encode(), &bytes[..]);
            }
            if let Ok(reply) = Reply::decode(&bytes) {
                prop_assert_eq!(reply.encode(), &bytes[..]);
            }
        }

        #[test]
        fn frames_are_cut_or_whole(body in proptest::collection::vec(any::<u8>(), 0..60), cut: usize) {
            let mut frame = Vec::new();
            write_frame(&mut frame, &body).unwrap();
            prop_assert_eq!(read_frame(&mut &frame[..]).unwrap(), Some(body));
            let cut = cut % frame.len();
            let part = read_frame(&mut &frame[..cut]);
            let right = if cut == 0 { matches!(part, Ok(None)) } else { part.is_err() };
            prop_assert!(right);
        }
    }

    #[test]
    fn a_length_alone_allocates_nothing() {
        let claim = u32::try_from(FRAME_MAX).unwrap().to_le_bytes();
        assert!(read_frame(&mut &claim[..]).is_err());
        assert!(read_frame(&mut &[0xff; 4][..]).is_err());
    }
}
