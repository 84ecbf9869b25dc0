//! Questions of the web, answered by what the node does already.

use serde_json::{Value as Json, json};
use synlog_log::fold::EventKind;
use synlog_log::order::{Status, Verdict};
use synlog_values::manifest;
use synlog_views::Preview;
use synlog_web::Problem;
use synlog_web::backend::{Ask, Invite, NewEvent, NewTopic, Questions};

use crate::cli::daily::given::{self, Given};
use crate::cli::qr;
use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::json::to_json;
use crate::node::Node;
use crate::web::{
    backups, clients, devices, entries, hosted, problems, root, rows, steps, tokens, waiting,
};

/// Answers a question, or does as it is told.
pub(super) fn answer(service: &Service, ask: &Ask) -> Result<Json, Problem> {
    let one = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        hosted::one(service, &arguments)
    };
    match ask {
        Ask::Whoami => one(&["whoami"]),
        Ask::Topics => one(&["topic", "list"]),
        Ask::NewTopic(topic) => hosted::one(service, &new_topic(topic)),
        Ask::Topic(topic) => one(&["topic", "show", "--", topic]),
        Ask::Apps => one(&["app", "list"]),
        Ask::Entry(id) => one(&["entry", "show", "--", id]),
        Ask::Erase(id) => one(&["erase", "--", id]),
        Ask::Audit {
            topic,
            erasable: false,
        } => one(&["audit", "--", topic]),
        Ask::Audit {
            topic,
            erasable: true,
        } => one(&["audit", "--erasable", "--", topic]),
        Ask::Invite(invite) => invited(service, invite),
        Ask::Join(ticket) => one(&["join", "--", ticket]),
        Ask::Inbox => one(&["inbox", "list"]),
        Ask::Letter { id, accept: true } => one(&["inbox", "accept", "--", id]),
        Ask::Letter { id, accept: false } => one(&["inbox", "drop", "--", id]),
        Ask::Peers => one(&["peers"]),
        Ask::Follows => one(&["follow"]),
        Ask::Devices => one(&["device", "list"]),
        Ask::Guests => one(&["guests", "list"]),
        Ask::GuestLink(None) => one(&["guests", "link"]),
        Ask::GuestLink(Some(space)) => one(&["guests", "link", "--", space]),
        Ask::Guest { entity, answer } => one(&["guests", answer.word(), "--", entity]),
        Ask::Doctor => one(&["doctor"]),
        Ask::Blobs => one(&["blob", "list"]),
        Ask::Root => root::shown(service),
        Ask::Words(passphrase) => root::words(service, passphrase.as_deref()),
        Ask::CheckWords(words) => root::check(service, words),
        Ask::LockRoot(passphrase) => root::lock(service, passphrase),
        Ask::RemoveRoot(words) => root::remove(service, words),
        Ask::Backup(passphrase) => backups::again(service, passphrase.as_deref()),
        Ask::DeviceRequest(request) => devices::look(request),
        Ask::AddDevice(asked) => devices::add(
            service,
            &asked.request,
            &asked.check,
            asked.passphrase.as_deref(),
        ),
        Ask::EndDevice {
            device,
            end,
            passphrase,
        } => devices::retire(service, device, *end, passphrase.as_deref()),
        Ask::Waiting => {
            let all = waiting::all(service).map_err(|failure| problems::problem(&failure))?;
            Ok(json!({ "waiting": all.now, "later_ms": all.later_ms }))
        }
        Ask::Clients(asked) => {
            clients::list(service, asked).map_err(|failure| problems::problem(&failure))
        }
        Ask::Steps => steps::all(&service.home),
        Ask::Step { step, state } => steps::say(&service.home, step, state),
        // they belong to the run, not to the node
        Ask::Imports | Ask::Import(_) | Ask::DoImport(_) => {
            Err(Problem::new(404, "no_import", "there is no such import"))
        }
        Ask::Explain { topic, key } => {
            let words = ["explain", "--", topic, key];
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            Ok(json!({ "entries": hosted::lines(service, &words)? }))
        }
        Ask::Tokens => {
            let all = tokens::all(&service.home).map_err(|failure| problems::problem(&failure))?;
            Ok(json!({ "tokens": all.iter().map(tokens::Token::json).collect::<Vec<_>>() }))
        }
        Ask::Manifest(topic) => with(service, |node| {
            let topic = node.find_topic(topic)?;
            let manifest = node.manifest(&topic)?;
            manifest
                .as_deref()
                .map(manifest::manifest_json)
                .ok_or_else(|| {
                    Failure::Findings("the topic has no reducer that is here".to_owned())
                })
        }),
        Ask::Rows(asked) => with(service, |node| rows::asked(node, asked)),
        Ask::Entries(asked) => with(service, |node| entries::list(node, asked)),
        Ask::Event(event) => with(service, |node| write(node, event)),
    }
}

/// Runs something with the node, as soon as nobody else uses it.
pub(crate) fn with<T>(
    service: &Service,
    run: impl FnOnce(&mut Node) -> Result<T, Failure>,
) -> Result<T, Problem> {
    let lent = || {
        let mut node = service.desk.lend()?;
        let done = run(&mut node);
        node.close()?;
        done
    };
    lent().map_err(|failure| problems::problem(&failure))
}

