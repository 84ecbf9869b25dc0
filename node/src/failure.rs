//! Everything that can go wrong for a user, in one place: what it is and the exit code;
//! beside it what to do about it.

mod hints;

use std::path::PathBuf;

use synlog_log::bundle::BundleError;
use synlog_log::draft::DraftError;
use synlog_log::fold::Misfit;
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex};
use synlog_log::keys::KeyFileError;
use synlog_log::order::Verdict;
use synlog_log::refusal::Refusal;
use synlog_log::store::{GuardReason, StoreError};
use synlog_net::NetError;
use synlog_net::ticket::TicketError;
use synlog_relay::serve::ServeError;
use synlog_replication::policy::InterestsError;

use crate::contacts::ContactsError;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no node in the directory.
    #[error("there is no synlog data in {0}")]
    NoHome(PathBuf),
    /// There is one already.
    #[error("there is synlog data in {0} already")]
    HomeExists(PathBuf),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pages can't be served there.
    #[error("no pages at {address}: {source}")]
    Web {
        /// Where.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// There are no pages that a link could lead to.
    #[error("no link: {0}")]
    NoWeb(&'static str),
    /// A file was made by a version that is not known yet.
    #[error("{}: made by a newer synlog: its format has version {version}", .path.display())]
    Newer {
        /// Which one.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// A setting says something wrong.
    #[error("{0}")]
    Config(crate::config::ConfigError),
    /// A blob.
    #[error(transparent)]
    Blob(#[from] crate::blobs::BlobError),
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A key file is wrong.
    #[error("{path}: {source}")]
    KeyFile {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyFileError,
    },
    /// The root key is not on this machine.
    #[error("the root key is not here: {0} is missing")]
    NoRootKey(PathBuf),
    /// The root key here is not the one in use.
    #[error("{0} is not this entity's current root key")]
    OtherRoot(PathBuf),
    /// The root key is under a passphrase that nobody gave.
    #[error("the root key in {0} is locked")]
    RootLocked(PathBuf),
    /// A passphrase that does not open it.
    #[error("the passphrase does not open {0}")]
    WrongPassphrase(PathBuf),
    /// The clock of this machine is not right.
    #[error("this machine's clock is {} {}: nothing is signed", off_text(*.off_ms), if *.off_ms > 0 { "behind" } else { "ahead" })]
    ClockOff {
        /// How far those of others are ahead of it.
        off_ms: i64,
    },
    /// A backup can't be written or read.
    #[error("the backup in {place}: {source}")]
    Backup {
        /// Where.
        place: String,
        /// What is wrong.
        source: crate::backup::BackupError,
    },
    /// The restore guard.
    #[error("this device must not sign any more: {0}")]
    Guarded(GuardReason),
    /// An entity has not announced an encryption key, as far as is known here.
    #[error("nothing can be sealed to {}: its encryption key is not known here", .0.short())]
    NoEncryptionKey(EntityId),
    /// A private topic can't be read to its end, so nothing is written to it.
    #[error("the key of epoch {epoch} of the private topic {} is not here", .topic.short())]
    EpochMissing {
        /// The topic.
        topic: TopicId,
        /// The epoch.
        epoch: i64,
    },
    /// An entry can't be written.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Something is refused by the protocol's rules.
    #[error("{what}: {refusal}")]
    Refused {
        /// What was refused.
        what: String,
        /// Why.
        refusal: Refusal,
    },
    /// The kernel would reject the event.
    #[error("the event would be rejected here: {0}")]
    Rejected(&'static str),
    /// The app's rules would reject the event.
    #[error("the app's rules refuse the event: {code}{}", named(.fields))]
    AgainstRules {
        /// The stable code.
        code: String,
        /// What is not as the app's manifest says.
        fields: Vec<Misfit>,
        /// The entry after whose effect it was met.
        met: Option<EntryId>,
    },
    /// The module of a reducer is not here.
    #[error("the reducer {} of this topic is not here", hex(&.0[..5]))]
    NoReducer([u8; 32]),
    /// A module that is no reducer.
    #[error("the reducer {} is refused: {reason}", hex(&.hash[..5]))]
    BadReducer {
        /// Hash of the module.
        hash: [u8; 32],
        /// The stable code.
        code: &'static str,
        /// Why.
        reason: String,
    },
    /// The user interface of an app that is none.
    #[error("the user interface is refused: {0}")]
    BadUi(synlog_web::uis::Wrong),
    /// A reducer can't go on.
    #[error("{0}")]
    Halted(String),
    /// The rows of a file's topic would take more bytes than they may.
    #[error("the rows of the topic would take more than {0} bytes")]
    RowsTooLarge(u64),
    /// No such topic here.
    #[error("the topic {0} is not here")]
    NoTopic(TopicId),
    /// No such entry here.
    #[error("the entry {0} is not here")]
    NoEntry(EntryId),
    /// An id that is not one, or fits several.
    #[error("{0}")]
    BadName(String),
    /// The device has not written in the topic.
    #[error("the device {0} is not known here")]
    NoDevice(DeviceId),
    /// A bundle can't be read or written.
    #[error("the bundle {path}: {source}")]
    Bundle {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        source: BundleError,
    },
    /// A check found something wrong; it has been printed.
    #[error("{0}")]
    Findings(String),
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The system refuses something that synlog needs.
    #[error("{0}")]
    System(String),
    /// It would have no effect, coming from this node.
    #[error("{0}")]
    NoEffect(String),
    /// A node runs on this data directory already.
    #[error("a node runs here already")]
    NodeRuns,
    /// A node was started on this data directory while a command looked at it.
    #[error("a node was started here")]
    NodeStarted,
    /// The file of interests is damaged.
    #[error("{path}: {source}")]
    Interests {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: InterestsError,
    },
    /// The file of contacts is damaged.
    #[error("{path}: {source}")]
    Contacts {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: ContactsError,
    },
    /// A file of letters is damaged.
    #[error("{path}: {source}")]
    Letters {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: Refusal,
    },
    /// A ticket is none.
    #[error("this is no ticket: {0}")]
    Ticket(#[from] TicketError),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A relay or a registry of relays.
    #[error(transparent)]
    Relay(#[from] ServeError),
    /// What should be this user's alone is open to others.
    #[error("{0} is open to others or belongs to somebody else")]
    Exposed(PathBuf),
    /// The running node is of another version.
    #[error("the running node is of version {0}")]
    OtherVersion(String),
    /// The running node ended while a command used it.
    #[error("the running node has stopped")]
    NodeStopped,
    /// Whoever read the output has gone; nothing is wrong here.
    #[error("the output is closed")]
    OutputGone,
}

/// How commands end. Stable: scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well, though nobody listens any more.
    Quiet = 0,
    /// A check found something wrong, or something is not there.
    Findings = 1,
    /// What was typed makes no sense.
    Usage = 2,
    /// The rules refuse it.
    Refused = 3,
    /// Another process holds the store.
    Locked = 4,
    /// The restore guard.
    Guarded = 5,
    /// Disk, files, system.
    System = 6,
}

impl Failure {
    /// A failure over a file.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// A failure to write the answer.
    pub fn output(source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::BrokenPipe {
            Self::OutputGone
        } else {
            Self::System(format!("the output could not be written: {source}"))
        }
    }

    /// A failure over a refusal.
    pub fn refused(what: impl Into<String>) -> impl FnOnce(Refusal) -> Self {
        let what = what.into();
        move |refusal| Self::Refused { what, refusal }
    }

    /// A verdict that is not "accepted", as a failure.
    pub fn of_verdict(verdict: Verdict) -> Result<(), Self> {
        match verdict {
            Verdict::Accepted => Ok(()),
            Verdict::Rejected(code) => Err(Self::Rejected(code.text())),
            Verdict::Sealed => Err(Self::Rejected("sealed")),
        }
    }

    /// What went wrong and why, each cause told once.
    pub fn with_causes(&self) -> String {
        let mut message = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        message
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Store(StoreError::Locked) => Exit::Locked,
            Self::Guarded(_) => Exit::Guarded,
            Self::OutputGone => Exit::Quiet,
            Self::Draft(_) | Self::Refused { .. } | Self::Rejected(_) | Self::NoEffect(_) => {
                Exit::Refused
            }
            Self::ClockOff { .. } => Exit::Refused,
            Self::WrongPassphrase(_) => Exit::Usage,
            Self::OtherRoot(_) | Self::RootLocked(_) => Exit::System,
            Self::Backup { source, .. } => source.exit(),
            Self::Blob(source) => source.exit(),
            Self::AgainstRules { .. } | Self::BadReducer { .. } | Self::Halted(_) => Exit::Refused,
            Self::BadUi(_) => Exit::Refused,
            Self::NoReducer(_) | Self::RowsTooLarge(_) | Self::NoEncryptionKey(_) => Exit::Findings,
            Self::EpochMissing { .. } => Exit::Refused,
            Self::NoTopic(_) | Self::NoEntry(_) | Self::NoDevice(_) | Self::Findings(_) => {
                Exit::Findings
            }
            Self::Bundle { source, .. } if source.refusal().is_some() => Exit::Findings,
            Self::BadName(_)
            | Self::Usage(_)
            | Self::Config(_)
            | Self::NoHome(_)
            | Self::HomeExists(_) => Exit::Usage,
            Self::Store(_) | Self::File { .. } | Self::KeyFile { .. } | Self::NoRootKey(_) => {
                Exit::System
            }
            Self::Bundle { .. } | Self::System(_) | Self::NodeStopped => Exit::System,
            Self::Exposed(_) | Self::OtherVersion(_) | Self::Newer { .. } => Exit::System,
            Self::NodeRuns | Self::NodeStarted => Exit::Locked,
            Self::Ticket(_) => Exit::Usage,
            Self::Web { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput => {
                Exit::Usage
            }
            Self::Web { .. } => Exit::System,
            Self::NoWeb(_) => Exit::Findings,
            Self::Net(NetError::Relay(_)) | Self::Relay(ServeError::Setting(_)) => Exit::Usage,
            Self::Relay(_) => Exit::System,
            Self::Interests { .. } | Self::Contacts { .. } => Exit::System,
            Self::Letters { .. } | Self::Net(_) => Exit::System,
        }
    }

    /// A stable word for `--json`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoHome(_) => "no_home",
            Self::HomeExists(_) => "home_exists",
            Self::Store(StoreError::Locked) => "locked",
            Self::Store(StoreError::Full { .. }) => "disk_full",
            Self::Store(StoreError::Version { .. }) | Self::Newer { .. } => "newer_format",
            Self::Interests {
                source: InterestsError::Version(_),
                ..
            }
            | Self::Contacts {
                source: ContactsError::Newer(_),
                ..
            }
            | Self::KeyFile {
                source: KeyFileError::Newer(_),
                ..
            } => "newer_format",
            Self::Store(_) => "store",
            Self::File { .. } => "file",
            Self::KeyFile { .. } => "key_file",
            Self::NoRootKey(_) => "no_root_key",
            Self::OtherRoot(_) => "other_root",
            Self::RootLocked(_) => "root_locked",
            Self::WrongPassphrase(_) => "wrong_passphrase",
            Self::ClockOff { .. } => "clock_off",
            Self::Backup { source, .. } => source.code(),
            Self::Blob(source) => source.code(),
            Self::Config(_) => "config",
            Self::Guarded(_) => "guarded",
            Self::NoEncryptionKey(_) => "no_encryption_key",
            Self::EpochMissing { .. } => "epoch_missing",
            Self::Draft(_) => "cannot_write",
            Self::Refused { refusal, .. } => refusal.code(),
            Self::Rejected(code) => code,
            Self::AgainstRules { .. } => "rejected",
            Self::NoReducer(_) => "no_reducer",
            Self::BadReducer { code, .. } => code,
            Self::BadUi(_) => "bad_ui",
            Self::Halted(_) => "halted",
            Self::RowsTooLarge(_) => "rows_too_large",
            Self::NoTopic(_) => "no_topic",
            Self::NoEntry(_) => "no_entry",
            Self::BadName(_) => "bad_name",
            Self::NoDevice(_) => "no_device",
            Self::Bundle { source, .. } => source.refusal().map_or("bundle", Refusal::code),
            Self::Findings(_) => "findings",
            Self::Usage(_) => "usage",
            Self::System(_) => "system",
            Self::NoEffect(_) => "no_effect",
            Self::NodeRuns => "node_runs",
            Self::NodeStarted => "node_started",
            Self::Interests { .. } => "interests",
            Self::Contacts { .. } => "contacts",
            Self::Letters { .. } => "letters",
            Self::Ticket(_) => "bad_ticket",
            Self::Web { .. } => "web",
            Self::NoWeb(_) => "no_web",
            Self::Net(_) => "network",
            Self::Relay(_) => "relay",
            Self::Exposed(_) => "exposed",
            Self::OtherVersion(_) => "other_version",
            Self::NodeStopped => "node_stopped",
            Self::OutputGone => "output_gone",
        }
    }
}

/// How long something is, in words.
fn off_text(off_ms: i64) -> String {
    let seconds = off_ms.unsigned_abs() / 1000;
    match seconds {
        0..=599 => format!("{seconds} seconds"),
        600..=35_999 => format!("{} minutes", seconds / 60),
        36_000..=863_999 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Fields that are not right, behind a code.
fn named(fields: &[Misfit]) -> String {
    let texts: Vec<String> = fields.iter().map(Misfit::to_string).collect();
    match texts.is_empty() {
        true => String::new(),
        false => format!(" ({})", texts.join("; ")),
    }
}
