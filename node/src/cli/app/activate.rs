//! `synlog app use`.

use serde_json::json;
use synlog_log::fold::{MODULE_MAX, Manifest};
use synlog_log::ids::{TopicId, hex};

use crate::cli::app::{engine, refused};
use crate::cli::screen::{count, plain};
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::node::Node;
use crate::trial::Difference;

/// Let a topic be folded by another version of its app
///
/// The reducer is tried first, beside the one that is active: what would change is
/// told. Where events that counted would not count any more, nothing is written
/// without --force. Then the topic names the reducer by its hash, for everybody and
/// from its beginning. Only the topic's sequencer can do it; others get the module
/// with a bundle or install it themselves.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog app use orders                      the one that comes with this synlog
  synlog app use orders 4f1c                 an installed one, by the front of its hash
  synlog app use errands ./errands.wasm      a file; it is installed too
  synlog app use orders --dry-run            what would change")]
pub(super) struct Args {
    /// Name, id, or the front of the id
    topic: String,
    /// A file, or the front of the hash of an installed reducer; the one that comes with
    /// synlog where none is named
    #[arg(value_name = "REDUCER")]
    reducer: Option<String>,
    /// Only tell what would change
    #[arg(long)]
    dry_run: bool,
    /// Write it also where events would not count any more
    #[arg(long)]
    force: bool,
}

/// Events that are named one by one.
const NAMED_MAX: usize = 10;

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let topic = node.find_topic(&args.topic)?;
    let wasm = find(&mut node, &topic, args.reducer.as_deref(), setting)?;
    let module = engine(Some(node.home.modules_path()))?
        .load(&wasm)
        .map_err(refused(&wasm))?;
    let (hash, manifest) = (module.hash(), module.manifest().clone());
    fits(&mut node, &topic, &manifest)?;
    let active = node.order(&topic)?.policy().reducer.map(|(hash, _)| hash);
    let difference = match active == Some(hash) {
        true => None,
        false => Some(node.try_reducer(&topic, &wasm)?),
    };
    let lost = difference.iter().flatten().any(|it| !it.lost.is_empty());
    let writes = difference.is_some() && !args.dry_run && (args.force || !lost);
    let id = match writes {
        false => None,
        true => Some(node.activate(&topic, &wasm, &manifest)?),
    };
    node.close()?;
    let screen = &setting.screen;
    let title = format!(
        "{} {} ({})",
        manifest.app,
        manifest.version,
        &hex(&hash)[..10]
    );
    if screen.is_json() {
        screen.json(&json!({
            "topic": topic.to_string(), "hash": hex(&hash), "app": manifest.app,
            "version": manifest.version, "was_active": difference.is_none(),
            "entry": id.map(|id| id.to_string()),
            "changes": difference.as_ref().map(|it| it.as_ref().map(difference_json)),
        }))?;
    } else {
        match &difference {
            Some(Some(difference)) => show(difference, setting)?,
            Some(None) => screen.note("no reducer was active here that it could be compared with"),
            None => {}
        }
        match (&difference, id) {
            (None, _) => screen.line(format_args!("{} is active already", plain(&title)))?,
            (_, Some(id)) => {
                screen.line(format_args!("{id}"))?;
                screen.note(format_args!(
                    "{} folds {} from its beginning on",
                    plain(&title),
                    topic.short()
                ));
            }
            (_, None) => screen.note(format_args!("nothing was written")),
        }
    }
    if lost && !args.dry_run && !args.force {
        return Err(Failure::Findings(
            "events that counted would not count any more; --force activates it all the same"
                .into(),
        ));
    }
    Ok(())
}

/// The module that is meant.
fn find(
    node: &mut Node,
    topic: &TopicId,
    named: Option<&str>,
    setting: &Setting,
) -> Result<Vec<u8>, Failure> {
    let Some(named) = named else {
        let genesis = node.order(topic)?.genesis().cloned();
        let known = genesis
            .as_ref()
            .and_then(|genesis| crate::apps::find(&genesis.app, genesis.major));
        return known.map(|app| app.pinned.wasm.to_vec()).ok_or_else(|| {
            Failure::Usage(
                "no reducer of the topic's app comes with synlog: name a file or an installed one"
                    .into(),
            )
        });
    };
    let path = std::path::Path::new(named);
    if named.contains(['/', '.']) || setting.path(path).is_file() {
        // one too many shows that it is too large
        return setting.read_up_to(path, MODULE_MAX as u64 + 1);
    }
    let pinned = crate::apps::pinned().iter();
    let mut known: Vec<(String, Option<&[u8]>)> = pinned
        .map(|app| (hex(&app.hash), Some(app.pinned.wasm)))
        .collect();
    let installed = node.home.installed_modules()?;
    known.extend(installed.into_iter().map(|name| (name, None)));
    known.retain(|(name, _)| name.starts_with(named));
    known.dedup_by(|a, b| a.0 == b.0);
    match &known[..] {
        [(_, Some(wasm))] => Ok(wasm.to_vec()),
        [(name, None)] => {
            let hash = synlog_log::ids::unhex(name).and_then(|hash| hash.try_into().ok());
            let wrong = || Failure::System(format!("{name}.wasm is not named by a hash"));
            node.home.module(&hash.ok_or_else(wrong)?)
        }
        [] => Err(Failure::Usage(format!(
            "no reducer here has a hash that begins with {named}: `synlog app list` shows them"
        ))),
        _ => Err(Failure::Usage(format!(
            "several reducers have a hash that begins with {named}: give more of it"
        ))),
    }
}

/// Whether a reducer is one of the topic's app.
fn fits(node: &mut Node, topic: &TopicId, manifest: &Manifest) -> Result<(), Failure> {
    let Some(genesis) = node.order(topic)?.genesis().cloned() else {
        return Err(Failure::Usage(
            "a derived topic has no reducer of its own: each reader chooses one".into(),
        ));
    };
    let same = (&genesis.app[..], genesis.major, genesis.mode)
        == (&manifest.app[..], manifest.major, manifest.mode);
    match same {
        true => Ok(()),
        false => Err(Failure::Usage(format!(
            "the topic is one of {} {}, the reducer one of {} {}",
            plain(&genesis.app),
            genesis.major,
            plain(&manifest.app),
            manifest.major
        ))),
    }
}

fn difference_json(difference: &Difference) -> serde_json::Value {
    let events = |events: &[(synlog_log::ids::EntryId, String)]| {
        let events = events.iter();
        let one = |(id, code): &(_, String)| json!({ "entry": format!("{id}"), "code": code });
        events.map(one).collect::<Vec<_>>()
    };
    json!({
        "lost": events(&difference.lost), "gained": events(&difference.gained),
        "rows_new": difference.rows_new, "rows_gone": difference.rows_gone,
        "rows_changed": difference.rows_changed,
    })
}

fn show(difference: &Difference, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let lists = [
        (&difference.lost, "would not count any more"),
        (&difference.gained, "would count"),
    ];
    for (events, what) in lists {
        if events.is_empty() {
            continue;
        }
        let number = count(events.len() as u64, "event", "events");
        screen.line(format_args!("{number} {what}:"))?;
        for (id, code) in events.iter().take(NAMED_MAX) {
            screen.line(format_args!("  {id}  {}", plain(code)))?;
        }
        if events.len() > NAMED_MAX {
            let rest = events.len() - NAMED_MAX;
            screen.line(format_args!("  … and {rest} more (--json names all)"))?;
        }
    }
    screen.line(format_args!(
        "rows: {} new, {} gone, {} changed",
        difference.rows_new, difference.rows_gone, difference.rows_changed
    ))
}
