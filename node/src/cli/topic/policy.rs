//! `synlog topic grant`, `revoke`, `role`, `handover` and `ack`: what a sequencer decides.

use serde_json::json;
use synlog_log::cbor::Value;
use synlog_log::ids::{EntityId, EntryId, TopicId};
use synlog_log::limits::POLICY_LIST_MAX;
use synlog_log::order::ChainState;
use synlog_log::topic::Mode;

use crate::cli::input;
use crate::cli::screen::count;
use crate::cli::setting::Setting;
use crate::cli::topic::write;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::node::Node;

/// Make an entity a member of a topic, or change its role
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic grant orders 5f0c… client

An entity that has not written here yet must be named by its whole id, as
`synlog whoami` shows it there.")]
pub(super) struct GrantArgs {
    /// Name, id, or the front of the id
    topic: String,
    /// Id of the entity, or the front of it
    entity: String,
    /// Its role
    #[arg(value_parser = input::role)]
    role: String,
}

/// Runs `topic grant`.
pub(super) fn grant(args: &GrantArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let entity = node.find_entity(&args.entity)?;
    let body = Value::map([
        ("entity", Value::Bytes(entity.0.to_vec())),
        ("role", Value::Text(args.role.clone())),
    ]);
    let order = node.order(&topic)?;
    let joins = order.is_private() && !order.policy().members.contains_key(&entity);
    if joins {
        node.get_to_know(&entity)?;
    }
    let id = write(&mut node, &topic, "topic.member", body)?;
    if joins {
        node.hand_key_to(&topic, &entity, now_ms())?;
        node.see_to_epochs(&topic, now_ms())?;
    }
    node.close()?;
    let done = format!(
        "{} is now a member with the role {}",
        entity.short(),
        args.role
    );
    say(setting, &topic, id, &done)
}

/// Remove a member from a topic
///
/// What it wrote before stays. In a causal topic its feeds end where they are
/// known here; in an ordered one what comes later is rejected. In a private one the
/// next event is sealed with a new key that it does not get.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic revoke orders 5f0c")]
pub(super) struct RevokeArgs {
    /// Name, id, or the front of the id
    topic: String,
    /// Id of the entity, or the front of it
    entity: String,
}

/// Runs `topic revoke`.
pub(super) fn revoke(args: &RevokeArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let entity = node.find_entity(&args.entity)?;
    let mut pairs = vec![("entity", Value::Bytes(entity.0.to_vec()))];
    let genesis = node.order(&topic)?.genesis();
    if genesis.is_some_and(|genesis| genesis.mode == Mode::Causal) {
        pairs.push(("cuts", cuts(&mut node, &topic, &entity)?));
    }
    let id = write(&mut node, &topic, "topic.remove", Value::map(pairs))?;
    node.close()?;
    say(
        setting,
        &topic,
        id,
        &format!("{} is no member any more", entity.short()),
    )
}

/// Where the feeds of an entity end, as far as they are here.
fn cuts(node: &mut Node, topic: &TopicId, entity: &EntityId) -> Result<Value, Failure> {
    let states = node.store.feeds_of(topic);
    let order = node.order(topic)?;
    let theirs = states.iter().filter(|state| {
        order.contains(&state.head) && order.entity_of(&state.head) == Some(*entity)
    });
    let cut = theirs.take(POLICY_LIST_MAX).map(|state| {
        Value::map([
            ("device", Value::Bytes(state.key.author.0.to_vec())),
            (
                "last_seq",
                Value::Int(i64::try_from(state.height).unwrap_or(i64::MAX) - 1),
            ),
            ("head", Value::Bytes(state.head.0.to_vec())),
        ])
    });
    Ok(Value::Array(cut.collect()))
}

/// Let an entity keep a private topic for its members, without reading it
///
/// A keeper stores and hands on what is sealed, to members and other keepers alone. It
/// learns who they are, and when who wrote how much.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic keeper orders 77e1…
  synlog topic keeper orders 77e1… --stop")]
pub(super) struct KeeperArgs {
    /// Name, id, or the front of the id
    topic: String,
    /// Id of the entity, or the front of it
    entity: String,
    /// It is no keeper any more
    #[arg(long)]
    stop: bool,
}

