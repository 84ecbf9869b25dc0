//! A running node as the web sees it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use synlog_log::ids::hex;
use synlog_web::Problem;
use synlog_web::access::Scope;
use synlog_web::backend::{Arrived, Ask, Backend, BlobInfo, Changed, NewImport, Questions};
use synlog_web::keys::Session;
use synlog_web::metrics::Measure;
use synlog_web::uis::Package;

use crate::clock::now_ms;
use crate::daemon::session::Service;
use crate::daemon::uploads;
use crate::entropy::random;
use crate::node::Node;
use crate::uis::Shelf;
use crate::web::answers::{answer, read, with};
use crate::web::imports::Imports;
use crate::web::tokens::Known;
use crate::web::{blobs, entries, problems, rows, sessions};

/// A running node as the web sees it.
pub struct NodeBackend(Service, Imports, Shelf, Known, String);

/// What tells a store from others. One that was put back has the id that it had, but never the
/// device; and the id itself is the store's secret.
fn mark_of(node: &Node) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("synlog web 1 stream store");
    hasher.update(&node.store.uuid()).update(&node.device().0);
    hex(&hasher.finalize().as_bytes()[..8])
}

impl NodeBackend {
    /// What a running node serves.
    pub fn new(service: Service) -> Self {
        uploads::clear(&service.home);
        // where the store can't be had nobody is told anything of it
        let mark = with(&service, |node| Ok(mark_of(node))).unwrap_or_default();
        let known = Known::default();
        Self(service, Imports::default(), Shelf::default(), known, mark)
    }
}

impl Backend for NodeBackend {
    fn answer(&self, ask: &Ask) -> Result<Json, Problem> {
        match ask {
            Ask::Imports => return Ok(self.1.list(&self.0)),
            Ask::Import(id) => return self.1.shown(&self.0, id),
            Ask::DoImport(asked) => return self.1.act(&self.0, asked),
            _ => {}
        }
        let answer = answer(&self.0, ask);
        let changes = |ask: &Ask| match ask {
            Ask::Event(_) | Ask::Erase(_) | Ask::NewTopic(_) => true,
            Ask::Invite(invite) => invite.to.is_some(),
            Ask::Join(_) | Ask::Letter { .. } => true,
            _ => false,
        };
        if changes(ask) {
            // what is new goes on to others
            self.0.poke.poke();
        }
        answer
    }

    fn read(&self, questions: &mut dyn Questions) {
        read(&self.0, questions);
    }

    fn arrivals(
        &self,
        after: u64,
        topic: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Arrived>, u64), Problem> {
        with(&self.0, |node| entries::arrivals(node, after, topic, limit))
    }

    fn changes(&self, topic: &str, cursor: Option<&str>, limit: usize) -> Result<Changed, Problem> {
        with(&self.0, |node| {
            let topic = node.find_topic(topic)?;
            rows::changes(node, &topic, cursor, limit)
        })
    }

    fn topic_id(&self, name: &str) -> Result<String, Problem> {
        with(&self.0, |node| Ok(node.find_topic(name)?.to_string()))
    }

    fn end(&self) -> u64 {
        self.0.desk.end()
    }

    fn mark(&self) -> String {
        self.4.clone()
    }

    fn wait(&self, seen: u64, patience: Duration) {
        self.0.desk.wait_for_growth(seen, patience);
    }

    fn blob(&self, hash: &str) -> Result<BlobInfo, Problem> {
        with(&self.0, |node| blobs::info(node, hash))
    }

    fn blob_bytes(&self, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Problem> {
        with(&self.0, |node| blobs::bytes(node, hash, range))
    }

    fn add_blob(&self, topic: Option<&str>, bytes: &[u8]) -> Result<Json, Problem> {
        let added = with(&self.0, |node| blobs::add(node, topic, bytes));
        self.0.poke.poke();
        added
    }

    fn add_import(&self, new: &NewImport, bytes: &[u8]) -> Result<Json, Problem> {
        let new = NewImport {
            topic: self.topic_id(&new.topic)?,
            ..new.clone()
        };
        self.1.add(&self.0, new, bytes)
    }

    fn uis(&self) -> Vec<Arc<Package>> {
        self.2.all(&self.0.home)
    }

    fn topic_app(&self, topic: &str) -> Result<Option<(String, u16)>, Problem> {
        with(&self.0, |node| {
            let topic = node.find_topic(topic)?;
            let genesis = node.opened_genesis(&topic)?;
            Ok(genesis.map(|genesis| (genesis.app, genesis.major)))
        })
    }

    fn blob_apps(&self, hash: &str) -> Result<Vec<(String, u16)>, Problem> {
        with(&self.0, |node| blobs::apps(node, hash))
    }

    fn token(&self, secret: &str) -> Option<Scope> {
        self.3.scope_of(&self.0.home, secret)
    }

    fn sessions(&self) -> Vec<Session> {
        sessions::all(&self.0.home).unwrap_or_else(|failure| {
            tracing::warn!("nobody is logged in any more: {failure}");
            Vec::new()
        })
    }

    fn keep_sessions(&self, all: &[Session]) -> Result<(), Problem> {
        sessions::keep(&self.0.home, all).map_err(|failure| problems::problem(&failure))
    }

    fn random(&self) -> Result<[u8; 32], Problem> {
        random().map_err(|failure| problems::problem(&failure))
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn measures(&self) -> Vec<Measure> {
        self.0.meter.measures(&self.0)
    }

    fn metrics_are_open(&self) -> bool {
        self.0.meter.is_open
    }

    fn trouble(&self) -> Option<&'static str> {
        self.0.meter.trouble(&self.0)
    }
}
