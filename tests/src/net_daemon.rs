//! A running node and the commands that run in it: the same results as without one.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value as Json;

use crate::cli::{Desk, Ended, copy};

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time of the script.
const NOW_MS: u64 = 1_795_000_000_000;

/// A node that runs until it is dropped.
pub(crate) struct Up {
    child: Child,
    lines: Receiver<Json>,
    /// What it said when it was ready.
    pub(crate) ready: Json,
}

impl Up {
    /// Starts it on a desk; returns when it is ready.
    pub(crate) fn start(desk: &Desk, more: &[&str]) -> Self {
        Self::attempt(desk, more).expect("a node that starts")
    }

    /// Starts it on a desk; nothing where it ends before it is ready.
    pub(crate) fn attempt(desk: &Desk, more: &[&str]) -> Option<Self> {
        let mut arguments = vec!["up", "--json"];
        arguments.extend(more);
        Self::spawn(desk.command(&arguments))
    }

    /// Starts it by a command; nothing where it ends before it is ready.
    pub(crate) fn spawn(mut command: Command) -> Option<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // the last word of one that is killed may be half a line
                let Ok(json) = serde_json::from_str(&line) else {
                    break;
                };
                if sender.send(json).is_err() {
                    break;
                }
            }
        });
        let mut up = Self {
            child,
            lines,
            ready: Json::Null,
        };
        up.ready = up.lines.recv_timeout(PATIENCE).ok()?;
        assert_eq!(up.ready["event"], "ready");
        Some(up)
    }

    /// Its next line about an event.
    pub(crate) fn wait(&self, event: &str) -> Json {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            if line["event"] == event {
                return line;
            }
        }
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn stop(mut self) {
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::INT,
        )
        .unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; waits for that.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two copies of one data directory.
fn twins() -> (Desk, Desk) {
    let (mut one, mut two) = (Desk::empty(), Desk::empty());
    (one.now_ms, two.now_ms) = (Some(NOW_MS), Some(NOW_MS));
    one.ok(&["init", "--name", "laptop"]);
    copy(&one.home, &two.home);
    (one, two)
}

/// Ids, hashes and times differ between two runs: each gets its number in order of appearance.
fn without_ids(text: &str) -> String {
    let mut seen: Vec<String> = Vec::new();
    let mut out = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() {
            word.push(letter);
            continue;
        }
        let hex = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_digit());
        if hex || digits {
            let at = seen
                .iter()
                .position(|known| known.starts_with(&word) || word.starts_with(&known[..]));
            let at = at.unwrap_or_else(|| {
                seen.push(word.clone());
                seen.len() - 1
            });
            out.push_str(&format!("<{at}>"));
        } else {
            out.push_str(&word);
        }
        word.clear();
        out.push(letter);
    }
    out
}

/// One step of the script: what is typed, and what is at standard input.
type Step<'a> = (&'a [&'a str], Option<&'a str>);

/// The script. `$last` stands for the first word of the last answer of one.
const SCRIPT: &[Step<'static>] = &[
    (&["whoami"], None),
    (&["whoami", "--json"], None),
    (&["topic", "list"], None),
    (&["topic", "new", "board", "--app", "board"], None),
    (&["topic", "new", "board", "--app"], None),
    (&["topic", "list", "--json"], None),
    (&["topic", "new", "shop", "--app", "space", "--json"], None),
    (
        &[
            "append",
            "board",
            "post.text",
            "--body",
            "{\"text\":\"hello\"}",
        ],
        None,
    ),
    (
        &["append", "board", "post.text", "--body", "{\"text\":"],
        None,
    ),
    (
        &["append", "board", "post.text", "--body-file", "-"],
        Some("{\"text\":\"from a pipe\"}"),
    ),
    (
        &["append", "board", "post.text", "--body-file", "post.json"],
        None,
    ),
    (
        &[
            "append",
            "board",
            "post.text",
            "--body-file",
            "missing.json",
        ],
        None,
    ),
    (&["append", "nowhere", "post.text"], None),
    (&["tail"], None),
    (&["tail", "board", "--json"], None),
    (&["tail", "board", "--order", "--last", "2"], None),
    (&["tail", "--limit", "1"], None),
    (
        &["import", "csv", "shop", "stock.csv", "--currency", "EUR"],
        None,
    ),
    (
        &["import", "csv", "shop", "-", "--currency", "EUR", "--json"],
        Some("item,title,price\ntea,Tea,2.50\n"),
    ),
    (
        &[
            "import",
            "jsonl",
            "-",
            "--topic",
            "board",
            "--kind",
            "post.text",
        ],
        Some("{\"text\":\"a\"}\nnonsense\n{\"text\":\"b\"}\n"),
    ),
    (&["import", "csv", "shop", "missing.csv"], None),
    (&["view", "tables", "shop"], None),
    (&["view", "list", "shop", "items"], None),
    (&["view", "list", "shop", "items", "--json"], None),
    (&["view", "list", "shop", "nothing"], None),
    (&["topic", "show", "shop"], None),
    (&["audit", "shop"], None),
    (&["audit", "shop", "--html", "audit.html"], None),
    (&["bundle", "write", "out", "board", "--json"], None),
    (&["bundle", "read", "out.synlog"], None),
    (&["bundle", "read", "none.synlog"], None),
    (&["verify", "out.synlog"], None),
    (&["device", "list"], None),
    (&["follow", "shop"], None),
    (&["block", "board", "--json"], None),
    (&["follow"], None),
    (&["unfollow", "cats"], None),
    (&["doctor"], None),
    (&["doctor", "scrub", "--json"], None),
    (&["entry", "show", "ffffffff"], None),
    (&["join", "synlog1nonsense"], None),
];

