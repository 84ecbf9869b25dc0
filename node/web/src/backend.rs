//! What this crate asks of a node.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::access::Scope;
pub use crate::asks::{
    Ask, Clients, DeviceEnd, DoImport, Entries, GuestAnswer, Invite, NewDevice, NewEvent,
    NewImport, NewTopic, Questions, Rows,
};
use crate::keys::Session;
use crate::metrics::Measure;
use crate::problem::Problem;
use crate::uis::Package;

/// An entry that arrived, ready to be sent to many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Where to go on behind it.
    pub cursor: u64,
    /// Its topic.
    pub topic: String,
    /// All of it.
    pub json: Arc<str>,
}

/// What changed in the rows of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// There are no rows: the topic has no reducer that is here.
    None,
    /// What was known is not the past of what is here: ask for all rows, go on from here.
    Reset(String),
    /// Keys with their rows as they are now, as one JSON array, and where to go on;
    /// `more`: there is more at once.
    Since {
        /// The changes; nothing changed where there is none.
        changes: Option<Arc<str>>,
        /// Where to go on.
        cursor: String,
        /// Whether more waits.
        more: bool,
    },
}

/// What is known of a blob that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its bytes, as they are read.
    pub size: u64,
    /// Its first bytes.
    pub front: Vec<u8>,
    /// Its whole hash.
    pub hash: String,
}

/// A node as the web sees it. Calls may block; they are made where that harms nobody.
pub trait Backend: Send + Sync + 'static {
    /// Answers a question, or does as it is told.
    ///
    /// # Errors
    /// What the command line would say.
    fn answer(&self, ask: &Ask) -> Result<Json, Problem>;

    /// Answers questions for rows that came together.
    fn read(&self, questions: &mut dyn Questions) {
        while let Some(rows) = questions.next() {
            let told = self.answer(&Ask::Rows(rows));
            questions.tell(told);
        }
    }

    /// Entries behind a cursor, at most `limit`, and where to go on.
    ///
    /// # Errors
    /// Where the store can't be read.
    fn arrivals(
        &self,
        after: u64,
        topic: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Arrived>, u64), Problem>;

    /// What changed in rows of a topic since a cursor.
    ///
    /// # Errors
    /// Where the rows can't be read.
    fn changes(&self, topic: &str, cursor: Option<&str>, limit: usize) -> Result<Changed, Problem>;

    /// The whole id of a topic.
    ///
    /// # Errors
    /// Where there is no such topic.
    fn topic_id(&self, name: &str) -> Result<String, Problem>;

    /// Where the store ends.
    fn end(&self) -> u64;

    /// What tells this store from others, and from one that was put back: hex digits.
    fn mark(&self) -> String;

    /// Waits until the store ends elsewhere, or some time has passed.
    fn wait(&self, seen: u64, patience: Duration);

    /// What is known of a blob.
    ///
    /// # Errors
    /// Where it is not here.
    fn blob(&self, hash: &str) -> Result<BlobInfo, Problem>;

    /// Bytes of a blob.
    ///
    /// # Errors
    /// Where they can't be read.
    fn blob_bytes(&self, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Problem>;

    /// Stores a blob, for the members of a topic if one is named.
    ///
    /// # Errors
    /// Where it can't be kept.
    fn add_blob(&self, topic: Option<&str>, bytes: &[u8]) -> Result<Json, Problem>;

    /// Takes a file that is to be imported into a topic, and looks at it.
    ///
    /// # Errors
    /// Where it can't be kept, or nobody knows what it is.
    fn add_import(&self, new: &NewImport, bytes: &[u8]) -> Result<Json, Problem>;

    /// The user interfaces of apps that are here.
    fn uis(&self) -> Vec<Arc<Package>> {
        Vec::new()
    }

    /// That of one app.
    fn ui(&self, app: &str) -> Option<Arc<Package>> {
        let mut all = self.uis().into_iter();
        all.find(|package| package.manifest.app == app)
    }

    /// App and major version of a topic; `None` where it is not known.
    ///
    /// # Errors
    /// Where there is no such topic.
    fn topic_app(&self, topic: &str) -> Result<Option<(String, u16)>, Problem> {
        self.topic_id(topic).map(|_| None)
    }

    /// App and major version of the topics whose entries name a blob.
    ///
    /// # Errors
    /// Where they can't be looked through.
    fn blob_apps(&self, hash: &str) -> Result<Vec<(String, u16)>, Problem> {
        let _ = hash;
        Ok(Vec::new())
    }

    /// What a program's token allows; `None`: it is none.
    fn token(&self, secret: &str) -> Option<Scope>;

    /// Who was logged in when the last run ended.
    fn sessions(&self) -> Vec<Session> {
        Vec::new()
    }

    /// Writes down who is logged in.
    ///
    /// # Errors
    /// What the disk says.
    fn keep_sessions(&self, sessions: &[Session]) -> Result<(), Problem> {
        let _ = sessions;
        Ok(())
    }

    /// Fresh random bytes.
    ///
    /// # Errors
    /// Where the system has none.
    fn random(&self) -> Result<[u8; 32], Problem>;

    /// The time, UTC milliseconds.
    fn now_ms(&self) -> u64;

    /// Numbers of the node.
    fn measures(&self) -> Vec<Measure> {
        Vec::new()
    }

    /// Whether all of this machine may have the numbers.
    fn metrics_are_open(&self) -> bool {
        false
    }

    /// One word for why the node can't do its work just now, if so.
    fn trouble(&self) -> Option<&'static str> {
        None
    }
}
