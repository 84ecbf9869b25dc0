//! What this node does with its blobs: adds, pins, drops, makes room.

use std::collections::BTreeSet;
use std::path::Path;

use synlog_log::ids::{BlobHash, TopicId};
use synlog_log::sealed::blob::{BlobKey as SealKey, seal};
use synlog_replication::blobs::{BlobKey, Kept, Piece, Span};

use crate::blobs::files::{Files, Journal};
use crate::blobs::quota::{Quota, Stored};
use crate::blobs::table::{self, Line, Table};
use crate::clock::now_ms;
use crate::entropy::random;
use crate::failure::Failure;
use crate::formats;
use crate::node::Node;

/// A use is written down when the last one that was is older than this.
const USED_STEP_MS: u64 = 3_600_000;
/// A blob that is not whole goes when nothing came for so long: a week of bad luck.
const TORSO_MS: u64 = 7 * 86_400_000;
/// Lines of the journal that say nothing new, at which it is written anew.
const STALE_MAX: usize = 1_024;

/// What was added for a topic goes when no entry has named it after so long: writing the
/// entry may take a person a day.
const NAMELESS_MS: u64 = 86_400_000;

/// What a command asks of the exchange with peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// It is wanted; its size, as far as an entry says it.
    Want(BlobKey, Option<u64>),
    /// It is not wanted any more.
    Unwant(BlobKey),
    /// It was stored here.
    Here(BlobHash),
}

/// A blob that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// As an entry names it.
    pub reference: synlog_log::blob::BlobRef,
    /// Whether it was not here before.
    pub is_new: bool,
}

/// What decides beside the table what may go.
#[derive(Debug, Default)]
pub struct Standing {
    /// Blobs that entries of this entity name.
    pub own: BTreeSet<BlobHash>,
    /// Topics that this node keeps without reading them.
    pub kept: BTreeSet<TopicId>,
    /// UTC milliseconds.
    pub now_ms: u64,
}

/// The blobs of a node.
pub struct Blobs {
    /// The files.
    pub files: Files,
    /// What is said of them.
    pub table: Table,
    /// How much may be here.
    pub quota: Quota,
    /// What commands asked for since the running node looked last.
    pub requests: Vec<Request>,
    /// Blobs that entries named since the running node looked last.
    pub fresh: Vec<BlobKey>,
    /// The cursor as it was written down last.
    pub(super) noted: u64,
    journal: Journal,
    /// Whether nothing stands in the journal yet.
    begins: bool,
}

impl Blobs {
    /// The blobs of a directory.
    pub fn open(root: &Path) -> Result<Self, Failure> {
        let (mut journal, text) = Journal::open(root)?;
        formats::check(&root.join("journal"), Table::version(&text), table::VERSION)?;
        let table = Table::read(&text);
        let lines = table.lines();
        let said = text.lines().filter(|line| !line.is_empty()).count();
        if said > 2 * lines.len() + STALE_MAX {
            journal.replace(&lines)?;
        }
        Ok(Self {
            files: Files::open(root.to_path_buf())?,
            quota: super::quota_of(root)?,
            requests: Vec::new(),
            fresh: Vec::new(),
            noted: table.cursor.1,
            table,
            begins: text.is_empty(),
            journal,
        })
    }

    /// Notes something, durably.
    pub(super) fn say(&mut self, lines: Vec<Line>) -> Result<(), Failure> {
        let version = Line::Format {
            version: table::VERSION,
        };
        let all = self.begins.then_some(&version).into_iter().chain(&lines);
        let texts: Vec<String> = all.map(Line::text).collect();
        self.journal.add(&texts)?;
        self.begins = false;
        for line in &lines {
            let _ = self.table.put(line);
        }
        Ok(())
    }

    /// Sets the quotas; what is over them goes with the next need for room.
    pub fn set_quota(&mut self, quota: Quota) -> Result<(), Failure> {
        super::save_quota(self.files.root(), &quota)?;
        self.quota = quota;
        Ok(())
    }

