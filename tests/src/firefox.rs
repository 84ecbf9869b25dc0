//! Firefox, driven by [WebDriver BiDi](https://w3c.github.io/webdriver-bidi/). It is asked in
//! the words that [`crate::chromium`] has for Chromium, as far as the tests use them, so that
//! the same tests run in both.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tungstenite::{Message, WebSocket};

/// What a profile of a test needs: nothing asked of anybody, and no questions.
const PREFERENCES: &[(&str, &str)] = &[
    ("app.update.enabled", "false"),
    ("browser.shell.checkDefaultBrowser", "false"),
    ("browser.startup.page", "0"),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("dom.disable_open_during_load", "false"),
    ("focusmanager.testmode", "true"),
    ("intl.accept_languages", "\"en\""),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("services.settings.server", "\"data:,#\""),
    ("toolkit.telemetry.enabled", "false"),
];

/// Keys that have no letter.
const KEYS: &[(&str, &str)] = &[
    ("Tab", "\u{e004}"),
    ("Enter", "\u{e007}"),
    ("Escape", "\u{e00c}"),
    ("ArrowLeft", "\u{e012}"),
    ("ArrowUp", "\u{e013}"),
    ("ArrowRight", "\u{e014}"),
    ("ArrowDown", "\u{e015}"),
];

/// Where Firefox is on this machine, if it is.
pub(crate) fn find() -> Option<PathBuf> {
    let named = std::env::var_os("FIREFOX").map(PathBuf::from);
    let usual = ["/usr/bin/firefox-esr", "/usr/bin/firefox"];
    let mut all = named.into_iter().chain(usual.iter().map(PathBuf::from));
    all.find(|path| path.exists())
}

/// What is said to it.
pub(crate) struct Bidi {
    socket: WebSocket<TcpStream>,
    number: u64,
    /// What it told meanwhile, in Chromium's words.
    pub(crate) told: Vec<Json>,
}

impl Bidi {
    /// Starts it with a profile. Gives what is to be ended, and its only page.
    pub(crate) fn start(
        program: &Path,
        profile: &Path,
        patience: Duration,
    ) -> (Child, Self, String) {
        let preferences = PREFERENCES
            .iter()
            .map(|(name, value)| format!("user_pref(\"{name}\", {value});\n"));
        std::fs::write(profile.join("user.js"), preferences.collect::<String>()).unwrap();
        let mut child = Command::new(program)
            .args(["--headless", "--no-remote", "--remote-allow-system-access"])
            .args(["--remote-debugging-port", "0"])
            .arg("--profile")
            .arg(profile)
            .arg("about:blank")
            .env("HOME", profile)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("WebDriver BiDi listening on ws://")?;
            Some(address.to_owned())
        });
        let address = address.expect("an address of Firefox");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{address}/session");
        let (socket, _) = tungstenite::client(url, stream).unwrap();
        let mut bidi = Self {
            socket,
            number: 0,
            told: Vec::new(),
        };
        let capabilities = json!({
            "acceptInsecureCerts": true, "unhandledPromptBehavior": { "default": "accept" },
        });
        bidi.must(
            "session.new",
            json!({ "capabilities": { "alwaysMatch": capabilities } }),
        );
        let events = [
            "browsingContext.contextCreated",
            "browsingContext.contextDestroyed",
            "browsingContext.userPromptOpened",
            "log.entryAdded",
        ];
        bidi.must("session.subscribe", json!({ "events": events }));
        let tree = bidi.must("browsingContext.getTree", json!({}));
        let page = tree["contexts"][0]["context"].as_str().unwrap().to_owned();
        // the keys of a new window go to where addresses are typed, until its page has the focus
        let windows = bidi.must("browsingContext.getTree", json!({ "moz:scope": "chrome" }));
        let window = json!({ "context": windows["contexts"][0]["context"] });
        let script = json!({ "expression": FOCUS, "target": window, "awaitPromise": true });
        let focus = bidi.must("script.evaluate", script);
        assert_eq!(focus["type"], "success", "{focus}");
        (child, bidi, page)
    }

    fn must(&mut self, method: &str, params: Json) -> Json {
        self.ask(method, params)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends a command of BiDi and waits for its answer.
    fn ask(&mut self, method: &str, params: Json) -> Result<Json, Json> {
        self.number += 1;
        let message = json!({ "id": self.number, "method": method, "params": params });
        self.socket
            .send(Message::text(message.to_string()))
            .unwrap();
        loop {
            let message = self.socket.read().expect("an answer of Firefox");
            let Message::Text(text) = message else {
                continue;
            };
            let json: Json = serde_json::from_str(&text).unwrap();
            match (json["id"] == self.number, json["type"] == "success") {
                (true, true) => return Ok(json["result"].clone()),
                (true, false) => return Err(json),
                (false, _) => self.told.extend(event(&json)),
            }
        }
    }

    /// One of Chromium's commands to a page or frame, answered as Chromium does.
    pub(crate) fn attempt(&mut self, context: &str, method: &str, params: &Json) -> Json {
        match self.answered(context, method, params) {
            Ok(result) => json!({ "result": result }),
            Err(error) => json!({ "error": error }),
        }
    }

    fn answered(&mut self, context: &str, method: &str, params: &Json) -> Result<Json, Json> {
        let text = |name: &str| params[name].as_str().unwrap_or_default();
        match method {
            "Page.enable"
            | "Runtime.enable"
            | "Log.enable"
            | "Security.enable"
            | "Security.setIgnoreCertificateErrors" => Ok(json!({})),
            "Target.createTarget" => {
                let made = self.ask("browsingContext.create", json!({ "type": "tab" }))?;
                Ok(json!({ "targetId": made["context"] }))
            }
            "Target.attachToTarget" => Ok(json!({ "sessionId": params["targetId"] })),
            // whether somebody is there is seen by what is on the page
            "Page.navigate" => {
                let page =
                    json!({ "context": context, "url": params["url"], "wait": "interactive" });
                let _ = self.ask("browsingContext.navigate", page);
                Ok(json!({}))
            }
            "Page.reload" => {
                let page = json!({ "context": context, "wait": "none" });
                let _ = self.ask("browsingContext.reload", page);
                Ok(json!({}))
            }
            "Page.captureScreenshot" => self.ask(
                "browsingContext.captureScreenshot",
                json!({ "context": context }),
            ),
            "Page.addScriptToEvaluateOnNewDocument" => {
                let function = format!("() => {{ {} }}", text("source"));
                let page = json!({ "functionDeclaration": function, "contexts": [context] });
                self.ask("script.addPreloadScript", page)
            }
            "Emulation.setDeviceMetricsOverride" => {
                let size = json!({ "width": params["width"], "height": params["height"] });
                let page = json!({ "context": context, "viewport": size });
                self.ask("browsingContext.setViewport", page)
            }
            "Emulation.setTimezoneOverride" => {
                let page = json!({ "contexts": [context], "timezone": params["timezoneId"] });
                self.ask("emulation.setTimezoneOverride", page)
            }
            "Runtime.evaluate" => self.evaluated(context, text("expression")),
            "Input.insertText" => {
                let typed = TYPING.replace("TEXT", &params["text"].to_string());
                self.evaluated(context, &typed)
            }
            "Input.dispatchKeyEvent" => {
                let key = text("key");
                let named = KEYS.iter().find(|(name, _)| *name == key);
                let value = named.map_or(key, |(_, value)| value);
                let action = json!({ "type": params["type"], "value": value });
                let keys = json!({ "type": "key", "id": "keyboard", "actions": [action] });
                self.ask(
                    "input.performActions",
                    json!({ "context": context, "actions": [keys] }),
                )
            }
            other => Err(json!(format!("Firefox is not asked {other:?} here"))),
        }
    }

    fn evaluated(&mut self, context: &str, expression: &str) -> Result<Json, Json> {
        let script = json!({
            "expression": expression, "target": { "context": context }, "awaitPromise": true,
        });
        let answer = match self.ask("script.evaluate", script) {
            Ok(answer) => answer,
            // the page went away meanwhile, as when it is loaded anew
            Err(error) if error["error"] != "invalid argument" => {
                return Ok(json!({ "result": {} }));
            }
            Err(error) => return Err(error),
        };
        if answer["type"] == "exception" {
            return Ok(json!({ "result": {}, "exceptionDetails": answer["exceptionDetails"] }));
        }
        Ok(json!({ "result": { "value": plain(&answer["result"]) } }))
    }
}

