//! User interfaces that apps bring along. Each has an origin of its own,
//! `http://<app>.localhost:PORT`, where its files are and nothing else: no API, no cookie, no
//! session. It is shown in a sandboxed frame of the owner's page, whose broker answers it.
//! Where there is no such name (another machine's browser) the files are under `/ui/<app>/`, in
//! the same sandbox.

pub mod manifest;
pub mod package;
pub(crate) mod scope;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value as Json, json};

use crate::access::Denied;
use crate::answering::refused;
use crate::blobs::set;
use crate::disk;
use crate::pages::Page;
use crate::problem::Problem;
use crate::server::Shared;
use crate::stream::blocking;

pub use manifest::Manifest;
pub use package::Package;

/// What is wrong with a user interface that somebody made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Its `ui.json`.
    #[error("ui.json: {0}")]
    Manifest(String),
    /// It has none.
    #[error("there is no ui.json")]
    NoManifest,
    /// The name of a file.
    #[error("the file {name:?}: {why}")]
    Name {
        /// Its front.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// Too many files.
    #[error("there are more than {} files", package::FILES_MAX)]
    TooMany,
    /// Too many bytes.
    #[error("there are more than {} KiB", package::BYTES_MAX >> 10)]
    TooLarge,
    /// Not what `synlog app ui pack` makes.
    #[error("this is no packed user interface")]
    NotPacked,
    /// Of a later format.
    #[error("it was made for a newer synlog: its format has version {0}")]
    Newer(u64),
}

macro_rules! library {
    ($name:literal, $media_type:literal, $file:literal) => {
        (
            $name,
            Page {
                path: concat!("/", $file),
                media_type: $media_type,
                text: include_str!(concat!("../../ui/", $file)),
            },
        )
    };
}

/// What each user interface finds in its folder `synlog`.
pub static LIBRARY: &[(&str, Page)] = &[
    library!("app.js", "text/javascript; charset=utf-8", "app-frame.js"),
    library!("app.d.ts", "text/plain; charset=utf-8", "app-frame.d.ts"),
    library!("app.css", "text/css; charset=utf-8", "style.css"),
    library!("charts.js", "text/javascript; charset=utf-8", "charts.js"),
    library!(
        "elements.js",
        "text/javascript; charset=utf-8",
        "elements.js"
    ),
];

/// A part of the path that only pages of the owner know, so that no other page finds out what
/// is installed here.
pub(crate) struct Door(String);

impl Door {
    pub(crate) fn new(random: [u8; 32]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = random;
        Self(data_encoding::HEXLOWER.encode(&[a, b, c, d, e, f, g, h]))
    }

    fn is(&self, said: &str) -> bool {
        // hashes are compared in constant time
        blake3::hash(self.0.as_bytes()) == blake3::hash(said.as_bytes())
    }
}

/// Where a user interface is: what of it may be loaded, and who may show it.
pub(crate) struct At {
    /// Its folder.
    pub(crate) place: String,
    /// Origins of pages that may hold it in a frame.
    pub(crate) holders: Vec<String>,
}

/// The policy of a user interface. It loads its own files; it sends nothing to anybody, goes
/// nowhere, and is nobody: its origin is its own at each load.
pub(crate) fn policy(at: &At) -> String {
    let own = &at.place;
    format!(
        "default-src 'none'; script-src {own}; style-src {own}; img-src {own} blob: data:; \
         font-src {own}; connect-src 'none'; form-action 'none'; base-uri 'none'; \
         frame-src 'none'; worker-src 'none'; object-src 'none'; frame-ancestors {}; \
         sandbox allow-scripts allow-forms; require-trusted-types-for 'script'",
        at.holders.join(" ")
    )
}

const HEADERS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    // what no policy covers: connections made ahead, and WebRTC
    ("connection-allowlist", "(response-origin)"),
    ("referrer-policy", "no-referrer"),
    // a sandboxed document is of no origin, so its own files come from another one
    ("cross-origin-resource-policy", "cross-origin"),
    ("access-control-allow-origin", "*"),
    (
        "permissions-policy",
        "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(), \
         display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), \
         magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), \
         publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
    ),
    ("cache-control", "no-cache"),
];

/// A file of a user interface, or of the library.
pub(crate) fn file(package: &Package, name: &str, at: &At, headers: &HeaderMap) -> Response {
    let library = name.strip_prefix("synlog/").and_then(|name| {
        let mut files = LIBRARY.iter();
        files.find(|(known, _)| *known == name)
    });
    let (bytes, media_type) = match (library, package.files.get(name)) {
        (Some((_, page)), _) => (
            Bytes::from(disk::text(page).into_owned()),
            Some(page.media_type),
        ),
        (None, Some(bytes)) => (disk::file(package, name, bytes), package::media_type(name)),
        (None, None) => return nothing(),
    };
    let tag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..32]);
    let known = headers.get(header::IF_NONE_MATCH);
    let mut response = match known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => Response::new(Body::from(bytes)),
    };
    for (name, value) in HEADERS {
        set(&mut response, header::HeaderName::from_static(name), value);
    }
    let media_type = media_type.unwrap_or("application/octet-stream");
    set(&mut response, header::CONTENT_TYPE, media_type);
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::CONTENT_SECURITY_POLICY, &policy(at));
    response
}

