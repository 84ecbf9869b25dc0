//! What an audit says, before it is written as text, JSON or a page.

use serde_json::Value as Json;
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId};

use crate::receipts::Receipt;

/// The history of a topic.
pub struct Audit {
    /// The topic.
    pub topic: TopicId,
    /// Its name for people.
    pub name: String,
    /// Its app and major version.
    pub app: (String, u16),
    /// What the app says it is for.
    pub app_title: String,
    /// Who sequences it now, or where it is forked.
    pub state: String,
    /// Whose devices wrote, the sequencer's owner first.
    pub parties: Vec<Party>,
    /// The reducer whose rules were applied.
    pub reducer: Option<ReducerUsed>,
    /// Why there are no rows, or not all of them.
    pub problem: Option<String>,
    /// Digest of the order.
    pub order_digest: [u8; 32],
    /// Roots of the rows, sequenced and with what is tentative.
    pub roots: Option<([u8; 32], [u8; 32])>,
    /// The entries in their order.
    pub events: Vec<Event>,
    /// What it comes to: rows, by table.
    pub rows: Vec<ShownRow>,
    /// Receipts, by time.
    pub receipts: Vec<Receipt>,
    /// How far each feed is there.
    pub feeds: Vec<Completeness>,
}

/// An entity in the topic.
pub struct Party {
    /// Its id.
    pub entity: EntityId,
    /// Its role at the end.
    pub role: String,
    /// Its devices here, with the names that its root certified.
    pub devices: Vec<(DeviceId, String)>,
}

/// The reducer whose rules were applied.
pub struct ReducerUsed {
    /// Hash of its bytes.
    pub hash: [u8; 32],
    /// Its version.
    pub version: String,
    /// Whether the topic's own policy names it; else it was chosen for its app and version.
    pub pinned_by_topic: bool,
}

/// An entry of the history.
pub struct Event {
    /// Its place, from 1 on.
    pub number: usize,
    /// Its id.
    pub id: EntryId,
    /// The device that signed it.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// Whose device it is.
    pub entity: EntityId,
    /// The entity's role at that place.
    pub role: String,
    /// Its number in its feed.
    pub seq: u64,
    /// When its writer says that it was written, UTC ms.
    pub at_ms: u64,
    /// Its kind; empty where the payload does not decode.
    pub kind: String,
    /// What the kind does, in the app's words.
    pub title: String,
    /// What it says, in words: label and value.
    pub says: Vec<(String, String)>,
    /// The same as data.
    pub body: Json,
    /// What can be erased later, if it is still there.
    pub erasable: Option<Json>,
    /// Whether that was erased.
    pub erased: bool,
    /// Whether it is there and left out.
    pub hidden: bool,
    /// What its evidence proves, in words.
    pub evidence: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Which parties confirmed by when (UTC ms) that it was delivered.
    pub delivered: Vec<(EntityId, u64)>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It counts. `tentative`: the sequencer has not placed it yet.
    Counts {
        /// Whether it may still move.
        tentative: bool,
    },
    /// The rules reject it.
    Rejected {
        /// Whether it may still move.
        tentative: bool,
        /// The stable code.
        code: String,
        /// The entry after whose effect it was met, if any.
        met: Option<EntryId>,
    },
    /// Excluded: of a forked, withdrawn or removed feed.
    Void {
        /// The reason.
        reason: &'static str,
    },
    /// Shown, folded by nobody yet.
    Held {
        /// The reason.
        reason: &'static str,
    },
    /// Its payload is not here.
    Missing,
}

/// How far a feed is there.
pub struct Completeness {
    /// Who writes it.
    pub device: DeviceId,
    /// Whose device it is.
    pub entity: EntityId,
    /// The last number up to which nothing is missing.
    pub up_to: u64,
    /// The entry there.
    pub head: EntryId,
    /// Where it is forked.
    pub forked_at: Option<u64>,
}

/// A row at the end of the history.
pub struct ShownRow {
    /// Its table.
    pub table: String,
    /// What its table is, for people.
    pub table_title: String,
    /// Key of its aggregate, and what tells it from others there.
    pub key: String,
    /// Columns in words.
    pub says: Vec<(String, String)>,
    /// Columns as data.
    pub columns: Json,
    /// Whether it rests on something tentative.
    pub tentative: bool,
}
