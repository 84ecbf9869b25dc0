//! Tells a program or a web address what needs an answer, once each.
//!
//! A shell file: it starts a program of the owner's, never through a shell, or sends a
//! request to the address that the owner named.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::clock::now_ms;
use crate::daemon::files;
use crate::daemon::session::Service;
use crate::failure::Failure;
use crate::home::Home;
use crate::instant::to_rfc3339;
use crate::web::waiting::{self, Waiting};

/// How often it is looked whether the node ends.
const LOOK: Duration = Duration::from_millis(500);
/// News within so long are looked at together.
const CALM: Duration = Duration::from_millis(200);
/// How long a program or server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is tried to tell one thing.
const ATTEMPTS_MAX: u32 = 3;
/// How long to wait before that is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A program and its arguments; what there is to tell is one line of JSON at its
    /// standard input.
    Program(Vec<String>),
    /// An address, to which the same is posted.
    Address(String),
}

impl Target {
    /// Of what was typed: an address, or a program and arguments parted by blanks.
    pub fn read(text: &str) -> Result<Self, String> {
        let is_address = |front: &str| text.len() > front.len() && text.starts_with(front);
        if is_address("http://") || is_address("https://") {
            return match text.contains(char::is_whitespace) {
                true => Err("an address has no blanks".to_owned()),
                false => Ok(Self::Address(text.to_owned())),
            };
        }
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match words.is_empty() {
            true => Err("a program, or an address that begins with http:// or https://".to_owned()),
            false => Ok(Self::Program(words)),
        }
    }
}

fn path(home: &Home) -> PathBuf {
    home.path().join("notified")
}

/// By what something that waits is known; the next step of the same is another thing.
fn mark(of: &Json) -> String {
    let text = |name: &str| match &of[name] {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    ["what", "topic", "key", "state", "updated_ms"]
        .map(text)
        .join(" ")
        .replace('\n', " ")
}

/// Tells until the node ends.
pub fn start(service: Service, target: Target) {
    std::thread::spawn(move || {
        let known = files::bytes_of(&path(&service.home)).ok().flatten();
        let known = String::from_utf8_lossy(&known.unwrap_or_default()).into_owned();
        let mut notifier = Notifier {
            told: known.lines().map(str::to_owned).collect(),
            failed: BTreeMap::new(),
            again: None,
            service,
            target,
        };
        let mut seen = None;
        while !notifier.service.stopping.load(Ordering::Relaxed) {
            let end = notifier.service.desk.end();
            let again = notifier.again.is_some_and(|at| Instant::now() >= at);
            if seen == Some(end) && !again {
                notifier.service.desk.wait_for_growth(end, LOOK);
                continue;
            }
            std::thread::sleep(CALM);
            seen = Some(notifier.service.desk.end());
            match notifier.look() {
                Ok(()) | Err(Failure::NodeStopped) => {}
                Err(failure) => eprintln!("! nobody was notified: {failure}"),
            }
        }
    });
}

struct Notifier {
    service: Service,
    target: Target,
    told: BTreeSet<String>,
    failed: BTreeMap<String, u32>,
    again: Option<Instant>,
}

impl Notifier {
    /// Tells what was not told yet, and forgets what waits no longer.
    fn look(&mut self) -> Result<(), Failure> {
        let Waiting {
            now: waiting,
            later_ms,
        } = waiting::all(&self.service)?;
        let marks: BTreeSet<String> = waiting.iter().map(mark).collect();
        let before = self.told.clone();
        self.told.retain(|mark| marks.contains(mark));
        self.failed.retain(|mark, _| marks.contains(mark));
        // what waits from some time on comes with no news
        let later = later_ms.map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
        self.again = later.and_then(|later| Instant::now().checked_add(later));
        for of in &waiting {
            let mark = mark(of);
            if self.told.contains(&mark) || self.service.stopping.load(Ordering::Relaxed) {
                continue;
            }
            let mut message = of.clone();
            message["event"] = json!("needs_answer");
            message["time"] = json!(to_rfc3339(now_ms()));
            message["pages"] = json!(self.service.web.get().map(synlog_web::Desk::url));
            match tell(&self.target, &message) {
                Ok(()) => {
                    self.failed.remove(&mark);
                    self.told.insert(mark);
                }
                Err(why) => {
                    eprintln!("! could not notify: {why}");
                    let failed = self.failed.entry(mark.clone()).or_default();
                    *failed += 1;
                    if *failed >= ATTEMPTS_MAX {
                        self.told.insert(mark);
                    } else {
                        let pause = Instant::now() + PAUSE;
                        self.again = Some(self.again.map_or(pause, |at| at.min(pause)));
                    }
                }
            }
        }
        if self.told != before {
            let mut text = self.told.iter().cloned().collect::<Vec<_>>().join("\n");
            text.push('\n');
            files::save(
                &self.service.home,
                path(&self.service.home),
                text.as_bytes(),
            )?;
        }
        Ok(())
    }
}

fn tell(target: &Target, message: &Json) -> Result<(), String> {
    match target {
        Target::Program(words) => run(words, message),
        Target::Address(address) => post(address, message),
    }
}

fn run(words: &[String], message: &Json) -> Result<(), String> {
    let [program, arguments @ ..] = words else {
        return Err("no program".to_owned());
    };
    let trouble = |error: std::io::Error| format!("{program}: {error}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(trouble)?;
    if let Some(mut input) = child.stdin.take() {
        // one that does not read is told by how it ends
        let _ = input.write_all(format!("{message}\n").as_bytes());
    }
    let begun = Instant::now();
    loop {
        match child.try_wait().map_err(trouble)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{program}: {status}")),
            None if begun.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                let seconds = PATIENCE.as_secs();
                return Err(format!("{program} did not end within {seconds} seconds"));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn post(address: &str, message: &Json) -> Result<(), String> {
    // where somebody else was first, theirs will do
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let sent = async {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let request = client
            .post(address)
            .header("content-type", "application/json")
            .body(message.to_string());
        request.send().await
    };
    match runtime.block_on(sent) {
        Ok(answer) if answer.status().is_success() => Ok(()),
        // the path of such an address is often a secret
        Ok(answer) => Err(format!("it answered {}", answer.status())),
        Err(error) => Err(error.without_url().to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn targets_are_programs_or_addresses() {
        let words = |words: &[&str]| {
            let words = words.iter().map(|&word| word.to_owned());
            Ok(Target::Program(words.collect()))
        };
        assert_eq!(
            Target::read("notify-send  -u low"),
            words(&["notify-send", "-u", "low"])
        );
        // nothing of it means something to a shell
        assert_eq!(Target::read("a;b $(c)"), words(&["a;b", "$(c)"]));
        let address = "https://example.org/hook";
        assert_eq!(
            Target::read(address),
            Ok(Target::Address(address.to_owned()))
        );
        for wrong in ["", "  ", "http://a b"] {
            assert!(Target::read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Target::read("http://"), words(&["http://"]));
    }

    #[test]
    fn programs_get_the_message_and_tell_how_it_went() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("told");
        let tee = |path: &std::path::Path| vec!["tee".to_owned(), path.display().to_string()];
        run(&tee(&file), &json!({ "what": "order" })).unwrap();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "{\"what\":\"order\"}\n"
        );
        assert!(run(&["false".to_owned()], &json!({})).is_err());
        assert!(run(&["/nonexistent/program".to_owned()], &json!({})).is_err());
    }
}
