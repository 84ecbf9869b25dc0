//! `synlog topic new`.

use std::collections::BTreeMap;

use serde_json::json;
use synlog_log::limits::{MEMBERS_MAX, POLICY_LIST_MAX};
use synlog_log::topic::Mode;

use crate::apps;
use crate::cli::input::{pattern, role};
use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::founding::Plan;

/// Begin a topic
///
/// This device becomes its sequencer: its feed decides who may write what and,
/// unless --causal, in which order things count. Your entity is a member with
/// the role `owner`. Prints the id of the topic. For an app that comes with
/// synlog (space, relation, tally) the topic names the reducer whose rules apply,
/// and gets the roles that the app suggests.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog topic new orders --app relation --member 5f0c…=client       (private)
  synlog topic new board --app board --causal --open guest
  synlog topic new shop --app market --member 5f0c…=client --role client=order.request,order.cancel

A role without --role may write everything but the kernel's own kinds. Members of a private
topic must have told their encryption keys: `synlog bundle write FILE --identity` there,
`synlog bundle read FILE` here.")]
pub(super) struct Args {
    /// What people call it
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// What it is for: the app that reads it
    #[arg(long, value_name = "APP", value_parser = app)]
    app: String,
    /// Major version of the app
    #[arg(long, default_value_t = 1, value_name = "N")]
    major: u16,
    /// Order by clock and causality instead of by a sequencer
    #[arg(long)]
    causal: bool,
    /// Seal entries so that only members can read them; topics of the app relation always
    /// are, unless --public
    #[arg(long, conflicts_with_all = ["causal", "public"])]
    private: bool,
    /// Let everybody read
    #[arg(long)]
    public: bool,
    /// Let everybody write, with this role
    #[arg(long, value_name = "ROLE", value_parser = role)]
    open: Option<String>,
    /// A first member; may be repeated
    #[arg(long = "member", value_name = "ENTITY=ROLE", value_parser = member)]
    members: Vec<(String, String)>,
    /// What a role may write; may be repeated
    #[arg(long = "role", value_name = "ROLE=PATTERN,…", value_parser = role_patterns)]
    roles: Vec<(String, Vec<String>)>,
}

fn name(text: &str) -> Result<String, String> {
    if (1..=128).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 128 bytes".to_owned())
    }
}

fn app(text: &str) -> Result<String, String> {
    if (1..=64).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("an app's name has 1 to 64 bytes".to_owned())
    }
}

fn member(text: &str) -> Result<(String, String), String> {
    let (entity, named) = text.split_once('=').ok_or("write ENTITY=ROLE")?;
    Ok((entity.to_owned(), role(named)?))
}

fn role_patterns(text: &str) -> Result<(String, Vec<String>), String> {
    let (named, list) = text.split_once('=').ok_or("write ROLE=PATTERN,PATTERN")?;
    let patterns: Vec<String> = list
        .split(',')
        .filter(|item| !item.is_empty())
        .map(pattern)
        .collect::<Result<_, _>>()?;
    if patterns.len() > POLICY_LIST_MAX {
        return Err(format!("a role has at most {POLICY_LIST_MAX} patterns"));
    }
    Ok((role(named)?, patterns))
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    if args.members.len() > MEMBERS_MAX {
        return Err(Failure::Usage(format!(
            "a topic begins with at most {MEMBERS_MAX} members"
        )));
    }
    let app = apps::find(&args.app, args.major);
    if let Some(app) = app
        && args.causal != (app.manifest.mode == Mode::Causal)
    {
        return Err(Failure::Usage(format!(
            "topics of the app {} are {}",
            args.app,
            if args.causal {
                "ordered: leave --causal out"
            } else {
                "causal: add --causal"
            }
        )));
    }
    // what two people agree on is their own business
    let private = args.private || (args.app == "relation" && !args.public);
    let mut node = setting.open()?;
    let mut members = BTreeMap::new();
    for (entity, role) in &args.members {
        members.insert(node.find_entity(entity)?, role.clone());
    }
    let plan = Plan {
        name: args.name.clone(),
        app: args.app.clone(),
        major: args.major,
        causal: args.causal,
        private,
        members,
        open: args.open.clone(),
        roles: args.roles.iter().cloned().collect(),
    };
    if node.find_topic(&args.name).is_ok() {
        setting.screen.warn(format_args!(
            "there is a topic called {} already; from now on both have to be named by their ids",
            plain(&args.name)
        ));
    }
    let topic = node.found(&plan, now_ms())?;
    let device = node.device();
    node.close()?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "topic": topic.to_string(),
            "name": args.name,
            "app": args.app,
            "major": args.major,
            "mode": if args.causal { "causal" } else { "ordered" },
            "visibility": if private { "private" } else { "public" },
            "sequencer": device.to_string(),
        }));
    }
    screen.line(topic)?;
    screen.flush()?;
    screen.note(format_args!(
        "began the {}topic {}; this device sequences it",
        if private { "private " } else { "" },
        plain(&args.name)
    ));
    Ok(())
}
