//! Blobs of a simulated node: whole ones, parts of some, and what topics name.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use synlog_log::blob::{self, BlobRef};
use synlog_log::cbor::Value;
use synlog_log::ids::{BlobHash, TopicId};
use synlog_log::payload::PayloadBuilder;
use synlog_log::run::RunView;

use super::memory::MemoryRepo;
use super::run::World;
use crate::blobs::{BlobKey, Groups, Kept, Naming, Partial, Piece, Span, Tree, encode, tree_of};
use crate::engine::Input;

/// A blob of which some is missing.
#[derive(Debug, Clone)]
struct Torso {
    data: Vec<u8>,
    hashes: Vec<u8>,
    groups: Groups,
}

/// Blobs on a simulated disk.
#[derive(Debug, Clone)]
pub struct MemoryBlobs {
    whole: BTreeMap<BlobHash, (Vec<u8>, Vec<u8>)>,
    torsos: BTreeMap<BlobHash, Torso>,
    names: BTreeMap<BlobKey, Option<u64>>,
    /// Bytes of blobs that each topic may have.
    pub quota_bytes: u64,
    /// Whether pieces that leave are changed.
    pub spoils: bool,
    /// Bytes that are added to the sizes that are said.
    pub boasts: u64,
    /// Pieces that were stored since the beginning.
    pub pieces: u64,
    /// Pieces that were stored although they were here.
    pub twice: u64,
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        Self {
            whole: BTreeMap::new(),
            torsos: BTreeMap::new(),
            names: BTreeMap::new(),
            quota_bytes: u64::MAX,
            spoils: false,
            boasts: 0,
            pieces: 0,
            twice: 0,
        }
    }
}

impl MemoryBlobs {
    /// Stores a blob.
    pub fn add(&mut self, bytes: &[u8]) -> BlobHash {
        let made = tree_of::<Vec<u8>>(bytes, bytes.len() as u64);
        let (hash, tree) = made.unwrap_or_else(|error| panic!("a tree in memory: {error}"));
        self.whole.insert(hash, (bytes.to_vec(), tree.into_data()));
        hash
    }

    /// The bytes of a whole blob.
    pub fn get(&self, hash: &BlobHash) -> Option<&[u8]> {
        self.whole.get(hash).map(|(data, _)| &data[..])
    }

    /// Groups that are here of a blob that is not whole.
    pub fn held(&self, hash: &BlobHash) -> u32 {
        self.torsos.get(hash).map_or(0, |it| it.groups.held())
    }

    /// Turns a bit of a stored blob.
    pub fn damage(&mut self, hash: &BlobHash, at: usize) {
        if let Some((data, _)) = self.whole.get_mut(hash) {
            data[at] ^= 1;
        }
    }

    /// A topic names a blob.
    pub fn name(&mut self, key: BlobKey, size: Option<u64>) {
        self.names.insert(key, size);
    }

    fn used(&self, topic: &TopicId) -> u64 {
        let named = self.names.keys().filter(|(it, _)| it == topic);
        let hashes: BTreeSet<&BlobHash> = named.map(|(_, hash)| hash).collect();
        let whole = hashes.iter().filter_map(|hash| self.whole.get(hash));
        whole.map(|(data, _)| data.len() as u64).sum()
    }
}

impl MemoryRepo {
    /// The blobs on its disk.
    pub fn blobs(&mut self) -> &mut MemoryBlobs {
        &mut self.disk.blobs
    }

    fn only_keeps(&self, topic: &TopicId) -> bool {
        let audience = self.audiences.get(topic);
        audience.is_some_and(|it| !it.members.contains(&self.owner().entity))
    }

    /// Notes the blobs that a run names.
    pub(super) fn note_names(&mut self, run: &RunView<'_>) {
        for entry in &run.entries {
            let Ok(payload) = entry.payload.split() else {
                continue;
            };
            let Ok(event) = payload.check() else {
                continue;
            };
            for reference in blob::named(&event.body) {
                let key = (run.feed.topic, reference.hash);
                self.disk.blobs.name(key, Some(reference.size));
            }
        }
    }

    pub(super) fn naming_of(&self, key: &BlobKey) -> Naming {
        let blobs = &self.disk.blobs;
        match blobs.names.get(key) {
            // who only keeps a topic can't read what it names
            Some(_) if self.only_keeps(&key.0) && blobs.get(&key.1).is_none() => Naming::Unreadable,
            Some(size) => Naming::Named { size: *size },
            None if self.only_keeps(&key.0) => Naming::Unreadable,
            None => Naming::Unknown,
        }
    }

