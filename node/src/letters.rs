//! Letters of first contact (`spec/07-sealed.md` 7.9): those that were written here and
//! wait for their readers, and the inbox in which those of others wait to be looked at.
//!
//! Both are files beside the store: nothing in them is an entry.

use std::path::PathBuf;

use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::sealed::inbox::{self, Delivery, Inbox, InboxLimits};
use synlog_log::sealed::letter::{Envelope, Invitation, LETTER_MAX, Letter, RUN_MAX};
use synlog_log::wire::{Reader, Writer};
use synlog_replication::peer::Peer;
use synlog_replication::repo::Post;

use crate::daemon::files::{bytes_of, interests, save};
use crate::entropy::random;
use crate::failure::Failure;
use crate::formats;
use crate::home::Home;
use crate::ledger::read;
use crate::node::Node;

/// Version of the file of letters.
const VERSION: u8 = 1;
/// Letters that wait to be handed over; the oldest makes room.
const POSTED_MAX: usize = 256;

/// A letter that was written here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The topic to which it invites.
    pub topic: TopicId,
    /// The letter.
    pub letter: Letter,
}

impl Home {
    fn inbox_path(&self) -> PathBuf {
        self.path().join("inbox")
    }

    fn letters_path(&self) -> PathBuf {
        self.path().join("letters")
    }

    /// Letters that were written here and wait to be handed over.
    pub fn letters(&self) -> Result<Vec<Posted>, Failure> {
        let path = self.letters_path();
        match bytes_of(&path)? {
            Some(bytes) => {
                formats::check_first(&path, &bytes, VERSION)?;
                decode(&bytes).map_err(|source| Failure::Letters { path, source })
            }
            None => Ok(Vec::new()),
        }
    }

    fn save_letters(&self, letters: &[Posted]) -> Result<(), Failure> {
        let mut bytes = vec![VERSION];
        bytes.put_varint(letters.len() as u64);
        for posted in letters {
            bytes.extend_from_slice(&posted.topic.0);
            bytes.put_bytes(&posted.letter.encode());
        }
        save(self, self.letters_path(), &bytes)
    }
}

/// Decodes the file of letters.
pub fn decode(bytes: &[u8]) -> Result<Vec<Posted>, Refusal> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != VERSION {
        return Err(Refusal::NotCanonical);
    }
    let mut letters = Vec::new();
    for _ in 0..reader.length(POSTED_MAX)? {
        letters.push(Posted {
            topic: TopicId(reader.array()?),
            letter: Letter::decode(reader.bytes(LETTER_MAX)?)?,
        });
    }
    reader.end()?;
    Ok(letters)
}

impl Node {
    /// Writes a letter that invites an entity to a topic. It is handed over when a node of
    /// that entity is met.
    pub fn write_letter(
        &mut self,
        to: EntityId,
        topic: &TopicId,
        message: &str,
        now_ms: u64,
    ) -> Result<Letter, Failure> {
        let Some(certificate) = self.certificate() else {
            return Err(Failure::NoHome(self.home.path().to_path_buf()));
        };
        let key = self.encryption_key_of(&to)?;
        let invitation = Invitation {
            topic: *topic,
            run: self.first_run(topic)?,
            // a member's key stands in the topic, sealed to it
            keys: Vec::new(),
            message: message.to_owned(),
        };
        let envelope = Envelope {
            to,
            key: &key,
            now_ms,
            certificate: &certificate.encode(),
        };
        let letter = Letter::write(&self.key, &envelope, &invitation, &random()?)
            .map_err(Failure::refused("the letter"))?;
        let mut letters = self.home.letters()?;
        let age_ms = InboxLimits::default().age_ms;
        letters.retain(|old| {
            let recent = now_ms.saturating_sub(old.letter.written_ms) <= age_ms;
            // the last word counts
            recent && !(old.letter.to == to && old.topic == *topic)
        });
        if letters.len() >= POSTED_MAX {
            letters.remove(0);
        }
        letters.push(Posted {
            topic: *topic,
            letter: letter.clone(),
        });
        self.home.save_letters(&letters)?;
        self.written_to.push(to);
        Ok(letter)
    }

    /// The run with which a topic begins, where it fits into a letter; else it comes when
    /// the topic is fetched.
    fn first_run(&self, topic: &TopicId) -> Result<Vec<u8>, Failure> {
        let Some(position) = self.store.locate(&EntryId(topic.0))? else {
            return Ok(Vec::new());
        };
        let record = read(&self.store, position)?;
        let run = record.map(|record| record.bytes);
        Ok(run.filter(|run| run.len() <= RUN_MAX).unwrap_or_default())
    }

    /// Letters that wait to be handed to an entity.
    pub(crate) fn letters_to(&self, entity: &EntityId) -> Result<Vec<Post>, Failure> {
        let letters = self.home.letters()?.into_iter();
        let theirs = letters.filter(|posted| posted.letter.to == *entity);
        Ok(theirs
            .map(|posted| Post {
                id: posted.letter.hash(),
                topic: posted.topic,
                letter: posted.letter.encode(),
            })
            .collect())
    }

    /// The inbox.
    pub fn inbox(&self) -> Result<Inbox, Failure> {
        let limits = InboxLimits::default();
        let path = self.home.inbox_path();
        let mut inbox = match bytes_of(&path)? {
            Some(bytes) => {
                formats::check_first(&path, &bytes, inbox::VERSION)?;
                Inbox::decode(self.entity, limits, &bytes)
                    .map_err(|source| Failure::Letters { path, source })?
            }
            None => Inbox::new(self.entity, limits),
        };
        for blocked in interests(&self.home)?.blocked {
            inbox.block(blocked);
        }
        Ok(inbox)
    }

    /// Writes the inbox down.
    pub fn save_inbox(&self, inbox: &Inbox) -> Result<(), Failure> {
        save(&self.home, self.home.inbox_path(), &inbox.encode())
    }

    /// Puts a letter that a peer wrote into the inbox. Gives whether it was taken.
    pub(crate) fn take_in_letter(
        &mut self,
        peer: &Peer,
        letter: &[u8],
        now_ms: u64,
    ) -> Result<Option<EntityId>, Failure> {
        let Some(by) = peer.proven.map(|proven| proven.entity) else {
            return Ok(None);
        };
        let mut inbox = self.inbox()?;
        match inbox.deliver(letter, (by, peer.node.0), now_ms) {
            Delivery::Taken => {
                self.save_inbox(&inbox)?;
                Ok(Some(by))
            }
            _ => Ok(None),
        }
    }
}