fn play(desk: &Desk) -> Vec<Ended> {
    std::fs::write(desk.path("post.json"), "{\"text\":\"from a file\"}").unwrap();
    let stock = "item,title,price\nbread,Bread,3.20\nmilk,Milk,cheap\n";
    std::fs::write(desk.path("stock.csv"), stock).unwrap();
    let steps = SCRIPT.iter();
    steps
        .map(|(arguments, input)| match input {
            Some(input) => desk.fed(input.as_bytes(), arguments),
            None => desk.run(arguments),
        })
        .collect()
}

#[test]
fn a_script_ends_alike_with_and_without_a_running_node() {
    let (without, with) = twins();
    // the node has the real time: it must not show
    let mut real = Desk::empty();
    real.home.clone_from(&with.home);
    let up = Up::start(&real, &["--offline"]);
    let (alone, hosted) = (play(&without), play(&with));
    let plain =
        |desk: &Desk, text: &str| without_ids(&text.replace(desk.root.to_str().unwrap(), "ROOT"));
    for ((arguments, _), (alone, hosted)) in SCRIPT.iter().zip(alone.iter().zip(&hosted)) {
        assert_eq!(
            alone.code, hosted.code,
            "{arguments:?}: {alone:?} {hosted:?}"
        );
        let (out, expected) = (plain(&with, &hosted.out), plain(&without, &alone.out));
        assert_eq!(out, expected, "{arguments:?}");
        let (err, expected) = (plain(&with, &hosted.err), plain(&without, &alone.err));
        // some notes tell that no node runs
        let told = |text: &str| {
            let lines = text
                .lines()
                .filter(|line| !line.contains("no node runs here"));
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(told(&err), told(&expected), "{arguments:?}");
    }
    let ended: Vec<_> = alone.iter().map(|ended| ended.code.unwrap()).collect();
    assert!(
        [0, 1, 2, 6].iter().all(|code| ended.contains(code)),
        "{ended:?}"
    );
    // the files are where the caller stands
    for file in ["out.synlog", "audit.html"] {
        assert!(with.root.join(file).exists());
    }
    up.stop();
    assert_eq!(
        with.ok(&["tail"]).out.lines().count(),
        without.ok(&["tail"]).out.lines().count()
    );
}

#[test]
fn what_a_running_node_wrote_is_there_without_it() {
    let desk = Desk::new("laptop");
    let up = Up::start(&desk, &["--offline"]);
    let topic = desk.ok(&["topic", "new", "board", "--app", "board"]).word();
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let body = format!("{{\"caller\":{caller}}}");
            let mut command = desk.command(&["append", "board", "post.text", "--body", &body]);
            command.stdout(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut written: Vec<String> = vec![topic];
    for caller in callers {
        let output = caller.wait_with_output().unwrap();
        assert!(output.status.success());
        written.push(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    up.kill();
    // the socket file is still there, and nobody behind it
    assert!(desk.home.join("run/synlog.sock").exists());
    let lines = desk.ok(&["tail", "--json"]).json_lines();
    let mut found: Vec<_> = lines
        .iter()
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    written.sort();
    found.sort();
    assert_eq!(found, written);
    // and the next one takes its place
    let up = Up::start(&desk, &["--offline"]);
    desk.ok(&["append", "board", "post.text"]);
    assert_eq!(desk.fails(4, &["up", "--offline", "--json"]).out, "");
    up.stop();
    assert!(!desk.home.join("run/synlog.sock").exists());
    assert_eq!(desk.ok(&["tail"]).out.lines().count(), 6);
}

#[test]
fn who_follows_in_a_running_node_stands_in_nobodys_way() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "board", "--app", "board"]);
    let up = Up::start(&desk, &["--offline"]);
    let mut follower = desk
        .command(&["tail", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    for _ in 0..5 {
        let id = desk.ok(&["append", "board", "post.text"]).word();
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(&id), "{line}");
    }
    // it ends with the node, and says so
    up.stop();
    let ended = follower.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(6));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("node_stopped"), "{said}");
}

