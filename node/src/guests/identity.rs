//! Who a guest is: a bundle of its profile and identity statements, judged in memory. A
//! stranger costs no disk.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::bundle::{BundleReader, RecordKind, verify};
use synlog_log::identity::{Certificate, IdentityLog, SignedStatement};
use synlog_log::ids::{DeviceId, EntityId, FeedKey, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::run::RunView;
use synlog_log::topic::Visibility;
use synlog_web::Problem;

use crate::identity::profile::{APP, Profile};

/// Bytes of a bundle.
const BYTES_MAX: usize = 64 << 10;
/// Records of it.
const RECORDS_MAX: usize = 256;
/// Entries of a profile.
const ENTRIES_MAX: usize = 512;
/// Feeds of a profile: one of each device.
const FEEDS_MAX: usize = 8;
/// Letters of a name.
const NAME_MAX: usize = 40;

/// What a guest says of itself, checked.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// Who it is.
    pub(super) entity: EntityId,
    /// What its root says.
    pub(super) log: IdentityLog,
    /// The runs of its profile, if it brought one.
    pub(super) runs: Vec<Vec<u8>>,
    /// What it calls itself.
    pub(super) name: Option<String>,
}

/// A bundle that is not right.
fn bad(what: impl Into<String>) -> Problem {
    Problem::new(422, "bad_profile", what)
}

fn refused(refusal: Refusal) -> Problem {
    bad(format!("the bundle is refused: {refusal}")).with("rule", refusal.code())
}

/// The statements and runs of a bundle, within bounds.
fn records(bytes: &[u8]) -> Result<(Vec<SignedStatement>, Vec<Vec<u8>>), Problem> {
    if bytes.len() > BYTES_MAX {
        let text = format!("a profile has at most {BYTES_MAX} bytes");
        return Err(Problem::new(413, "too_large", text));
    }
    let unreadable = |error| bad(format!("the bundle can't be read: {error}"));
    let mut reader = BundleReader::new(bytes).map_err(unreadable)?;
    let (mut statements, mut runs, mut count) = (Vec::new(), Vec::new(), 0);
    while let Some(record) = reader.next_record().map_err(unreadable)? {
        count += 1;
        if count > RECORDS_MAX {
            return Err(bad(format!("a profile has at most {RECORDS_MAX} records")));
        }
        match record.kind {
            RecordKind::Statement => {
                statements.push(SignedStatement::decode(&record.data).map_err(refused)?);
            }
            RecordKind::Run => runs.push(record.data),
            RecordKind::Note => {}
            _ => return Err(bad("a profile has runs and identity statements alone")),
        }
    }
    Ok((statements, runs))
}

/// Judges a bundle.
pub(super) fn read(bytes: &[u8]) -> Result<Said, Problem> {
    let (mut statements, runs) = records(bytes)?;
    let (mut feeds, mut entries) = (BTreeSet::<FeedKey>::new(), 0);
    for bytes in &runs {
        let run = RunView::decode(bytes).map_err(refused)?;
        feeds.insert(run.feed);
        entries += run.entries.len();
        // who has no statements beside has those of its certificate
        if let Some(certificate) = run.certificate {
            let Certificate { rotations, certify } =
                Certificate::decode(certificate).map_err(refused)?;
            statements.extend(rotations);
            statements.push(certify);
        }
    }
    let topics: BTreeSet<TopicId> = feeds.iter().map(|feed| feed.topic).collect();
    if topics.len() > 1 || feeds.len() > FEEDS_MAX || entries > ENTRIES_MAX {
        return Err(bad("that is more than one small profile"));
    }
    statements.sort_by_key(|signed| signed.statement.number);
    let entity = statements.first().map(|signed| signed.statement.entity);
    let entity = entity.ok_or_else(|| bad("the bundle has no identity statement"))?;
    let mut log = IdentityLog::new(entity);
    for signed in statements {
        log.add(signed).map_err(refused)?;
    }
    if !log.conflicts().is_empty() {
        let text = "the root of this entity signed two statements under one number";
        return Err(Problem::new(403, "identity_forked", text));
    }
    let profile = topics.first().copied();
    let name = match profile {
        Some(topic) => profile_name(bytes, &runs, &topic, &entity)?,
        None => None,
    };
    Ok(Said {
        entity,
        log,
        runs,
        name,
    })
}

