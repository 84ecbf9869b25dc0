//! The identity statements of a bundle, each checked by the root of its number.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::Problem;
use crate::identity::{Action, Certificate, SignedStatement};
use crate::ids::EntityId;
use crate::refusal::Refusal;
use crate::run::RunView;

/// Roots of an entity: (number of the rotation, the root from then on). Where
/// the identity log is forked there may be several for one number.
type Roots = BTreeSet<(u64, [u8; 32])>;

/// Checks statements; those that are right by entity, in order of number. The root
/// of a statement is what the rotations below it say, those of the runs'
/// certificates included.
pub(super) fn take_statements(
    runs: &[RunView<'_>],
    records: Vec<(u64, &[u8])>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<EntityId, Vec<SignedStatement>> {
    let mut refuse = |offset: u64, refusal: Refusal| {
        problems.push(Problem {
            offset,
            feed: None,
            seq: None,
            refusal,
        });
    };
    let mut roots = roots_of_certificates(runs);
    let mut statements = Vec::new();
    let mut hashes: BTreeMap<(EntityId, u64), BTreeSet<[u8; 32]>> = BTreeMap::new();
    for (offset, data) in records {
        match SignedStatement::decode(data) {
            Ok(signed) => {
                let statement = &signed.statement;
                let at = hashes.entry((statement.entity, statement.number));
                at.or_default().insert(statement.hash());
                statements.push((offset, signed));
            }
            Err(refusal) => refuse(offset, refusal),
        }
    }
    statements.sort_by_key(|(offset, signed)| (signed.statement.number, *offset));
    let mut right: BTreeMap<EntityId, Vec<SignedStatement>> = BTreeMap::new();
    for (offset, signed) in statements {
        let statement = &signed.statement;
        let below = statement.number.checked_sub(1);
        let below = below.and_then(|number| hashes.get(&(statement.entity, number)));
        let follows = match (below, &statement.prev) {
            (Some(below), Some(prev)) => below.contains(prev),
            _ => true,
        };
        let known = roots.entry(statement.entity).or_default();
        let checked = if follows {
            by_a_root(&signed, known)
        } else {
            Err(Refusal::BadStatement)
        };
        match checked {
            Ok(()) => {
                if let Action::Rotate { next_root, .. } = &statement.action {
                    known.insert((statement.number, *next_root));
                }
                let log = right.entry(statement.entity).or_default();
                if !log.contains(&signed) {
                    log.push(signed);
                }
            }
            Err(refusal) => refuse(offset, refusal),
        }
    }
    right
}

fn roots_of_certificates(runs: &[RunView<'_>]) -> BTreeMap<EntityId, Roots> {
    let mut roots: BTreeMap<EntityId, Roots> = BTreeMap::new();
    for run in runs.iter().filter(|run| !run.entries.is_empty()) {
        let certificate = run
            .certificate
            .and_then(|bytes| Certificate::decode(bytes).ok());
        let Some(certificate) = certificate.filter(|it| it.verify(&run.feed.author).is_ok()) else {
            continue;
        };
        for rotation in &certificate.rotations {
            if let Action::Rotate { next_root, .. } = &rotation.statement.action {
                let of_entity = roots.entry(rotation.statement.entity).or_default();
                of_entity.insert((rotation.statement.number, *next_root));
            }
        }
    }
    roots
}

fn by_a_root(signed: &SignedStatement, known: &Roots) -> Result<(), Refusal> {
    let number = signed.statement.number;
    let last = known
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| *at < number)
        .max();
    let mut candidates: Vec<[u8; 32]> = known
        .iter()
        .filter(|(at, _)| Some(*at) == last)
        .map(|(_, root)| *root)
        .collect();
    if candidates.is_empty() {
        candidates.push(signed.statement.entity.0);
    }
    let mut checked = Err(Refusal::BadSignature);
    for root in candidates {
        checked = signed.verify(&root);
        if checked.is_ok() {
            break;
        }
    }
    checked
}