#[test]
fn who_follows_when_a_node_is_started_is_told() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "board", "--app", "board"]);
    let mut follower = desk
        .command(&["tail", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let up = Up::start(&desk, &["--offline"]);
    desk.ok(&["append", "board", "post.text"]);
    let ended = follower.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(4));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("node_started"), "{said}");
    up.stop();
}

#[test]
fn a_caller_that_goes_leaves_nothing_behind() {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "board", "--app", "board"]);
    let up = Up::start(&desk, &["--offline"]);
    for _ in 0..80 {
        // more than are served at once: each must have ended for the next to be let in
        let mut caller = desk
            .command(&["tail", "--follow"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut out = BufReader::new(caller.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        caller.kill().unwrap();
        caller.wait().unwrap();
    }
    desk.ok(&["append", "board", "post.text"]);
    up.stop();
}

#[test]
fn a_socket_that_others_may_reach_is_refused() {
    let desk = Desk::new("laptop");
    let up = Up::start(&desk, &["--offline"]);
    let run = desk.home.join("run");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&run), 0o700);
    assert_eq!(mode(&run.join("synlog.sock")), 0o600);
    assert_eq!(mode(&run.join("peers.sock")), 0o600);
    let set = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (path, open, closed) in [
        (run.clone(), 0o755, 0o700),
        (run.join("synlog.sock"), 0o666, 0o600),
    ] {
        set(&path, open);
        let ended = desk.fails(6, &["whoami", "--json"]);
        assert!(ended.err.contains("\"exposed\""), "{ended:?}");
        set(&path, closed);
        desk.ok(&["whoami"]);
    }
    up.stop();
    set(&run, 0o770);
    let ended = desk.fails(6, &["up", "--offline", "--json"]);
    assert!(ended.err.contains("\"exposed\""), "{ended:?}");
}

