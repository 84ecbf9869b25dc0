//! The bounded box in which letters of first contact wait to be looked at
//! (`spec/07-sealed.md` 7.9).

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::EntityId;
use crate::limits::AHEAD_MAX_MS;
use crate::refusal::Refusal;
use crate::sealed::letter::{LETTER_MAX, Letter};
use crate::wire::{Reader, Writer};

/// Version of the form in which it is kept.
pub const VERSION: u8 = 1;
/// Letters that are remembered when they were answered.
const ANSWERED_MAX: usize = 4_096;

/// How much an inbox holds. What doesn't fit is turned away, never put in the place of
/// another: a flood can't push out what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxLimits {
    /// Letters of one entity: enough to be asked twice, and again.
    pub of_one: usize,
    /// Letters in all.
    pub letters: usize,
    /// Bytes in all.
    pub bytes: usize,
    /// How long one waits.
    pub age_ms: u64,
}

impl Default for InboxLimits {
    fn default() -> Self {
        Self {
            of_one: 3,
            letters: 256,
            bytes: 2 * 1024 * 1024,
            age_ms: 30 * 24 * 3_600_000,
        }
    }
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It waits to be looked at.
    Taken,
    /// It is there already, or was answered or thrown away.
    Known,
    /// It claims to be written so long ago, or so far ahead, that it does not count.
    OutOfTime,
    /// It isn't for an entity of this inbox.
    NotForHere,
    /// Somebody else than its writer handed it over.
    NotTheWriter,
    /// Its writer is blocked.
    Blocked,
    /// Its writer has as many here as it may.
    TooManyOfOne,
    /// The inbox is full.
    Full,
    /// It is no letter, or its signature or certificate doesn't check.
    Refused(Refusal),
}

/// A letter that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLetter {
    /// When it came, UTC milliseconds.
    pub came_ms: u64,
    /// Whose device wrote it.
    pub from: EntityId,
    /// The node that handed it over.
    pub via: [u8; 32],
    /// The letter.
    pub letter: Letter,
    bytes: usize,
}

/// Letters that wait to be looked at. Pure: time is handed in.
#[derive(Debug, Clone)]
pub struct Inbox {
    owner: EntityId,
    limits: InboxLimits,
    blocked: BTreeSet<EntityId>,
    letters: BTreeMap<[u8; 32], WaitingLetter>,
    /// Letters that were taken out, with the time at which they were written: they may
    /// come again.
    answered: BTreeMap<[u8; 32], u64>,
}

impl Inbox {
    /// An empty one.
    pub fn new(owner: EntityId, limits: InboxLimits) -> Self {
        Self {
            owner,
            limits,
            blocked: BTreeSet::new(),
            letters: BTreeMap::new(),
            answered: BTreeMap::new(),
        }
    }

    /// Takes nothing more from an entity, and throws away what it wrote.
    pub fn block(&mut self, entity: EntityId) {
        self.blocked.insert(entity);
        self.letters.retain(|_, waiting| waiting.from != entity);
    }

    /// Takes in a letter that a device of an entity handed over, at a node.
    pub fn deliver(
        &mut self,
        bytes: &[u8],
        (by, via): (EntityId, [u8; 32]),
        now_ms: u64,
    ) -> Delivery {
        self.expire(now_ms);
        // the cheap questions come first: a signature is checked only where there is room
        let letter = match Letter::decode(bytes) {
            Ok(letter) => letter,
            Err(refusal) => return Delivery::Refused(refusal),
        };
        let id = letter.hash();
        if letter.to != self.owner {
            return Delivery::NotForHere;
        }
        if self.letters.contains_key(&id) || self.answered.contains_key(&id) {
            return Delivery::Known;
        }
        let old = now_ms.saturating_sub(letter.written_ms) > self.limits.age_ms;
        if old || letter.written_ms > now_ms.saturating_add(AHEAD_MAX_MS) {
            return Delivery::OutOfTime;
        }
        let held: usize = self.letters.values().map(|waiting| waiting.bytes).sum();
        if self.letters.len() >= self.limits.letters || held + bytes.len() > self.limits.bytes {
            return Delivery::Full;
        }
        let from = match letter.verify() {
            Ok(from) => from,
            Err(refusal) => return Delivery::Refused(refusal),
        };
        // else one writer could fill the box in the name of many
        if from != by {
            return Delivery::NotTheWriter;
        }
        if self.blocked.contains(&from) {
            return Delivery::Blocked;
        }
        let of_one = self.letters.values().filter(|other| other.from == from);
        if of_one.count() >= self.limits.of_one {
            return Delivery::TooManyOfOne;
        }
        let waiting = WaitingLetter {
            came_ms: now_ms,
            from,
            via,
            letter,
            bytes: bytes.len(),
        };
        self.letters.insert(id, waiting);
        Delivery::Taken
    }

    /// Lets go of what has waited too long.
    pub fn expire(&mut self, now_ms: u64) {
        let age_ms = self.limits.age_ms;
        let recent = |since_ms: u64| now_ms.saturating_sub(since_ms) <= age_ms;
        self.letters.retain(|_, waiting| recent(waiting.came_ms));
        self.answered.retain(|_, written_ms| recent(*written_ms));
    }

    /// The letters by their ids, those that came first before others.
    pub fn letters(&self) -> Vec<(&[u8; 32], &WaitingLetter)> {
        let mut letters: Vec<_> = self.letters.iter().collect();
        letters.sort_by_key(|(_, waiting)| waiting.came_ms);
        letters
    }

