//! What a person wants of the network and whom they shut out: local, never sent.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::ids::{EntityId, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};

use crate::peer::NodeId;

/// Who may come at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Mode {
    /// Strangers may fetch what is public, within limits.
    #[default]
    Open,
    /// Those whom this node knows: followed, members of shared topics, pinned, invited.
    Invite,
    /// This person's own devices and pinned nodes.
    Closed,
}

/// How far following an entity reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Follow {
    /// How many steps of follows and vouches count from it: 0 is the entity alone.
    pub hops: u8,
    /// How many entities may come in by it.
    pub entities_max: u32,
}

impl Default for Follow {
    fn default() -> Self {
        Self {
            hops: 1,
            entities_max: 256,
        }
    }
}

/// What a person wants and does not want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interests {
    /// Who may come.
    pub mode: Mode,
    /// Who is followed.
    pub follows: BTreeMap<EntityId, Follow>,
    /// Who is shut out, with all of their devices.
    pub blocked: BTreeSet<EntityId>,
    /// Nodes that are shut out, whoever runs them.
    pub blocked_nodes: BTreeSet<NodeId>,
    /// Nodes that this one always tries to reach.
    pub pinned: BTreeSet<NodeId>,
    /// Topics that are wanted, whether they are here already or not.
    pub topics: BTreeSet<TopicId>,
    /// Topics that are here and are not kept up any more.
    pub left: BTreeSet<TopicId>,
}

/// Why interests can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InterestsError {
    /// Written by a version that this one does not know.
    #[error("made by a newer synlog: its format has version {0}")]
    Version(u8),
    /// The bytes are damaged.
    #[error("damaged")]
    Damaged(#[from] Refusal),
}

/// The version in the first byte.
const VERSION: u8 = 1;
/// The most hops that are followed: the next step would be nearly everybody.
pub const HOPS_MAX: u8 = 4;
/// Things in one list: what a person could want, and what fits in memory many times over.
const LIST_MAX: usize = 65_536;

impl Interests {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.mode as u8];
        out.put_varint(self.follows.len() as u64);
        for (entity, follow) in &self.follows {
            out.extend_from_slice(&entity.0);
            out.push(follow.hops);
            out.put_varint(u64::from(follow.entities_max));
        }
        put_set(&mut out, self.blocked.iter().map(|it| &it.0));
        put_set(&mut out, self.blocked_nodes.iter().map(|it| &it.0));
        put_set(&mut out, self.pinned.iter().map(|it| &it.0));
        put_set(&mut out, self.topics.iter().map(|it| &it.0));
        put_set(&mut out, self.left.iter().map(|it| &it.0));
        out
    }

    /// Reads it back.
    pub fn decode(bytes: &[u8]) -> Result<Self, InterestsError> {
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(InterestsError::Version(version));
        }
        let mode = match reader.byte()? {
            0 => Mode::Open,
            1 => Mode::Invite,
            2 => Mode::Closed,
            _ => return Err(Refusal::NotCanonical.into()),
        };
        let mut follows = BTreeMap::new();
        for _ in 0..reader.length(LIST_MAX)? {
            let entity = EntityId(reader.array()?);
            let hops = reader.byte()?;
            let entities_max = u32::try_from(reader.varint()?).map_err(|_| Refusal::TooLarge)?;
            let ascends = follows
                .last_key_value()
                .is_none_or(|(last, _)| *last < entity);
            if hops > HOPS_MAX || !ascends {
                return Err(Refusal::NotCanonical.into());
            }
            let follow = Follow { hops, entities_max };
            follows.insert(entity, follow);
        }
        let interests = Self {
            mode,
            follows,
            blocked: read_set(&mut reader, EntityId)?,
            blocked_nodes: read_set(&mut reader, NodeId)?,
            pinned: read_set(&mut reader, NodeId)?,
            topics: read_set(&mut reader, TopicId)?,
            left: read_set(&mut reader, TopicId)?,
        };
        reader.end()?;
        Ok(interests)
    }
}

fn put_set<'a>(out: &mut Vec<u8>, ids: impl ExactSizeIterator<Item = &'a [u8; 32]>) {
    out.put_varint(ids.len() as u64);
    ids.for_each(|id| out.extend_from_slice(id));
}

fn read_set<T: Ord>(
    reader: &mut Reader<'_>,
    name: impl Fn([u8; 32]) -> T,
) -> Result<BTreeSet<T>, Refusal> {
    let mut set = BTreeSet::new();
    for _ in 0..reader.length(LIST_MAX)? {
        let id = name(reader.array()?);
        if set.last().is_some_and(|last| *last >= id) {
            return Err(Refusal::NotCanonical);
        }
        set.insert(id);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::prelude::*;

    fn interests() -> impl Strategy<Value = Interests> {
        let id = || any::<[u8; 32]>();
        let ids = move || btree_set(id(), 0..4);
        let follow = (0..=HOPS_MAX, any::<u32>());
        let follows = btree_map(id(), follow, 0..4);
        (0..3u8, follows, ids(), ids(), ids(), ids(), ids()).prop_map(
            |(mode, follows, blocked, nodes, pinned, topics, left)| Interests {
                mode: [Mode::Open, Mode::Invite, Mode::Closed][usize::from(mode)],
                follows: follows
                    .into_iter()
                    .map(|(id, (hops, entities_max))| (EntityId(id), Follow { hops, entities_max }))
                    .collect(),
                blocked: blocked.into_iter().map(EntityId).collect(),
                blocked_nodes: nodes.into_iter().map(NodeId).collect(),
                pinned: pinned.into_iter().map(NodeId).collect(),
                topics: topics.into_iter().map(TopicId).collect(),
                left: left.into_iter().map(TopicId).collect(),
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(interests in interests()) {
            prop_assert_eq!(Interests::decode(&interests.encode()).unwrap(), interests);
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(
            interests in interests(), at in any::<prop::sample::Index>(), byte: u8
        ) {
            let mut bytes = interests.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Interests::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            let mut framed = vec![VERSION];
            framed.extend_from_slice(&bytes);
            for bytes in [bytes, framed] {
                if let Ok(read) = Interests::decode(&bytes) {
                    prop_assert_eq!(read.encode(), bytes);
                }
            }
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        assert_eq!(Interests::decode(&[9]), Err(InterestsError::Version(9)));
    }
}
