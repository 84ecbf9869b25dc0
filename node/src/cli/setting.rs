//! What every command needs: the data directory, the node, and whoever called it.
//!
//! A command runs in the process of its caller, or in a running node on behalf of one.
//! It does not see which: it opens the node, files and standard input through here.

use std::cell::Cell;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use synlog_log::sealed::Secrets;
use synlog_log::store::StoreError;

use crate::cli::input;
use crate::cli::screen::Screen;
use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::home::Home;
use crate::lending::Lent;
use crate::node::Node;

/// How long a command waits for another one that is just ending.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks again.
const PAUSE: Duration = Duration::from_millis(15);
/// How often a command that rests looks whether its caller has gone.
const LOOK: Duration = Duration::from_millis(50);

/// Who runs a command on behalf of a caller elsewhere: a running node.
pub trait Host {
    /// The data directory of the node.
    fn home(&self) -> Home;
    /// The open node, as soon as nobody else uses it.
    fn lend(&self) -> Result<Lent, Failure>;
    /// The directory in which the caller typed the command.
    fn directory(&self) -> &Path;
    /// What the caller has at its standard input.
    fn stdin(&self) -> Box<dyn Read>;
    /// Why the command should end before it is done: its caller has gone, or the node ends.
    fn ended(&self) -> Option<Failure>;
    /// The running node.
    fn service(&self) -> &Service;
}

/// The data directory, the screen and the caller.
pub(super) struct Setting {
    home: Option<PathBuf>,
    host: Option<Box<dyn Host>>,
    /// Where the store of a running node ended when it was last opened here.
    seen_end: Cell<Option<u64>>,
    /// Where answers go.
    pub screen: Screen,
}

impl Setting {
    /// From the global options, in the process of the caller.
    pub(super) fn new(home: Option<PathBuf>, screen: Screen) -> Self {
        Self {
            home,
            host: None,
            seen_end: Cell::new(None),
            screen,
        }
    }

    /// In a running node.
    pub(super) fn hosted(host: Box<dyn Host>, screen: Screen) -> Self {
        let front = typed(host.directory(), Path::new(""));
        let screen = screen.typed_in(front.to_string_lossy().into_owned());
        Self {
            home: None,
            host: Some(host),
            seen_end: Cell::new(None),
            screen,
        }
    }

    /// The data directory.
    pub(super) fn home(&self) -> Result<Home, Failure> {
        match &self.host {
            Some(host) => Ok(host.home()),
            None => Home::resolve(self.home.as_deref()),
        }
    }

    /// With which private topics of a file are read: nothing, or what the node has.
    pub(super) fn secrets(&self, unseal: bool) -> Result<Secrets, Failure> {
        if !unseal {
            return Ok(Secrets::default());
        }
        let node = self.open()?;
        let secrets = node.secrets().clone();
        node.close()?;
        Ok(secrets)
    }

    /// Opens the node; waits a moment where another command is about to end.
    pub(super) fn open(&self) -> Result<Lent, Failure> {
        let begun = Instant::now();
        loop {
            match self.open_now()? {
                None if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                None => return Err(Failure::Store(StoreError::Locked)),
                Some(node) => {
                    self.report(&node);
                    return Ok(node);
                }
            }
        }
    }

    /// Opens the node unless another process has it just now.
    pub(super) fn open_now(&self) -> Result<Option<Lent>, Failure> {
        if let Some(host) = &self.host {
            let node = host.lend()?;
            self.seen_end.set(Some(node.store.end()));
            return Ok(Some(node));
        }
        match Node::open(self.home()?) {
            Ok(node) => Ok(Some(Lent::own(node))),
            Err(Failure::Store(StoreError::Locked)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// A path that was typed, as files are opened by it.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        match &self.host {
            Some(host) => typed(host.directory(), path),
            None => path.to_path_buf(),
        }
    }

    /// Whether a person can be asked here.
    pub(super) fn has_terminal(&self) -> bool {
        self.host.is_none() && io::stdin().is_terminal()
    }

    /// Whether the command runs in a running node.
    pub(super) fn is_hosted(&self) -> bool {
        self.host.is_some()
    }

    /// Standard input of the caller.
    pub(super) fn stdin(&self) -> Box<dyn Read> {
        match &self.host {
            Some(host) => host.stdin(),
            None => Box::new(io::stdin()),
        }
    }

    /// Reads a whole file, or standard input for `-`, up to a limit.
    pub(super) fn read_up_to(&self, path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
        if input::is_stdin(path) {
            return input::read_all(&mut self.stdin(), path, max);
        }
        input::read_up_to(&self.path(path), max)
    }

    /// The running node in which the command runs, if it does.
    pub(super) fn running(&self) -> Option<&Service> {
        self.host.as_deref().map(|host| host.service())
    }

    /// Fails where the caller has gone, or the running node ends.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.host.as_deref().and_then(|host| host.ended()) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Waits a while; in a running node only until something is stored that was not there
    /// when the node was last opened. Fails where the caller has gone meanwhile.
    pub(super) fn rest(&self, time: Duration) -> Result<(), Failure> {
        let Some(host) = &self.host else {
            std::thread::sleep(time);
            return Ok(());
        };
        let desk = &host.service().desk;
        let (begun, seen) = (Instant::now(), self.seen_end.get().unwrap_or(desk.end()));
        while begun.elapsed() < time && desk.end() == seen {
            self.check()?;
            desk.wait_for_growth(seen, LOOK.min(time));
        }
        // who does not open the node meanwhile is not woken by the same again
        self.seen_end.set(Some(desk.end()));
        self.check()
    }

    /// Tells of damage that opening found, whatever the command is.
    fn report(&self, node: &Node) {
        let opened = &node.opened;
        let damaged = !opened.missing.is_empty() || !opened.damaged_headers.is_empty();
        let lost = opened.cut_tail.as_ref().is_some_and(|cut| !cut.torn);
        if damaged || lost {
            self.screen
                .warn("the store has damage: `synlog doctor` tells what and what to do");
        }
    }
}

/// A path typed in a directory. The dot marks where the typed part begins, so that it
/// can be told as it was typed; an absolute path stays as it is.
fn typed(directory: &Path, path: &Path) -> PathBuf {
    directory.join(".").join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_paths_are_told_as_they_were_typed() {
        let there = typed(Path::new("/home/ana"), Path::new("notes/a.csv"));
        assert_eq!(there.as_os_str(), "/home/ana/./notes/a.csv");
        let front = typed(Path::new("/home/ana"), Path::new(""));
        assert_eq!(front.as_os_str(), "/home/ana/./");
        let absolute = typed(Path::new("/home/ana"), Path::new("/home/ana/a.csv"));
        assert_eq!(absolute.as_os_str(), "/home/ana/a.csv");
    }
}
