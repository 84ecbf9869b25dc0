//! `synlog follow`, `unfollow`, `block`, `unblock`, `pin` and `unpin`.

use std::fmt;

use serde_json::{Value as Json, json};
use synlog_log::ids::{EntityId, TopicId, hex, unhex};
use synlog_replication::peer::NodeId;
use synlog_replication::policy::{HOPS_MAX, Interests, Mode};

use crate::cli::peers;
use crate::cli::setting::Setting;
use crate::daemon::files;
use crate::failure::Failure;

/// Fetch and keep what an entity announces, or a topic; alone it shows what is wanted
///
/// What is wanted is said to nobody. What was blocked no longer is.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog follow                       what is followed, pinned and blocked
  synlog follow orders
  synlog follow 5f0c1e --hops 2       an entity, whom it follows, and whom those follow
  synlog follow --mode invite         strangers may not come at all")]
pub(super) struct FollowArgs {
    #[command(flatten)]
    things: Things,
    /// How many steps of follows and vouches count from an entity
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=i64::from(HOPS_MAX)))]
    hops: Option<u8>,
    /// Who may come at all
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeName>,
}

/// Who may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ModeName {
    /// Strangers may fetch what is public
    Open,
    /// Those whom this node knows
    Invite,
    /// One's own devices and pinned nodes
    Closed,
}

/// Fetch an entity's or a topic's news no longer; what is here stays
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog unfollow orders")]
pub(super) struct UnfollowArgs {
    #[command(flatten)]
    things: Things,
}

/// Take nothing of an entity, node or topic, and give it nothing
///
/// What is followed or pinned no longer is. What is here stays.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog block 5f0c1e
  synlog block --node 77ab01")]
pub(super) struct BlockArgs {
    #[command(flatten)]
    things: Things,
}

/// Block an entity, node or topic no longer
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog unblock 5f0c1e")]
pub(super) struct UnblockArgs {
    #[command(flatten)]
    things: Things,
}

/// Always try to reach a node, or the nodes of an entity; a topic is followed
///
/// Pinned nodes come before all others, and are let in whatever the mode is.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog pin 77ab01                   a node of `synlog peers`, or an entity")]
pub(super) struct PinArgs {
    #[command(flatten)]
    things: Things,
}

/// Pin a node or the nodes of an entity no longer
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog unpin 77ab01")]
pub(super) struct UnpinArgs {
    #[command(flatten)]
    things: Things,
}

/// What is meant.
#[derive(Debug, clap::Args)]
struct Things {
    /// Topics by name or id, entities and nodes by id; the front of an id does where only one fits
    #[arg(value_name = "WHAT")]
    things: Vec<String>,
    /// They are entities, even if nothing of them is here
    #[arg(long, conflicts_with_all = ["topic", "node"])]
    entity: bool,
    /// They are topics, even if nothing of them is here
    #[arg(long, conflicts_with = "node")]
    topic: bool,
    /// They are nodes, even if none was met
    #[arg(long)]
    node: bool,
}

/// Somebody or something that one can want.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    Topic(TopicId),
    /// An entity, and the nodes of it that are known.
    Entity(EntityId, Vec<NodeId>),
    Node(NodeId),
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(id) => write!(f, "topic  {id}"),
            Self::Entity(id, _) => write!(f, "entity {id}"),
            Self::Node(id) => write!(f, "node   {}", hex(&id.0)),
        }
    }
}

impl Thing {
    fn json(&self) -> Json {
        match self {
            Self::Topic(id) => json!({ "topic": id.to_string() }),
            Self::Entity(id, _) => json!({ "entity": id.to_string() }),
            Self::Node(id) => json!({ "node": hex(&id.0) }),
        }
    }
}

