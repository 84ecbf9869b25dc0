//! What goes over between a relation and its guest's browser: bundles both ways.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::bundle::{BundleReader, BundleWriter, RecordKind};
use synlog_log::identity::{IdentityLog, SignedStatement};
use synlog_log::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::replica::genesis_of;
use synlog_log::run::RunView;
use synlog_replication::peer::{NodeId, Peer, Proven};
use synlog_replication::repo::Access;
use synlog_web::Problem;
use synlog_web::guests::Pulled;
use synlog_web::guests::backend::Heights;

use crate::failure::Failure;
use crate::guests::founding::source_of;
use crate::guests::identity::certified;
use crate::guests::returning::Writers;
use crate::guests::spaces::{nothing, problem};
use crate::identity::profile::APP;
use crate::intake::Intake;
use crate::node::Node;

/// Bytes of a bundle that is pulled.
pub(super) const PULL_MAX: usize = 1 << 20;
/// Receipts of a bundle: the last ones are those that say most.
const RECEIPTS_MAX: usize = 64;
/// Records of what is pushed at once.
const RECORDS_MAX: usize = 1_024;
/// Entries of a guest's profile that are kept.
const PROFILE_ENTRIES_MAX: u64 = 2_000;

/// Who asks, as a member of a topic.
pub(super) struct Member {
    pub(super) entity: EntityId,
    pub(super) device: DeviceId,
}

/// Whether a guest may fetch a topic, by the same rule as any node.
///
/// # Errors
/// Where it may not.
pub(super) fn may_fetch(node: &mut Node, member: &Member, topic: &TopicId) -> Result<(), Problem> {
    let peer = Peer {
        node: NodeId([0; 32]),
        proven: Some(Proven {
            device: member.device,
            entity: member.entity,
        }),
    };
    match node.access_of(topic, &peer) {
        Access::Member => Ok(()),
        _ => Err(nothing()),
    }
}

/// How far the feeds of a topic go.
pub(super) fn heights(node: &mut Node, topic: &TopicId) -> Result<Heights, Failure> {
    let mut heights = Vec::new();
    for state in node.store.feeds_of(topic) {
        let row = node.frontier_row(&state)?;
        heights.push((row.feed.author.to_string(), row.height));
    }
    heights.sort();
    Ok(heights)
}

/// What of a topic goes beyond some heights, ancestors first, in a bundle with about so many
/// bytes of runs: what was cut off builds on what is in it, never the other way round.
pub fn pull(
    node: &mut Node,
    topic: &TopicId,
    have: &Heights,
    max_bytes: usize,
) -> Result<Pulled, Failure> {
    // what was erased shows in the order
    node.order(topic)?;
    let have: BTreeMap<&str, u64> = have.iter().map(|(of, at)| (&of[..], *at)).collect();
    let from_of = |author: &DeviceId| have.get(&author.to_string()[..]).copied().unwrap_or(0);
    let mut runs: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    // runs behind the end of what was read of some feed may build on what was not
    let mut upto = u64::MAX;
    for state in node.store.feeds_of(topic) {
        let height = node.frontier_row(&state)?.height;
        let from = from_of(&state.key.author);
        if from >= height {
            continue;
        }
        let found = node.runs_to_send(&state.key, from, max_bytes)?;
        if let Some((position, last)) = found.last() {
            let run = RunView::decode(last).map_err(Failure::refused("a stored run"))?;
            if run.last().seq + 1 < height {
                upto = upto.min(*position);
            }
        }
        runs.extend(found);
    }
    let unreadable = |error| Failure::System(format!("a bundle in memory: {error}"));
    let mut writer = BundleWriter::new(Vec::new()).map_err(unreadable)?;
    for statement in node.statements_for(topic)? {
        let kind = RecordKind::Statement;
        writer.record(kind, &statement).map_err(unreadable)?;
    }
    let (mut bytes, mut more) = (0, false);
    for (position, run) in &runs {
        // one at least, however large
        let full = bytes > 0 && bytes + run.len() > max_bytes;
        bytes += run.len();
        if *position > upto || full {
            more = true;
            break;
        }
        writer.record(RecordKind::Run, run).map_err(unreadable)?;
    }
    for (feed, (_, proof)) in &node.forks {
        if feed.topic == *topic {
            let kind = RecordKind::ForkProof;
            writer.record(kind, proof).map_err(unreadable)?;
        }
    }
    // those that say of what the guest does not have that it was here
    let receipts = node.receipts(topic).iter();
    let news = receipts.filter(|it| it.height >= from_of(&it.device));
    let news: Vec<_> = news.rev().take(RECEIPTS_MAX).collect();
    for receipt in news.iter().rev() {
        let kind = RecordKind::Receipt;
        writer.record(kind, &receipt.bytes).map_err(unreadable)?;
    }
    let bundle = writer.finish().map_err(unreadable)?;
    Ok(Pulled { bundle, more })
}

