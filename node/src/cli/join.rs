//! `synlog join`.

use serde_json::json;
use synlog_log::ids::hex;
use synlog_net::Ticket;

use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::daemon::files;
use crate::failure::Failure;

/// Take a ticket: connect to its node, and follow its topic
///
/// It is remembered: a running node connects at once, and again whenever both are
/// there; `synlog up` does so later if none runs now.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog join synlog1ae3…
  synlog join \"$(cat ticket.txt)\"")]
pub(super) struct Args {
    /// The ticket, as `synlog invite` printed it
    ticket: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let ticket: Ticket = args.ticket.parse()?;
    let home = setting.home()?;
    if files::transport_key(&home)?.public() == ticket.node.0 {
        return Err(Failure::Usage("this is a ticket of this very node".into()));
    }
    // whoever has the node changes what is wanted; others wait
    let node = setting.open()?;
    if let Some(topic) = ticket.topic {
        let mut interests = files::interests(&home)?;
        interests.left.remove(&topic);
        interests.topics.insert(topic);
        files::save_interests(&home, &interests)?;
    }
    let mut contacts = files::contacts(&home)?;
    contacts.tickets.insert(ticket.node, ticket.clone());
    files::save_contacts(&home, &contacts)?;
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "node": hex(&ticket.node.0),
            "entity": ticket.entity.map(|entity| entity.to_string()),
            "topic": ticket.topic.map(|topic| topic.to_string()),
            "name": ticket.name,
            "running": setting.running().is_some(),
        }));
    }
    screen.line(hex(&ticket.node.0))?;
    screen.flush()?;
    if let Some(topic) = ticket.topic {
        let name = plain(ticket.name.as_deref().unwrap_or("(no name)"));
        screen.note(format_args!("follows the topic {name}, {}", topic.short()));
    }
    if setting.running().is_none() {
        screen.note("no node runs here: `synlog up` connects");
    }
    Ok(())
}
