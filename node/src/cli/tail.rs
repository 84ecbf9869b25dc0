//! `synlog tail`.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use synlog_log::ids::{DeviceId, EntityId, TopicId};
use synlog_log::order::Status;

use crate::cli::input;
use crate::cli::setting::Setting;
use crate::cli::view::{Content, entry_json, entry_line};
use crate::clock::now_ms;
use crate::entries::Entry;
use crate::failure::Failure;
use crate::node::Node;

/// How often `--follow` looks whether something changed.
const LOOK: Duration = Duration::from_millis(300);

/// Show entries, in order of arrival or in the order of their topic
///
/// Each line begins with a mark: ● sequenced, ○ tentative (it may still move),
/// ✗ rejected by the rules, – void, ? held. --json prints one object per line,
/// whose "cursor" can be given to --after to go on from there; docs/TAIL.md
/// describes all fields.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog tail                                 all that is here, as it arrived
  synlog tail orders --last 20                the last 20 of one topic
  synlog tail --follow --kind 'order.*'       and whatever comes from now on
  synlog tail orders --order                  in the order in which it counts
  synlog tail --json --after 1200 | jq -c '[.cursor,.kind]'")]
pub(super) struct Args {
    /// Only this topic: its name, id, or the front of the id
    topic: Option<String>,
    /// Stay, and show what arrives
    #[arg(long, short)]
    follow: bool,
    /// Begin behind a cursor that an earlier look gave
    #[arg(long, value_name = "CURSOR")]
    after: Option<u64>,
    /// Stop after so many
    #[arg(long, value_name = "N", conflicts_with = "last")]
    limit: Option<u64>,
    /// Begin with the last so many
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Only what this device wrote
    #[arg(long, value_name = "DEVICE")]
    author: Option<String>,
    /// Only what devices of this entity wrote
    #[arg(long, value_name = "ENTITY")]
    entity: Option<String>,
    /// Only kinds that fit
    #[arg(long, value_name = "PATTERN", value_parser = input::pattern)]
    kind: Option<String>,
    /// Only entries that stand so
    #[arg(long, value_name = "STATUS")]
    status: Option<StatusName>,
    /// In the order of the topic instead of that of arrival
    #[arg(long, requires = "topic", conflicts_with_all = ["follow", "after"])]
    order: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusName {
    Sequenced,
    Tentative,
    Void,
    Held,
}

impl StatusName {
    fn fits(self, status: Option<Status>) -> bool {
        matches!(
            (self, status),
            (Self::Sequenced, Some(Status::Sequenced(_)))
                | (Self::Tentative, Some(Status::Tentative(_)))
                | (Self::Void, Some(Status::Void(_)))
                | (Self::Held, Some(Status::Held(_)))
        )
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let mut node = setting.open()?;
    let mut view = View::new(args, setting, &mut node)?;
    let mut seen = Fingerprint::of(node.home.path());
    if args.order {
        view.in_order(&mut node)?;
        return node.close();
    }
    view.look(&mut node)?;
    let home = node.home.clone();
    node.close()?;
    setting.screen.flush()?;
    while args.follow && !view.is_full() {
        setting.rest(LOOK)?;
        let now = Fingerprint::of(home.path());
        if now == seen && !now.is_fresh() {
            continue;
        }
        if view.look_again()? {
            seen = now;
        }
        setting.screen.flush()?;
    }
    Ok(())
}

/// What is shown, and how far it is.
struct View<'a> {
    args: &'a Args,
    setting: &'a Setting,
    topic: Option<TopicId>,
    author: Option<DeviceId>,
    entity: Option<EntityId>,
    cursor: u64,
    shown: u64,
    /// App and name of each topic.
    topics: HashMap<TopicId, (Option<String>, Option<String>)>,
    /// The first look of `--last` shows only the end.
    last: Option<usize>,
}

impl<'a> View<'a> {
    fn new(args: &'a Args, setting: &'a Setting, node: &mut Node) -> Result<Self, Failure> {
        Ok(Self {
            args,
            setting,
            topic: args
                .topic
                .as_ref()
                .map(|name| node.find_topic(name))
                .transpose()?,
            author: args
                .author
                .as_ref()
                .map(|front| node.find_device(front))
                .transpose()?,
            entity: args
                .entity
                .as_ref()
                .map(|front| node.find_entity(front))
                .transpose()?,
            cursor: args.after.unwrap_or(0),
            shown: 0,
            topics: HashMap::new(),
            last: args.last,
        })
    }

    fn is_full(&self) -> bool {
        self.args.limit.is_some_and(|limit| self.shown >= limit)
    }

