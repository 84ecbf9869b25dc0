//! `kill -9` at any moment: what was acknowledged is there, and nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::cli::{Desk, program};

/// Rounds that one data directory goes through before it is looked at closely.
const ROUNDS_PER_DESK: u64 = 10;
/// Lines of one import: some runs, so that a kill falls between them.
const LINES: u64 = 1000;

fn rounds() -> u64 {
    let named = std::env::var("SYNLOG_ROUNDS").ok();
    named.and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// Numbers that look random, the same in every run of the test.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}

fn killed(mut child: Child, after: Duration) -> String {
    std::thread::sleep(after);
    let _ = child.kill();
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let _ = child.wait();
    said
}

struct Story {
    desk: Desk,
    acknowledged: BTreeSet<String>,
    imports: Vec<String>,
}

impl Story {
    fn begin() -> Self {
        let desk = Desk::new("laptop");
        let topic = desk.ok(&["topic", "new", "map", "--app", "map"]).word();
        Self {
            desk,
            acknowledged: BTreeSet::from([topic]),
            imports: Vec::new(),
        }
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.desk.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Appends until one is killed.
    fn appends(&mut self, round: u64, after: Duration) {
        for number in 0..3 {
            let body = format!("{{\"round\":{round},\"n\":{number}}}");
            let child = self.spawn(&["append", "map", "place.seen", "--body", &body]);
            let said = killed(
                child,
                if number == 2 {
                    after
                } else {
                    after + Duration::from_millis(20)
                },
            );
            if let Some(id) = said.strip_suffix('\n') {
                self.acknowledged.insert(id.to_owned());
            }
        }
    }

    fn import(&mut self, round: u64, after: Duration) {
        let path = self.desk.path(&format!("{round}.jsonl"));
        let lines: String = (0..LINES)
            .map(|n| format!("{{\"import\":{round},\"n\":{n}}}\n"))
            .collect();
        std::fs::write(&path, lines).unwrap();
        let child = self.spawn(&[
            "import",
            "jsonl",
            &path,
            "--topic",
            "map",
            "--kind",
            "place.seen",
        ]);
        killed(child, after);
        self.imports.push(path);
    }

    fn check(&self) -> Vec<serde_json::Value> {
        let doctor = self.desk.ok(&["doctor", "--json"]).json();
        assert_eq!(
            (&doctor["ok"], &doctor["guard"]),
            (&json!(true), &json!(null)),
            "{doctor}"
        );
        let rows = self.desk.ok(&["tail", "--json"]).json_lines();
        let held: BTreeSet<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        for id in &self.acknowledged {
            assert!(held.contains(&id[..]), "{id} was acknowledged and is gone");
        }
        rows
    }

    fn end(&self) {
        for path in &self.imports {
            self.desk.ok(&[
                "import",
                "jsonl",
                path,
                "--topic",
                "map",
                "--kind",
                "place.seen",
            ]);
        }
        let mut counts: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for row in self
            .desk
            .ok(&["tail", "--kind", "place.seen", "--json"])
            .json_lines()
        {
            if let Some(import) = row["body"]["import"].as_u64() {
                *counts
                    .entry((import, row["body"]["n"].as_u64().unwrap()))
                    .or_default() += 1;
            }
        }
        assert_eq!(counts.len() as u64, LINES * self.imports.len() as u64);
        assert!(
            counts.values().all(|count| *count == 1),
            "an event was imported twice"
        );
        self.desk.ok(&["doctor", "scrub"]);
        let bundle = self.desk.path("all.synlog");
        self.desk.ok(&["bundle", "write", &bundle]);
        let verified = program().args(["verify", &bundle]).output().unwrap();
        assert!(verified.status.success(), "{verified:?}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_doubled() {
    let (mut state, mut left) = (7, rounds());
    let (mut appends_cut, mut imports_cut) = (0, 0);
    while left > 0 {
        let mut story = Story::begin();
        for round in 0..left.min(ROUNDS_PER_DESK) {
            if round % 3 == 2 {
                story.import(round, Duration::from_millis(random(&mut state) % 160));
            } else {
                let before = story.acknowledged.len();
                story.appends(round, Duration::from_millis(random(&mut state) % 60));
                appends_cut += u64::from(story.acknowledged.len() < before + 3);
            }
            let rows = story.check();
            let of_import = rows
                .iter()
                .filter(|row| row["body"]["import"] == json!(round));
            imports_cut += u64::from((1..LINES).contains(&(of_import.count() as u64)));
        }
        story.end();
        left -= left.min(ROUNDS_PER_DESK);
    }
    // how many rounds were worth it depends on the machine
    println!("{appends_cut} appends and {imports_cut} imports were killed halfway");
}

#[test]
fn an_interrupted_init_can_be_begun_again() {
    let mut state = 11;
    for _ in 0..rounds().div_ceil(10) {
        let desk = Desk::empty();
        let mut command = desk.command(&["init"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        killed(child, Duration::from_millis(random(&mut state) % 25));
        if !desk.home.join("keys/device.key").exists() {
            desk.ok(&["init"]);
        }
        desk.ok(&["topic", "new", "map", "--app", "map"]);
        desk.ok(&["doctor", "scrub"]);
        let devices = desk.ok(&["device", "list", "--json"]).json();
        assert!(
            devices["devices"]
                .as_array()
                .unwrap()
                .iter()
                .any(|row| row["this"] == json!(true))
        );
    }
}

#[test]
fn an_interrupted_renewal_strands_no_topic() {
    let (mut state, mut cut) = (13, 0);
    for _ in 0..rounds().div_ceil(10) {
        let desk = Desk::new("laptop");
        for topic in ["one", "two", "three"] {
            let causal = ["--causal"];
            let more = if topic == "two" { &causal[..] } else { &[] };
            desk.ok(&[&["topic", "new", topic, "--app", "a"], more].concat());
        }
        let mut command = desk.command(&["device", "renew"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = killed(child, Duration::from_millis(random(&mut state) % 200));
        if said.is_empty() {
            cut += 1;
            desk.ok(&["device", "renew"]);
        }
        let device = desk.device();
        for topic in ["one", "two", "three"] {
            desk.ok(&["append", topic, "note.add"]);
            let shown = desk.ok(&["topic", "show", topic, "--json"]).json();
            assert_eq!(shown["sequencer"], json!(device), "{shown}");
            assert_eq!(shown["state"], json!("open"), "{shown}");
        }
        desk.ok(&["doctor", "scrub"]);
        let path = desk.path("all.synlog");
        desk.ok(&["bundle", "write", &path]);
        desk.ok(&["verify", &path]);
    }
    println!("{cut} renewals were killed before they were done");
}