/// Gives the page of a window the keys.
const FOCUS: &str = "(() => {
    const window = Services.wm.getMostRecentBrowserWindow();
    Services.focus.activeWindow = window;
    window.focus();
    window.gBrowser.selectedBrowser.focus();
})()";

/// Types into what has the focus, as a person who pastes.
const TYPING: &str = "(() => {
    const field = document.activeElement;
    if (document.execCommand('insertText', false, TEXT)) return;
    field.value = TEXT;
    field.dispatchEvent(new InputEvent('input', { bubbles: true }));
})()";

/// A value of a page as JSON.
fn plain(value: &Json) -> Json {
    let inner = &value["value"];
    match value["type"].as_str().unwrap_or_default() {
        "string" | "boolean" => inner.clone(),
        "number" if inner.is_number() => inner.clone(),
        "array" => inner.as_array().into_iter().flatten().map(plain).collect(),
        "object" => {
            let pairs = inner.as_array().into_iter().flatten();
            let pairs =
                pairs.filter_map(|pair| Some((pair[0].as_str()?.to_owned(), plain(&pair[1]))));
            Json::Object(pairs.collect())
        }
        "undefined" | "null" | "number" => Json::Null,
        _ => json!({}),
    }
}

/// What happened, in Chromium's words; nothing where the tests don't ask for it.
fn event(json: &Json) -> Option<Json> {
    let params = &json["params"];
    let (method, params) = match json["method"].as_str()? {
        "log.entryAdded" if params["level"] == "error" => {
            ("Log.entryAdded", json!({ "entry": params }))
        }
        "browsingContext.userPromptOpened" => ("Page.javascriptDialogOpening", params.clone()),
        "browsingContext.contextCreated" if !params["parent"].is_null() => (
            "Target.attachedToTarget",
            json!({ "sessionId": params["context"], "targetInfo": { "type": "iframe" } }),
        ),
        "browsingContext.contextDestroyed" => (
            "Target.detachedFromTarget",
            json!({ "sessionId": params["context"] }),
        ),
        _ => return None,
    };
    Some(json!({ "method": method, "params": params }))
}