    /// Notes that a blob was used.
    pub fn note_use(&mut self, hash: &BlobHash, now_ms: u64) -> Result<(), Failure> {
        let before = self.table.used.get(hash).copied().unwrap_or(0);
        if now_ms.saturating_sub(before) < USED_STEP_MS {
            return Ok(());
        }
        let blob = hash.to_string();
        self.say(vec![Line::Used { blob, ms: now_ms }])
    }

    /// Pins a blob, so that it never goes, or lets it go again.
    pub fn pin(&mut self, hash: &BlobHash, on: bool) -> Result<bool, Failure> {
        if self.table.pins.contains(hash) == on {
            return Ok(false);
        }
        let blob = hash.to_string();
        self.say(vec![Line::Pin { blob, on }])?;
        Ok(true)
    }

    /// A blob is one of a topic's, whatever entries say.
    pub fn hold(&mut self, key: &BlobKey, size: u64) -> Result<(), Failure> {
        if self.table.size_in(key).is_some() {
            return Ok(());
        }
        self.say(vec![Line::hold(key, size)])
    }

    /// What is here, as the quotas see it. `standing` is what else is known of it.
    pub fn stored(&self, standing: &Standing) -> Vec<Stored> {
        let mut had = self.table.topics();
        let whole = self.files.whole().iter();
        let stored = whole.map(|(hash, size)| {
            let used_ms = self.table.used.get(hash).copied().unwrap_or(0);
            let is_new = standing.now_ms.saturating_sub(used_ms) < NAMELESS_MS;
            let mut topics = had.remove(hash).unwrap_or_default();
            topics.retain(|topic| {
                let named = self.table.names.contains_key(&(*topic, *hash));
                named || is_new || standing.kept.contains(topic)
            });
            let named = |topic| self.table.names.contains_key(&(topic, *hash));
            let nameless = !topics.is_empty() && !topics.iter().copied().any(named);
            let fresh = nameless && is_new && !topics.iter().any(|it| standing.kept.contains(it));
            Stored {
                hash: *hash,
                size: *size,
                topics,
                stays: standing.own.contains(hash) || self.table.pins.contains(hash) || fresh,
                used_ms,
            }
        });
        stored.collect()
    }

    fn drop_blob(&mut self, hash: &BlobHash) -> Result<(), Failure> {
        self.files.remove(hash)?;
        let blob = hash.to_string();
        self.say(vec![Line::Drop { blob }])
    }
}

impl Node {
    /// The blobs.
    pub fn blobs(&mut self) -> Result<&mut Blobs, Failure> {
        if self.blobs.is_none() {
            let root = self.home.path().join("blobs");
            self.blobs = Some(Box::new(Blobs::open(&root)?));
        }
        self.blobs
            .as_deref_mut()
            .ok_or_else(|| Failure::System("the blobs are not open".to_owned()))
    }

    /// What decides beside the table what may go.
    pub(super) fn blob_standing(&mut self, now_ms: u64) -> Result<Standing, Failure> {
        let entity = self.entity;
        let table = &self.blobs()?.table;
        let own = table.names.iter();
        let own = own.filter(|(_, name)| name.author == entity);
        let own = own.map(|(key, _)| key.1).collect();
        let held: BTreeSet<TopicId> = table.held.keys().map(|key| key.0).collect();
        let mut kept = BTreeSet::new();
        for topic in held {
            if self.only_keeps(&topic)? {
                kept.insert(topic);
            }
        }
        Ok(Standing { own, kept, now_ms })
    }