/// Rows that are read before others may use the store.
const ROWS_IN_A_TURN: usize = 200;

/// Answers questions for rows in one use of the store, which others get in between.
pub(crate) fn read(service: &Service, questions: &mut dyn Questions) {
    let mut lent = service.desk.lend();
    let mut rows_read = 0;
    while let Some(asked) = questions.next() {
        if rows_read >= ROWS_IN_A_TURN {
            rows_read = 0;
            lent = lent.and_then(|mut node| node.step_aside().map(|()| node));
        }
        // a question is as dear as some rows
        rows_read += asked.limit.max(10);
        let told = match &mut lent {
            Ok(node) => rows::asked(node, &asked),
            Err(_) => Err(Failure::NodeStopped),
        };
        questions.tell(told.map_err(|failure| problems::problem(&failure)));
    }
}

/// A ticket with the squares of its QR code, or a letter.
fn invited(service: &Service, invite: &Invite) -> Result<Json, Problem> {
    let mut arguments = vec!["invite".to_owned(), "--no-qr".to_owned()];
    arguments.extend(invite.to.iter().map(|to| format!("--to={to}")));
    if invite.to.is_some() {
        let message = invite.message.iter();
        arguments.extend(message.map(|message| format!("--message={message}")));
    }
    arguments.push("--".to_owned());
    arguments.extend(invite.topic.clone());
    let mut answer = hosted::one(service, &arguments)?;
    if let Some(ticket) = answer.get("ticket").and_then(Json::as_str) {
        let squares = qr::squares(ticket).map_err(|failure| problems::problem(&failure))?;
        answer["qr"] = json!(squares);
    }
    Ok(answer)
}

fn new_topic(topic: &NewTopic) -> Vec<String> {
    let mut arguments = vec!["topic".to_owned(), "new".to_owned()];
    arguments.push(format!("--app={}", topic.app));
    let members = topic.members.iter();
    arguments.extend(members.map(|(entity, role)| format!("--member={entity}={role}")));
    arguments.extend(["--".to_owned(), topic.name.clone()]);
    arguments
}

/// The kind of an event by its name, or by the words of its command.
fn kind_of<'a>(kinds: &'a [EventKind], command: &str) -> Option<&'a EventKind> {
    let words = command.replace('-', " ");
    kinds.iter().find(|event| {
        let named = event
            .command
            .as_deref()
            .map(|named| named.replace('-', " "));
        event.kind == command || named.as_ref() == Some(&words)
    })
}

fn write(node: &mut Node, asked: &NewEvent) -> Result<Json, Failure> {
    let topic = node.find_topic(&asked.topic)?;
    let manifest = match node.manifest(&topic) {
        // without its reducer the event is written as it is
        Err(Failure::NoReducer(_)) => None,
        manifest => manifest?,
    };
    let kinds = manifest
        .as_ref()
        .map_or(&[][..], |manifest| &manifest.events);
    let plain;
    let kind = match kind_of(kinds, &asked.command) {
        Some(kind) => kind,
        None => {
            let kind = crate::cli::input::kind(&asked.command).map_err(Failure::Usage)?;
            plain = EventKind::plain(kind);
            &plain
        }
    };
    let all = Given {
        body: &asked.body,
        erasable: asked.erasable.as_ref(),
        taken_for: asked.taken_for.as_deref(),
        prove: &asked.prove,
    };
    let filled = match given::fill_json(node, &topic, kind, &all) {
        // a rehearsal is asked before all is known
        Err(
            failure @ (Failure::Usage(_)
            | Failure::BadName(_)
            | Failure::NoEntry(_)
            | Failure::NoEffect(_)),
        ) if asked.dry_run => {
            return Ok(json!({
                "kind": kind.kind,
                "body": null,
                "evidence": 0,
                "verdict": "incomplete",
                "why": failure.to_string(),
            }));
        }
        filled => filled?,
    };
    if asked.dry_run {
        let payload = node.payload(&filled.event)?;
        let verdict = match node.preview(&topic, &payload)? {
            Verdict::Rejected(code) => code.text().to_owned(),
            Verdict::Sealed => "sealed".to_owned(),
            Verdict::Accepted => match node.rehearse(&topic, &filled.event) {
                Ok(Preview::Accepted) => "accepted".to_owned(),
                Ok(Preview::Rejected { code, .. }) => code,
                Err(Failure::NoReducer(_)) => "unchecked".to_owned(),
                Err(failure) => return Err(failure),
            },
        };
        return Ok(json!({
            "kind": filled.event.kind,
            "body": to_json(&filled.event.body),
            "evidence": filled.event.evidence.len(),
            "verdict": verdict,
        }));
    }
    let written = node.write_checked(&topic, &filled.event, asked.force)?;
    Ok(json!({
        "id": written.id.to_string(),
        "topic": written.topic.to_string(),
        "kind": filled.event.kind,
        "status": written.status.map(Status::word),
        "verdict": written.status.map(Status::text),
        "rejected": written.rejected,
        "unchecked": written.unchecked,
        "secrets": filled.secrets,
    }))
}
