//! `synlog follow`, `unfollow`, `block`, `unblock`, `pin` and `unpin`.

use serde_json::json;

use crate::cli::setting::Setting;
use crate::daemon::files;
use crate::failure::Failure;
use crate::interests::{Interests, Thing};
use crate::node::Node;

/// Fetch and keep what an entity announces, or a topic; alone it shows what is wanted
///
/// It is said to nobody. What was blocked no longer is.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog follow                       what is followed, pinned and blocked
  synlog follow orders
  synlog follow --topic 5f0c…64 hex digits…")]
pub(super) struct FollowArgs {
    #[command(flatten)]
    things: Things,
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

/// Take nothing of an entity or topic, and give it nothing
///
/// What is followed or pinned no longer is. What is here stays.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog block 5f0c1e")]
pub(super) struct BlockArgs {
    #[command(flatten)]
    things: Things,
}

/// Block an entity or topic no longer
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog unblock 5f0c1e")]
pub(super) struct UnblockArgs {
    #[command(flatten)]
    things: Things,
}

/// Follow an entity or topic before all others, and keep it whatever the limits are
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog pin orders")]
pub(super) struct PinArgs {
    #[command(flatten)]
    things: Things,
}

/// Pin an entity or topic no longer; it is still followed
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog unpin orders")]
pub(super) struct UnpinArgs {
    #[command(flatten)]
    things: Things,
}

/// What is meant.
#[derive(Debug, clap::Args)]
struct Things {
    /// Topics by name or id, entities by id; the front of an id does where only one fits
    #[arg(value_name = "ENTITY|TOPIC")]
    things: Vec<String>,
    /// They are entities, even if nothing of them is here
    #[arg(long, conflicts_with = "topic")]
    entity: bool,
    /// They are topics, even if nothing of them is here
    #[arg(long)]
    topic: bool,
}

/// Runs `synlog follow`.
pub(super) fn follow(args: &FollowArgs, setting: &Setting) -> Result<(), Failure> {
    if args.things.things.is_empty() {
        return list(setting);
    }
    change(&args.things, setting, |interests, thing| {
        interests.follow(thing)
    })
}

/// Runs `synlog unfollow`.
pub(super) fn unfollow(args: &UnfollowArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        interests.unfollow(&thing)
    })
}

/// Runs `synlog block`.
pub(super) fn block(args: &BlockArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        interests.block(thing)
    })
}

/// Runs `synlog unblock`.
pub(super) fn unblock(args: &UnblockArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        interests.unblock(&thing)
    })
}

/// Runs `synlog pin`.
pub(super) fn pin(args: &PinArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        interests.pin(thing)
    })
}

/// Runs `synlog unpin`.
pub(super) fn unpin(args: &UnpinArgs, setting: &Setting) -> Result<(), Failure> {
    change(&args.things, setting, |interests, thing| {
        interests.unpin(&thing)
    })
}

/// Changes what is wanted of some things, all or none.
fn change(
    things: &Things,
    setting: &Setting,
    apply: impl Fn(&mut Interests, Thing) -> bool,
) -> Result<(), Failure> {
    if things.things.is_empty() {
        return Err(Failure::Usage("say which entity or topic".into()));
    }
    let mut node = setting.open()?;
    let found = things.things.iter().map(|text| find(&mut node, text, things));
    let found: Vec<Thing> = found.collect::<Result<_, _>>()?;
    node.close()?;
    let home = setting.home()?;
    let mut interests = files::interests(&home)?;
    let changed: Vec<bool> = found
        .iter()
        .map(|thing| apply(&mut interests, *thing))
        .collect();
    files::save_interests(&home, &interests)?;
    let screen = &setting.screen;
    for (thing, changed) in found.iter().zip(changed) {
        if screen.is_json() {
            screen.json(&json!({ "thing": thing_json(thing), "changed": changed }))?;
        } else if changed {
            screen.line(thing)?;
        } else {
            screen.line(format_args!("{thing} (as it was)"))?;
        }
    }
    Ok(())
}

fn thing_json(thing: &Thing) -> serde_json::Value {
    match thing {
        Thing::Entity(id) => json!({ "entity": id.to_string() }),
        Thing::Topic(id) => json!({ "topic": id.to_string() }),
    }
}

fn find(node: &mut Node, text: &str, things: &Things) -> Result<Thing, Failure> {
    if things.topic {
        // it need not be here
        if let Ok(id) = text.parse() {
            return Ok(Thing::Topic(id));
        }
        return node.find_topic(text).map(Thing::Topic);
    }
    if things.entity {
        return node.find_entity(text).map(Thing::Entity);
    }
    match node.find_topic(text) {
        Ok(topic) => Ok(Thing::Topic(topic)),
        Err(_) => match node.find_entity(text) {
            Ok(id) if node.identities.contains_key(&id) => Ok(Thing::Entity(id)),
            Ok(_) => Err(Failure::BadName(format!(
                "{text} is not known here: say --topic or --entity"
            ))),
            Err(_) => Err(Failure::BadName(format!(
                "{text} is no topic and no entity that is known here"
            ))),
        },
    }
}

fn list(setting: &Setting) -> Result<(), Failure> {
    let interests = files::interests(&setting.home()?)?;
    let screen = &setting.screen;
    let lists = [
        ("follow", &interests.follow),
        ("pin", &interests.pin),
        ("block", &interests.block),
    ];
    if screen.is_json() {
        let mut all = json!({});
        for (word, things) in lists {
            all[word] = things.iter().map(thing_json).collect();
        }
        return screen.json(&all);
    }
    for (word, things) in lists {
        for thing in things {
            screen.line(format_args!("{word:<6} {thing}"))?;
        }
    }
    Ok(())
}
