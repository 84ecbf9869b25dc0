//! What the user can do about a failure.

use synlog_log::draft::DraftError;
use synlog_log::keys::KeyFileError;
use synlog_log::store::StoreError;
use synlog_net::NetError;
use synlog_replication::policy::InterestsError;

use crate::contacts::ContactsError;
use synlog_relay::serve::ServeError;

use super::Failure;

impl Failure {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoHome(_) => {
                "run `synlog init` first (`synlog up --init` does it as well), or say where the data is with --home DIR"
            }
            Self::HomeExists(_) => "use another directory with --home DIR; nothing was changed",
            Self::Store(StoreError::Locked) => {
                "wait until the other synlog command has ended, or use another --home"
            }
            Self::Store(StoreError::Full { .. }) => {
                "nothing was lost; free some space and try again"
            }
            Self::Store(StoreError::Failed { .. } | StoreError::Poisoned) => {
                "what was acknowledged before is safe; look at the disk, then run `synlog doctor scrub`"
            }
            Self::Store(StoreError::Missing { .. }) => {
                "entries are damaged on this disk; read a bundle that has them, or see `synlog doctor scrub`"
            }
            Self::NoRootKey(_) => {
                "put the root key file back for this command; it may live on a stick the rest of the time"
            }
            Self::NoEncryptionKey(_) => {
                "have it run `synlog bundle write FILE --identity` and read that file here with `synlog bundle read`"
            }
            Self::EpochMissing { .. } => {
                "read a bundle of the topic from its sequencer; if you were removed, there is no key for you"
            }
            Self::OtherRoot(_) => {
                "it may be of another entity, or older than the last rotation: bring the newest one back with `synlog root import`"
            }
            Self::RootLocked(_) => {
                "run the command on a terminal to be asked, or give --passphrase-file FILE or SYNLOG_PASSPHRASE"
            }
            Self::WrongPassphrase(_) => {
                "try again; without the passphrase the recovery words make the key again: `synlog root import --words-file FILE`"
            }
            Self::ClockOff { .. } => {
                "set the clock right; the node notices by itself when its peers agree with it"
            }
            Self::Backup { source, .. } => return source.hint(),
            Self::Blob(source) => source.hint(),
            Self::Newer { .. }
            | Self::Store(StoreError::Version { .. })
            | Self::Interests {
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
            } => "use that version or a later one; nothing was changed",
            Self::Config(_) => {
                "set it right in the file, or take it out with `synlog config unset KEY`; docs/OPERATION.md has all settings"
            }
            Self::Guarded(_) => {
                "first read bundles from those you traded with, then run `synlog device renew`, or `synlog recover` where no root key is here: it makes a new device key"
            }
            Self::Draft(DraftError::AheadOfClock { .. }) => {
                "set the clock right; if the feed itself ran ahead, run `synlog device renew`"
            }
            Self::Rejected("not_member") => {
                "ask the topic's sequencer to grant you a role, or --force to write it all the same"
            }
            Self::Rejected("not_sequencer") => {
                "only the topic's sequencer decides this; `synlog topic show` says which device that is"
            }
            Self::Rejected(_) => {
                "--force writes it all the same; every reader will then show it as rejected"
            }
            Self::AgainstRules { met: Some(met), .. } => {
                return Some(format!(
                    "see what came before it with `synlog entry show {}`; --force writes it all the same, and every reader will show it as rejected",
                    met.short()
                ));
            }
            Self::AgainstRules { met: None, .. } => {
                "--force writes it all the same; every reader will then show it as rejected"
            }
            Self::NoReducer(_) => {
                "get the app's .wasm from whom you trust and run `synlog app install FILE`, or take it from their bundle with `synlog bundle read FILE --install-reducers`"
            }
            Self::BadReducer { .. } => "`synlog app check FILE` says what is wrong with a module",
            Self::BadUi(_) => {
                "docs/APPS.md, \"A user interface\", says what belongs into its folder; nothing was changed"
            }
            Self::Halted(_) => {
                "its rows are not shown; the entries are untouched: ask the app's author, and tell which event it names"
            }
            Self::RowsTooLarge(_) => {
                "`synlog verify FILE --no-replay` looks at signatures and order alone"
            }
            Self::NoTopic(_) => {
                "`synlog topic list` shows the topics that are here; a bundle brings others"
            }
            Self::NodeRuns => {
                "`synlog peers` tells what it is doing; stop it before you start another"
            }
            Self::NodeStarted => "run the command again: it goes on in the running node",
            Self::Web { .. } => {
                "choose another address of this machine with --web, or run without pages: --no-web"
            }
            Self::NoWeb(_) => "run `synlog up`, without --no-web",
            Self::Ticket(_) => "copy all of it, from synlog1 to its last letter, or scan it",
            Self::Net(NetError::Bind(..)) => {
                "another program listens there, or the address is not one of this machine: choose with --bind"
            }
            Self::Net(NetError::Relay(_)) => "it is written as in https://relay.example.org",
            Self::Relay(ServeError::Listen(..)) => {
                "another program listens there, the address is not one of this machine, or ports below 1024 need a right: choose with --listen"
            }
            Self::Relay(ServeError::BadFile(..)) => {
                "docs/RELAY.md and docs/WEB.md say what the files hold"
            }
            Self::Exposed(_) => {
                "whoever can write there could speak for the node: `chown` it and `chmod 700` the directory run of the data directory, or remove it while no node runs"
            }
            Self::OtherVersion(_) => "stop `synlog up` and start it again with this version",
            Self::NodeStopped => "run the command again, with or without `synlog up`",
            Self::NoEntry(_) => "`synlog tail` shows the entries that are here",
            Self::BadName(_) => "ids may be shortened as long as they fit only one",
            Self::File { .. }
            | Self::KeyFile { .. }
            | Self::Refused { .. }
            | Self::NoDevice(_)
            | Self::Bundle { .. }
            | Self::Findings(_)
            | Self::Usage(_)
            | Self::System(_)
            | Self::NoEffect(_)
            | Self::OutputGone
            | Self::Interests { .. }
            | Self::Contacts { .. }
            | Self::Letters { .. }
            | Self::Net(_)
            | Self::Relay(_)
            | Self::Draft(_)
            | Self::Store(_) => return None,
        };
        Some(text.to_owned())
    }
}