/// What was pushed, before anything of it is believed.
#[derive(Default)]
pub(super) struct Pushed {
    pub(super) runs: Vec<Vec<u8>>,
    statements: Vec<SignedStatement>,
}

fn refused(refusal: Refusal) -> Problem {
    let text = format!("the bundle is refused: {refusal}");
    Problem::new(422, refusal.code(), text)
}

/// Reads a bundle that was pushed.
///
/// # Errors
/// Where it is none, or has too much.
pub(super) fn read(bytes: &[u8]) -> Result<Pushed, Problem> {
    let unreadable = |error| {
        Problem::new(
            422,
            "bad_bundle",
            format!("the bundle can't be read: {error}"),
        )
    };
    let mut reader = BundleReader::new(bytes).map_err(unreadable)?;
    let (mut pushed, mut count) = (Pushed::default(), 0);
    while let Some(record) = reader.next_record().map_err(unreadable)? {
        count += 1;
        if count > RECORDS_MAX {
            let text = format!("a push has at most {RECORDS_MAX} records");
            return Err(Problem::new(413, "too_large", text));
        }
        match record.kind {
            RecordKind::Run => {
                RunView::decode(&record.data).map_err(refused)?;
                pushed.runs.push(record.data);
            }
            RecordKind::Statement => {
                let signed = SignedStatement::decode(&record.data).map_err(refused)?;
                pushed.statements.push(signed);
            }
            RecordKind::Note => {}
            _ => {
                let text = "a push has runs and identity statements alone";
                return Err(Problem::new(422, "bad_bundle", text));
            }
        }
    }
    pushed
        .statements
        .sort_by_key(|signed| signed.statement.number);
    Ok(pushed)
}

/// The guest's identity log with what it pushed of it; nothing is stored.
fn log_of(node: &Node, entity: &EntityId, pushed: &Pushed) -> Result<IdentityLog, Problem> {
    let known = node.identities.get(entity).cloned();
    let mut log = known.unwrap_or_else(|| IdentityLog::new(*entity));
    for signed in &pushed.statements {
        if signed.statement.entity != *entity {
            return Err(foreign());
        }
        log.add(signed.clone()).map_err(refused)?;
    }
    Ok(log)
}

fn foreign() -> Problem {
    let text = "there is something in it that is not the guest's own";
    Problem::new(403, "not_your_feed", text)
}

/// Whether a topic is the guest's profile, which may be on its way.
fn is_profile(node: &mut Node, feed: &FeedKey, run: &RunView<'_>, log: &IdentityLog) -> bool {
    let begins = genesis_of(run).filter(|_| TopicId(run.first().id.0) == feed.topic);
    if let Some(genesis) = begins {
        // one is enough: others would only cost room, and time in every search for one
        let known = node.profile_topic(&log.entity());
        let is_new = known.is_ok_and(|known| known.is_none_or(|known| known == feed.topic));
        return is_new && genesis.app == APP && !genesis.is_private();
    }
    let genesis = EntryId(feed.topic.0);
    let of_guest = match node.order(&feed.topic) {
        Ok(order) => order.entity_of(&genesis) == Some(log.entity()),
        Err(_) => false,
    };
    of_guest && node.is_profile(&feed.topic)
}

