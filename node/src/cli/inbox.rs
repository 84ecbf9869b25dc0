//! `synlog inbox`.

use serde_json::{Value as Json, json};
use synlog_log::ids::{TopicId, hex};
use synlog_log::run::RunView;
use synlog_log::sealed::inbox::{Inbox, WaitingLetter};
use synlog_log::sealed::letter::Invitation;
use synlog_net::Ticket;
use synlog_replication::peer::NodeId;

use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::daemon::files;
use crate::failure::Failure;
use crate::instant::to_text;
use crate::intake::Intake;
use crate::node::Node;
use crate::plain::plain;

/// Letters of people who share nothing with you yet and invite you to a topic
///
/// They come from nodes that met yours (`synlog invite TOPIC --to ENTITY` writes one).
/// Nothing of a topic is here before you accept. The box holds 256 letters, three of one
/// writer, for 30 days; what doesn't fit is turned away.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog inbox
  synlog inbox accept 3fa2
  synlog inbox drop 3fa2")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(ListArgs),
    Accept(AcceptArgs),
    Drop(DropArgs),
}

/// List the letters that wait
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog inbox list --json | jq -r '.letters[].message'")]
struct ListArgs {}

/// Follow the topic to which a letter invites
///
/// Its entries come as soon as a node of the writer, or of another member, is met.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog inbox accept 3fa2")]
struct AcceptArgs {
    /// Id of the letter, or the front of it
    letter: String,
}

/// Throw a letter away
///
/// It is not taken again. `synlog block` keeps its writer out altogether.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog inbox drop 3fa2")]
struct DropArgs {
    /// Id of the letter, or the front of it
    letter: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    match &args.command {
        None | Some(Command::List(_)) => list(setting),
        Some(Command::Accept(args)) => accept(&args.letter, setting),
        Some(Command::Drop(args)) => throw_away(&args.letter, setting),
    }
}

/// What a letter says, if this node can read it.
fn invitation(node: &Node, waiting: &WaitingLetter) -> Option<Invitation> {
    waiting.letter.open(node.secrets()).ok()
}

fn list(setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let mut inbox = node.inbox()?;
    inbox.expire(now_ms());
    let letters: Vec<_> = inbox
        .letters()
        .into_iter()
        .map(|(id, waiting)| (*id, waiting.clone(), invitation(&node, waiting)))
        .collect();
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        let letters = letters.iter().map(|(id, waiting, invitation)| {
            json!({
                "letter": hex(id),
                "from": waiting.from.to_string(),
                "node": hex(&waiting.via),
                "written_ms": waiting.letter.written_ms,
                "came_ms": waiting.came_ms,
                "topic": invitation.as_ref().map(|it| it.topic.to_string()),
                "message": invitation.as_ref().map(|it| it.message.clone()),
            })
        });
        let letters: Vec<Json> = letters.collect();
        return screen.json(&json!({ "letters": letters }));
    }
    if letters.is_empty() {
        screen.note("no letters wait");
    }
    for (id, waiting, invitation) in letters {
        let written = to_text(waiting.letter.written_ms);
        let from = waiting.from.short();
        match invitation {
            Some(it) => {
                let topic = it.topic.short();
                let id = &hex(&id)[..8];
                screen.line(format_args!("{id}  {written}  {from} invites to {topic}"))?;
                if !it.message.is_empty() {
                    screen.line(format_args!("          {}", plain(&it.message)))?;
                }
            }
            None => {
                let id = &hex(&id)[..8];
                screen.line(format_args!(
                    "{id}  {written}  {from}  sealed to a key that is not here"
                ))?;
            }
        }
    }
    Ok(())
}

/// The one letter that is meant.
fn find(inbox: &Inbox, front: &str) -> Result<[u8; 32], Failure> {
    let front = front.to_lowercase();
    let letters = inbox.letters().into_iter().map(|(id, _)| *id);
    let fitting: Vec<[u8; 32]> = letters.filter(|id| hex(id).starts_with(&front)).collect();
    match &fitting[..] {
        [id] => Ok(*id),
        [] => Err(Failure::Usage(format!(
            "no letter begins with {}: see `synlog inbox`",
            plain(&front)
        ))),
        _ => Err(Failure::Usage(format!(
            "{} letters begin with {}: give more of the id",
            fitting.len(),
            plain(&front)
        ))),
    }
}

fn accept(letter: &str, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let mut inbox = node.inbox()?;
    let id = find(&inbox, letter)?;
    let Some(waiting) = inbox.remove(&id) else {
        return Ok(());
    };
    let invitation = waiting.letter.open(node.secrets());
    let invitation = invitation.map_err(Failure::refused("the letter"))?;
    // what is of another topic than the letter says is nobody's business here
    let run = RunView::decode(&invitation.run);
    if run.is_ok_and(|run| run.genesis && run.feed.topic == invitation.topic) {
        let mut intake = Intake::default();
        node.take_in(vec![invitation.run.clone()], now_ms(), &mut intake)?;
    }
    let home = setting.home()?;
    let mut interests = files::interests(&home)?;
    interests.left.remove(&invitation.topic);
    interests.topics.insert(invitation.topic);
    files::save_interests(&home, &interests)?;
    let via = NodeId(waiting.via);
    let mut contacts = files::contacts(&home)?;
    // an address that is known already is better than none
    contacts.tickets.entry(via).or_insert_with(|| Ticket {
        entity: Some(waiting.from),
        ..Ticket::new(via)
    });
    files::save_contacts(&home, &contacts)?;
    // last, so that a letter is not lost before it is answered
    node.save_inbox(&inbox)?;
    node.close()?;
    say(setting, "accepted", &id, invitation.topic)?;
    if setting.running().is_none() {
        setting
            .screen
            .note("no node runs here: `synlog up` connects");
    }
    Ok(())
}

fn throw_away(letter: &str, setting: &Setting) -> Result<(), Failure> {
    let node = setting.open()?;
    let mut inbox = node.inbox()?;
    let id = find(&inbox, letter)?;
    let waiting = inbox.remove(&id);
    node.save_inbox(&inbox)?;
    let topic = waiting.and_then(|waiting| invitation(&node, &waiting));
    node.close()?;
    let topic = topic.map_or(TopicId::ZERO, |it| it.topic);
    say(setting, "dropped", &id, topic)
}

fn say(setting: &Setting, done: &str, id: &[u8; 32], topic: TopicId) -> Result<(), Failure> {
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "letter": hex(id),
            "done": done,
            "topic": topic.to_string(),
        }));
    }
    screen.line(format_args!(
        "{done} {}: topic {}",
        &hex(id)[..8],
        topic.short()
    ))
}
