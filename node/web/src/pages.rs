//! The pages: files inside the program, and the headers that go with every answer.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use crate::blobs::set;
use crate::disk;

/// A file of the pages.
#[derive(Debug)]
pub struct Page {
    /// Its path.
    pub path: &'static str,
    /// What it is.
    pub media_type: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// Headers of every answer. Scripts, styles and requests come from and go to this server
/// alone; nothing is inline; no other page may hold ours.
pub const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    // the owner's own page may ask where it is, for a place of the shop; what is in its frames
    // may not
    (
        "permissions-policy",
        "camera=(), geolocation=(self), microphone=()",
    ),
];

/// The policy of the page itself, which alone may have frames: with user interfaces of apps, at
/// this server. A frame that wants to go elsewhere is stopped by it, too.
pub(crate) fn policy(apps: Option<u16>) -> String {
    let (_, usual) = HEADERS[0];
    let apart = match apps {
        None => String::new(),
        Some(80) => " http://*.localhost".to_owned(),
        Some(port) => format!(" http://*.localhost:{port}"),
    };
    format!("{usual}; frame-src 'self'{apart}")
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const ICON: &str = "image/svg+xml";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! page {
    ($path:literal, $media_type:expr, $file:literal) => {
        Page {
            path: $path,
            media_type: $media_type,
            text: include_str!(concat!("../ui/", $file)),
        }
    };
}

/// All of them.
pub static PAGES: &[Page] = &[
    page!("/", HTML, "index.html"),
    page!("/icon.svg", ICON, "icon.svg"),
    page!("/style.css", STYLE, "style.css"),
    page!("/app.js", SCRIPT, "app.js"),
    page!("/apps.js", SCRIPT, "apps.js"),
    page!("/broker.js", SCRIPT, "broker.js"),
    page!("/audit.js", SCRIPT, "audit.js"),
    page!("/badges.js", SCRIPT, "badges.js"),
    page!("/cancelling.js", SCRIPT, "cancelling.js"),
    page!("/cards.js", SCRIPT, "cards.js"),
    page!("/carrying.js", SCRIPT, "carrying.js"),
    page!("/catalog.js", SCRIPT, "catalog.js"),
    page!("/clients.js", SCRIPT, "clients.js"),
    page!("/chat.js", SCRIPT, "chat.js"),
    page!("/early.js", SCRIPT, "early.js"),
    page!("/elements.js", SCRIPT, "elements.js"),
    page!("/erasing.js", SCRIPT, "erasing.js"),
    page!("/feeds.js", SCRIPT, "feeds.js"),
    page!("/format.js", SCRIPT, "format.js"),
    page!("/forms.js", SCRIPT, "forms.js"),
    page!("/guests.js", SCRIPT, "guests.js"),
    page!("/names-de.js", SCRIPT, "names-de.js"),
    page!("/names-en.js", SCRIPT, "names-en.js"),
    page!("/node.js", SCRIPT, "node.js"),
    page!("/devices.js", SCRIPT, "devices.js"),
    page!("/opening.js", SCRIPT, "opening.js"),
    page!("/offers.js", SCRIPT, "offers.js"),
    page!("/orders.js", SCRIPT, "orders.js"),
    page!("/requests.js", SCRIPT, "requests.js"),
    page!("/synlog.js", SCRIPT, "synlog.js"),
    page!("/takes.js", SCRIPT, "takes.js"),
    page!("/timeline.js", SCRIPT, "timeline.js"),
    page!("/today.js", SCRIPT, "today.js"),
    page!("/words.js", SCRIPT, "words.js"),
    page!("/words-de.js", SCRIPT, "words-de.js"),
    page!("/words-en.js", SCRIPT, "words-en.js"),
    page!("/calendar.js", SCRIPT, "calendar.js"),
    page!("/charts.js", SCRIPT, "charts.js"),
    page!("/discover.js", SCRIPT, "discover.js"),
    page!("/doctor.js", SCRIPT, "doctor.js"),
    page!("/first.js", SCRIPT, "first.js"),
    page!("/hours.js", SCRIPT, "hours.js"),
    page!("/import.js", SCRIPT, "import.js"),
    page!("/invoice.js", SCRIPT, "invoice.js"),
    page!("/item.js", SCRIPT, "item.js"),
    page!("/lists.js", SCRIPT, "lists.js"),
    page!("/map.js", SCRIPT, "map.js"),
    page!("/mine.js", SCRIPT, "mine.js"),
    page!("/more-de.js", SCRIPT, "more-de.js"),
    page!("/more-en.js", SCRIPT, "more-en.js"),
    page!("/notify.js", SCRIPT, "notify.js"),
    page!("/parts.js", SCRIPT, "parts.js"),
    page!("/places.js", SCRIPT, "places.js"),
    page!("/quote.js", SCRIPT, "quote.js"),
    page!("/seen.js", SCRIPT, "seen.js"),
    page!("/space.js", SCRIPT, "space.js"),
    page!("/slugs.js", SCRIPT, "slugs.js"),
    page!("/steps.js", SCRIPT, "steps.js"),
    page!("/terms.js", SCRIPT, "terms.js"),
    page!("/work-de.js", SCRIPT, "work-de.js"),
    page!("/work-en.js", SCRIPT, "work-en.js"),
    page!("/zones.js", SCRIPT, "zones.js"),
    page!("/synlog.d.ts", TEXT, "synlog.d.ts"),
];

/// What a file's bytes are known by.
fn tag(text: &str) -> String {
    let hash = blake3::hash(text.as_bytes()).to_hex();
    format!("\"{}\"", &hash[..32])
}

/// How long a file may be kept that may be another one tomorrow, under the same path.
pub(crate) const UNTIL_ASKED: &str = "no-cache";
/// How long a file may be kept whose path names all that is in it.
pub(crate) const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Under which folder files lie whose path names what is in all of them.
pub(crate) fn folder(version: &str) -> String {
    format!("/v/{version}/")
}

/// By what all files together are known; none while they are worked on.
pub(crate) fn version() -> Option<&'static str> {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = blake3::Hasher::new();
        for page in PAGES {
            hasher.update(blake3::hash(page.path.as_bytes()).as_bytes());
            hasher.update(blake3::hash(page.text.as_bytes()).as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    });
    (!disk::is_worked_on()).then(|| VERSION.as_str())
}

