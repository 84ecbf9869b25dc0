//! What is appended: entries of one feed, each signed, in the form in which they travel.

use synlog_log::admission::Tip;
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::ids::TopicId;
use synlog_log::payload::PayloadBuilder;
use synlog_log::run::RunView;
use synlog_log::scenario::{Person, START_MS};
use synlog_log::store::RunFacts;

use crate::Fallible;

/// A signed entry and what a store with an index must know of it.
pub struct Entry {
    /// The run of this one entry.
    pub bytes: Vec<u8>,
    /// Feed, seq, id.
    pub facts: RunFacts,
}

/// Writes a feed.
pub struct Writer {
    person: Person,
    tip: Option<Tip>,
    /// State of a small generator: what fills the payloads does not compress.
    state: u64,
}

impl Writer {
    /// A new feed; always the same one.
    pub fn new() -> Self {
        Self {
            person: Person::new(1, 1),
            tip: None,
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// The next entries. Their payloads have 200 bytes.
    pub fn entries(&mut self, count: usize) -> Fallible<Vec<Entry>> {
        (0..count).map(|_| self.entry()).collect()
    }

    fn entry(&mut self) -> Fallible<Entry> {
        let fill: Vec<u8> = (0..177).map(|_| self.next_byte()).collect();
        let body = Value::map([("note", Value::Bytes(fill))]);
        let payload = PayloadBuilder::new("bench.note", body).encode()?;
        assert_eq!(payload.len(), 200);
        let key = &self.person.devices[0];
        let topic = TopicId([7; 32]);
        let seq = self.tip.as_ref().map_or(0, |tip| tip.seq + 1);
        let mut draft = match self.tip.take() {
            Some(tip) => Draft::after(key, topic, tip),
            None => {
                let certificate = self.person.log.certificate(&self.person.device(0));
                let certificate = certificate.ok_or("the device has no certificate")?;
                Draft::first(key, topic, certificate.encode())
            }
        };
        draft.add(START_MS + seq, &[], &payload)?;
        let (bytes, tip) = draft.sign().ok_or("nothing was written")?;
        self.tip = Some(tip);
        let facts = RunView::decode(&bytes)?.facts();
        Ok(Entry { bytes, facts })
    }

    /// The next byte of the generator (xorshift).
    pub fn next_byte(&mut self) -> u8 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 32) as u8
    }
}
