//! The identity statements of a bundle, each checked by the root that the ones
//! before it lead to.

use std::collections::{BTreeMap, HashMap};

use crate::bundle::Problem;
use crate::identity::{Action, SignedStatement};
use crate::ids::EntityId;
use crate::refusal::Refusal;

/// What comes after a statement: of which entity, under which number, by which root.
type Next = (EntityId, u64, [u8; 32]);

/// Checks statements; those that are right by entity, in order of number. Where an
/// identity log is forked, `prev` says on which branch a statement is.
pub(super) fn take_statements(
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
    let mut statements = Vec::new();
    for (offset, data) in records {
        match SignedStatement::decode(data) {
            Ok(signed) => statements.push((offset, signed)),
            Err(refusal) => refuse(offset, refusal),
        }
    }
    statements.sort_by_key(|(offset, signed)| (signed.statement.number, *offset));
    let mut after: HashMap<[u8; 32], Next> = HashMap::new();
    let mut right: BTreeMap<EntityId, Vec<SignedStatement>> = BTreeMap::new();
    for (offset, signed) in statements {
        match check(&signed, &after) {
            Ok(root) => {
                let statement = &signed.statement;
                let root = match &statement.action {
                    Action::Rotate { next_root, .. } => *next_root,
                    _ => root,
                };
                let next = (statement.entity, statement.number + 1, root);
                if after.insert(statement.hash(), next).is_none() {
                    right.entry(statement.entity).or_default().push(signed);
                }
            }
            Err(refusal) => refuse(offset, refusal),
        }
    }
    right
}

/// Checks one statement; gives the root that signed it.
fn check(signed: &SignedStatement, after: &HashMap<[u8; 32], Next>) -> Result<[u8; 32], Refusal> {
    let statement = &signed.statement;
    let root = match &statement.prev {
        None => statement.entity.0,
        Some(prev) => {
            let (entity, number, root) = after.get(prev).ok_or(Refusal::MissingAncestor)?;
            if (*entity, *number) != (statement.entity, statement.number) {
                return Err(Refusal::BadStatement);
            }
            *root
        }
    };
    signed.verify(&root)?;
    Ok(root)
}
