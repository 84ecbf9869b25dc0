//! `synlog guests …`.

use clap::Subcommand;
use serde_json::{Value as Json, json};
use synlog_log::ids::{EntityId, TopicId};

use crate::cli::qr;
use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::daemon::guesting;
use crate::failure::Failure;
use crate::guests::book::Book;
use crate::guests::{Asked, Guests, accept};
use crate::instant::to_text;
use crate::node::Node;

/// Customers without an install: who they are, the link for them, who is shut out
///
/// They order in a browser from a running node that serves them (`synlog up --guests`, or
/// through `--gateway`). Each has keys of its own and one private topic with you.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog guests                    who asked, who has a relation, where they find you
  synlog guests link shop          a link with a QR code to hang up
  synlog guests accept 5f0c")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Link(LinkArgs),
    Accept(AcceptArgs),
    Decline(DeclineArgs),
    Block(BlockArgs),
    Unblock(UnblockArgs),
}

/// List guests: those who ask, those with a relation, those who are shut out
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog guests list
  synlog guests list --json | jq '.relations[].name'")]
struct ListArgs {}

/// Print the link by which customers find a space in their browser
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog guests link
  synlog guests link shop --qr > shop.txt")]
struct LinkArgs {
    /// The space [default: the only one that is offered]
    #[arg(value_name = "SPACE")]
    space: Option<String>,
    /// Show it as a QR code, whatever standard output is
    #[arg(long)]
    qr: bool,
}

/// Accept somebody who asked: found a relation
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog guests accept 5f0c")]
struct AcceptArgs {
    /// The entity, or the front of it
    entity: String,
}

/// Decline somebody who asked
///
/// It is told so until the node ends; `synlog guests block` is for good.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog guests decline 5f0c")]
struct DeclineArgs {
    /// The entity, or the front of it
    entity: String,
}

/// Shut a guest out: its browser gets nothing but what everybody may see
///
/// Its relation stays as it is. Blocking does not remove it as a member: `synlog topic remove` does.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog guests block 5f0c")]
struct BlockArgs {
    /// The entity, or the front of it
    entity: String,
}

/// Let a guest in again
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog guests unblock 5f0c")]
struct UnblockArgs {
    /// The entity, or the front of it
    entity: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    // one at a time changes the book
    let mut node = setting.open()?;
    let own;
    let guests = match setting.running() {
        Some(service) => &*service.guests,
        None => {
            own = Guests::open(&setting.home()?)?;
            &own
        }
    };
    let done = match &args.command {
        None => list(guests, &mut node, setting),
        Some(Command::List(_)) => list(guests, &mut node, setting),
        Some(Command::Link(args)) => link(args, &mut node, guests, setting),
        Some(Command::Accept(args)) => {
            let entity = found(&args.entity, guests.asked().into_keys())?;
            let topic = accept(&mut node, guests, &entity, now_ms())?;
            if let Some(service) = setting.running() {
                service.poke.poke();
            }
            told(setting, "accepted", &entity, Some(topic))
        }
        Some(Command::Decline(args)) => {
            let entity = found(&args.entity, guests.asked().into_keys())?;
            guests.decline(&entity);
            told(setting, "declined", &entity, None)
        }
        Some(Command::Block(args)) => {
            let entity = one_of(&args.entity, guests, &mut node)?;
            guests.take_asked(&entity);
            guests.change(|book| _ = book.blocked.insert(entity))?;
            told(setting, "blocked", &entity, None)
        }
        Some(Command::Unblock(args)) => {
            let blocked = guests.read(|book| book.blocked.clone());
            let entity = found(&args.entity, blocked.into_iter())?;
            guests.change(|book| _ = book.blocked.remove(&entity))?;
            told(setting, "unblocked", &entity, None)
        }
    };
    node.close()?;
    done
}

/// The one of some entities that begins so.
fn found(front: &str, known: impl Iterator<Item = EntityId>) -> Result<EntityId, Failure> {
    let mut fits = known.filter(|entity| entity.to_string().starts_with(&front.to_lowercase()));
    match (fits.next(), fits.next()) {
        (Some(entity), None) => Ok(entity),
        (None, _) => Err(Failure::Findings(format!("no such guest: {front:?}"))),
        (Some(_), Some(_)) => Err(Failure::BadName(format!(
            "several guests begin with {front:?}: use more of it"
        ))),
    }
}

/// A guest, or anybody else.
fn one_of(front: &str, guests: &Guests, node: &mut Node) -> Result<EntityId, Failure> {
    let relations = guests.read(|book| book.relations.keys().copied().collect::<Vec<_>>());
    let all = relations.into_iter().chain(guests.asked().into_keys());
    match found(front, all) {
        Err(Failure::Findings(_)) => node.find_entity(front),
        found => found,
    }
}

fn told(
    setting: &Setting,
    done: &str,
    entity: &EntityId,
    topic: Option<TopicId>,
) -> Result<(), Failure> {
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "entity": entity.to_string(),
            "done": done,
            "topic": topic.map(|topic| topic.to_string()),
        }));
    }
    screen.line(format_args!("{done} {}", entity.short()))
}

