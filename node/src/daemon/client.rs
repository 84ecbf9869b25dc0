//! The caller's side: a command that runs in the running node.
//!
//! A shell file: standard input and outputs of this process, and the socket.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use crate::cli::Looks;
use crate::clock;
use crate::daemon::frame::{Call, PIECE_MAX, Reply, Request, read_frame, write_frame};
use crate::daemon::socket;
use crate::failure::{Exit, Failure};
use crate::home::Home;

/// Version of this program; a running node of another one is not asked.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs a command in the running node. Gives its exit code, or `None` where no node runs.
pub fn call(home: &Home, arguments: &[OsString]) -> Result<Option<u8>, Failure> {
    ask(home, arguments, &mut io::stdout(), &mut io::stderr())
}

/// The same, with what it says to go elsewhere than to this process's outputs.
pub fn ask(
    home: &Home,
    arguments: &[OsString],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Option<u8>, Failure> {
    let Some(mut stream) = socket::connect(home)? else {
        return Ok(None);
    };
    let directory = std::env::current_dir()
        .map_err(|error| Failure::System(format!("no working directory: {error}")))?;
    let request = Request {
        version: VERSION.to_owned(),
        arguments: arguments.to_vec(),
        directory,
        looks: Looks::of_process(),
        now_ms: clock::pinned_by_environment(),
    };
    // a node that is just ending takes nothing in: the store is free in a moment
    if send(&mut stream, &Call::Run(request)).is_err() {
        return Ok(None);
    }
    match receive(&mut stream) {
        Ok(Reply::Begun) => follow(&mut stream, out, err).map(Some),
        Ok(Reply::OtherVersion(version)) => Err(Failure::OtherVersion(version)),
        Ok(_) => Err(Failure::NodeStopped),
        Err(_) => Ok(None),
    }
}

/// Whether a node runs on a data directory.
pub fn runs(home: &Home) -> Result<bool, Failure> {
    Ok(socket::connect(home)?.is_some())
}

/// Asks the running node to close the store until the guard is dropped. `None` where no
/// node runs: the store is free then, or held by another command.
pub fn borrow(home: &Home) -> Result<Option<Borrowed>, Failure> {
    let Some(mut stream) = socket::connect(home)? else {
        return Ok(None);
    };
    let version = VERSION.to_owned();
    if send(&mut stream, &Call::Borrow { version }).is_err() {
        return Ok(None);
    }
    match receive(&mut stream) {
        Ok(Reply::Yours) => Ok(Some(Borrowed { _stream: stream })),
        Ok(Reply::OtherVersion(version)) => Err(Failure::OtherVersion(version)),
        Ok(_) => Err(Failure::NodeStopped),
        Err(_) => Ok(None),
    }
}

/// The store is closed in the running node as long as this lives.
pub struct Borrowed {
    _stream: UnixStream,
}

fn send(stream: &mut UnixStream, call: &Call) -> Result<(), Failure> {
    write_frame(stream, &call.encode()).map_err(|_| Failure::NodeStopped)
}

fn receive(stream: &mut UnixStream) -> Result<Reply, Failure> {
    let frame = read_frame(stream).ok().flatten();
    let reply = frame.and_then(|frame| Reply::decode(&frame).ok());
    reply.ok_or(Failure::NodeStopped)
}

/// Passes on what the command says until it ends.
fn follow(
    stream: &mut UnixStream,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    loop {
        match receive(stream)? {
            Reply::Out(bytes) => {
                let written = out.write_all(&bytes).and_then(|()| out.flush());
                match written.map_err(Failure::output) {
                    Err(Failure::OutputGone) => return Ok(Exit::Quiet as u8),
                    written => written?,
                }
            }
            Reply::Err(bytes) => {
                // who can't read status lines still gets the answer
                let _ = err.write_all(&bytes);
            }
            Reply::WantInput => {
                let mut piece = vec![0; PIECE_MAX];
                let read = io::stdin().read(&mut piece);
                piece.truncate(read.unwrap_or(0));
                send(stream, &Call::Input(piece))?;
            }
            Reply::Done(code) => return Ok(code),
            Reply::OtherVersion(_) | Reply::Begun | Reply::Yours => {
                return Err(Failure::NodeStopped);
            }
        }
    }
}
