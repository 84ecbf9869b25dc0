//! What the owner of this node wants of others, and the nodes that were named to it.
//!
//! A small text file of the data directory, one line for each thing; whoever opens it in
//! an editor understands it. Nothing of it is ever sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use synlog_log::ids::{EntityId, TopicId};
use synlog_net::Ticket;
use synlog_replication::peer::NodeId;

/// First line of the file.
const HEADING: &str = "synlog interests 1";
/// Things that are held: a person names fewer.
const THINGS_MAX: usize = 100_000;

/// Somebody or something that one can want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// All that an entity announces.
    Entity(EntityId),
    /// A topic.
    Topic(TopicId),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entity(id) => write!(f, "entity {id}"),
            Self::Topic(id) => write!(f, "topic {id}"),
        }
    }
}

/// What is wanted, and of whom nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interests {
    /// What is fetched and kept.
    pub follow: BTreeSet<Thing>,
    /// What comes first, and is kept whatever the limits are.
    pub pin: BTreeSet<Thing>,
    /// Of what nothing is taken, and to whom nothing is given.
    pub block: BTreeSet<Thing>,
    /// Where nodes were last said to be.
    pub contacts: BTreeMap<NodeId, Ticket>,
}

/// Why a file of interests can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterestsError {
    /// Not such a file, or one of another version.
    #[error("it does not begin with {HEADING:?}")]
    Heading,
    /// A line makes no sense.
    #[error("line {0} makes no sense")]
    Line(usize),
    /// There is more than is ever written.
    #[error("it has more than {THINGS_MAX} lines")]
    TooLong,
}

impl fmt::Display for Interests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        let lists = [
            ("follow", &self.follow),
            ("pin", &self.pin),
            ("block", &self.block),
        ];
        for (word, things) in lists {
            for thing in things {
                writeln!(f, "{word} {thing}")?;
            }
        }
        for ticket in self.contacts.values() {
            writeln!(f, "contact {ticket}")?;
        }
        Ok(())
    }
}

impl FromStr for Interests {
    type Err = InterestsError;

    fn from_str(text: &str) -> Result<Self, InterestsError> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADING) {
            return Err(InterestsError::Heading);
        }
        let mut read = Self::default();
        for (number, line) in (2..).zip(lines) {
            if number > THINGS_MAX {
                return Err(InterestsError::TooLong);
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            read.line(line).ok_or(InterestsError::Line(number))?;
        }
        Ok(read)
    }
}

impl Interests {
    fn line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.trim().split_once(' ')?;
        if word == "contact" {
            let ticket: Ticket = rest.parse().ok()?;
            self.contacts.insert(ticket.node, ticket);
            return Some(());
        }
        let (kind, id) = rest.split_once(' ')?;
        let thing = match kind {
            "entity" => Thing::Entity(id.parse().ok()?),
            "topic" => Thing::Topic(id.parse().ok()?),
            _ => return None,
        };
        let list = match word {
            "follow" => &mut self.follow,
            "pin" => &mut self.pin,
            "block" => &mut self.block,
            _ => return None,
        };
        list.insert(thing);
        Some(())
    }

    /// Follows; what was blocked no longer is. Whether that is a change.
    pub fn follow(&mut self, thing: Thing) -> bool {
        let unblocked = self.block.remove(&thing);
        self.follow.insert(thing) || unblocked
    }

    /// Follows no longer, and pins no longer.
    pub fn unfollow(&mut self, thing: &Thing) -> bool {
        let unpinned = self.pin.remove(thing);
        self.follow.remove(thing) || unpinned
    }

    /// Blocks; what was followed or pinned no longer is.
    pub fn block(&mut self, thing: Thing) -> bool {
        self.unfollow(&thing);
        self.block.insert(thing)
    }

    /// Blocks no longer.
    pub fn unblock(&mut self, thing: &Thing) -> bool {
        self.block.remove(thing)
    }

    /// Follows, and pins.
    pub fn pin(&mut self, thing: Thing) -> bool {
        let followed = self.follow(thing);
        self.pin.insert(thing) || followed
    }

    /// Pins no longer; still follows.
    pub fn unpin(&mut self, thing: &Thing) -> bool {
        self.pin.remove(thing)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn things() -> impl Strategy<Value = BTreeSet<Thing>> {
        let thing = (any::<bool>(), any::<[u8; 32]>()).prop_map(|(entity, id)| match entity {
            true => Thing::Entity(EntityId(id)),
            false => Thing::Topic(TopicId(id)),
        });
        proptest::collection::btree_set(thing, 0..5)
    }

    proptest! {
        #[test]
        fn files_come_back(follow in things(), pin in things(), block in things(), node: [u8; 32]) {
            let ticket = Ticket::new(NodeId(node));
            let contacts = BTreeMap::from([(ticket.node, ticket)]);
            let interests = Interests { follow, pin, block, contacts };
            prop_assert_eq!(interests.to_string().parse(), Ok(interests));
        }

        #[test]
        fn whatever_is_in_the_file(text in "(synlog interests 1\n)?([a-z]{0,8} ?[a-z]{0,8} ?[0-9a-f]{0,70}\n?){0,4}") {
            let _: Result<Interests, _> = text.parse();
        }
    }

    #[test]
    fn wishes_exclude_each_other() {
        let (mut interests, ana) = (Interests::default(), Thing::Entity(EntityId([1; 32])));
        assert!(interests.pin(ana) && interests.follow.contains(&ana));
        assert!(!interests.follow(ana));
        assert!(interests.block(ana));
        assert!(interests.follow.is_empty() && interests.pin.is_empty());
        assert!(interests.follow(ana) && interests.block.is_empty());
        assert!(interests.unfollow(&ana) && !interests.unfollow(&ana));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let wrong: Result<Interests, _> = "synlog interests 1\n\nfollow cat 12\n".parse();
        assert_eq!(wrong, Err(InterestsError::Line(3)));
        let other: Result<Interests, _> = "synlog interests 2\n".parse();
        assert_eq!(other, Err(InterestsError::Heading));
    }
}
