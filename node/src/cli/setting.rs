//! What every command needs: the data directory and the screen.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use synlog_log::store::StoreError;

use crate::cli::screen::Screen;
use crate::failure::Failure;
use crate::home::Home;
use crate::node::Node;

/// How long a command waits for another one that is just ending.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How often it looks again.
const PAUSE: Duration = Duration::from_millis(15);

/// The data directory and the screen.
pub(super) struct Setting {
    home: Option<PathBuf>,
    /// Where answers go.
    pub screen: Screen,
}

impl Setting {
    /// From the global options.
    pub(super) fn new(home: Option<PathBuf>, screen: Screen) -> Self {
        Self { home, screen }
    }

    /// The data directory.
    pub(super) fn home(&self) -> Result<Home, Failure> {
        Home::resolve(self.home.as_deref())
    }

    /// Opens the node; waits a moment where another command is about to end.
    pub(super) fn open(&self) -> Result<Node, Failure> {
        let home = self.home()?;
        let begun = Instant::now();
        loop {
            match Node::open(home.clone()) {
                Err(Failure::Store(StoreError::Locked)) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                Ok(node) => {
                    self.report(&node);
                    return Ok(node);
                }
                Err(failure) => return Err(failure),
            }
        }
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