/// Runs `topic keeper`.
pub(super) fn keeper(args: &KeeperArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let entity = node.find_entity(&args.entity)?;
    if !node.order(&topic)?.is_private() {
        return Err(Failure::NoEffect(
            "the topic is public: whoever wants to keeps it".into(),
        ));
    }
    node.get_to_know(&entity)?;
    let body = Value::map([
        ("entity", Value::Bytes(entity.0.to_vec())),
        ("keeps", Value::Bool(!args.stop)),
    ]);
    let id = write(&mut node, &topic, "topic.keeper", body)?;
    node.see_to_epochs(&topic, now_ms())?;
    node.close()?;
    let now = if args.stop {
        "keeps the topic no more"
    } else {
        "keeps the topic"
    };
    say(setting, &topic, id, &format!("{} {now}", entity.short()))
}

/// Say what a role may write in a topic
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic role orders client order.request order.cancel
  synlog topic role orders clerk 'order.*'
  synlog topic role orders reader             (may write nothing)

It replaces what the role could write before.")]
pub(super) struct RoleArgs {
    /// Name, id, or the front of the id
    topic: String,
    /// The role
    #[arg(value_parser = input::role)]
    role: String,
    /// Kinds, or the front of one and *
    #[arg(value_name = "PATTERN", value_parser = input::pattern)]
    patterns: Vec<String>,
}

/// Runs `topic role`.
pub(super) fn role(args: &RoleArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let kinds = args.patterns.iter().cloned().map(Value::Text).collect();
    let body = Value::map([
        ("role", Value::Text(args.role.clone())),
        ("kinds", Value::Array(kinds)),
    ]);
    let id = write(&mut node, &topic, "topic.role", body)?;
    node.close()?;
    let kinds = if args.patterns.is_empty() {
        "nothing".to_owned()
    } else {
        args.patterns.join(", ")
    };
    say(
        setting,
        &topic,
        id,
        &format!("{} may now write {kinds}", args.role),
    )
}

/// Hand the sequencing of a topic to another device
///
/// From its next entry on that device decides. It can't be taken back from
/// here: the other device has to hand it over again.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic handover orders 91ab")]
pub(super) struct HandoverArgs {
    /// Name, id, or the front of the id
    topic: String,
    /// Id of the device, or the front of it
    device: String,
}

/// Runs `topic handover`.
pub(super) fn handover(args: &HandoverArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let device = node.find_device(&args.device)?;
    if device == node.device() {
        return Err(Failure::NoEffect(
            "this device can't hand over to itself".into(),
        ));
    }
    let id = node.hand_over(&topic, &device, now_ms())?;
    node.close()?;
    say(
        setting,
        &topic,
        id,
        &format!("{} decides from its next entry on", device.short()),
    )
}

/// Place what others wrote in a topic
///
/// Cites all that is not placed yet, so that it is sequenced. Reading a bundle
/// does this by itself.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic ack orders")]
pub(super) struct AckArgs {
    /// Name, id, or the front of the id
    topic: String,
}

/// Runs `topic ack`.
pub(super) fn ack(args: &AckArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let device = node.device();
    let state = node.order(&topic)?.state();
    if !matches!(state, ChainState::Open { sequencer } if sequencer == device) {
        return Err(Failure::Rejected("not_sequencer"));
    }
    let acks = node.acknowledge(&topic, now_ms())?;
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        let ids: Vec<String> = acks.iter().map(ToString::to_string).collect();
        return screen.json(&json!({ "topic": topic.to_string(), "acks": ids }));
    }
    for id in &acks {
        screen.line(id)?;
    }
    screen.flush()?;
    match acks.len() as u64 {
        0 => screen.note("everything is placed already"),
        number => screen.note(format_args!("wrote {}", count(number, "ack", "acks"))),
    }
    Ok(())
}

fn say(setting: &Setting, topic: &TopicId, id: EntryId, done: &str) -> Result<(), Failure> {
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({ "topic": topic.to_string(), "id": id.to_string() }));
    }
    screen.line(id)?;
    screen.flush()?;
    screen.note(done);
    Ok(())
}