fn asked_json((entity, asked): (&EntityId, &Asked)) -> Json {
    json!({
        "entity": entity.to_string(),
        "name": asked.name,
        "space": asked.space.to_string(),
        "since_ms": asked.since_ms,
    })
}

fn list_json(guests: &Guests, spaces: &[(TopicId, String)], urls: &[String]) -> Json {
    let asked = guests.asked();
    guests.read(|book| {
        let settings = &book.settings;
        let relations = book.relations.iter().map(|(entity, it)| {
            json!({
                "entity": entity.to_string(),
                "topic": it.topic.map(|topic| topic.to_string()),
                "name": it.name,
                "since_ms": it.since_ms,
                "blocked": book.blocked.contains(entity),
            })
        });
        let spaces = spaces.iter().filter(|(topic, _)| is_offered(book, topic));
        let spaces =
            spaces.map(|(topic, name)| json!({ "topic": topic.to_string(), "name": name }));
        let gateways = settings.gateways.iter().map(|it| &it.domain);
        json!({
            "urls": urls,
            "accepts": settings.accepts.word(),
            "spaces": spaces.collect::<Vec<_>>(),
            "gateways": gateways.collect::<Vec<_>>(),
            "names": settings.names,
            "limits": settings.limits,
            "asked": asked.iter().map(asked_json).collect::<Vec<_>>(),
            "relations": relations.collect::<Vec<_>>(),
            "blocked": book.blocked.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    })
}

fn is_offered(book: &Book, topic: &TopicId) -> bool {
    let offer = book.settings.offer.as_ref();
    offer.is_none_or(|offer| offer.contains(topic))
}

fn list(guests: &Guests, node: &mut Node, setting: &Setting) -> Result<(), Failure> {
    let urls = setting.running().map(guesting::urls).unwrap_or_default();
    let spaces = node.own_spaces()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&list_json(guests, &spaces, &urls));
    }
    for (entity, asked) in guests.asked() {
        let name = asked.name.as_deref().unwrap_or("somebody");
        let (since, who) = (to_text(asked.since_ms), entity.short());
        screen.line(format_args!("asks     {since}  {who}  {}", plain(name)))?;
    }
    let book = guests.read(Book::clone);
    for (entity, relation) in &book.relations {
        let word = match book.blocked.contains(entity) {
            true => "blocked",
            false => "guest",
        };
        let (since, who) = (to_text(relation.since_ms), entity.short());
        screen.line(format_args!(
            "{word:<8} {since}  {who}  {}",
            plain(&relation.name)
        ))?;
    }
    let others = book.blocked.iter();
    for entity in others.filter(|entity| !book.relations.contains_key(entity)) {
        screen.line(format_args!("blocked  {}", entity.short()))?;
    }
    screen.flush()?;
    match urls.first() {
        Some(url) => screen.note(format_args!(
            "new customers: {}; at {url}",
            book.settings.accepts.word()
        )),
        None => screen.note("no guests are served: `synlog up --guests` does"),
    }
    Ok(())
}

fn link(
    args: &LinkArgs,
    node: &mut Node,
    guests: &Guests,
    setting: &Setting,
) -> Result<(), Failure> {
    let nobody = "no guests are served: `synlog up --guests` does";
    let service = setting.running();
    let service = service.ok_or_else(|| Failure::Findings(nobody.to_owned()))?;
    let urls = guesting::urls(service);
    let url = urls
        .first()
        .ok_or_else(|| Failure::Findings(nobody.to_owned()))?;
    let mut spaces = node.own_spaces()?;
    spaces.retain(|(topic, _)| guests.read(|book| is_offered(book, topic)));
    let space = match &args.space {
        Some(name) => {
            let topic = node.find_topic(name)?;
            let offered = spaces.iter().any(|(space, _)| *space == topic);
            offered.then_some(topic).ok_or_else(|| {
                Failure::Usage(format!(
                    "{name:?} is no public space of yours that is offered"
                ))
            })?
        }
        None => match &spaces[..] {
            [(topic, _)] => *topic,
            [] => {
                return Err(Failure::Findings(
                    "no public space is offered: `synlog topic new NAME --app space` begins one"
                        .to_owned(),
                ));
            }
            _ => {
                return Err(Failure::Usage(
                    "several spaces are offered: name one".to_owned(),
                ));
            }
        },
    };
    let link = guesting::link(url, &space, &node.entity());
    let screen = &setting.screen;
    if screen.is_json() {
        let squares = qr::squares_of(&link)?;
        return screen
            .json(&json!({ "url": link, "space": space.to_string(), "squares": squares }));
    }
    screen.line(&link)?;
    screen.flush()?;
    qr::show(&link, args.qr, screen);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_guest_is_meant() {
        let all = [EntityId([0x11; 32]), EntityId([0x12; 32])];
        assert_eq!(found("11", all.into_iter()).unwrap(), all[0]);
        assert!(matches!(
            found("1", all.into_iter()),
            Err(Failure::BadName(_))
        ));
        assert!(matches!(
            found("2", all.into_iter()),
            Err(Failure::Findings(_))
        ));
    }
}
