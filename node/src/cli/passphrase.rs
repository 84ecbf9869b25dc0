//! Passphrases as commands are given them.

use std::path::PathBuf;

use age::secrecy::{ExposeSecret, SecretString};

use crate::cli::input::{is_stdin, read_up_to};
use crate::failure::Failure;
use crate::home::Home;
use crate::identity::passphrase::{Passphrase, of_environment, prompt};

/// Bytes of a passphrase file: a long sentence.
const FILE_MAX: u64 = 4096;

/// Where a passphrase comes from.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PassphraseArgs {
    /// File whose first line is the passphrase, - for standard input [default: $SYNLOG_PASSPHRASE, or asked at the terminal]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// From a file, where one is named.
    pub(super) fn named(passphrase_file: Option<PathBuf>) -> Self {
        Self { passphrase_file }
    }

    fn read(&self) -> Result<Option<SecretString>, Failure> {
        let Some(path) = &self.passphrase_file else {
            return Ok(None);
        };
        let text = read_up_to(path, FILE_MAX)?;
        let text = String::from_utf8(text)
            .map_err(|_| Failure::Usage(format!("{} is not text", path.display())))?;
        match text.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => Ok(Some(SecretString::from(line.to_owned()))),
            None => Err(Failure::Usage(format!(
                "the first line of {} is empty",
                if is_stdin(path) {
                    "standard input".into()
                } else {
                    path.display().to_string()
                }
            ))),
        }
    }

    /// A directory whose locked root key opens with what was given.
    pub(super) fn arm(&self, home: Home) -> Result<Home, Failure> {
        Ok(match self.read()? {
            Some(passphrase) => home.with_passphrase(Passphrase::given(passphrase)),
            None => home,
        })
    }

    /// One that is given, or asked for once: it must open something.
    pub(super) fn known(&self, what: &str) -> Result<Option<SecretString>, Failure> {
        if let Some(given) = self.read()?.or_else(of_environment) {
            return Ok(Some(given));
        }
        prompt(&format!("Passphrase of {what}: "))
    }

    /// A directory whose root key opens with a passphrase that was given for all, by file or
    /// environment; a person is asked for each.
    pub(super) fn share(&self, home: Home, passphrase: &SecretString) -> Home {
        if self.passphrase_file.is_some() {
            home.with_passphrase(Passphrase::given(passphrase.clone()))
        } else {
            home
        }
    }

    /// A new one: given, or asked for twice. `None` where nobody wants one.
    pub(super) fn fresh(&self, what: &str) -> Result<Option<SecretString>, Failure> {
        if let Some(given) = self.read()?.or_else(of_environment) {
            return Ok(Some(given));
        }
        let Some(first) = prompt(&format!("New passphrase for {what} (empty: none): "))? else {
            return Ok(None);
        };
        let again = prompt("The same again: ")?;
        let same = again.is_some_and(|again| again.expose_secret() == first.expose_secret());
        if same {
            Ok(Some(first))
        } else {
            Err(Failure::Usage("the two are not the same".into()))
        }
    }

    /// The same where there must be one.
    pub(super) fn needed(&self, what: &str) -> Result<SecretString, Failure> {
        let missing = || {
            Failure::Usage(format!(
                "a passphrase for {what} is needed: --passphrase-file FILE, SYNLOG_PASSPHRASE, or a terminal"
            ))
        };
        self.fresh(what)?.ok_or_else(missing)
    }
}
