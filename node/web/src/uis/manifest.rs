//! What an app's user interface says of itself: `ui.json`.

use serde_json::{Map, Value as Json, json};

use super::Wrong;

/// Its file.
pub const FILE: &str = "ui.json";
/// The version of its format that is known.
pub const FORMAT: u64 = 1;
/// Bytes of the file.
const FILE_MAX: usize = 16 << 10;
/// Letters of an app's name here: it becomes a part of a host name.
const APP_MAX: usize = 32;
/// Tables, and kinds of events, that may be named.
const NAMES_MAX: usize = 64;
/// Bytes of one of them.
const NAME_MAX: usize = 64;
/// Letters of a title.
const TITLE_MAX: usize = 60;
/// Languages of the title.
const LANGUAGES_MAX: usize = 16;

/// What an app's user interface is, and all that it may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The app whose topics it shows.
    pub app: String,
    /// Its major version.
    pub major: u16,
    /// What it is called, by language; English is there.
    pub title: Vec<(String, String)>,
    /// The page that is opened.
    pub entry: String,
    /// Tables that it reads.
    pub reads: Vec<String>,
    /// Kinds of events that it writes.
    pub writes: Vec<String>,
    /// Whether guests get it, too.
    pub guests: bool,
}

fn wrong(text: impl Into<String>) -> Wrong {
    Wrong::Manifest(text.into())
}

/// Whether a text is `[a-z][a-z0-9-]*` and ends with no hyphen: a label of a host name.
pub fn app_is_right(app: &str) -> bool {
    let mut bytes = app.bytes();
    app.len() <= APP_MAX
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !app.ends_with('-')
}

