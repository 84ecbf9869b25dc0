//! Writes listings into a topic of the app `space`: only what is new or changed,
//! in runs, and says at the end what became of everything.

use std::collections::BTreeSet;

use serde_json::json;
use synlog_log::ids::TopicId;
use synlog_log::limits::RUN_ENTRIES_MAX;
use synlog_log::order::{Status, Verdict};

use crate::cli::import::Target;
use crate::cli::screen::{Screen, count, plain};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::import::held::{Held, Judgement};
use crate::import::listing::{Found, Listing, PLACE_KIND, Put, Remark};
use crate::import::report::{Reasons, Report, Tally};
use crate::json::to_json;
use crate::lending::Lent;
use crate::writing::Event;

/// Bytes of payloads that are gathered before they are signed together.
const GATHERED_BYTES: usize = 512 * 1024;
/// Finds after which others may use the node for a moment.
const TURN: u64 = 128;
/// The app whose events these are.
const APP: &str = "space";

/// An import under way.
pub(super) struct Writer<'a> {
    screen: &'a Screen,
    setting: &'a Setting,
    node: Lent,
    topic: TopicId,
    dry_run: bool,
    held: Held,
    report: Report,
    /// Kinds that the kernel takes from this device here.
    allowed: BTreeSet<&'static str>,
    gathered: Vec<Vec<u8>>,
    gathered_bytes: usize,
    offered: u64,
}

impl<'a> Writer<'a> {
    /// Opens the node and reads what the topic holds.
    pub(super) fn open(setting: &'a Setting, target: &Target) -> Result<Self, Failure> {
        let mut node = setting.open()?;
        if !target.dry_run {
            node.check_guard()?;
        }
        let topic = node.find_topic(&target.topic)?;
        let app = node
            .order(&topic)?
            .genesis()
            .map(|genesis| genesis.app.clone());
        if app.as_deref() != Some(APP) {
            let app = app.unwrap_or_default();
            return Err(Failure::Usage(format!(
                "the topic is of the app {app:?}; places and items belong into one of {APP:?}: synlog topic new NAME --app {APP}"
            )));
        }
        let mut held = Held::default();
        for entry in node.entries_in_order(&topic)? {
            let counts = matches!(
                entry.status,
                Some(Status::Sequenced(Verdict::Accepted) | Status::Tentative(Verdict::Accepted))
            );
            let form = entry.payload.form();
            if let (true, Ok(Ok(event))) = (
                counts,
                form.split().map(|split| {
                    split
                        .check()
                        .map(|event| (event.kind.to_owned(), event.body))
                }),
            ) {
                held.learn(&event.0, &event.1);
            }
        }
        Ok(Self {
            screen: &setting.screen,
            setting,
            node,
            topic,
            dry_run: target.dry_run,
            held,
            report: Report::default(),
            allowed: BTreeSet::new(),
            gathered: Vec::new(),
            gathered_bytes: 0,
            offered: 0,
        })
    }

