//! `synlog topic show`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use synlog_log::ids::{DeviceId, EntityId, EntryId, hex};
use synlog_log::order::ChainState;
use synlog_log::topic::{Mode, Policy, Visibility};

use crate::cli::screen::{Screen, Tone, plain};
use crate::cli::setting::Setting;
use crate::cli::topic::{state_json, state_text};
use crate::failure::Failure;

/// Show a topic: who may write what, its feeds, what counts, its digest
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic show orders
  synlog topic show 5f0c1e --json | jq -r .digest

Two nodes that hold the same entries of a topic show the same digest, and the same
rows where they fold it with the same reducer.")]
pub(super) struct Args {
    /// Name, id, or the front of the id
    topic: String,
}

struct Feed {
    device: DeviceId,
    name: String,
    entity: Option<EntityId>,
    height: u64,
    head: EntryId,
    forked_at: Option<u64>,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let states = node.store.feeds_of(&topic);
    let order = node.order(&topic)?;
    let feeds: Vec<Feed> = states
        .iter()
        .map(|state| Feed {
            device: state.key.author,
            name: order
                .device_name(&state.head)
                .unwrap_or_default()
                .to_owned(),
            entity: if order.contains(&state.head) {
                order.entity_of(&state.head)
            } else {
                None
            },
            height: state.height,
            head: state.head,
            forked_at: order.forked_at(&state.key.author),
        })
        .collect();
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for line in order.lines() {
        *counts
            .entry((line.status.word(), line.status.text()))
            .or_default() += 1;
    }
    let genesis = order.genesis().cloned();
    let (epochs, locked) = (order.epochs_held(), order.locked());
    let (policy, state, legs, digest) =
        (order.policy(), order.state(), order.legs(), order.digest());
    let rows = match node.rows_digest(&topic) {
        Ok(digest) => Ok(digest),
        Err(failure @ (Failure::Halted(_) | Failure::BadReducer { .. })) => {
            Err(failure.to_string())
        }
        Err(failure) => return Err(failure),
    };
    node.close()?;
    let genesis = genesis.ok_or(Failure::NoTopic(topic))?;
    let screen = &setting.screen;
    if screen.is_json() {
        let (word, sequencer, forked_at) = state_json(state);
        let legs = legs
            .iter()
            .map(|(device, seq)| json!({ "device": device.to_string(), "from_seq": seq }));
        let counts = counts.iter().map(
            |((status, code), number)| json!({ "status": status, "code": code, "count": number }),
        );
        return screen.json(&json!({
            "topic": topic.to_string(),
            "name": genesis.name,
            "app": genesis.app,
            "major": genesis.major,
            "mode": if genesis.mode == Mode::Causal { "causal" } else { "ordered" },
            "visibility": if genesis.visibility == Visibility::Private { "private" } else { "public" },
            "epochs_held": epochs.iter().map(|(epoch, hash)| json!({ "epoch": epoch, "key_hash": hex(hash) })).collect::<Vec<_>>(),
            "epoch_missing": locked.map(|locked| locked.epoch),
            "state": word,
            "sequencer": sequencer,
            "forked_at": forked_at,
            "legs": legs.collect::<Vec<_>>(),
            "policy": policy_json(&policy),
            "feeds": feeds.iter().map(feed_json).collect::<Vec<_>>(),
            "counts": counts.collect::<Vec<_>>(),
            "digest": hex(&digest),
            "rows": rows.as_ref().ok().and_then(Option::as_ref).map(|rows| hex(&rows.sequenced)),
            "rows_tentative": rows.as_ref().ok().and_then(Option::as_ref).map(|rows| hex(&rows.tentative)),
            "halted": rows.as_ref().err(),
        }));
    }
    screen.line(format_args!("topic   {topic}"))?;
    screen.line(format_args!(
        "name    {}",
        screen.tone(
            Tone::Bold,
            plain(genesis.name.as_deref().unwrap_or("(none)"))
        )
    ))?;
    let mode = if genesis.mode == Mode::Causal {
        "by clock and causality"
    } else {
        "by its sequencer"
    };
    let (app, major) = (plain(&genesis.app), genesis.major);
    if genesis.app.is_empty() {
        screen.line(format_args!("app     🔒 sealed, ordered {mode}"))?;
    } else {
        screen.line(format_args!("app     {app} {major}, ordered {mode}"))?;
    }
    if genesis.is_private() {
        let held: Vec<String> = epochs.iter().map(|(epoch, _)| epoch.to_string()).collect();
        let held = match held.len() {
            0 => "no key of it is here".to_owned(),
            _ => format!("keys of epochs {} are here", held.join(", ")),
        };
        screen.line(format_args!("private {held}"))?;
    }
    if let Some(locked) = locked {
        let text = format!(
            "locked  reading stops at {}: the key of epoch {} is not here",
            locked.entry.short(),
            locked.epoch
        );
        screen.line(screen.tone(Tone::Warn, text))?;
    }
    let tone = if matches!(state, ChainState::Open { .. }) {
        Tone::Good
    } else {
        Tone::Bad
    };
    screen.line(format_args!(
        "state   {}",
        screen.tone(tone, state_text(state))
    ))?;
    if legs.len() > 1 {
        let legs: Vec<String> = legs
            .iter()
            .map(|(device, seq)| format!("{} from seq {seq}", device.short()))
            .collect();
        screen.line(format_args!("turns   {}", legs.join(", then ")))?;
    }
    show_policy(&policy, screen)?;
    screen.line("feeds")?;
    for feed in &feeds {
        let whose = feed
            .entity
            .map_or_else(|| "?".to_owned(), |entity| entity.short());
        let fork = feed
            .forked_at
            .map(|seq| screen.tone(Tone::Bad, format!("  FORKED at seq {seq}")));
        screen.line(format_args!(
            "  {}  {} of {whose}, up to seq {}, last {}{}",
            feed.device.short(),
            plain(&feed.name),
            feed.height.saturating_sub(1),
            feed.head.short(),
            fork.unwrap_or_default(),
        ))?;
    }
    screen.line("entries")?;
    for ((status, code), number) in &counts {
        screen.line(format_args!("  {number:6}  {status}, {code}"))?;
    }
    screen.line(format_args!("digest  {}", hex(&digest)))?;
    match rows {
        Ok(None) => Ok(()),
        Ok(Some(rows)) => {
            screen.line(format_args!("rows    {}", hex(&rows.sequenced)))?;
            screen.line(format_args!(
                "        {} with what is tentative",
                hex(&rows.tentative)
            ))
        }
        Err(reason) => screen.line(screen.tone(Tone::Bad, format!("rows    {}", plain(&reason)))),
    }
}