    /// Takes a letter out: it was answered or thrown away, and does not come again.
    pub fn remove(&mut self, id: &[u8; 32]) -> Option<WaitingLetter> {
        let waiting = self.letters.remove(id)?;
        if self.answered.len() >= ANSWERED_MAX {
            let oldest = self.answered.iter().min_by_key(|(_, written)| **written);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.answered.remove(&oldest);
            }
        }
        self.answered.insert(*id, waiting.letter.written_ms);
        Some(waiting)
    }

    /// As it is kept on a disk.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.put_varint(self.letters.len() as u64);
        for waiting in self.letters.values() {
            out.put_varint(waiting.came_ms);
            out.extend_from_slice(&waiting.from.0);
            out.extend_from_slice(&waiting.via);
            out.put_bytes(&waiting.letter.encode());
        }
        out.put_varint(self.answered.len() as u64);
        for (id, written_ms) in &self.answered {
            out.extend_from_slice(id);
            out.put_varint(*written_ms);
        }
        out
    }

    /// Reads what was kept. What letters say of themselves was checked when they came.
    pub fn decode(owner: EntityId, limits: InboxLimits, bytes: &[u8]) -> Result<Self, Refusal> {
        let mut inbox = Self::new(owner, limits);
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(Refusal::NotCanonical);
        }
        for _ in 0..reader.length(limits.letters)? {
            let came_ms = reader.varint()?;
            let (from, via) = (EntityId(reader.array()?), reader.array()?);
            let bytes = reader.bytes(LETTER_MAX)?;
            let letter = Letter::decode(bytes)?;
            let waiting = WaitingLetter {
                came_ms,
                from,
                via,
                bytes: bytes.len(),
                letter,
            };
            inbox.letters.insert(waiting.letter.hash(), waiting);
        }
        for _ in 0..reader.length(ANSWERED_MAX)? {
            let id = reader.array()?;
            inbox.answered.insert(id, reader.varint()?);
        }
        reader.end()?;
        Ok(inbox)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::Person;
    use crate::sealed::letter::tests::letter;

    const VIA: [u8; 32] = [6; 32];

    fn by(person: &Person) -> (EntityId, [u8; 32]) {
        (person.id(), VIA)
    }

    #[test]
    fn an_inbox_is_bounded_and_keeps_what_came_first() {
        let to = Person::new(1, 1);
        let limits = InboxLimits {
            letters: 10,
            ..InboxLimits::default()
        };
        let mut inbox = Inbox::new(to.id(), limits);
        let writers: Vec<Person> = (0..5).map(|n| Person::new(20 + n * 40, 1)).collect();
        let mut counts = BTreeMap::new();
        for number in 0..5 {
            for writer in &writers {
                let delivery = inbox.deliver(&letter(writer, &to, number), by(writer), 10);
                *counts.entry(format!("{delivery:?}")).or_insert(0) += 1;
            }
        }
        let expected = [("Full".to_owned(), 15), ("Taken".to_owned(), 10)];
        assert_eq!(counts, expected.into());
        assert_eq!(
            inbox.deliver(&letter(&writers[0], &to, 0), by(&writers[0]), 10),
            Delivery::Known
        );
        let wrong = inbox.deliver(&letter(&writers[0], &writers[1], 0), by(&writers[0]), 10);
        assert_eq!(wrong, Delivery::NotForHere);
        let carried = inbox.deliver(&letter(&writers[0], &to, 8), by(&writers[1]), 10);
        assert_eq!(carried, Delivery::Full);
        inbox.block(writers[0].id());
        let blocked = inbox.deliver(&letter(&writers[0], &to, 9), by(&writers[0]), 10);
        assert_eq!((blocked, inbox.letters().len()), (Delivery::Blocked, 8));
        let more: Vec<Delivery> = (10..12)
            .map(|number| inbox.deliver(&letter(&writers[1], &to, number), by(&writers[1]), 10))
            .collect();
        assert_eq!(more, [Delivery::Taken, Delivery::TooManyOfOne]);
        let carried = inbox.deliver(&letter(&writers[2], &to, 8), by(&writers[1]), 10);
        assert_eq!(carried, Delivery::NotTheWriter);
        inbox.expire(10 + limits.age_ms + 1);
        assert_eq!(inbox.letters().len(), 0);
    }
    #[test]
    fn what_was_answered_does_not_come_again_and_a_disk_keeps_it() {
        let [from, to] = [1, 41].map(|number| Person::new(number, 1));
        let limits = InboxLimits::default();
        let mut inbox = Inbox::new(to.id(), limits);
        for number in 0..3 {
            let delivery = inbox.deliver(
                &letter(&from, &to, number),
                by(&from),
                10 + u64::from(number),
            );
            assert_eq!(delivery, Delivery::Taken);
        }
        let came: Vec<u64> = inbox.letters().iter().map(|(_, it)| it.came_ms).collect();
        assert_eq!(came, [10, 11, 12]);
        let first = *inbox.letters()[0].0;
        assert_eq!(inbox.remove(&first).unwrap().via, VIA);
        assert!(inbox.remove(&first).is_none());
        let bytes = inbox.encode();
        let mut again = Inbox::decode(to.id(), limits, &bytes).unwrap();
        assert_eq!(again.encode(), bytes);
        assert_eq!(again.letters(), inbox.letters());
        let mut deliver =
            |number, now_ms| again.deliver(&letter(&from, &to, number), by(&from), now_ms);
        assert_eq!(deliver(0, 20), Delivery::Known);
        assert_eq!(deliver(3, 20), Delivery::Taken);
        // what is forgotten is too old to come again
        assert_eq!(deliver(0, 6 + limits.age_ms), Delivery::OutOfTime);
        for cut in 0..bytes.len() {
            assert!(Inbox::decode(to.id(), limits, &bytes[..cut]).is_err());
        }
    }
}
