//! The running node's side: one caller, one command.
//!
//! A shell file: it talks to the socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use synlog_net::{NetDesk, Poke};

use crate::cli::{self, Host};
use crate::clock;
use crate::daemon::board::Board;
use crate::daemon::client::VERSION;
use crate::daemon::frame::{Call, PIECE_MAX, Reply, Request, read_frame, write_frame};
use crate::daemon::socket;
use crate::failure::Failure;
use crate::guests::Guests;
use crate::home::Home;
use crate::lending::{Desk, Lent};
use crate::node::Node;

/// What sessions need of the running node.
#[derive(Clone)]
pub struct Service {
    /// Its data directory.
    pub home: Home,
    /// Its store.
    pub desk: Arc<Desk>,
    /// Its network.
    pub net: NetDesk,
    /// How far it is with others.
    pub board: Arc<Mutex<Board>>,
    /// Wakes its loop.
    pub poke: Poke,
    /// Whether it is about to end.
    pub stopping: Arc<AtomicBool>,
    /// Its web server, once it runs.
    pub web: Arc<OnceLock<synlog_web::Desk>>,
    /// Its guests.
    pub guests: Arc<Guests>,
}

/// The way back to the caller; a piece is a frame.
type Back = Arc<Mutex<UnixStream>>;

fn reply(back: &Back, reply: &Reply) -> io::Result<()> {
    let mut stream = back.lock().unwrap_or_else(PoisonError::into_inner);
    write_frame(&mut *stream, &reply.encode())
}

/// Serves one caller until its command ends or it goes.
pub fn serve(stream: UnixStream, service: &Service) {
    // others are told nothing, not even why
    if !socket::is_own(&stream) {
        return;
    }
    let Ok(mut input) = stream.try_clone() else {
        return;
    };
    let first = read_frame(&mut input).ok().flatten();
    let back = Arc::new(Mutex::new(stream));
    let _hangup = Hangup(Arc::clone(&back));
    match first.map(|frame| Call::decode(&frame)) {
        Some(Ok(Call::Run(request))) if request.version == VERSION => {
            if reply(&back, &Reply::Begun).is_err() {
                return;
            }
            let code = run(request, input, &back, service);
            let _ = reply(&back, &Reply::Done(code));
        }
        Some(Ok(Call::Borrow { version })) if version == VERSION => {
            leave_to(input, &back, service);
        }
        Some(Ok(Call::Run(_) | Call::Borrow { .. })) => {
            let _ = reply(&back, &Reply::OtherVersion(VERSION.to_owned()));
        }
        _ => {}
    }
}

/// Hangs up however a command ends, so that its caller never waits in vain.
struct Hangup(Back);

impl Drop for Hangup {
    fn drop(&mut self) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

fn run(request: Request, mut input: UnixStream, back: &Back, service: &Service) -> u8 {
    let gone = Arc::new(AtomicBool::new(false));
    let (pieces, given) = channel();
    let seen = Arc::clone(&gone);
    std::thread::spawn(move || {
        while let Ok(Some(frame)) = read_frame(&mut input) {
            match Call::decode(&frame) {
                // only what was asked for comes, so little is held
                Ok(Call::Input(piece)) if piece.len() <= PIECE_MAX => {
                    if pieces.send(piece).is_err() {
                        break;
                    }
                }
                _ => break,
            }
        }
        seen.store(true, Ordering::Relaxed);
    });
    let caller = Caller {
        service: service.clone(),
        directory: request.directory,
        back: Arc::clone(back),
        input: Arc::new(Mutex::new(given)),
        gone,
    };
    let out = Box::new(Sink::new(back, Reply::Out));
    let err = Box::new(Sink::new(back, Reply::Err));
    clock::pinned(request.now_ms, || {
        cli::hosted(
            &request.arguments,
            Box::new(caller),
            request.looks,
            out,
            err,
        )
    })
}

/// Closes the store, leaves it to the caller until it goes, and opens it again.
fn leave_to(mut input: UnixStream, back: &Back, service: &Service) {
    let Ok(lent) = service.desk.lend() else {
        return;
    };
    let _ = lent.replaced(|node| {
        node.close()?;
        let told = reply(back, &Reply::Yours);
        while told.is_ok() && matches!(read_frame(&mut input), Ok(Some(_))) {}
        Node::open(service.home.clone())
    });
}

/// Somebody who typed a command elsewhere.
struct Caller {
    service: Service,
    directory: PathBuf,
    back: Back,
    input: Arc<Mutex<Receiver<Vec<u8>>>>,
    gone: Arc<AtomicBool>,
}

impl Host for Caller {
    fn home(&self) -> Home {
        self.service.home.clone()
    }

    fn lend(&self) -> Result<Lent, Failure> {
        self.service.desk.lend()
    }

    fn directory(&self) -> &Path {
        &self.directory
    }

    fn stdin(&self) -> Box<dyn Read> {
        Box::new(Input {
            back: Arc::clone(&self.back),
            given: Arc::clone(&self.input),
            piece: io::Cursor::new(Vec::new()),
            ended: false,
        })
    }

    fn service(&self) -> &Service {
        &self.service
    }

    fn ended(&self) -> Option<Failure> {
        if self.gone.load(Ordering::Relaxed) {
            return Some(Failure::OutputGone);
        }
        let stopping = self.service.stopping.load(Ordering::Relaxed);
        stopping.then_some(Failure::NodeStopped)
    }
}

/// Standard input of the caller, asked for piece by piece.
struct Input {
    back: Back,
    given: Arc<Mutex<Receiver<Vec<u8>>>>,
    piece: io::Cursor<Vec<u8>>,
    ended: bool,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.piece.read(buffer)?;
        if read > 0 || self.ended || buffer.is_empty() {
            return Ok(read);
        }
        reply(&self.back, &Reply::WantInput)?;
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = given
            .recv()
            .map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        drop(given);
        self.ended = piece.is_empty();
        self.piece = io::Cursor::new(piece);
        self.piece.read(buffer)
    }
}

/// An output of the caller.
struct Sink {
    back: Back,
    wrap: fn(Vec<u8>) -> Reply,
}

impl Sink {
    fn new(back: &Back, wrap: fn(Vec<u8>) -> Reply) -> Self {
        Self {
            back: Arc::clone(back),
            wrap,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE_MAX)];
        if !piece.is_empty() {
            reply(&self.back, &(self.wrap)(piece.to_vec()))?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
