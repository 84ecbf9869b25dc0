//! Some nodes that share topics, what they were told is written, and what must hold
//! between them in the end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use synlog_net::Ticket;

use crate::cli::Desk;

/// Lines of one import.
pub(crate) const LINES: u64 = 60;

/// Desks that share a topic of each kind of order, in which all of them write.
pub(crate) struct Circle {
    pub(crate) desks: Vec<Desk>,
    pub(crate) topics: Vec<String>,
    /// Ids that were printed.
    acknowledged: Mutex<BTreeSet<String>>,
    /// Imports that were said to be done.
    imported: Mutex<BTreeSet<u64>>,
}

impl Circle {
    /// A circle of people; the first one begins the topics.
    pub(crate) fn found(names: &[&str]) -> Self {
        let desks: Vec<Desk> = names.iter().map(|name| Desk::new(name)).collect();
        let members: Vec<String> = desks[1..]
            .iter()
            .map(|desk| format!("--member={}=guest", desk.entity()))
            .collect();
        let topic = |name: &str, more: &[&str]| {
            let mut arguments = vec!["topic", "new", name, "--app", "board", "--open", "guest"];
            arguments.extend(more);
            arguments.extend(members.iter().map(String::as_str));
            desks[0].ok(&arguments).word()
        };
        let topics = vec![topic("causal", &["--causal"]), topic("ordered", &[])];
        Self {
            acknowledged: Mutex::new(topics.iter().cloned().collect()),
            imported: Mutex::default(),
            desks,
            topics,
        }
    }

    /// One comes to know another's node at some addresses, and follows the topics.
    pub(crate) fn introduce(&self, one: usize, other: &Ticket, addresses: Vec<SocketAddr>) {
        for topic in &self.topics {
            let mut ticket = other.clone();
            ticket.addresses.clone_from(&addresses);
            ticket.topic = Some(topic.parse().unwrap());
            self.desks[one].ok(&["join", &ticket.to_string()]);
        }
    }

    /// Somebody writes an entry; where it is acknowledged it must stay.
    pub(crate) fn append(&self, writer: usize, number: u64) -> bool {
        let topic = &self.topics[number as usize % self.topics.len()];
        let text = "x".repeat([3, 40, 3_000][number as usize % 3]);
        let body = json!({ "writer": writer, "n": number, "text": text }).to_string();
        let ended = self.desks[writer].run(&["append", topic, "post.text", "--body", &body]);
        let id = ended.out.strip_suffix('\n').filter(|id| id.len() == 64);
        if let Some(id) = id {
            self.acknowledged.lock().unwrap().insert(id.to_owned());
        }
        id.is_some()
    }

    /// Somebody writes many entries at once.
    pub(crate) fn import(&self, writer: usize, number: u64) -> bool {
        let topic = &self.topics[number as usize % self.topics.len()];
        let name = (writer as u64) << 32 | number;
        let lines = (0..LINES).map(|line| format!("{{\"import\":{name},\"n\":{line}}}\n"));
        let path = self.desks[writer].path(&format!("{name}.jsonl"));
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        let arguments = [
            "import",
            "jsonl",
            &path,
            "--topic",
            topic,
            "--kind",
            "post.text",
        ];
        let done = self.desks[writer].run(&arguments).code == Some(0);
        if done {
            self.imported.lock().unwrap().insert(name);
        }
        done
    }

    /// How many entries were acknowledged.
    pub(crate) fn count(&self) -> usize {
        let imported = self.imported.lock().unwrap().len() * LINES as usize;
        self.acknowledged.lock().unwrap().len() + imported
    }

    /// What each makes of the topics; nothing while a command does not answer.
    fn sights(&self) -> Vec<Vec<Json>> {
        let sight = |desk: &Desk| {
            let shown = self.topics.iter().map(|topic| {
                let ended = desk.run(&["topic", "show", topic, "--json"]);
                match ended.code {
                    Some(0) => ended.json()["digest"].clone(),
                    _ => Json::Null,
                }
            });
            shown.collect()
        };
        self.desks.iter().map(sight).collect()
    }

    /// Waits until all see the same; how long that took.
    pub(crate) fn agree(&self, patience: Duration) -> Duration {
        let begun = Instant::now();
        loop {
            let sights = self.sights();
            let alike = sights.iter().all(|sight| *sight == sights[0]);
            if alike && sights[0].iter().all(|digest| !digest.is_null()) {
                return begun.elapsed();
            }
            if begun.elapsed() >= patience {
                for desk in &self.desks {
                    let peers = desk.run(&["peers", "--json"]);
                    let rows = desk.run(&["tail", "--json"]).out.lines().count();
                    println!("{rows} entries; {}{}", peers.out, peers.err);
                }
                panic!("no agreement after {patience:?}: {sights:?}");
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// All that was acknowledged is everywhere, and every store is whole.
    pub(crate) fn check(&self) {
        let acknowledged = self.acknowledged.lock().unwrap();
        let imported = self.imported.lock().unwrap();
        for (number, desk) in self.desks.iter().enumerate() {
            let rows = desk.ok(&["tail", "--json"]).json_lines();
            let held: BTreeSet<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
            assert_eq!(held.len(), rows.len(), "desk {number} has something twice");
            let lost: Vec<_> = acknowledged
                .iter()
                .filter(|id| !held.contains(&id[..]))
                .collect();
            assert!(lost.is_empty(), "desk {number} lacks {lost:?}");
            let lines: BTreeSet<(u64, u64)> = rows
                .iter()
                .filter_map(|row| {
                    Some((row["body"]["import"].as_u64()?, row["body"]["n"].as_u64()?))
                })
                .collect();
            for import in imported.iter() {
                let whole = (0..LINES).all(|line| lines.contains(&(*import, line)));
                assert!(whole, "desk {number} lacks lines of {import:x}");
            }
        }
    }

    /// Nothing is damaged, and no device had to be given up. For when no node runs.
    pub(crate) fn check_stores(&self) {
        for desk in &self.desks {
            let doctor = desk.ok(&["doctor", "--json"]).json();
            assert_eq!(
                (&doctor["ok"], &doctor["guard"]),
                (&json!(true), &json!(null)),
                "{doctor}"
            );
            desk.ok(&["doctor", "scrub"]);
        }
    }
}
