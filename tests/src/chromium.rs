//! A real browser, driven over its debugging pipe: Chromium reads commands from its file
//! descriptor 3 and answers at 4, which the shell ties to the pipes that a child has. With
//! `SYNLOG_BROWSER=firefox` the same tests run in Firefox.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::firefox::{self, Bidi};

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    wire: Wire,
    /// Of what is spoken with: the page, or a frame in it that has a process of its own.
    session: String,
    page: String,
    /// Frames in the page, in the order in which they came.
    frames: Vec<String>,
    /// The last one of which it was said that it is there no more.
    ended: Option<String>,
    number: u64,
    /// What went wrong in the page: exceptions, errors on the console, dialogs.
    pub(crate) troubles: Vec<String>,
    _profile: tempfile::TempDir,
}

/// How it is spoken with.
enum Wire {
    /// Chromium's pipe.
    Pipe {
        commands: ChildStdin,
        messages: Receiver<Json>,
    },
    /// Firefox's socket.
    Socket(Box<Bidi>),
}

/// Where the browser is on this machine, if it is.
pub(crate) fn find() -> Option<PathBuf> {
    if std::env::var_os("SYNLOG_BROWSER").is_some_and(|name| name == "firefox") {
        return firefox::find();
    }
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let mut all = named.into_iter().chain(usual.iter().map(PathBuf::from));
    all.find(|path| path.exists())
}

/// How a browser begins to say that it knows no such page or frame any more.
const ENDED: &str = "Session with given id not found";
/// What pages are watched by: what is asked for and not answered yet, and what was said for a
/// moment.
const KEEPING: &str = "(() => { \
     const fetch = window.fetch; \
     window.__asking = 0; window.__said = []; \
     window.fetch = (...given) => { \
       if (/\\/stream/.test(String(given[0]?.url ?? given[0]))) return fetch(...given); \
       window.__asking += 1; window.__last_asked = performance.now(); \
       return fetch(...given).finally(() => { window.__asking -= 1; window.__last_asked = performance.now(); }); }; \
     new MutationObserver((seen) => { \
       for (const { target, addedNodes } of seen) if (target.id === 'status' && addedNodes.length) window.__said.push(target.textContent); \
     }).observe(document, { childList: true, subtree: true }); })()";

impl Browser {
    /// Starts it with an empty page of some width.
    pub(crate) fn start(program: &Path, size: (u32, u32)) -> Self {
        Self::start_with(program, size, &[])
    }

