//! A small browser: HTTP over a plain socket, with a session's cookie or a program's token.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// Longer than any machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Who asks a running node, and where it is.
#[derive(Clone, Default)]
pub(crate) struct Web {
    pub(crate) host: String,
    pub(crate) cookie: String,
    pub(crate) token: String,
    /// Where its API begins, if it is not the owner's.
    pub(crate) root: Option<&'static str>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or(Json::Null)
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// An event of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Json,
}

/// What a question gives, once it is as it should be.
pub(crate) fn soon<T>(mut ask: impl FnMut() -> T, is_so: impl Fn(&T) -> bool) -> T {
    let begun = Instant::now();
    loop {
        let told = ask();
        if is_so(&told) {
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "it never was as it should be");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Web {
    /// At the address that `up` told.
    pub(crate) fn at(url: &str) -> Self {
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        Self {
            host: host.to_owned(),
            ..Self::default()
        }
    }

    /// With the session that a link opens.
    pub(crate) fn login(link: &str) -> Self {
        let (url, token) = link.split_once("#login=").unwrap();
        let mut web = Self::at(url);
        let answer = web.post("/login", &format!("{{\"token\":\"{token}\"}}"));
        assert_eq!(answer.status, 200, "{}", answer.head);
        let cookie = answer.header("set-cookie").unwrap();
        web.cookie = cookie.split(';').next().unwrap().to_owned();
        web
    }

    /// What its cookie says.
    pub(crate) fn session(&self) -> &str {
        self.cookie.split_once('=').unwrap().1
    }

    /// A program's.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            host: self.host.clone(),
            token: token.to_owned(),
            ..Self::default()
        }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let root = self.root.unwrap_or("/api/v1");
        let mut head = format!("{method} {root}{path} HTTP/1.1\r\n");
        let mut add = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        if !headers.iter().any(|(name, _)| *name == "Host") {
            add("Host", &self.host);
        }
        if !self.cookie.is_empty() {
            add("Cookie", &self.cookie);
        }
        if !self.token.is_empty() {
            add("Authorization", &format!("Bearer {}", self.token));
        }
        if method != "GET" {
            add("Content-Length", &body.len().to_string());
            if !headers.iter().any(|(name, _)| *name == "Origin") {
                add("Origin", &format!("http://{}", self.host));
            }
        }
        for (name, value) in headers {
            add(name, value);
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        stream
    }

    /// Asks, and waits for the whole answer.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut headers = headers.to_vec();
        headers.push(("Connection", "close"));
        let mut stream = self.send(method, path, &headers, body);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let at = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&all[..at]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head,
            body: all[at + 4..].to_vec(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[], body.as_bytes())
    }

    /// The answer to a question that is well.
    pub(crate) fn ok(&self, path: &str) -> Json {
        let answer = self.get(path);
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{path}: {text}");
        answer.json()
    }

    /// What an order that is carried out gives.
    pub(crate) fn done(&self, path: &str, body: &Json) -> Json {
        let answer = self.post(path, &body.to_string());
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{path}: {text}");
        answer.json()
    }

    /// Opens a stream. What it tells comes one by one, until it ends.
    pub(crate) fn watch(
        &self,
        path: &str,
        last: Option<&str>,
    ) -> impl Iterator<Item = Told> + use<> {
        let last = last.map(|id| ("Last-Event-ID", id));
        let close = Some(("Connection", "close"));
        let headers: Vec<(&str, &str)> = last.into_iter().chain(close).collect();
        let stream = self.send("GET", path, &headers, b"");
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        std::iter::from_fn(move || {
            let (mut id, mut event) = (String::new(), String::new());
            loop {
                let line = lines.next()?;
                if let Some(text) = line.strip_prefix("id:") {
                    id = text.trim().to_owned();
                } else if let Some(text) = line.strip_prefix("event:") {
                    event = text.trim().to_owned();
                } else if let Some(text) = line.strip_prefix("data:") {
                    let data = serde_json::from_str(text.trim()).ok()?;
                    return Some(Told { id, event, data });
                }
            }
        })
    }
}