/// Runs `synlog follow`.
pub(super) fn follow(args: &FollowArgs, setting: &Setting) -> Result<(), Failure> {
    if let Some(mode) = args.mode {
        let node = setting.open()?;
        let home = setting.home()?;
        let mut interests = files::interests(&home)?;
        interests.mode = match mode {
            ModeName::Open => Mode::Open,
            ModeName::Invite => Mode::Invite,
            ModeName::Closed => Mode::Closed,
        };
        files::save_interests(&home, &interests)?;
        node.close()?;
    }
    if args.things.things.is_empty() {
        return list(setting);
    }
    change(&args.things, setting, |interests, thing| {
        match thing {
            Thing::Topic(topic) => {
                interests.left.remove(topic);
                interests.topics.insert(*topic);
            }
            Thing::Entity(entity, _) => {
                interests.blocked.remove(entity);
                let follow = interests.follows.entry(*entity).or_default();
                follow.hops = args.hops.unwrap_or(follow.hops);
            }
            Thing::Node(_) => return Err(only("a node is pinned, not followed: `synlog pin`")),
        }
        Ok(())
    })
}

/// Runs `synlog unfollow`.
pub(super) fn unfollow(args: &UnfollowArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        match thing {
            Thing::Topic(topic) => {
                interests.topics.remove(topic);
                interests.left.insert(*topic);
            }
            Thing::Entity(entity, _) => {
                interests.follows.remove(entity);
            }
            Thing::Node(_) => return Err(only("a node is pinned, not followed: `synlog unpin`")),
        }
        Ok(())
    })
}

/// Runs `synlog block`.
pub(super) fn block(args: &BlockArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        match thing {
            Thing::Topic(topic) => {
                interests.topics.remove(topic);
                interests.left.insert(*topic);
            }
            Thing::Entity(entity, nodes) => {
                interests.follows.remove(entity);
                nodes.iter().for_each(|node| {
                    interests.pinned.remove(node);
                });
                interests.blocked.insert(*entity);
            }
            Thing::Node(node) => {
                interests.pinned.remove(node);
                interests.blocked_nodes.insert(*node);
            }
        }
        Ok(())
    })
}

/// Runs `synlog unblock`.
pub(super) fn unblock(args: &UnblockArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        match thing {
            Thing::Topic(topic) => interests.left.remove(topic),
            Thing::Entity(entity, _) => interests.blocked.remove(entity),
            Thing::Node(node) => interests.blocked_nodes.remove(node),
        };
        Ok(())
    })
}

/// Runs `synlog pin`.
pub(super) fn pin(args: &PinArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        match thing {
            Thing::Topic(topic) => {
                interests.left.remove(topic);
                interests.topics.insert(*topic);
            }
            Thing::Entity(_, nodes) if nodes.is_empty() => {
                return Err(only("no node of this entity is known here yet"));
            }
            Thing::Entity(entity, nodes) => {
                interests.blocked.remove(entity);
                interests.follows.entry(*entity).or_default();
                interests.pinned.extend(nodes);
            }
            Thing::Node(node) => {
                interests.blocked_nodes.remove(node);
                interests.pinned.insert(*node);
            }
        }
        Ok(())
    })
}

/// Runs `synlog unpin`.
pub(super) fn unpin(args: &UnpinArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        match thing {
            Thing::Topic(_) => return Err(only("a topic is followed: `synlog unfollow`")),
            Thing::Entity(_, nodes) => {
                interests.pinned.retain(|node| !nodes.contains(node));
            }
            Thing::Node(node) => {
                interests.pinned.remove(node);
            }
        }
        Ok(())
    })
}

fn only(text: &str) -> Failure {
    Failure::Usage(text.to_owned())
}

/// Changes what is wanted of some things, all or none.
fn change(
    things: &Things,
    setting: &Setting,
    apply: impl Fn(&mut Interests, &Thing) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if things.things.is_empty() {
        return Err(only("say which entity, topic or node"));
    }
    let found = find_all(things, setting)?;
    let home = setting.home()?;
    let mut interests = files::interests(&home)?;
    let mut changed = Vec::new();
    for thing in &found {
        let before = interests.clone();
        apply(&mut interests, thing)?;
        changed.push(interests != before);
    }
    files::save_interests(&home, &interests)?;
    let screen = &setting.screen;
    for (thing, changed) in found.iter().zip(changed) {
        if screen.is_json() {
            let mut told = thing.json();
            told["changed"] = changed.into();
            screen.json(&told)?;
        } else if changed {
            screen.line(thing)?;
        } else {
            screen.line(format_args!("{thing} (as it was)"))?;
        }
    }
    Ok(())
}

