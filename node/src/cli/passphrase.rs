//! Passphrases as commands are given them.

use std::path::PathBuf;

use age::secrecy::{ExposeSecret, SecretString};

use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::home::Home;
use crate::identity::passphrase::{Passphrase, of_environment, prompt};
use crate::node::Node;

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

    fn read(&self, setting: &Setting) -> Result<Option<SecretString>, Failure> {
        let Some(path) = &self.passphrase_file else {
            return Ok(None);
        };
        let text = setting.read_up_to(path, FILE_MAX)?;
        let text = String::from_utf8(text)
            .map_err(|_| Failure::Usage(format!("{} is not text", path.display())))?;
        match text.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => Ok(Some(SecretString::from(line.to_owned()))),
            None => Err(Failure::Usage(format!(
                "the first line of {} is empty",
                path.display()
            ))),
        }
    }

    /// A directory whose locked root key opens with what was given.
    pub(super) fn arm(&self, home: Home, setting: &Setting) -> Result<Home, Failure> {
        Ok(match self.read(setting)? {
            Some(passphrase) => home.with_passphrase(Passphrase::given(passphrase)),
            // whoever started the running node is not who called
            None if setting.is_hosted() => home.with_passphrase(Passphrase::none()),
            None => home,
        })
    }

    /// Does something with the open node for which its root key may be needed; what was
    /// given for it is forgotten afterwards, also by a running node.
    pub(super) fn with_node<T>(
        &self,
        setting: &Setting,
        run: impl FnOnce(&mut Node) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut node = setting.open()?;
        let before = node.home.clone();
        node.home = self.arm(before.clone(), setting)?;
        let outcome = run(&mut node);
        node.home = before;
        let outcome = outcome?;
        node.close()?;
        Ok(outcome)
    }

    fn given(&self, setting: &Setting) -> Result<Option<SecretString>, Failure> {
        Ok(match self.read(setting)? {
            None if setting.is_hosted() => None,
            None => of_environment(),
            given => given,
        })
    }

    fn asked(setting: &Setting, question: &str) -> Result<Option<SecretString>, Failure> {
        if setting.has_terminal() {
            prompt(question)
        } else {
            Ok(None)
        }
    }

    /// One that is given, or asked for once: it must open something.
    pub(super) fn known(
        &self,
        what: &str,
        setting: &Setting,
    ) -> Result<Option<SecretString>, Failure> {
        match self.given(setting)? {
            None => Self::asked(setting, &format!("Passphrase of {what}: ")),
            given => Ok(given),
        }
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
    pub(super) fn fresh(
        &self,
        what: &str,
        setting: &Setting,
    ) -> Result<Option<SecretString>, Failure> {
        if let Some(given) = self.given(setting)? {
            return Ok(Some(given));
        }
        let question = format!("New passphrase for {what} (empty: none): ");
        let Some(first) = Self::asked(setting, &question)? else {
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
    pub(super) fn needed(&self, what: &str, setting: &Setting) -> Result<SecretString, Failure> {
        let missing = || {
            Failure::Usage(format!(
                "a passphrase for {what} is needed: --passphrase-file FILE, SYNLOG_PASSPHRASE, or a terminal"
            ))
        };
        self.fresh(what, setting)?.ok_or_else(missing)
    }
}