/// Checks that all of a push is of the relation, or the guest's own profile.
fn check(
    node: &mut Node,
    topic: &TopicId,
    pushed: &Pushed,
    log: &IdentityLog,
) -> Result<(), Problem> {
    let mut profiles = BTreeSet::new();
    let mut writers = Writers::of(node, topic, &log.entity());
    for bytes in &pushed.runs {
        let run = RunView::decode(bytes).map_err(refused)?;
        let of_guest = certified(log, &run.feed.author).is_ok();
        let of_relation = run.feed.topic == *topic;
        // what others wrote in it comes back from the guest where it was lost here
        if of_relation && (of_guest || writers.wrote(node, &run)) {
            continue;
        }
        if of_relation || !of_guest {
            return Err(foreign());
        }
        if profiles.contains(&run.feed.topic) {
            continue;
        }
        if !is_profile(node, &run.feed, &run, log) || run.last().seq >= PROFILE_ENTRIES_MAX {
            return Err(foreign());
        }
        profiles.insert(run.feed.topic);
    }
    match profiles.len() {
        0 | 1 => Ok(()),
        _ => Err(foreign()),
    }
}

/// What the first thing is that the rules refuse, if there is one.
fn refusal_of(intake: &Intake) -> Option<Problem> {
    if !intake.garbled.is_empty() {
        return Some(refused(Refusal::BadSignature));
    }
    let broken = intake.broken.first().map(|(_, refusal)| *refusal);
    let refused_run = intake.refused.first().map(|(_, _, refusal)| *refusal);
    if let Some(refusal) = broken.or(refused_run) {
        return Some(refused(refusal));
    }
    if !intake.forks.is_empty() {
        let text = "this device signed two entries for one number";
        return Some(Problem::new(409, "forked", text));
    }
    if intake.ahead > 0 {
        let text = "the entries claim a time that has not come yet";
        return Some(Problem::new(409, "ahead_of_clock", text).hint("set the clock right"));
    }
    if !intake.missing.is_empty() {
        let text = "something that the entries build on is not here";
        return Some(Problem::new(409, "missing_ancestor", text).hint("push that, too"));
    }
    None
}

/// Takes in what a guest pushed. Gives how many entries were new; they are durable.
///
/// # Errors
/// Where anything of it is not the guest's to bring, or is refused.
pub(super) fn take(
    node: &mut Node,
    member: &Member,
    topic: &TopicId,
    pushed: Pushed,
    now_ms: u64,
) -> Result<u64, Problem> {
    let log = log_of(node, &member.entity, &pushed)?;
    check(node, topic, &pushed, &log)?;
    let told = |failure: Failure| problem(&failure);
    for signed in &pushed.statements {
        if node.has_room_for(&member.entity) {
            node.take_in_statement(signed).map_err(told)?;
        }
    }
    let mut intake = Intake::default();
    let source = source_of(&member.entity);
    let taken = node.take_in_from(source, pushed.runs, now_ms, &mut intake);
    node.unproven.clear();
    taken.map_err(told)?;
    let took = intake.fresh_entries();
    for feed in intake.fresh.keys() {
        node.readers.remove(&feed.topic);
        node.delivered.insert(feed.topic);
    }
    // a receipt says what was here; the entries are, whether it can be signed or not
    match node.issue_receipts(&intake.fresh, now_ms) {
        Ok(_) | Err(Failure::Guarded(_) | Failure::ClockOff { .. }) => {}
        Err(failure) => return Err(told(failure)),
    }
    match refusal_of(&intake) {
        Some(refusal) => Err(refusal.with("took", took)),
        None => Ok(took),
    }
}