fn feed_json(feed: &Feed) -> Json {
    json!({
        "device": feed.device.to_string(),
        "name": feed.name,
        "entity": feed.entity.map(|entity| entity.to_string()),
        "up_to": feed.height.saturating_sub(1),
        "head": feed.head.to_string(),
        "forked_at": feed.forked_at,
    })
}

fn policy_json(policy: &Policy) -> Json {
    let members = policy.members.iter();
    let members =
        members.map(|(entity, role)| json!({ "entity": entity.to_string(), "role": role }));
    let revoked = policy.revoked.iter();
    let revoked = revoked.map(
        |(entity, device)| json!({ "entity": entity.to_string(), "device": device.to_string() }),
    );
    json!({
        "members": members.collect::<Vec<_>>(),
        "open": policy.open,
        "roles": policy.roles,
        "revoked": revoked.collect::<Vec<_>>(),
        "reducer": policy.reducer.as_ref().map(|(hash, version)| json!({ "hash": hex(hash), "version": version })),
    })
}

fn show_policy(policy: &Policy, screen: &Screen) -> Result<(), Failure> {
    screen.line("members")?;
    for (entity, role) in &policy.members {
        screen.line(format_args!("  {}  {}", entity.short(), plain(role)))?;
    }
    match &policy.open {
        Some(role) => screen.line(format_args!("  everybody else  {}", plain(role)))?,
        None => screen.line("  nobody else may write")?,
    }
    if !policy.roles.is_empty() {
        screen.line("roles")?;
    }
    for (role, kinds) in &policy.roles {
        let kinds = if kinds.is_empty() {
            "nothing".to_owned()
        } else {
            kinds.join(", ")
        };
        screen.line(format_args!(
            "  {} may write {}",
            plain(role),
            plain(&kinds)
        ))?;
    }
    for (entity, device) in &policy.revoked {
        screen.line(format_args!(
            "revoked {} of {}",
            device.short(),
            entity.short()
        ))?;
    }
    Ok(())
}
