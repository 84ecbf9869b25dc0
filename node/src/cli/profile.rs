//! `synlog profile …`.

use clap::Subcommand;
use serde_json::json;
use synlog_log::ids::{EntryId, TopicId, hex};
use synlog_log::topic::Visibility;

use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::identity::profile::{
    ABOUT_MAX, Address, Announced, NAME_MAX, Profile, announce, set, withdraw,
};
use crate::node::Node;
use crate::writing::Event;

/// What the world may know of you: a name, and the public topics that you have
///
/// A profile is a public topic of its own. Whoever follows you gets it, and finds
/// what you announce there.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Set(SetArgs),
    Show(ShowArgs),
    Announce(AnnounceArgs),
    Withdraw(WithdrawArgs),
}

/// Say what you are called
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog profile set --name 'Ana, plumber' --about 'Kallio and around, day and night'")]
struct SetArgs {
    /// A name
    #[arg(long, value_name = "TEXT", value_parser = short)]
    name: Option<String>,
    /// What you say of yourself
    #[arg(long, value_name = "TEXT", value_parser = long)]
    about: Option<String>,
}

/// Show a profile that is here
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog profile show
  synlog profile show 5f0c --json")]
struct ShowArgs {
    /// Id of the entity, or the front of it [default: you]
    entity: Option<String>,
}

/// Announce a public topic of yours
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog profile announce shop --name 'Ana’s spare parts'")]
struct AnnounceArgs {
    /// Name, id, or the front of the id
    topic: String,
    /// What it is called in the profile [default: its own name]
    #[arg(long, value_name = "TEXT", value_parser = short)]
    name: Option<String>,
}

/// Take an announcement back
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog profile withdraw shop")]
struct WithdrawArgs {
    /// Name, id, or the front of the id
    topic: String,
}

fn short(text: &str) -> Result<String, String> {
    fits(text, NAME_MAX)
}

fn long(text: &str) -> Result<String, String> {
    fits(text, ABOUT_MAX)
}

fn fits(text: &str, max: usize) -> Result<String, String> {
    if text.len() <= max {
        Ok(text.to_owned())
    } else {
        Err(format!("it has at most {max} bytes"))
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        Command::Set(args) => set_it(args, setting),
        Command::Show(args) => show(args, setting),
        Command::Announce(args) => announce_it(args, setting),
        Command::Withdraw(args) => withdraw_it(args, setting),
    }
}

fn write(node: &mut Node, event: &Event) -> Result<(TopicId, EntryId), Failure> {
    node.write_profile(event, now_ms())
}

fn say(setting: &Setting, (topic, id): (TopicId, EntryId), done: &str) -> Result<(), Failure> {
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({ "topic": topic.to_string(), "id": id.to_string() }));
    }
    screen.line(id)?;
    screen.flush()?;
    screen.note(done);
    Ok(())
}

fn set_it(args: &SetArgs, setting: &Setting) -> Result<(), Failure> {
    if args.name.is_none() && args.about.is_none() {
        return Err(Failure::Usage("say --name or --about, or both".into()));
    }
    let mut node = setting.open()?;
    let entity = node.entity();
    let before = node.profile(&entity)?.map(|(_, profile)| profile);
    let before = before.unwrap_or_default();
    let event = set(
        args.name.as_deref().unwrap_or(&before.name),
        args.about.as_deref().unwrap_or(&before.about),
    );
    let written = write(&mut node, &event)?;
    node.close()?;
    say(setting, written, "your profile says so now")
}

fn show(args: &ShowArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let entity = match &args.entity {
        Some(entity) => node.find_entity(entity)?,
        None => node.entity(),
    };
    let found = node.profile(&entity)?;
    node.close()?;
    let Some((topic, profile)) = found else {
        return Err(Failure::Findings(format!(
            "no profile of {} is here",
            entity.short()
        )));
    };
    let screen = &setting.screen;
    if screen.is_json() {
        let topics = profile.topics.iter().map(|(topic, announced)| {
            json!({ "topic": topic.to_string(), "app": announced.app, "name": announced.name })
        });
        let addresses = profile.addresses.iter().map(|(node, at)| {
            let sockets: Vec<_> = at.sockets.iter().map(ToString::to_string).collect();
            json!({
                "node": hex(node),
                "relay": at.relay,
                "addresses": sockets,
                "until_ms": at.until_ms,
            })
        });
        return screen.json(&json!({
            "entity": entity.to_string(),
            "topic": topic.to_string(),
            "name": profile.name,
            "about": profile.about,
            "topics": topics.collect::<Vec<_>>(),
            "addresses": addresses.collect::<Vec<_>>(),
        }));
    }
    let Profile { name, about, .. } = &profile;
    screen.line(format_args!("entity  {entity}"))?;
    screen.line(format_args!("name    {}", plain(name)))?;
    screen.line(format_args!("about   {}", plain(about)))?;
    for (topic, announced) in &profile.topics {
        screen.line(format_args!(
            "topic   {}  {}  {}",
            topic.short(),
            plain(&announced.app),
            plain(&announced.name)
        ))?;
    }
    for (node, at) in &profile.addresses {
        screen.line(format_args!(
            "node    {}  until {}  {}",
            &hex(node)[..10],
            crate::instant::to_text(at.until_ms),
            place_of(at)
        ))?;
    }
    Ok(())
}

fn place_of(at: &Address) -> String {
    let sockets = at.sockets.iter().map(ToString::to_string);
    let relay = at.relay.as_deref().map(|relay| plain(relay).to_string());
    let places: Vec<String> = relay.into_iter().chain(sockets).collect();
    if places.is_empty() {
        return "no address".to_owned();
    }
    places.join(" ")
}

fn announce_it(args: &AnnounceArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let (entity, order) = (node.entity(), node.order(&topic)?);
    let genesis = order.genesis().cloned().ok_or(Failure::NoTopic(topic))?;
    if genesis.visibility != Visibility::Public {
        return Err(Failure::NoEffect(
            "the topic is private: nobody else could read it".into(),
        ));
    }
    if order.entity_of(&EntryId(topic.0)) != Some(entity) {
        return Err(Failure::NoEffect("another entity began this topic".into()));
    }
    let own_name = genesis.name.unwrap_or_default();
    let announced = Announced {
        app: genesis.app,
        name: args.name.clone().unwrap_or(own_name),
    };
    let written = write(&mut node, &announce(&topic, &announced))?;
    node.close()?;
    say(setting, written, "your profile announces it now")
}

fn withdraw_it(args: &WithdrawArgs, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let entity = node.entity();
    let known = node.profile(&entity)?;
    if known.is_none_or(|(_, profile)| !profile.topics.contains_key(&topic)) {
        return Err(Failure::NoEffect(
            "your profile does not announce it".into(),
        ));
    }
    let written = write(&mut node, &withdraw(&topic))?;
    node.close()?;
    say(setting, written, "your profile announces it no more")
}