fn plain(problem: &Problem) -> Response {
    let mut response = refused(problem);
    set(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; sandbox",
    );
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

pub(crate) fn nothing() -> Response {
    plain(&Problem::new(404, "no_such_page", "nothing is here"))
}

/// What a request asks of user interfaces.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Nothing.
    Nothing,
    /// The file at a path behind the folder, of this app.
    Of {
        app: String,
        rest: String,
        /// Whether it has the origin of its own.
        apart: bool,
    },
    /// It came to a name that nobody has.
    NotHere,
}

/// What a request asks of user interfaces, by its one Host: `port` is where they have names of
/// their own.
fn wanted(parts: &Parts, port: Option<u16>, ours: &[String]) -> Wanted {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Wanted::Nothing;
    };
    let Ok(host) = host.to_str().map(str::to_ascii_lowercase) else {
        return Wanted::Nothing;
    };
    let named = match port {
        None => None,
        Some(80) => host.strip_suffix(".localhost"),
        Some(port) => host
            .strip_suffix(&port.to_string())
            .and_then(|host| host.strip_suffix(".localhost:")),
    };
    let path = parts.uri.path();
    if let Some(app) = named {
        let authority = parts.uri.authority();
        let same = authority.is_none_or(|it| it.as_str().eq_ignore_ascii_case(&host));
        return match same && manifest::app_is_right(app) {
            true => Wanted::Of {
                app: app.to_owned(),
                rest: path.trim_start_matches('/').to_owned(),
                apart: true,
            },
            false => Wanted::NotHere,
        };
    }
    let ours = ours.iter().any(|known| known.eq_ignore_ascii_case(&host));
    match path.strip_prefix("/ui/").and_then(|it| it.split_once('/')) {
        Some((app, rest)) if ours && manifest::app_is_right(app) => Wanted::Of {
            app: app.to_owned(),
            rest: rest.to_owned(),
            apart: false,
        },
        _ => Wanted::Nothing,
    }
}

/// Answers what is asked of user interfaces, before anything else is looked at: no cookie and
/// no token has a meaning there.
pub(crate) async fn before(shared: Arc<Shared>, request: Request<Body>, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let site = shared.site(&parts.extensions);
    let (app, rest, apart) = match wanted(&parts, site.apps, &site.hosts) {
        Wanted::Nothing => return next.run(Request::from_parts(parts, body)).await,
        Wanted::NotHere => return plain(&Denied::Host.problem()),
        Wanted::Of { app, rest, apart } => (app, rest, apart),
    };
    let backend = Arc::clone(&shared.backend);
    let named = app.clone();
    let package = match blocking(move || Ok(backend.ui(&named))).await {
        Ok(Some(package)) => package,
        Ok(None) if apart => return plain(&Denied::Host.problem()),
        Ok(None) => return nothing(),
        Err(problem) => return plain(&problem),
    };
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let text = "this is not done by this method";
        return plain(&Problem::new(405, "wrong_method", text));
    }
    let Some((said, name)) = rest.split_once('/') else {
        return nothing();
    };
    if !shared.uis.is(said) {
        return nothing();
    }
    let scheme = site.scheme();
    let host = parts.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let at = match apart {
        true => At {
            place: format!("{scheme}{host}/{said}/"),
            // a policy can't name addresses of IPv6
            holders: site
                .hosts
                .iter()
                .map(|it| format!("{scheme}{it}"))
                .collect(),
        },
        false => At {
            place: format!("{scheme}{host}/ui/{app}/{said}/"),
            holders: vec![format!("{scheme}{host}")],
        },
    };
    file(&package, name, &at, &parts.headers)
}

/// The user interfaces that are here, for pages of the owner.
pub(crate) async fn list(shared: &Shared) -> Result<Json, Problem> {
    let backend = Arc::clone(&shared.backend);
    let all = blocking(move || Ok(backend.uis())).await?;
    Ok(json!({ "uis": told(all), "key": shared.uis.0 }))
}

/// What user interfaces are, for pages.
pub(crate) fn told(all: Vec<Arc<Package>>) -> Vec<Json> {
    let one = |package: Arc<Package>| {
        let mut json = package.manifest.json();
        json["hash"] = json!(package.hash_text());
        json["bytes"] = json!(package.bytes());
        json["comes_along"] = json!(package.comes_along);
        json
    };
    all.into_iter().map(one).collect()
}