    /// Stores a blob: sealed where it is for a private topic, whose members are then served
    /// it, else pinned until an entry names it.
    pub fn add_blob(
        &mut self,
        topic: Option<&TopicId>,
        bytes: &[u8],
        media_type: Option<String>,
        now_ms: u64,
    ) -> Result<Added, Failure> {
        let private = match topic {
            Some(topic) => self.order(topic)?.is_private(),
            None => false,
        };
        let mut key = None;
        let mut sealed = Vec::new();
        if private {
            let secret = random()?;
            let sealing = SealKey::from_bytes(secret);
            let put = |chunk: &[u8]| sealed.extend_from_slice(chunk);
            seal(&sealing, bytes, put).map_err(Failure::refused("the blob"))?;
            key = Some(secret);
        }
        let content = if private { &sealed[..] } else { bytes };
        let blobs = self.blobs()?;
        let (hash, is_new) = blobs.files.add(content)?;
        let size = content.len() as u64;
        match topic {
            Some(topic) => blobs.hold(&(*topic, hash), size)?,
            None => drop(blobs.pin(&hash, true)?),
        }
        blobs.note_use(&hash, now_ms)?;
        blobs.requests.push(Request::Here(hash));
        Ok(Added {
            reference: synlog_log::blob::BlobRef {
                hash,
                size,
                media_type,
                key,
            },
            is_new,
        })
    }

    /// Whether a blob of a topic fits; what can be fetched again goes for it.
    pub(crate) fn room_for_blob(&mut self, key: &BlobKey, size: u64) -> Result<bool, Failure> {
        let standing = self.blob_standing(now_ms())?;
        let blobs = self.blobs()?;
        let stored = blobs.stored(&standing);
        // what is on its way takes room, too
        let size = size.saturating_add(blobs.files.open_bytes(&key.1));
        let Some(going) = blobs.quota.make_room(&stored, &key.0, size) else {
            return Ok(false);
        };
        going.iter().try_for_each(|hash| blobs.drop_blob(hash))?;
        Ok(true)
    }

    /// What garbage collection drops, with the bytes of each; unless it is only asked, it
    /// is dropped.
    pub fn collect_blobs(
        &mut self,
        dry_run: bool,
        now_ms: u64,
    ) -> Result<Vec<(BlobHash, u64)>, Failure> {
        self.look_for_blobs()?;
        let standing = self.blob_standing(now_ms)?;
        let blobs = self.blobs()?;
        let stored = blobs.stored(&standing);
        let sizes = blobs.files.whole().clone();
        let garbage = blobs.quota.garbage(&stored).into_iter();
        let mut garbage: Vec<(BlobHash, u64)> = garbage
            .map(|hash| (hash, sizes.get(&hash).copied().unwrap_or(0)))
            .collect();
        let torsos = blobs.files.torsos()?.into_iter();
        let old = torsos.filter(|(_, _, grown_ms)| now_ms.saturating_sub(*grown_ms) >= TORSO_MS);
        garbage.extend(old.map(|(hash, size, _)| (hash, size)));
        if !dry_run {
            for (hash, _) in &garbage {
                blobs.drop_blob(hash)?;
            }
        }
        Ok(garbage)
    }

    /// What is here of a topic, for one who keeps it.
    pub(crate) fn blobs_to_offer(
        &mut self,
        topic: &TopicId,
        limit: usize,
    ) -> Result<Vec<(BlobHash, u64)>, Failure> {
        self.look_for_blobs()?;
        let blobs = self.blobs()?;
        let hashes = blobs.table.of_topic(topic).into_iter();
        let here = hashes.filter_map(|hash| Some((hash, *blobs.files.whole().get(&hash)?)));
        Ok(here.take(limit).collect())
    }

    /// A piece for a peer; `None` where the blob is not here, or turned out to be damaged.
    pub(crate) fn piece_to_send(
        &mut self,
        hash: &BlobHash,
        span: Span,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let blobs = self.blobs()?;
        match blobs.files.piece(hash, span) {
            Ok(bytes) => {
                blobs.note_use(hash, now_ms())?;
                Ok(Some(bytes))
            }
            Err(Failure::Blob(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Stores a piece of a peer.
    pub(crate) fn take_piece(&mut self, key: &BlobKey, piece: &Piece) -> Result<Kept, Failure> {
        let blobs = self.blobs()?;
        if !blobs.files.take(piece)? {
            return Ok(Kept::Part);
        }
        // who only keeps the topic can't read that it is named
        blobs.hold(key, piece.size())?;
        blobs.note_use(&key.1, now_ms())?;
        Ok(Kept::Whole)
    }
}
