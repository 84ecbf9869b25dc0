//! `synlog invite`.

use serde_json::json;
use synlog_log::ids::{TopicId, hex};
use synlog_log::sealed::letter::MESSAGE_MAX;
use synlog_net::Ticket;
use synlog_replication::peer::NodeId;

use crate::cli::qr;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::daemon::files;
use crate::failure::Failure;
use crate::lending::Lent;

/// Print a ticket by which another node finds this one, and a topic if you name it
///
/// A ticket says where this node is just now; it is no secret and gives no rights:
/// who may read a private topic is decided by its members. On a terminal it is
/// shown as a QR code, too. While the node runs the ticket has its addresses;
/// otherwise only its id, which others can look up once it runs.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog invite                       somebody to connect to this node
  synlog invite orders                … and to follow the topic orders
  synlog invite orders --to 5f0c1e --message 'Your order, as we said'
  synlog invite market --qr > market.txt")]
pub(super) struct Args {
    /// Name of the topic, its id, or the front of the id
    topic: Option<String>,
    /// Write a letter to this entity, which is handed over when a node of it is met; print
    /// no ticket
    #[arg(long, value_name = "ENTITY", requires = "topic")]
    to: Option<String>,
    /// A few words for the letter
    #[arg(long, value_name = "TEXT", requires = "to")]
    message: Option<String>,
    /// Print the QR code even if nobody sees a terminal
    #[arg(long, conflicts_with = "no_qr")]
    qr: bool,
    /// Print no QR code
    #[arg(long)]
    no_qr: bool,
}

/// Writes a letter instead.
fn write(
    mut node: Lent,
    topic: &TopicId,
    to: &str,
    message: &str,
    setting: &Setting,
) -> Result<(), Failure> {
    if message.len() > MESSAGE_MAX {
        return Err(Failure::Usage(format!(
            "the message has {} bytes; a letter has room for {MESSAGE_MAX}",
            message.len()
        )));
    }
    let to = node.find_entity(to)?;
    node.get_to_know(&to)?;
    let order = node.order(topic)?;
    if order.is_private() && !order.policy().members.contains_key(&to) {
        return Err(Failure::Usage(format!(
            "{} is no member of this topic and could not read it: see `synlog topic grant`",
            to.short()
        )));
    }
    let letter = node.write_letter(to, topic, message, now_ms())?;
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "letter": hex(&letter.hash()),
            "to": to.to_string(),
            "topic": topic.to_string(),
        }));
    }
    screen.line(hex(&letter.hash()))?;
    screen.flush()?;
    screen.note(format_args!(
        "handed over when a node of {} is met",
        to.short()
    ));
    Ok(())
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = args
        .topic
        .as_ref()
        .map(|name| node.find_topic(name))
        .transpose()?;
    if let (Some(topic), Some(to)) = (&topic, &args.to) {
        let message = args.message.as_deref().unwrap_or_default();
        return write(node, topic, to, message, setting);
    }
    let entity = node.entity();
    let name = match &topic {
        Some(topic) => node.topic_name(topic)?,
        None => None,
    };
    node.close()?;
    let mut ticket = match setting.running() {
        Some(service) => service.net.ticket(),
        None => {
            let key = files::transport_key(&setting.home()?)?;
            Ticket::new(NodeId(key.public()))
        }
    };
    ticket.entity = Some(entity);
    ticket.topic = topic;
    ticket.name = name.filter(|name| name.len() <= synlog_net::ticket::NAME_MAX);
    let screen = &setting.screen;
    if screen.is_json() {
        let addresses = ticket.addresses.iter().map(ToString::to_string);
        return screen.json(&json!({
            "ticket": ticket.to_string(),
            "node": hex(&ticket.node.0),
            "entity": entity.to_string(),
            "topic": topic.map(|topic| topic.to_string()),
            "name": ticket.name,
            "addresses": addresses.collect::<Vec<_>>(),
            "relay": ticket.relay,
        }));
    }
    screen.line(&ticket)?;
    if args.qr || (screen.is_terminal() && !args.no_qr) {
        // capital letters take half the room, and a ticket may be written in them
        let code = qr::code(&ticket.to_string().to_uppercase());
        let too_long = || Failure::System("no QR code: the ticket is too long for one".to_owned());
        screen.line(code.ok_or_else(too_long)?)?;
    }
    if ticket.addresses.is_empty() {
        screen.flush()?;
        screen.warn("it has no address, since no node runs here: `synlog up` starts it");
    }
    Ok(())
}