    pub(super) fn size_of(&self, hash: &BlobHash) -> Option<u64> {
        let blobs = &self.disk.blobs;
        let size = blobs.get(hash).map(|data| data.len() as u64);
        size.map(|size| size + blobs.boasts)
    }

    pub(super) fn part_of(&self, hash: &BlobHash) -> Option<Partial> {
        let torso = self.disk.blobs.torsos.get(hash)?;
        Some(Partial {
            size: torso.data.len() as u64,
            groups: torso.groups.clone(),
        })
    }

    pub(super) fn topics_of(&self, hash: &BlobHash) -> Vec<TopicId> {
        let names = self.disk.blobs.names.keys();
        names
            .filter(|key| key.1 == *hash)
            .map(|key| key.0)
            .collect()
    }

    pub(super) fn held_of(&self, topic: &TopicId) -> Vec<(BlobHash, u64)> {
        let names = self.disk.blobs.names.keys().filter(|key| key.0 == *topic);
        let here = names.filter_map(|key| Some((key.1, self.size_of(&key.1)?)));
        here.collect()
    }

    pub(super) fn room_for(&self, key: &BlobKey, size: u64) -> bool {
        let blobs = &self.disk.blobs;
        blobs.used(&key.0).saturating_add(size) <= blobs.quota_bytes
    }

    pub(super) fn piece_of(&mut self, hash: &BlobHash, span: Span) -> Option<Vec<u8>> {
        let blobs = &mut self.disk.blobs;
        let (data, hashes) = blobs.whole.get(hash)?;
        let tree = Tree::at(hash, data.len() as u64, &hashes[..]);
        let Ok(mut bytes) = encode(&data[..], &tree, span) else {
            blobs.whole.remove(hash);
            return None;
        };
        if blobs.spoils
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
        }
        Some(bytes)
    }

    pub(super) fn keep_piece(&mut self, key: &BlobKey, piece: &Piece) -> Kept {
        let size = piece.size();
        if !self.room_for(key, size) {
            return Kept::NoRoom;
        }
        let blobs = &mut self.disk.blobs;
        blobs.name(*key, Some(size));
        let torso = blobs.torsos.entry(*piece.hash()).or_insert_with(|| Torso {
            data: vec![0; size as usize],
            hashes: Vec::new(),
            groups: Groups::none(size),
        });
        if let Err(error) = piece.write(&mut torso.data, &mut torso.hashes) {
            panic!("a piece that fits nowhere: {error}");
        }
        let before = torso.groups.held();
        torso.groups.put(piece.span());
        blobs.pieces += 1;
        blobs.twice += u64::from(torso.groups.held() == before);
        if !torso.groups.is_whole() {
            return Kept::Part;
        }
        if let Some(torso) = blobs.torsos.remove(piece.hash()) {
            let whole = (torso.data, torso.hashes);
            blobs.whole.insert(*piece.hash(), whole);
        }
        Kept::Whole
    }
}

impl World {
    /// Stores a blob at a host and writes an entry of a topic that names it.
    pub fn publish_blob(&mut self, host: usize, topic: TopicId, bytes: &[u8]) -> BlobKey {
        let Some(life) = self.hosts[host].life.as_mut() else {
            panic!("host {host} is down");
        };
        let hash = life.repo.blobs().add(bytes);
        let reference = BlobRef {
            hash,
            size: bytes.len() as u64,
            media_type: Some("image/webp".into()),
            key: None,
        };
        let body = Value::map([("image", reference.value())]);
        let payload = PayloadBuilder::new("note.image", body).encode();
        self.write_payload(host, topic, &payload.unwrap_or_default());
        self.feed(host, Input::BlobHere { hash });
        (topic, hash)
    }

    /// A host wants a blob.
    pub fn want_blob(&mut self, host: usize, key: BlobKey, size: Option<u64>) {
        self.feed(host, Input::BlobWanted { key, size });
    }

    /// Whether a host has all of a blob, and nothing else in its place.
    pub fn has_blob(&mut self, host: usize, hash: &BlobHash) -> bool {
        let life = self.hosts[host].life.as_mut();
        let data = life.and_then(|life| life.repo.blobs().get(hash));
        data.is_some_and(|data| blake3::hash(data).as_bytes() == &hash.0)
    }
}

/// What the store in memory answers of blobs can't fail.
pub(super) type Answer<T> = Result<T, Infallible>;