#[test]
fn garbage_at_the_socket_does_no_harm() {
    let desk = Desk::new("laptop");
    let up = Up::start(&desk, &["--offline"]);
    for bytes in [
        &[0xff; 64][..],
        &[3, 0, 0, 0, 1, 2][..],
        b"",
        &[1, 0, 0, 0, 9],
    ] {
        let path = desk.home.join("run/synlog.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
        let _ = stream.write_all(bytes);
    }
    desk.ok(&["whoami"]);
    up.stop();
}

#[test]
fn two_nodes_meet_by_invitation_and_tell_of_each_other() {
    let (ana, ben) = (Desk::new("ana"), Desk::new("ben"));
    let local = ["--no-mdns", "--no-dht", "--bind", "127.0.0.1:0"];
    let topic = ana.ok(&["topic", "new", "board", "--app", "board"]).word();
    let up_ana = Up::start(&ana, &local);
    let invited = ana.ok(&["invite", "board", "--json"]).json();
    assert_eq!(invited["topic"], topic.as_str());
    assert_eq!(invited["name"], "board");
    let ticket = invited["ticket"].as_str().unwrap();
    let qr = ana.ok(&["invite", "--qr"]).out;
    assert!(qr.contains('█') && qr.starts_with("synlog1"));
    let up_ben = Up::start(&ben, &local);
    let joined = ben.ok(&["join", ticket, "--json"]).json();
    assert_eq!(joined["node"], invited["node"]);
    assert_eq!(up_ben.wait("connected")["device_name"], "ana");
    let told = up_ana.wait("connected");
    assert_eq!(told["device_name"], "ben");
    assert_eq!(told["entity"], ben.entity().as_str());
    let peers = ben.ok(&["peers", "--json"]).json();
    let peer = &peers["peers"][0];
    assert_eq!(peer["connected"], true);
    assert_eq!(peer["via"], "lan");
    assert_eq!(peer["entity"], ana.entity().as_str());
    let text = ben.ok(&["peers"]).out;
    assert!(text.contains("ana@"), "{text}");
    assert!(ben.ok(&["follow"]).out.contains(&topic));
    // one goes and comes again somewhere else; nobody is asked to do anything
    up_ana.stop();
    assert!(
        up_ben.wait("closed")["why"]
            .as_str()
            .unwrap()
            .contains("stopping")
    );
    let peers = ben.ok(&["peers", "--json"]).json();
    assert_eq!(peers["peers"][0]["connected"], false);
    assert!(peers["peers"][0]["why_not"].is_string());
    up_ben.stop();
    let peers = ben.ok(&["peers", "--json"]).json();
    assert_eq!(peers["running"], false);
    assert_eq!(peers["peers"][0]["why_not"], "no node runs here");
}

/// What everybody must agree on.
fn digest(desk: &Desk, topic: &str) -> Json {
    let shown = desk.ok(&["topic", "show", topic, "--json"]).json();
    shown["digest"].clone()
}

#[test]
fn what_was_written_apart_is_the_same_everywhere_afterwards() {
    let (ana, ben) = (Desk::new("ana"), Desk::new("ben"));
    let local = ["--no-mdns", "--no-dht", "--bind", "127.0.0.1:0"];
    let topic = ana
        .ok(&[
            "topic", "new", "board", "--app", "board", "--causal", "--open", "guest",
        ])
        .word();
    let up_ana = Up::start(&ana, &local);
    let ticket = ana.ok(&["invite", "board", "--json"]).json();
    ben.ok(&["join", ticket["ticket"].as_str().unwrap()]);
    let up_ben = Up::start(&ben, &local);
    up_ben.wait("connected");
    let synced = ben.ok(&["sync", "--once", "--json"]).json();
    assert_eq!(synced["ok"], true, "{synced}");
    assert!(!digest(&ben, &topic).is_null());
    assert_eq!(digest(&ana, &topic), digest(&ben, &topic));
    // what one writes is at the other's in a moment, and the other way round
    for (writer, reader) in [(&ana, &ben), (&ben, &ana)] {
        let id = writer.ok(&["append", &topic, "post.text"]).word();
        let arrived = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            reader.ok(&["tail"]).out.contains(&id[..6])
        });
        assert!(arrived, "{id}");
    }
    // they part, both go on, and meet again without being told
    up_ben.stop();
    for _ in 0..3 {
        ana.ok(&["append", &topic, "post.text"]);
        ben.ok(&["append", &topic, "post.text"]);
    }
    assert_ne!(digest(&ana, &topic), digest(&ben, &topic));
    let up_ben = Up::start(&ben, &local);
    let alike = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        digest(&ana, &topic) == digest(&ben, &topic)
    });
    assert!(alike);
    // both hold the same before they have told each other so
    let told = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let peers = ben.ok(&["peers", "--json"]).json();
        peers["peers"][0]["last_sync"].is_string()
    });
    assert!(told);
    up_ana.stop();
    up_ben.stop();
    // a node that does not run is started for a sync, and says whom it did not find
    let alone = ben
        .fails(1, &["sync", "--once", "--patience", "3", "--json"])
        .json();
    assert_eq!(alone["ok"], false);
    // other nodes of this network may be there
    let mut nodes = alone["nodes"].as_array().unwrap().iter();
    let away = nodes.find(|it| it["node"] == ticket["node"]);
    assert!(away.unwrap()["why_not"].is_string(), "{alone}");
}

#[test]
fn two_data_directories_of_one_machine_meet_without_a_network() {
    let (ana, ben) = (Desk::new("ana"), Desk::new("ben"));
    let up_ana = Up::start(&ana, &["--offline"]);
    let home = ana.home.to_str().unwrap();
    let up_ben = Up::start(&ben, &["--offline", "--neighbour", home]);
    let told = up_ben.wait("connected");
    assert_eq!(
        (&told["via"], &told["device_name"]),
        (&"socket".into(), &"ana".into())
    );
    assert_eq!(up_ana.wait("connected")["device_name"], "ben");
    up_ana.stop();
    up_ben.wait("closed");
    up_ben.stop();
}

#[test]
fn one_command_begins_where_nothing_is() {
    let desk = Desk::empty();
    let refused = desk.run(&["up", "--offline"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("synlog up --init"), "{}", refused.err);
    let up = Up::start(&desk, &["--offline", "--init", "--name", "counter"]);
    assert_eq!(up.ready["is_new"], true);
    let whoami = desk.ok(&["whoami", "--json"]).json();
    assert_eq!(whoami["entity"], up.ready["entity"]);
    assert_eq!(whoami["device_name"], "counter");
    desk.ok(&["topic", "new", "shop", "--app", "space"]);
    up.stop();
    // what is there is left as it is
    let up = Up::start(&desk, &["--offline", "--init"]);
    assert_eq!(up.ready["is_new"], false);
    assert_eq!(up.ready["entity"], whoami["entity"]);
    up.stop();
}
