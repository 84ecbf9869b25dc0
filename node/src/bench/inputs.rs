//! What is measured on: feeds from numbers, the same on every machine.

use synlog_log::admission::Tip;
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::keys::SecretKey;
use synlog_log::payload::PayloadBuilder;
use synlog_log::scenario::{Person, START_MS, genesis};
use synlog_log::topic::{GENESIS_KIND, Genesis, Mode};

use crate::failure::Failure;

/// Bytes in a payload's body that are only there to make the payload 200 bytes long.
const FILL_BYTES: usize = 166;

/// Payload number `n`. What fills it does not compress, so that a rival that
/// compresses neither gains nor loses by it.
pub(super) fn payload(n: u64) -> Result<Vec<u8>, Failure> {
    let mut fill = vec![0; FILL_BYTES];
    blake3::Hasher::new()
        .update(&n.to_le_bytes())
        .finalize_xof()
        .fill(&mut fill);
    // above 2^32 every number takes nine bytes
    let number = (1 << 40) + n as i64;
    let body = Value::map([("n", Value::Int(number)), ("note", Value::Bytes(fill))]);
    PayloadBuilder::new("bench.note", body)
        .encode()
        .map_err(Failure::refused("a payload of the bench"))
}

/// A feed that is being written.
pub(super) struct Feed {
    key: SecretKey,
    certificate: Vec<u8>,
    topic: TopicId,
    tip: Option<Tip>,
    /// Tells the payloads of one feed from those of another.
    number: u64,
}

impl Feed {
    /// A feed of a person's first device.
    pub(super) fn new(person: &Person, topic: TopicId, number: u64) -> Self {
        let certificate = person.log.certificate(&person.device(0));
        Self {
            key: person.devices[0].clone(),
            certificate: certificate.map(|it| it.encode()).unwrap_or_default(),
            topic,
            tip: None,
            number,
        }
    }

    /// The feed that begins an ordered topic of some people, and the run with its genesis.
    pub(super) fn founding(people: &[Person]) -> Result<(Self, Vec<u8>), Failure> {
        Self::founding_as(Mode::Ordered, people)
    }

    /// The same with other members too.
    pub(super) fn founding_for(
        people: &[Person],
        others: &[EntityId],
    ) -> Result<(Self, Vec<u8>), Failure> {
        let mut genesis = genesis(Mode::Ordered, &members_of(people));
        let others = others.iter().map(|other| (*other, "member".to_owned()));
        genesis.members.extend(others);
        Self::begin(people, &genesis)
    }

    /// The same for a topic of either kind.
    pub(super) fn founding_as(mode: Mode, people: &[Person]) -> Result<(Self, Vec<u8>), Failure> {
        Self::begin(people, &genesis(mode, &members_of(people)))
    }

    fn begin(people: &[Person], genesis: &Genesis) -> Result<(Self, Vec<u8>), Failure> {
        let mut feed = Self::new(&people[0], TopicId::ZERO, 0);
        let body = genesis.body();
        let payload = PayloadBuilder::new(GENESIS_KIND, body)
            .encode()
            .map_err(Failure::refused("the genesis of the bench"))?;
        let mut draft = Draft::first(&feed.key, TopicId::ZERO, feed.certificate.clone());
        let id = draft.add(START_MS, &[], &payload)?;
        let run = feed.sign(draft)?;
        feed.topic = TopicId(id.0);
        Ok((feed, run))
    }

    /// The topic that it is in.
    pub(super) fn topic(&self) -> TopicId {
        self.topic
    }

    /// Its last entry with its clock, to be cited.
    pub(super) fn head(&self) -> Option<(EntryId, u64)> {
        self.tip.as_ref().map(|tip| (tip.id, tip.hlc))
    }

    /// Writes so many entries and signs them as one run. The first cites what is
    /// given (in a new feed that must be the genesis).
    pub(super) fn run(
        &mut self,
        entries: usize,
        cited: &[(EntryId, u64)],
    ) -> Result<Vec<u8>, Failure> {
        let mut draft = match self.tip.take() {
            Some(tip) => Draft::after(&self.key, self.topic, tip),
            None => Draft::first(&self.key, self.topic, self.certificate.clone()),
        };
        for index in 0..entries {
            let seq = draft.tip().map_or(0, |tip| tip.seq + 1);
            let payload = payload(self.number << 24 | seq)?;
            let deps = if index == 0 { cited } else { &[] };
            draft.add(START_MS + 1 + seq, deps, &payload)?;
        }
        self.sign(draft)
    }

    /// Writes payloads at a time, signs them as one run and gives their ids. The first
    /// cites what is given (in a new feed that must be the genesis).
    pub(super) fn write(
        &mut self,
        at_ms: u64,
        cited: &[(EntryId, u64)],
        payloads: &[Vec<u8>],
    ) -> Result<(Vec<u8>, Vec<EntryId>), Failure> {
        let mut draft = match self.tip.take() {
            Some(tip) => Draft::after(&self.key, self.topic, tip),
            None => Draft::first(&self.key, self.topic, self.certificate.clone()),
        };
        let mut ids = Vec::with_capacity(payloads.len());
        for (index, payload) in payloads.iter().enumerate() {
            let deps = if index == 0 { cited } else { &[] };
            ids.push(draft.add(at_ms, deps, payload)?);
        }
        Ok((self.sign(draft)?, ids))
    }

    fn sign(&mut self, draft: Draft) -> Result<Vec<u8>, Failure> {
        let nothing = || Failure::System("a run of the bench came out empty".into());
        let (run, tip) = draft.sign().ok_or_else(nothing)?;
        self.tip = Some(tip);
        Ok(run)
    }
}

/// The feeds of some people in a topic of theirs, and its runs: about so many entries.
pub(super) fn filled(
    people: &[Person],
    others: &[EntityId],
    entries: usize,
) -> Result<(TopicId, Vec<Vec<u8>>), Failure> {
    const RUN: usize = 256;
    let (founding, genesis) = Feed::founding_for(people, others)?;
    let topic = founding.topic();
    let root: Vec<_> = founding.head().into_iter().collect();
    let (mut feeds, mut runs) = (vec![founding], vec![genesis]);
    for (number, person) in people.iter().enumerate().skip(1) {
        let mut feed = Feed::new(person, topic, number as u64);
        runs.push(feed.run(1, &root)?);
        feeds.push(feed);
    }
    for number in 0..entries / RUN {
        runs.push(feeds[number % people.len()].run(RUN, &[])?);
    }
    Ok((topic, runs))
}

fn members_of(people: &[Person]) -> Vec<(&Person, &'static str)> {
    people.iter().map(|person| (person, "member")).collect()
}

/// People with one device each.
pub(super) fn people(count: u8) -> Vec<Person> {
    (1..=count).map(|n| Person::new(n, 1)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_payloads_have_200_bytes() {
        for n in [0, 1, 255, 1 << 20, 99_999 << 24 | 1_000_000] {
            assert_eq!(payload(n).unwrap().len(), 200);
        }
    }
}
