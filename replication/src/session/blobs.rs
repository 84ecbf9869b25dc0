//! Words about blobs on their way through a meeting: the topic stands as its short there.

use synlog_log::ids::TopicId;

use super::Session;
use super::terms::Event;
use crate::blobs::{BlobKey, BlobMessage, BlobWord};
use crate::message::Message;

/// Bytes that may wait at this side's link while pieces of blobs are added: two of them, so
/// that the link is busy and an entry that comes now waits for no more.
const LINK_BYTES_MAX: usize = 128 * 1024;

impl Session {
    /// Whether the peer is spoken to about blobs of a topic.
    pub fn speaks_of(&self, topic: &TopicId) -> bool {
        self.speaks_of_blobs && self.scope.contains(topic)
    }

    /// Whether a piece of a blob may leave now: entries go first.
    pub fn has_room_for_piece(&self) -> bool {
        self.outbox.is_empty() && self.outbox.held_bytes() < LINK_BYTES_MAX
    }

    /// A word about a blob, as it is sent; `None` where the topic is not shared any more.
    pub fn blob_word(&mut self, key: &BlobKey, word: BlobWord) -> Option<Vec<u8>> {
        let meeting = self.meeting.filter(|_| self.speaks_of(&key.0))?;
        let blob = BlobMessage {
            topic: meeting.topic(&key.0),
            hash: key.1,
            word,
        };
        let bytes = Message::Blob(blob).encode();
        self.outbox.written(bytes.len());
        Some(bytes)
    }

    /// What the peer says of a blob. What concerns a topic that is not shared may have been
    /// on its way when that ended.
    pub(super) fn word_about(&self, blob: BlobMessage) -> Option<Event> {
        let topic = self.offered.get(&blob.topic).copied()?;
        let key = (topic, blob.hash);
        let word = blob.word;
        self.scope
            .contains(&topic)
            .then_some(Event::Blob { key, word })
    }
}
