//! Where the passphrase of a locked root key comes from, and the key once it was opened.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::SecretString;
use synlog_log::keys::SecretKey;

use crate::failure::Failure;

/// Whoever can be asked for a passphrase.
pub trait AskPassphrase: Send + Sync {
    /// The passphrase for what is named; `None` where nobody is there to be asked.
    fn ask(&self, what: &str) -> Result<Option<SecretString>, Failure>;
}

/// Nobody.
struct Nobody;

impl AskPassphrase for Nobody {
    fn ask(&self, _: &str) -> Result<Option<SecretString>, Failure> {
        Ok(None)
    }
}

/// A passphrase that is known already.
struct Given(SecretString);

impl AskPassphrase for Given {
    fn ask(&self, _: &str) -> Result<Option<SecretString>, Failure> {
        Ok(Some(self.0.clone()))
    }
}

/// Environment variable with the passphrase of the root key, for scripts.
pub const VARIABLE: &str = "SYNLOG_PASSPHRASE";

/// The passphrase that the environment names.
pub fn of_environment() -> Option<SecretString> {
    let value = std::env::var(VARIABLE).ok();
    value
        .filter(|value| !value.is_empty())
        .map(SecretString::from)
}

/// The environment of this process, or else whoever sits at its terminal.
struct Process;

impl AskPassphrase for Process {
    fn ask(&self, what: &str) -> Result<Option<SecretString>, Failure> {
        match of_environment() {
            Some(passphrase) => Ok(Some(passphrase)),
            None => prompt(&format!("Passphrase of {what}: ")),
        }
    }
}

/// Asks at the terminal, without showing what is typed. `None` where there is none, or
/// nothing was typed.
pub fn prompt(question: &str) -> Result<Option<SecretString>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(question)
        .map_err(|error| Failure::System(format!("the terminal can't be asked: {error}")))?;
    Ok((!typed.is_empty()).then(|| SecretString::from(typed)))
}

/// A locked file, what opened it, and the key in it.
struct Opened {
    locked: Vec<u8>,
    passphrase: SecretString,
    key: SecretKey,
}

/// Asks for a passphrase at most once for each locked file: opening takes a moment.
#[derive(Clone)]
pub struct Passphrase {
    from: Arc<dyn AskPassphrase>,
    opened: Arc<Mutex<Option<Opened>>>,
}

impl Passphrase {
    /// One that somebody is asked for when it is needed.
    pub fn asked(from: Arc<dyn AskPassphrase>) -> Self {
        Self {
            from,
            opened: Arc::default(),
        }
    }

    /// One that is known.
    pub fn given(passphrase: SecretString) -> Self {
        Self::asked(Arc::new(Given(passphrase)))
    }

    /// From the environment, or asked for at the terminal of this process.
    pub fn of_process() -> Self {
        Self::asked(Arc::new(Process))
    }

    /// None: what is locked stays so.
    pub fn none() -> Self {
        Self::asked(Arc::new(Nobody))
    }

    /// The passphrase, if there is one.
    pub fn get(&self, what: &str) -> Result<Option<SecretString>, Failure> {
        self.from.ask(what)
    }

    /// The key that was opened before from the same bytes.
    pub(crate) fn opened(&self, locked: &[u8]) -> Option<SecretKey> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let same = opened.as_ref().filter(|opened| opened.locked == locked);
        same.map(|opened| opened.key.clone())
    }

    /// The passphrase that opened the root key in this process.
    pub fn that_opened(&self) -> Option<SecretString> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.as_ref().map(|opened| opened.passphrase.clone())
    }

    pub(crate) fn remember(&self, locked: Vec<u8>, passphrase: SecretString, key: SecretKey) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        *opened = Some(Opened {
            locked,
            passphrase,
            key,
        });
    }

    /// Forgets the key: the next use asks again. For processes that live on.
    pub fn forget(&self) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        *opened = None;
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase")
    }
}
