//! What a node is asked and told, as it was read from a request.

use serde_json::Value as Json;

use crate::problem::Problem;

/// A question or an order, read from a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Entity and device.
    Whoami,
    /// The topics that are here.
    Topics,
    /// Begins a topic.
    NewTopic(NewTopic),
    /// A topic: policy, feeds, counts, digest.
    Topic(String),
    /// What the app of a topic says of itself.
    Manifest(String),
    /// The apps that are here.
    Apps,
    /// Rows of a table.
    Rows(Rows),
    /// The rows of one key, with what made them.
    Explain {
        /// The topic.
        topic: String,
        /// The key, or its front.
        key: String,
    },
    /// Writes an event.
    Event(NewEvent),
    /// Entries in the order of their arrival.
    Entries(Entries),
    /// One entry.
    Entry(String),
    /// To erase what can be erased of an entry, by its id.
    Erase(String),
    /// The whole history of a topic.
    Audit {
        /// The topic.
        topic: String,
        /// With what can be erased.
        erasable: bool,
    },
    /// A ticket for another node, or a letter to an entity.
    Invite(Invite),
    /// Takes a ticket.
    Join(String),
    /// Letters of first contact.
    Inbox,
    /// Answers one of them.
    Letter {
        /// Its id, or the front of it.
        id: String,
        /// Whether its topic is followed; else it is thrown away.
        accept: bool,
    },
    /// Known nodes.
    Peers,
    /// What is wanted of the network.
    Follows,
    /// The entity's devices.
    Devices,
    /// Whether all is well.
    Doctor,
    /// Blobs that are here.
    Blobs,
    /// Tokens of programs.
    Tokens,
    /// Customers without an install.
    Guests,
    /// A link for them, to this space or to the only one.
    GuestLink(Option<String>),
    /// Answers one of them, or shuts it out.
    Guest {
        /// Its entity, or the front of it.
        entity: String,
        /// What is done.
        answer: GuestAnswer,
    },
    /// How the root key is kept.
    Root,
    /// The recovery words; with the passphrase of a locked root key.
    Words(Option<String>),
    /// Whether some of the recovery words are these: number and word.
    CheckWords(Vec<(String, String)>),
    /// Locks the root key with a passphrase.
    LockRoot(String),
    /// Takes the root key off this machine, where some of the words are these.
    RemoveRoot(Vec<(String, String)>),
    /// What the request of a new device says, and the words by which it is known.
    DeviceRequest(String),
    /// Certifies a new device.
    AddDevice(NewDevice),
    /// Ends a device of the entity.
    EndDevice {
        /// Its id, or the front of it.
        device: String,
        /// How it ends.
        end: DeviceEnd,
        /// Where the root key is under one.
        passphrase: Option<String>,
    },
    /// Makes the next backup where the last one is; with the passphrase of its keys.
    Backup(Option<String>),
    /// What waits for an answer.
    Waiting,
    /// Those with whom there is a relation.
    Clients(Clients),
    /// How far the first run is.
    Steps,
    /// A step of it is done, left out, or open again.
    Step {
        /// Which.
        step: String,
        /// `done`, `skipped` or `open`.
        state: String,
    },
    /// Files that are being imported.
    Imports,
    /// One of them.
    Import(String),
    /// Does something with one of them.
    DoImport(DoImport),
}

/// A file that is given to be imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewImport {
    /// The topic to write to.
    pub topic: String,
    /// The name of the file.
    pub name: String,
    /// csv, jsonl, schema-org or osm; by the end of the name where nothing is said.
    pub format: Option<String>,
    /// Currency of prices without one.
    pub currency: Option<String>,
    /// Time zone of what has none.
    pub zone: Option<String>,
}

/// A new device of the entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// What it asks, as a text.
    pub request: String,
    /// Its words, as they were compared.
    pub check: String,
    /// Where the root key is under one.
    pub passphrase: Option<String>,
}

/// How a device ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceEnd {
    /// It is revoked.
    Revoke,
    /// It is gone: revoked, and this one takes over its topics.
    Lost,
}

impl DeviceEnd {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Revoke, Self::Lost];

    /// Its word, which is that of the command.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Lost => "lost",
        }
    }
}

/// What an owner does about a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestAnswer {
    /// Found a relation with one that asked.
    Accept,
    /// Decline one that asked.
    Decline,
    /// Shut one out.
    Block,
    /// Let it in again.
    Unblock,
}

impl GuestAnswer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Accept, Self::Decline, Self::Block, Self::Unblock];

    /// Its word, which is that of the command.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Block => "block",
            Self::Unblock => "unblock",
        }
    }
}

/// What is to be done with a file that was given to be imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoImport {
    /// Which.
    pub id: String,
    /// `preview`, `run`, `cancel` or `forget`.
    pub action: String,
    /// What the file is: csv, jsonl, schema-org or osm.
    pub format: Option<String>,
    /// Currency of prices without one.
    pub currency: Option<String>,
    /// Time zone of what has none.
    pub zone: Option<String>,
    /// The kind of the events that the lines of a JSON Lines file are.
    pub kind: Option<String>,
    /// Columns of a table and the fields that they are.
    pub columns: Vec<(String, String)>,
}

/// Who is invited to what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invite {
    /// To this topic.
    pub topic: Option<String>,
    /// By a letter to this entity.
    pub to: Option<String>,
    /// A few words for the letter.
    pub message: Option<String>,
}

/// A topic to begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTopic {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub app: String,
    /// First members: entity and role.
    pub members: Vec<(String, String)>,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Of one topic.
    pub topic: Option<String>,
    /// Of all topics of an app, where no topic is named.
    pub app: String,
    /// The table.
    pub view: String,
    /// Only this key.
    pub key: Option<String>,
    /// Only keys that begin so.
    pub prefix: String,
    /// By this index.
    pub index: Option<String>,
    /// Values of its first columns.
    pub equal: Vec<String>,
    /// The next column is at least this.
    pub from: Option<String>,
    /// The next column is less than this.
    pub to: Option<String>,
    /// From the end to the front.
    pub descending: bool,
    /// Only what the sequencer placed.
    pub sequenced: bool,
    /// Rows that ended by then are left out; now, where nothing is said.
    pub as_of_ms: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<String>,
    /// Only those in which all of these words stand.
    pub words: Option<String>,
}

/// Which clients: those of whom something came last come first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clients {
    /// Only those with all of these words in their names.
    pub words: Option<String>,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<String>,
}

/// Questions for rows that came together: each is told before the next one is taken.
pub trait Questions {
    /// The next one.
    fn next(&mut self) -> Option<Rows>;

    /// Its answer.
    fn tell(&mut self, told: Result<Json, Problem>);
}

/// An event to write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewEvent {
    /// The topic.
    pub topic: String,
    /// The kind, as in `order.request`, or the words of its command.
    pub command: String,
    /// Its fields, a JSON object.
    pub body: Json,
    /// What may be erased later.
    pub erasable: Option<Json>,
    /// The order or booking for which something is taken.
    pub taken_for: Option<String>,
    /// Entries of which proofs go along.
    pub prove: Vec<String>,
    /// Even if the rules refuse it.
    pub force: bool,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entries {
    /// Only of this topic.
    pub topic: Option<String>,
    /// Behind this cursor.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
    /// The last ones instead of the first.
    pub last: bool,
    /// In the order of the topic instead of that of arrival.
    pub ordered: bool,
    /// Only of this kind, in the order of the topic.
    pub kind: Option<String>,
    /// Only those before this entry, in the order of the topic.
    pub before: Option<String>,
    /// Only those behind this entry, in the order of the topic.
    pub behind: Option<String>,
}