/// The first page, with its files named in the folder of their version: a browser asks for
/// none of them again.
fn first(page: &'static Page) -> Cow<'static, str> {
    static TEXT: LazyLock<Option<String>> = LazyLock::new(|| {
        let page = PAGES.iter().find(|page| page.path == "/")?;
        Some(
            page.text
                .replace("=\"/", &format!("=\"{}", folder(version()?))),
        )
    });
    match TEXT.as_deref() {
        Some(text) => Cow::Borrowed(text),
        None => disk::text(page),
    }
}

/// Of files with their paths the one of a name that was asked for in a version's folder, and
/// how long it may be kept. An open page of an older program asks for files that it has not
/// loaded yet: it is given those of today.
pub(crate) fn in_folder<P>(
    files: &'static [P],
    path_of: impl Fn(&P) -> &str,
    (asked, current): (&str, Option<&str>),
    name: &str,
) -> Option<(&'static P, &'static str)> {
    // the first page is asked for each time
    let mut files = files.iter().filter(|file| path_of(file) != "/");
    let file = files.find(|file| path_of(file).strip_prefix('/') == Some(name))?;
    let is_current = current == Some(asked);
    Some((file, if is_current { FOR_EVER } else { UNTIL_ASKED }))
}

/// Folder and name in a path. What is no text is the name of no file: it is refused or not
/// found where all others are.
pub(crate) fn named(path: Result<RawPathParams, RawPathParamsRejection>) -> (String, String) {
    let path = path.ok();
    let of = |wanted: &str| {
        let mut all = path.iter().flatten();
        let found = all.find(|(name, _)| *name == wanted);
        found.map_or_else(String::new, |(_, value)| value.to_owned())
    };
    (of("version"), of("name"))
}

/// The answer to a question for a file, which may be kept for so long.
pub(crate) fn answer(page: &'static Page, headers: &HeaderMap, kept: &str) -> Response {
    let text = match page.path {
        "/" => first(page),
        _ => disk::text(page),
    };
    let tag = tag(&text);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut response = match known == Some(&tag) {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => Response::new(Body::from(text.into_owned())),
    };
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::CACHE_CONTROL, kept);
    set(&mut response, header::CONTENT_TYPE, page.media_type);
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::guests::pages::PAGES as GUEST_PAGES;
    use std::collections::BTreeSet;

    /// What a module names in its `import … from` lines.
    fn imported(text: &str) -> BTreeSet<String> {
        let lines = text.lines().filter(|line| line.starts_with("import "));
        let named = lines.filter_map(|line| line.rsplit_once(" from '"));
        let paths = named.filter_map(|(_, path)| path.strip_suffix("';"));
        paths
            .map(|path| path.trim_start_matches('.').to_owned())
            .collect()
    }

    /// What is in the module of messages that is the longest: one of them is loaded beside.
    fn longest_words<'a>(text_of: &impl Fn(&str) -> &'a str) -> usize {
        let all = ["/words-de.js", "/words-en.js"];
        all.map(|path| text_of(path).len())
            .into_iter()
            .max()
            .unwrap()
    }

    /// All modules without which the first one does not begin.
    fn needed<'a>(text_of: &impl Fn(&str) -> &'a str) -> BTreeSet<String> {
        let (mut all, mut left) = (BTreeSet::new(), imported(text_of("/app.js")));
        while let Some(path) = left.pop_first() {
            left.extend(imported(text_of(&path)));
            all.insert(path);
            left.retain(|path| !all.contains(path) && path != "/app.js");
        }
        all
    }

    fn preloaded(text: &str) -> BTreeSet<String> {
        let links = text.split("<link rel=\"modulepreload\" href=\"").skip(1);
        let paths = links.filter_map(|rest| rest.split('"').next());
        let names = paths.filter_map(|path| path.rsplit_once('/'));
        names.map(|(_, name)| format!("/{name}")).collect()
    }

    #[test]
    fn modules_are_asked_for_at_once_and_not_one_after_the_other() {
        let own = |path: &str| PAGES.iter().find(|it| it.path == path).unwrap().text;
        let of_guests = |path: &str| {
            let page = GUEST_PAGES.iter().find(|it| it.path == path).unwrap();
            std::str::from_utf8(page.bytes).unwrap()
        };
        assert_eq!(preloaded(own("/")), needed(&own));
        // those of the screen that is opened most
        let list = own("/early.js");
        let list = list.split("const TODAY = ['").nth(1).unwrap();
        let list = list.split("'];").next().unwrap();
        let named: BTreeSet<String> = list.split("', '").map(|name| format!("/{name}")).collect();
        let (mut all, mut left) = (BTreeSet::new(), BTreeSet::from(["/today.js".to_owned()]));
        while let Some(path) = left.pop_first() {
            left.extend(imported(own(&path)));
            all.insert(path);
            left.retain(|path| !all.contains(path) && path != "/app.js");
        }
        let others = &all - &needed(&own);
        assert_eq!(named, others);
        assert_eq!(preloaded(of_guests("/")), needed(&of_guests));
        // what a guest's phone runs before anything is shown; the owner's screens are summed in
        // the browser tests
        let scripts = needed(&of_guests);
        let bytes: usize = scripts.iter().map(|path| of_guests(path).len()).sum();
        let bytes = bytes + of_guests("/app.js").len() + longest_words(&of_guests);
        assert!(bytes <= 150 << 10, "{bytes}");
    }
}