fn find_all(things: &Things, setting: &Setting) -> Result<Vec<Thing>, Failure> {
    let known = peers::known(setting)?;
    let mut node = setting.open()?;
    let mut found = Vec::new();
    for text in &things.things {
        let full = unhex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let of_entity = |entity: EntityId| {
            let nodes = known.iter().filter(|peer| {
                let proven = peer.proven.map(|proven| proven.entity);
                proven == Some(entity)
            });
            Thing::Entity(entity, nodes.map(|peer| peer.node).collect())
        };
        let thing = if things.topic {
            match full {
                Some(id) => Thing::Topic(TopicId(id)),
                None => Thing::Topic(node.find_topic(text)?),
            }
        } else if things.entity {
            of_entity(node.find_entity(text)?)
        } else if things.node {
            match full {
                Some(id) => Thing::Node(NodeId(id)),
                None => {
                    Thing::Node(peers::find(&known, text)?.ok_or_else(|| peers::unknown(text))?)
                }
            }
        } else if let Ok(topic) = node.find_topic(text) {
            Thing::Topic(topic)
        } else if let Some(entity) = node
            .find_entity(text)
            .ok()
            .filter(|entity| full.is_none() || node.identities.contains_key(entity))
        {
            of_entity(entity)
        } else if let Ok(Some(node)) = peers::find(&known, text) {
            Thing::Node(node)
        } else if full.is_some() {
            return Err(Failure::BadName(format!(
                "{text} is not known here: say --topic, --entity or --node"
            )));
        } else {
            return Err(Failure::BadName(format!(
                "{text} is no topic, entity or node that is known here"
            )));
        };
        found.push(thing);
    }
    node.close()?;
    Ok(found)
}

fn list(setting: &Setting) -> Result<(), Failure> {
    let interests = files::interests(&setting.home()?)?;
    let screen = &setting.screen;
    let mode = match interests.mode {
        Mode::Open => "open",
        Mode::Invite => "invite",
        Mode::Closed => "closed",
    };
    if screen.is_json() {
        let follows = interests.follows.iter();
        let follows = follows
            .map(|(entity, follow)| json!({ "entity": entity.to_string(), "hops": follow.hops }));
        let nodes = |nodes: &std::collections::BTreeSet<NodeId>| -> Vec<String> {
            nodes.iter().map(|node| hex(&node.0)).collect()
        };
        return screen.json(&json!({
            "mode": mode,
            "entities": follows.collect::<Vec<_>>(),
            "topics": interests.topics.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "left": interests.left.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "blocked": interests.blocked.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "blocked_nodes": nodes(&interests.blocked_nodes),
            "pinned": nodes(&interests.pinned),
        }));
    }
    screen.line(format_args!("mode     {mode}"))?;
    for (entity, follow) in &interests.follows {
        screen.line(format_args!(
            "follow   entity {entity}, {} hops",
            follow.hops
        ))?;
    }
    for topic in &interests.topics {
        screen.line(format_args!("follow   topic  {topic}"))?;
    }
    for node in &interests.pinned {
        screen.line(format_args!("pin      node   {}", hex(&node.0)))?;
    }
    for topic in &interests.left {
        screen.line(format_args!("left     topic  {topic}"))?;
    }
    for entity in &interests.blocked {
        screen.line(format_args!("block    entity {entity}"))?;
    }
    for node in &interests.blocked_nodes {
        screen.line(format_args!("block    node   {}", hex(&node.0)))?;
    }
    Ok(())
}