/// Whether a text is `[a-z][a-z0-9_-]*`.
fn word_is_right(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn is_table(name: &str) -> bool {
    name.len() <= NAME_MAX && word_is_right(name)
}

fn is_kind(name: &str) -> bool {
    name.len() <= NAME_MAX && name.contains('.') && name.split('.').all(word_is_right)
}

fn is_language(tag: &str) -> bool {
    (2..=3).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn names(
    json: &Map<String, Json>,
    key: &str,
    is_right: fn(&str) -> bool,
) -> Result<Vec<String>, Wrong> {
    let list = match json.get(key) {
        None => return Ok(Vec::new()),
        Some(Json::Array(list)) => list,
        Some(_) => return Err(wrong(format!("{key} is a list of names"))),
    };
    if list.len() > NAMES_MAX {
        return Err(wrong(format!("{key} names more than {NAMES_MAX}")));
    }
    let mut names: Vec<String> = Vec::with_capacity(list.len());
    for name in list {
        let name = name
            .as_str()
            .filter(|name| is_right(name))
            .ok_or_else(|| wrong(format!("{name} in {key} is no name")))?;
        if names.iter().any(|known| known == name) {
            return Err(wrong(format!("{key} names {name} twice")));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn title(json: &Map<String, Json>) -> Result<Vec<(String, String)>, Wrong> {
    let titles = json
        .get("title")
        .and_then(Json::as_object)
        .ok_or_else(|| wrong("title is an object: language and text"))?;
    if titles.len() > LANGUAGES_MAX || !titles.contains_key("en") {
        return Err(wrong(format!(
            "title is there in English (en), and in at most {LANGUAGES_MAX} languages"
        )));
    }
    let one = |(tag, text): (&String, &Json)| {
        let text = text.as_str().map(str::trim).filter(|text| {
            !text.is_empty()
                && text.chars().count() <= TITLE_MAX
                && !text.chars().any(char::is_control)
        });
        match text {
            Some(text) if is_language(tag) => Ok((tag.clone(), text.to_owned())),
            _ => Err(wrong(format!(
                "title.{tag} is a text of 1 to {TITLE_MAX} letters in a language such as en or de"
            ))),
        }
    };
    titles.iter().map(one).collect()
}

impl Manifest {
    /// Reads `ui.json`.
    ///
    /// # Errors
    /// What is wrong with it; [`Wrong::Newer`] for a format that is not known yet.
    pub fn read(bytes: &[u8]) -> Result<Self, Wrong> {
        const KEYS: &[&str] = &[
            "format", "app", "major", "title", "entry", "reads", "writes", "guests",
        ];
        if bytes.len() > FILE_MAX {
            return Err(wrong(format!("it has more than {FILE_MAX} bytes")));
        }
        let json: Json = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("it is not JSON: {error}")))?;
        let json = json.as_object().ok_or_else(|| wrong("it is no object"))?;
        match json.get("format").and_then(Json::as_u64) {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => return Err(Wrong::Newer(newer)),
            _ => return Err(wrong(format!("format is {FORMAT}"))),
        }
        // what is not known could be a wish for more
        if let Some(key) = json.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(wrong(format!("{key:?} is not known")));
        }
        let text = |key: &str| json.get(key).and_then(Json::as_str);
        let app = text("app").filter(|app| app_is_right(app)).ok_or_else(|| {
            wrong(format!(
                "app is at most {APP_MAX} of a-z, 0-9 and -, as in a host name"
            ))
        })?;
        let major = json.get("major").and_then(Json::as_u64);
        let major = major.and_then(|major| u16::try_from(major).ok());
        let entry = text("entry").unwrap_or("index.html");
        if !entry.ends_with(".html") {
            return Err(wrong("entry is an HTML file of the folder"));
        }
        let guests = match json.get("guests") {
            None => false,
            Some(Json::Bool(guests)) => *guests,
            Some(_) => return Err(wrong("guests is true or false")),
        };
        Ok(Self {
            app: app.to_owned(),
            major: major.ok_or_else(|| wrong("major is the app's major version"))?,
            title: title(json)?,
            entry: entry.to_owned(),
            reads: names(json, "reads", is_table)?,
            writes: names(json, "writes", is_kind)?,
            guests,
        })
    }

    /// As the API tells it.
    pub fn json(&self) -> Json {
        let title: Map<String, Json> = self
            .title
            .iter()
            .map(|(tag, text)| (tag.clone(), json!(text)))
            .collect();
        json!({
            "app": self.app, "major": self.major, "title": title, "entry": self.entry,
            "reads": self.reads, "writes": self.writes, "guests": self.guests,
        })
    }

    /// The title in English.
    pub fn english(&self) -> &str {
        let mut titles = self.title.iter();
        titles
            .find(|(tag, _)| tag == "en")
            .map_or("", |(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plain() -> Json {
        json!({
            "format": 1, "app": "tally", "major": 1, "title": { "en": "Tally", "de": "Zählen" },
            "entry": "index.html", "reads": ["tallies"], "writes": ["tally.add"], "guests": false,
        })
    }

    fn with(key: &str, value: Json) -> Vec<u8> {
        let mut json = plain();
        json[key] = value;
        json.to_string().into_bytes()
    }

    #[test]
    fn what_is_right_is_read() {
        let read = Manifest::read(plain().to_string().as_bytes()).unwrap();
        let mut told = plain();
        told.as_object_mut().unwrap().remove("format");
        assert_eq!(read.json(), told);
        assert_eq!(read.english(), "Tally");
        let least = br#"{"format":1,"app":"a","major":2,"title":{"en":"A"}}"#;
        let read = Manifest::read(least).unwrap();
        assert_eq!((&read.entry[..], read.guests), ("index.html", false));
        assert!(read.reads.is_empty() && read.writes.is_empty());
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let many: Vec<String> = (0..65).map(|number| format!("t{number}")).collect();
        let table = [
            ("format", json!(0), "format"),
            ("format", json!("1"), "format"),
            ("app", json!("Tally"), "app"),
            ("app", json!("my_app"), "app"),
            ("app", json!("tally-"), "app"),
            ("app", json!("-tally"), "app"),
            ("app", json!("a.b"), "app"),
            ("app", json!(""), "app"),
            ("app", json!("a".repeat(33)), "app"),
            ("app", json!(7), "app"),
            ("major", json!(-1), "major"),
            ("major", json!(65_536), "major"),
            ("major", json!("1"), "major"),
            ("title", json!("Tally"), "title"),
            ("title", json!({ "de": "Zählen" }), "title"),
            ("title", json!({ "en": "" }), "title"),
            ("title", json!({ "en": "a\nb" }), "title"),
            ("title", json!({ "en": "A", "klingon": "B" }), "title"),
            ("title", json!({ "en": "A".repeat(61) }), "title"),
            ("entry", json!("index.js"), "entry"),
            ("reads", json!("tallies"), "reads"),
            ("reads", json!(["../orders"]), "reads"),
            ("reads", json!(["*"]), "reads"),
            ("reads", json!(["a", "a"]), "twice"),
            ("reads", json!(many), "reads"),
            ("writes", json!(["tally"]), "writes"),
            ("writes", json!(["tally.*"]), "writes"),
            ("writes", json!(["tally..add"]), "writes"),
            ("writes", json!([{ "kind": "tally.add" }]), "writes"),
            ("guests", json!("yes"), "guests"),
            ("connects", json!(["https://example.org"]), "connects"),
        ];
        for (key, value, says) in table {
            let told = Manifest::read(&with(key, value.clone())).unwrap_err();
            assert!(told.to_string().contains(says), "{key} {value}: {told}");
        }
        assert!(matches!(
            Manifest::read(&with("format", json!(2))),
            Err(Wrong::Newer(2))
        ));
        for bytes in [&b""[..], b"[]", b"{", b"null", &[b' '; FILE_MAX + 1]] {
            assert!(Manifest::read(bytes).is_err());
        }
    }
}