/// The user interface in whose name a request was made, if so.
pub(crate) async fn named(
    shared: &Shared,
    headers: &HeaderMap,
) -> Result<Option<Arc<Package>>, Problem> {
    let Some(app) = headers.get(scope::HEADER) else {
        return Ok(None);
    };
    let app = app.to_str().unwrap_or_default().to_owned();
    let backend = Arc::clone(&shared.backend);
    let package = blocking(move || Ok(backend.ui(&app))).await?;
    let unknown = || Problem::new(403, "not_allowed", "no such user interface is here");
    package.map(Some).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::Request;

    fn parts(host: &str, path: &str) -> Parts {
        let request = Request::builder().uri(path).header("host", host);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn hosts_are_named_exactly() {
        let ours = ["127.0.0.1:4477".to_owned(), "localhost:4477".to_owned()];
        let of = |app: &str, rest: &str, apart| Wanted::Of {
            app: app.to_owned(),
            rest: rest.to_owned(),
            apart,
        };
        let table = [
            (
                "tally.localhost:4477",
                "/k/index.html",
                of("tally", "k/index.html", true),
            ),
            (
                "TALLY.LocalHost:4477",
                "/k/a.js",
                of("tally", "k/a.js", true),
            ),
            // whatever the path is, nothing of the owner's is there
            (
                "tally.localhost:4477",
                "/api/v1/topics",
                of("tally", "api/v1/topics", true),
            ),
            ("tally.localhost:4477", "/", of("tally", "", true)),
            ("a.tally.localhost:4477", "/", Wanted::NotHere),
            ("127.0.0.1.localhost:4477", "/", Wanted::NotHere),
            (".localhost:4477", "/", Wanted::NotHere),
            ("-x.localhost:4477", "/", Wanted::NotHere),
            // all others are judged by the door of the owner
            ("tally.localhost:4478", "/", Wanted::Nothing),
            ("tally.localhost", "/", Wanted::Nothing),
            ("tally.localhost:04477", "/", Wanted::Nothing),
            ("tally.localhost.evil.example:4477", "/", Wanted::Nothing),
            ("localhost:4477", "/", Wanted::Nothing),
            ("127.0.0.1:4477", "/", Wanted::Nothing),
            (
                "127.0.0.1:4477",
                "/ui/tally/k/a.js",
                of("tally", "k/a.js", false),
            ),
            ("127.0.0.1:4477", "/ui/Tally/k/a.js", Wanted::Nothing),
            ("127.0.0.1:4477", "/ui/tally", Wanted::Nothing),
            ("evil.example:4477", "/ui/tally/k/a.js", Wanted::Nothing),
        ];
        for (host, path, expected) in table {
            assert_eq!(
                wanted(&parts(host, path), Some(4477), &ours),
                expected,
                "{host}{path}"
            );
        }
        let mut two = parts("tally.localhost:4477", "/");
        two.headers
            .append("host", "127.0.0.1:4477".parse().unwrap());
        assert_eq!(wanted(&two, Some(4477), &ours), Wanted::Nothing);
    }

    #[test]
    fn elsewhere_no_app_has_a_name_of_its_own() {
        let ours = ["counter.example".to_owned()];
        let apart = parts("tally.localhost:4477", "/k/a.js");
        assert_eq!(wanted(&apart, None, &ours), Wanted::Nothing);
        let beside = parts("counter.example", "/ui/tally/k/a.js");
        assert!(matches!(
            wanted(&beside, None, &ours),
            Wanted::Of { apart: false, .. }
        ));
    }

    #[test]
    fn the_policy_leaves_no_way_out() {
        let policy = policy(&At {
            place: "http://tally.localhost:4477/k/".to_owned(),
            holders: vec!["http://127.0.0.1:4477".to_owned()],
        });
        for part in [
            "default-src 'none'",
            "script-src http://tally.localhost:4477/k/;",
            "connect-src 'none'",
            "form-action 'none'",
            "frame-src 'none'",
            "worker-src 'none'",
            "base-uri 'none'",
            "sandbox allow-scripts allow-forms;",
            "frame-ancestors http://127.0.0.1:4477;",
        ] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        for part in [
            "unsafe",
            "allow-same-origin",
            "allow-popups",
            "allow-top",
            "*",
        ] {
            assert!(!policy.contains(part), "{part}: {policy}");
        }
    }

    #[test]
    fn the_library_runs_nothing_that_is_text() {
        for (name, page) in LIBRARY.iter().filter(|(name, _)| name.ends_with(".js")) {
            for bad in [
                "innerHTML",
                "outerHTML",
                "document.write",
                "eval(",
                "https://",
                "import('/",
            ] {
                assert!(!page.text.contains(bad), "{name}: {bad}");
            }
            // it is found where the user interface is, whatever that is
            assert!(!page.text.contains("from '/"), "{name}");
        }
    }
}