    /// How many finds were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.report.taken
    }

    /// Takes what a reader found; its events are written now or with those that follow.
    pub(super) fn offer(&mut self, found: &Found) -> Result<(), Failure> {
        self.offered += 1;
        if self.offered.is_multiple_of(TURN) {
            self.setting.check()?;
            self.node.step_aside()?;
        }
        match found {
            Found::Refused { origin, why } => {
                self.report.refused.add(origin, why);
                Ok(())
            }
            Found::Taken(listing) => self.put(listing),
        }
    }

    fn put(&mut self, listing: &Listing) -> Result<(), Failure> {
        // all of a listing or nothing of it
        let mut payloads = Vec::new();
        for put in listing.puts() {
            match self.node.payload(&Event::new(put.kind, put.body.clone())) {
                Ok(payload) => payloads.push((put, payload)),
                Err(Failure::Refused { refusal, .. }) => {
                    let why = Remark::new(refusal.code(), refusal.explain());
                    self.report.refused.add(&listing.origin, &why);
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            }
        }
        self.report.taken += 1;
        for note in &listing.notes {
            self.report.noted.add(&listing.origin, note);
        }
        for (put, payload) in payloads {
            self.write(&listing.origin, &put, payload)?;
        }
        let place = listing.item.as_ref().and_then(|item| item.place.as_ref());
        if let Some(place) = place.filter(|place| !self.held.has_place(place)) {
            let text = format!("the topic has no place {place:?}");
            let note = Remark::new("unknown_place", text);
            self.report.noted.add(&listing.origin, &note);
        }
        Ok(())
    }

    fn tally(&mut self, put: &Put) -> &mut Tally {
        if put.kind == PLACE_KIND {
            &mut self.report.places
        } else {
            &mut self.report.items
        }
    }

    fn write(&mut self, origin: &str, put: &Put, payload: Vec<u8>) -> Result<(), Failure> {
        match self.held.judge(put) {
            Judgement::Same => {
                self.tally(put).same += 1;
                return Ok(());
            }
            Judgement::Gone(why) => {
                self.report.refused.add(origin, &why);
                return Ok(());
            }
            Judgement::New => self.tally(put).new += 1,
            Judgement::Changed => self.tally(put).changed += 1,
        }
        self.held.learn(put.kind, &put.body);
        if !self.allowed.contains(put.kind) {
            Failure::of_verdict(self.node.preview(&self.topic, &payload)?)?;
            self.allowed.insert(put.kind);
        }
        if self.dry_run {
            let line = json!({ "kind": put.kind, "body": to_json(&put.body) });
            return self.screen.json(&line);
        }
        self.gathered_bytes += payload.len();
        self.gathered.push(payload);
        if self.gathered.len() >= RUN_ENTRIES_MAX || self.gathered_bytes >= GATHERED_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// Signs and stores what was gathered.
    fn commit(&mut self) -> Result<(), Failure> {
        self.setting.check()?;
        if !self.gathered.is_empty() {
            let written = self
                .node
                .append_run(&self.topic, &self.gathered, now_ms())?;
            self.report.written += written;
            self.gathered.clear();
            self.gathered_bytes = 0;
        }
        Ok(())
    }

    /// Columns that nobody reads: programs are told, too.
    pub(super) fn left_out(&mut self, columns: &[String]) {
        self.report.left_out = columns.to_vec();
    }

    /// Ends where the file can't be read on: what came before is kept.
    pub(super) fn fail(mut self, failure: Failure) -> Failure {
        if let Err(other) = self.commit() {
            return other;
        }
        if self.report.written > 0 {
            let written = count(self.report.written, "event is", "events are");
            self.screen
                .note(format_args!("{written} written from before that place"));
        }
        match self.node.close() {
            Ok(()) => failure,
            Err(other) => other,
        }
    }

    /// Writes the rest and says what was done. A refusal with a code that is a
    /// fault makes the command fail.
    pub(super) fn finish(mut self, is_fault: impl Fn(&str) -> bool) -> Result<(), Failure> {
        self.commit()?;
        self.node.close()?;
        let (report, screen) = (self.report, self.screen);
        if screen.is_json() {
            let mut summary = report.json();
            summary["topic"] = json!(self.topic.to_string());
            summary["dry_run"] = json!(self.dry_run);
            screen.json(&summary)?;
        } else {
            say(screen, "refused", &report.refused);
            say(screen, "noted", &report.noted);
            let line = format!(
                "{} taken: places {}, items {}; {} written, {} refused",
                count(report.taken, "find", "finds"),
                words(&report.places),
                words(&report.items),
                count(report.written, "event", "events"),
                report.refused.count(),
            );
            if self.dry_run {
                screen.note(format_args!("{line} (a dry run)"));
            } else {
                screen.line(line)?;
            }
        }
        let faults: u64 = report
            .refused
            .iter()
            .filter(|(code, _)| is_fault(code))
            .map(|(_, reason)| reason.count)
            .sum();
        if faults > 0 {
            let finds = count(faults, "find was", "finds were");
            return Err(Failure::Findings(format!(
                "{finds} refused; the others are {}",
                if self.dry_run { "right" } else { "written" }
            )));
        }
        Ok(())
    }
}

fn words(tally: &Tally) -> String {
    format!(
        "{} new, {} changed, {} as they were",
        tally.new, tally.changed, tally.same
    )
}

fn say(screen: &Screen, what: &str, reasons: &Reasons) {
    for (code, reason) in reasons.iter() {
        let more = reason.count > reason.examples.len() as u64;
        screen.note(format_args!("{what} {code}: {}", reason.count));
        for (at, text) in &reason.examples {
            screen.note(format_args!("  {}: {}", plain(at), plain(text)));
        }
        if more {
            screen.note("  …");
        }
    }
}