    /// The same with more words on its command line.
    pub(crate) fn start_with(program: &Path, (width, height): (u32, u32), more: &[&str]) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        if program.to_string_lossy().contains("firefox") {
            let (child, bidi, page) = Bidi::start(program, profile.path(), PATIENCE);
            let mut browser = Self::of(child, Wire::Socket(Box::new(bidi)), profile);
            browser.session = page.clone();
            browser.page = page;
            browser.call("Emulation.setDeviceMetricsOverride", metrics);
            return browser;
        }
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2"])
            .arg(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--lang=en",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(more)
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in out.split(0).map_while(Result::ok) {
                let Ok(json) = serde_json::from_slice(&message) else {
                    continue;
                };
                if sender.send(json).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self::of(child, Wire::Pipe { commands, messages }, profile);
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        browser.page = browser.session.clone();
        let attach =
            json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        browser.call("Target.setAutoAttach", attach);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, json!({}));
        }
        browser.call("Emulation.setDeviceMetricsOverride", metrics);
        browser.before_each(KEEPING);
        browser
    }

    fn of(child: Child, wire: Wire, profile: tempfile::TempDir) -> Self {
        Self {
            child,
            wire,
            session: String::new(),
            page: String::new(),
            frames: Vec::new(),
            ended: None,
            number: 0,
            troubles: Vec::new(),
            _profile: profile,
        }
    }

    /// Sends a command and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, params: Json) -> Json {
        let answer = self.attempt(method, params);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// The same, whatever the answer is.
    fn attempt(&mut self, method: &str, params: Json) -> Json {
        self.number += 1;
        let (answer, told) = match &mut self.wire {
            Wire::Socket(bidi) => {
                let answer = bidi.attempt(&self.session, method, &params);
                (answer, std::mem::take(&mut bidi.told))
            }
            Wire::Pipe { commands, messages } => {
                let mut message = json!({ "id": self.number, "method": method, "params": params });
                if !self.session.is_empty() {
                    message["sessionId"] = json!(self.session);
                }
                let mut bytes = message.to_string().into_bytes();
                bytes.push(0);
                commands.write_all(&bytes).unwrap();
                commands.flush().unwrap();
                let mut told = Vec::new();
                loop {
                    let Ok(message) = messages.recv_timeout(PATIENCE) else {
                        panic!("the browser does not answer {method} {params}; {told:?}");
                    };
                    if message["id"] == self.number {
                        break (message, told);
                    }
                    // nobody is there any more who would answer
                    let is_gone = message["method"] == "Target.detachedFromTarget"
                        && message["params"]["sessionId"] == self.session;
                    told.push(message);
                    if is_gone {
                        let gone = json!({ "error": { "message": ENDED } });
                        break (gone, told);
                    }
                }
            }
        };
        for message in &told {
            self.note(message);
        }
        let error = answer["error"]["message"].as_str().unwrap_or_default();
        if error.starts_with(ENDED) {
            self.ended = Some(self.session.clone());
        }
        answer
    }

    /// Speaks with the newest frame in the page from now on.
    pub(crate) fn enter(&mut self) {
        self.leave();
        let begun = Instant::now();
        while self.frames.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "no frame; {:?}", self.troubles);
            self.value("new Promise((done) => setTimeout(done, 20))");
        }
        self.session = self.frames.last().unwrap().clone();
        for domain in ["Runtime.enable", "Log.enable"] {
            self.call(domain, json!({}));
        }
        // it is there before its page is
        let one = json!({ "expression": "1" });
        while !self.attempt("Runtime.evaluate", one.clone())["error"].is_null() {
            assert!(begun.elapsed() < PATIENCE, "a frame without a page");
        }
    }

    /// Speaks with the page again.
    pub(crate) fn leave(&mut self) {
        self.session = self.page.clone();
    }

    fn note(&mut self, message: &Json) {
        let params = &message["params"];
        let session = || params["sessionId"].as_str().unwrap_or_default().to_owned();
        match message["method"].as_str().unwrap_or_default() {
            "Target.attachedToTarget" if params["targetInfo"]["type"] == "iframe" => {
                self.frames.push(session());
            }
            "Target.detachedFromTarget" => self.frames.retain(|frame| *frame != session()),
            "Runtime.exceptionThrown" => self.troubles.push(params["exceptionDetails"].to_string()),
            "Page.javascriptDialogOpening" => self.troubles.push(params.to_string()),
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                self.troubles.push(params["entry"].to_string());
            }
            "Runtime.consoleAPICalled" if params["type"] == "error" => {
                self.troubles.push(params["args"].to_string());
            }
            _ => {}
        }
    }

    /// Forgets what is said of a node that went away: that is no fault of the page's, and is
    /// told late now and then.
    pub(crate) fn forgive_absence(&mut self) {
        let away = |trouble: &String| {
            trouble.contains("net::ERR_CONNECTION_")
                || trouble.contains("net::ERR_EMPTY_RESPONSE")
                || trouble.contains("net::ERR_INCOMPLETE_CHUNKED_ENCODING")
                || trouble.contains("the node does not answer")
        };
        self.troubles.retain(|trouble| !away(trouble));
    }

    /// Opens an address.
    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
    }

    /// The value of an expression in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Json {
        let params = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true,
        });
        let answer = self.attempt("Runtime.evaluate", params);
        // a page that goes elsewhere meanwhile says nothing any more
        let told = answer["error"]["message"].as_str().unwrap_or_default();
        if told.contains("navigated or closed") || told.starts_with(ENDED) {
            return Json::Null;
        }
        assert!(answer["error"].is_null(), "{expression}: {answer}");
        let result = &answer["result"];
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&mut self, expression: &str) {
        self.wait(expression, false);
    }

    /// The same; `may_end`: what it does may end the frame in which it is done, which can't tell
    /// then that it is done.
    fn wait(&mut self, expression: &str, may_end: bool) {
        let begun = Instant::now();
        // what is looked at may not be there yet
        let looked = format!(
            "(() => {{ try {{ return Boolean(({expression})); }} catch {{ return false; }} }})()"
        );
        while self.value(&looked) != json!(true) {
            if self.ended.as_ref() == Some(&self.session) {
                assert!(
                    may_end,
                    "{expression}: the frame has gone; {:?}",
                    self.troubles
                );
                return;
            }
            if begun.elapsed() > PATIENCE {
                let shown = self.value("document.body.innerText");
                panic!(
                    "{expression} did not become true; {:?}\n{shown}",
                    self.troubles
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Something that may not be there yet, as soon as it is; never null.
    pub(crate) fn read(&mut self, expression: &str) -> Json {
        let kept = format!(
            "((it) => {{ window.__read = it; return it !== undefined && it !== null; }})({expression})"
        );
        self.until(&kept);
        self.value("window.__read")
    }

    /// Types into the field with a label, as it stands there; the last of that name. In one
    /// step: a field may be drawn anew before the next.
    pub(crate) fn fill(&mut self, label: &str, text: &str) {
        let text = json!(text);
        self.until(&format!(
            "((label) => {{ const field = document.getElementById(label.htmlFor); field.focus(); field.select?.(); \
             if (document.execCommand('insertText', false, {text})) return true; \
             field.value = {text}; field.dispatchEvent(new InputEvent('input', {{ bubbles: true }})); return true; }})\
             ([...document.querySelectorAll('label')].filter((it) => it.checkVisibility() && it.textContent === {}).pop())",
            json!(label)
        ));
    }

    /// Presses the last button or summary of a name that can be seen.
    pub(crate) fn press(&mut self, name: &str) {
        let script = format!(
            "[...document.querySelectorAll('button, summary, a')].filter((it) => it.checkVisibility() && it.textContent === {}).pop()",
            json!(name)
        );
        // in one step: what is found may be drawn anew before the next
        let press = format!("((it) => {{ it?.click(); return it; }})({script})");
        self.wait(&press, true);
    }

    /// What axe finds wrong with the page, where it is there (`npm ci --prefix tests/axe`).
    pub(crate) fn axe(&mut self) -> Vec<String> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("axe/node_modules/axe-core/axe.min.js");
        let Ok(source) = std::fs::read_to_string(path) else {
            println!("skipped: axe is not here (npm ci --prefix tests/axe)");
            return Vec::new();
        };
        if self.value("typeof axe") != json!("object") {
            self.value(&format!("{source}; true"));
        }
        let found = self.value(
            "axe.run(document, { resultTypes: ['violations'], ...(parent === window ? {} : { preload: false, rules: { 'page-has-heading-one': { enabled: false } } }) }).then(({ violations }) => violations.map((it) => \
             `${it.id}: ${it.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`))",
        );
        let found = found.as_array().cloned().unwrap_or_default();
        found
            .iter()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect()
    }

    /// Opens another page of the same profile, and goes there. Gives the one that was shown.
    pub(crate) fn another(&mut self) -> String {
        let before = std::mem::take(&mut self.session);
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call("Target.attachToTarget", attach);
        self.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            self.call(domain, json!({}));
        }
        self.before_each(KEEPING);
        before
    }

    /// Goes to another page. Gives the one that was shown.
    pub(crate) fn turn_to(&mut self, page: String) -> String {
        std::mem::replace(&mut self.session, page)
    }

    /// Runs a script in each page before its own.
    pub(crate) fn before_each(&mut self, script: &str) {
        let params = json!({ "source": script });
        self.call("Page.addScriptToEvaluateOnNewDocument", params);
    }

    /// Presses a key as a person does.
    pub(crate) fn key(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            " " => 32,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            other if other.len() == 1 => other,
            _ => "",
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// Keeps a picture of the page, where `SYNLOG_SHOTS` names a directory.
    pub(crate) fn shoot(&mut self, name: &str) {
        let Some(directory) = std::env::var_os("SYNLOG_SHOTS") else {
            return;
        };
        let session = std::mem::replace(&mut self.session, self.page.clone());
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        self.session = session;
        let text = shot["data"].as_str().unwrap().as_bytes();
        let bytes = base64(text);
        std::fs::write(Path::new(&directory).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads base64.
fn base64(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    bytes
}