    /// Shows what arrived since the last look.
    fn look(&mut self, node: &mut Node) -> Result<(), Failure> {
        self.learn_topics(node)?;
        let last = self.last.take();
        let mut kept: VecDeque<Entry> = VecDeque::new();
        let mut missing = Vec::new();
        let from = self.cursor;
        if self.is_full() {
            return Ok(());
        }
        let end = node.arrivals(
            from,
            &mut |first, end| missing.push((first, end)),
            &mut |entry| match last {
                Some(last) => {
                    if self.fits(&entry) {
                        kept.push_back(entry);
                        if kept.len() > last {
                            kept.pop_front();
                        }
                    }
                    Ok(true)
                }
                None => {
                    self.show(&entry)?;
                    Ok(!self.is_full())
                }
            },
        )?;
        for entry in &kept {
            self.show(entry)?;
        }
        for (first, end) in missing {
            let text =
                format!("what arrived from {first} up to {end} is damaged; see `synlog doctor`");
            self.setting.screen.warn(text);
        }
        self.cursor = self.cursor.max(end);
        Ok(())
    }

    /// Opens the store for a moment; `false` if another process has it just now.
    fn look_again(&mut self) -> Result<bool, Failure> {
        let Some(mut node) = self.setting.open_now()? else {
            return Ok(false);
        };
        self.look(&mut node)?;
        node.close()?;
        Ok(true)
    }

    fn in_order(&mut self, node: &mut Node) -> Result<(), Failure> {
        self.learn_topics(node)?;
        let Some(topic) = self.topic else {
            return Ok(());
        };
        let mut entries = node.entries_in_order(&topic)?;
        if let Some(last) = self.last.take() {
            entries.retain(|entry| self.fits(entry));
            entries.drain(..entries.len().saturating_sub(last));
        }
        for entry in &entries {
            if self.is_full() {
                break;
            }
            self.show(entry)?;
        }
        Ok(())
    }

    /// Names of topics, asked before entries are read.
    fn learn_topics(&mut self, node: &mut Node) -> Result<(), Failure> {
        for topic in node.store.topics() {
            if self.topics.contains_key(&topic) || self.topic.is_some_and(|only| only != topic) {
                continue;
            }
            match node.order(&topic) {
                Ok(order) => {
                    let genesis = order.genesis();
                    let app = genesis.map(|genesis| genesis.app.clone());
                    let name = genesis.and_then(|genesis| genesis.name.clone());
                    self.topics.insert(topic, (app, name));
                }
                Err(Failure::NoTopic(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    fn fits(&self, entry: &Entry) -> bool {
        let args = self.args;
        let kind_fits = |pattern: &String| {
            let form = entry.payload.form();
            let split = form.split().ok();
            split.is_some_and(|payload| input::fits(pattern, payload.kind))
        };
        self.topic.is_none_or(|topic| entry.topic == topic)
            && self
                .author
                .is_none_or(|author| entry.header.author == author)
            && self
                .entity
                .is_none_or(|entity| entry.entity == Some(entity))
            && args.status.is_none_or(|status| status.fits(entry.status))
            && args.kind.as_ref().is_none_or(kind_fits)
    }

    fn show(&mut self, entry: &Entry) -> Result<(), Failure> {
        self.cursor = self.cursor.max(entry.position + 1);
        if !self.fits(entry) {
            return Ok(());
        }
        self.shown += 1;
        let screen = &self.setting.screen;
        let content = Content::of(entry, now_ms());
        let known = self.topics.get(&entry.topic);
        let app = known.and_then(|(app, _)| app.as_deref());
        if screen.is_json() {
            return screen.json(&entry_json(entry, app, &content));
        }
        let name = known
            .and_then(|(_, name)| name.as_deref())
            .filter(|_| self.topic.is_none());
        screen.line(entry_line(entry, name, &content, screen))
    }
}

/// What the files of the log look like from outside: changes when something is written.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl Fingerprint {
    fn of(home: &Path) -> Self {
        let directory = std::fs::read_dir(home.join("store/segments"));
        let files = directory.into_iter().flatten().flatten();
        let mut files: Vec<_> = files
            .filter_map(|file| {
                let metadata = file.metadata().ok()?;
                Some((file.path(), metadata.len(), metadata.modified().ok()))
            })
            .collect();
        files.sort();
        Self(files)
    }

    /// Whether the last change is so young that another one may share its time stamp.
    fn is_fresh(&self) -> bool {
        let last = self.0.iter().filter_map(|(_, _, modified)| *modified).max();
        last.is_some_and(|last| last.elapsed().is_ok_and(|age| age < LOOK * 2))
    }
}