/// Checks a profile to its last signature. Gives what its entity calls itself.
fn profile_name(
    bytes: &[u8],
    runs: &[Vec<u8>],
    topic: &TopicId,
    entity: &EntityId,
) -> Result<Option<String>, Problem> {
    let report = verify(bytes).map_err(|error| bad(format!("the bundle: {error}")))?;
    if let Some(problem) = report.problems.first() {
        return Err(refused(problem.refusal));
    }
    let told = report.topics.iter().find(|told| told.topic == *topic);
    let told = told.ok_or_else(|| bad("the profile does not begin"))?;
    let genesis = told.order.genesis();
    let fits = genesis.is_some_and(|it| it.app == APP && it.visibility == Visibility::Public);
    if !fits || told.feeds.iter().any(|feed| feed.entity != *entity) {
        return Err(bad("the topic is no profile of this entity"));
    }
    // only its own devices wrote; the last word counts
    let (mut profile, mut order) = (Profile::default(), BTreeMap::new());
    for run in runs {
        let run = RunView::decode(run).map_err(refused)?;
        for entry in &run.entries {
            let Ok(payload) = entry.payload.split() else {
                continue;
            };
            if let Ok(event) = payload.check() {
                order.insert((entry.hlc, entry.id), (event.kind.to_owned(), event.body));
            }
        }
    }
    for (kind, body) in order.values() {
        profile.take(kind, body, None);
    }
    let letters = profile.name.chars().filter(|letter| is_plain(*letter));
    let name: String = letters.take(NAME_MAX).collect();
    let name = name.trim();
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// Letters of which names of topics are made here.
fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '.' | '\'' | '&')
}

/// Whether a log lets a device act for its entity.
///
/// # Errors
/// Where it does not.
pub(super) fn certified(log: &IdentityLog, device: &DeviceId) -> Result<(), Problem> {
    if log.is_revoked(device) {
        let text = "this device was revoked by its entity";
        return Err(Problem::new(403, "revoked", text));
    }
    match log.certificate(device) {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            403,
            "not_certified",
            "no identity statement certifies this device",
        )
        .hint("send a bundle with the identity statements of the entity")),
    }
}

/// What a relation with a guest is called.
pub(super) fn name_of(entity: &EntityId, name: Option<&str>, digits: usize) -> String {
    let front = &entity.to_string()[..digits.min(64)];
    match name {
        Some(name) => format!("{name} {front}"),
        None => format!("guest-{front}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use synlog_log::bundle::BundleWriter;
    use synlog_log::scenario::Person;

    fn bundle(records: &[(RecordKind, Vec<u8>)]) -> Vec<u8> {
        let mut writer = BundleWriter::new(Vec::new()).unwrap();
        for (kind, data) in records {
            writer.record(*kind, data).unwrap();
        }
        writer.finish().unwrap()
    }

    fn statements(person: &Person) -> Vec<(RecordKind, Vec<u8>)> {
        let statements = person.log.statements();
        statements
            .map(|signed| (RecordKind::Statement, signed.encode()))
            .collect()
    }

    #[test]
    fn statements_alone_say_who_it_is() {
        let (person, other) = (Person::new(7, 2), Person::new(9, 1));
        let said = read(&bundle(&statements(&person))).unwrap();
        assert_eq!((said.entity, said.runs.len()), (person.id(), 0));
        assert!(certified(&said.log, &person.device(1)).is_ok());
        let stranger = certified(&said.log, &other.device(0)).unwrap_err();
        assert_eq!(
            (stranger.status, &stranger.code[..]),
            (403, "not_certified")
        );
        let both = [statements(&person), statements(&other)].concat();
        assert_eq!(read(&bundle(&both)).unwrap_err().code, "bad_profile");
        let late = bundle(&statements(&person)[1..]);
        assert_eq!(read(&late).unwrap_err().code, "bad_profile");
        assert_eq!(read(&bundle(&[])).unwrap_err().code, "bad_profile");
        let module = bundle(&[(RecordKind::Reducer, vec![0; 8])]);
        assert_eq!(read(&module).unwrap_err().code, "bad_profile");
        assert_eq!(read(&vec![0; BYTES_MAX + 1]).unwrap_err().status, 413);
        let many = vec![(RecordKind::Note, vec![0xa0]); RECORDS_MAX + 1];
        assert_eq!(read(&bundle(&many)).unwrap_err().code, "bad_profile");
    }

    #[test]
    fn a_forged_statement_is_refused() {
        let mut records = statements(&Person::new(7, 1));
        let last = records[0].1.len() - 1;
        records[0].1[last] ^= 1;
        assert_eq!(read(&bundle(&records)).unwrap_err().code, "bad_profile");
    }

    #[test]
    fn names_are_plain_and_end_with_the_entity() {
        let entity = EntityId([0x1a; 32]);
        assert_eq!(name_of(&entity, None, 6), "guest-1a1a1a");
        assert_eq!(name_of(&entity, Some("Mari"), 6), "Mari 1a1a1a");
    }

    proptest! {
        #[test]
        fn whatever_is_sent(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let framed = bundle(&[(RecordKind::Run, bytes.clone()), (RecordKind::Statement, bytes)]);
            prop_assert!(read(&framed).is_err());
        }
    }
}
