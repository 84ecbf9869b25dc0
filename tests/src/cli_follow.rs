//! `tail --follow`: sees what other processes write, and stands in nobody's way.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::cli::Desk;

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(30);

struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(desk: &Desk, arguments: &[&str]) -> Self {
        let mut child = desk
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    fn next_id(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        json["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_sees_what_others_append_and_nothing_twice() {
    let desk = Desk::new("laptop");
    let topic = desk.ok(&["topic", "new", "board", "--app", "board"]).word();
    let follower = Follower::start(&desk, &["tail", "--follow", "--json"]);
    assert_eq!(follower.next_id(), topic);
    let mut written = Vec::new();
    for number in 0..20 {
        let body = format!("{{\"n\":{number}}}");
        // appending never fails because somebody follows
        written.push(
            desk.ok(&["append", "board", "post.text", "--body", &body])
                .word(),
        );
        if number % 7 == 0 {
            std::thread::sleep(Duration::from_millis(400));
        }
    }
    let seen: Vec<String> = written.iter().map(|_| follower.next_id()).collect();
    assert_eq!(seen, written);
    assert!(
        follower
            .lines
            .recv_timeout(Duration::from_millis(700))
            .is_err()
    );
}

#[test]
fn it_ends_with_its_limit() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "board", "--app", "board"]);
    let mut follower = Follower::start(
        &desk,
        &["tail", "board", "--follow", "--limit", "2", "--json"],
    );
    follower.next_id();
    let id = desk.ok(&["append", "board", "post.text"]).word();
    assert_eq!(follower.next_id(), id);
    assert!(follower.child.wait().unwrap().success());
}
