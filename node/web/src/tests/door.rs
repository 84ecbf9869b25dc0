//! Who is let in, by all routes: a table of requests that must be refused, logins, and what
//! every page may hold.

use serde_json::json;

use super::{HOST, logged_in, place, read, request, runtime, sent};
use crate::routes::ROOT;

/// Method, path, headers; status and code of the answer.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str);

#[test]
fn who_is_let_in() {
    let ours = "http://127.0.0.1:4477";
    let table: &[Case] = &[
        // nobody
        ("GET", "/topics", &[("host", HOST)], 401, "not_logged_in"),
        ("GET", "/openapi.json", &[("host", HOST)], 200, ""),
        ("GET", "/nothing", &[("host", HOST)], 404, "no_such_page"),
        (
            "DELETE",
            "/topics",
            &[("host", HOST), ("origin", ours)],
            405,
            "wrong_method",
        ),
        // programs say no origin; nothing is changed by what is not done
        (
            "DELETE",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer writer")],
            405,
            "wrong_method",
        ),
        (
            "PATCH",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer writer")],
            405,
            "wrong_method",
        ),
        (
            "OPTIONS",
            "/topics",
            &[("host", HOST), ("origin", "http://evil.example")],
            403,
            "foreign_origin",
        ),
        (
            "DELETE",
            "/topics",
            &[("host", HOST), ("sec-fetch-site", "cross-site")],
            403,
            "foreign_origin",
        ),
        // other names for this address
        (
            "GET",
            "/openapi.json",
            &[("host", "evil.example:4477")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "127.0.0.1:4478")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "127.0.0.1")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "127.0.0.1:4477.evil.example")],
            403,
            "wrong_host",
        ),
        ("GET", "/openapi.json", &[], 403, "wrong_host"),
        (
            "GET",
            "/openapi.json",
            &[("host", HOST), ("host", "evil.example")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/openapi.json",
            &[("host", "LOCALHOST:4477")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", "evil.example"), ("cookie", "OURS")],
            403,
            "wrong_host",
        ),
        (
            "GET",
            "/nothing",
            &[("host", "evil.example")],
            403,
            "wrong_host",
        ),
        // sessions
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "OURS")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "a=b; OURS; c=d")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "synlog-4477=guess")],
            401,
            "unknown_login",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("cookie", "synlog-4478=guess")],
            401,
            "not_logged_in",
        ),
        // pages of others
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "http://evil.example"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("sec-fetch-site", "cross-site"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("sec-fetch-site", "same-site"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("sec-fetch-site", "same-origin"),
            ],
            200,
            "",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("cookie", "OURS"), ("origin", ours)],
            200,
            "",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("cookie", "OURS")],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("cookie", "OURS"), ("origin", "null")],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "http://127.0.0.1:4478"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "https://127.0.0.1:4477"),
            ],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("cookie", "OURS"),
                ("origin", "http://localhost:4477"),
            ],
            403,
            "foreign_origin",
        ),
        ("POST", "/login", &[("host", HOST)], 403, "foreign_origin"),
        (
            "POST",
            "/login",
            &[("host", HOST), ("origin", "http://evil.example")],
            403,
            "foreign_origin",
        ),
        (
            "POST",
            "/logout",
            &[("host", HOST), ("origin", ours)],
            401,
            "not_logged_in",
        ),
        // programs
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer reader")],
            200,
            "",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer guess")],
            401,
            "unknown_login",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Bearer")],
            401,
            "not_logged_in",
        ),
        (
            "GET",
            "/topics",
            &[("host", HOST), ("authorization", "Basic cmVhZGVy")],
            401,
            "not_logged_in",
        ),
        (
            "GET",
            "/topics",
            &[
                ("host", HOST),
                ("authorization", "Bearer guess"),
                ("cookie", "OURS"),
            ],
            401,
            "unknown_login",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("authorization", "Bearer reader")],
            403,
            "scope",
        ),
        // no program sees the recovery words, whatever its token allows
        (
            "POST",
            "/root/words",
            &[("host", HOST), ("authorization", "Bearer writer")],
            403,
            "owner_only",
        ),
        (
            "POST",
            "/root/lock",
            &[("host", HOST), ("authorization", "Bearer writer")],
            403,
            "owner_only",
        ),
        (
            "POST",
            "/root/remove",
            &[("host", HOST), ("authorization", "Bearer reader")],
            403,
            "owner_only",
        ),
        (
            "POST",
            "/root/words",
            &[("host", HOST)],
            401,
            "not_logged_in",
        ),
        (
            "POST",
            "/imports?topic=a&name=a.csv",
            &[("host", HOST), ("authorization", "Bearer reader")],
            403,
            "scope",
        ),
        (
            "POST",
            "/blobs",
            &[("host", HOST), ("authorization", "Bearer reader")],
            403,
            "scope",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[("host", HOST), ("authorization", "Bearer writer")],
            200,
            "",
        ),
        (
            "POST",
            "/topics/a/events/x.y",
            &[
                ("host", HOST),
                ("authorization", "Bearer writer"),
                ("origin", "http://evil.example"),
            ],
            403,
            "foreign_origin",
        ),
    ];
    runtime().block_on(async {
        let (_, shared, router) = place();
        let session = logged_in(&shared, &router).await;
        for (method, path, headers, status, code) in table {
            let headers: Vec<(&str, String)> = headers
                .iter()
                .map(|(name, value)| (*name, value.replace("OURS", &session)))
                .collect();
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (*name, &value[..]))
                .collect();
            let path = format!("{ROOT}{path}");
            let response = sent(&router, request(method, &path, &headers, "{}")).await;
            assert_eq!(response.status(), *status, "{method} {path} {headers:?}");
            let held = response.headers();
            assert!(
                held["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .contains("default-src 'none'")
            );
            assert_eq!(held["x-content-type-options"], "nosniff");
            assert!(held.get("access-control-allow-origin").is_none());
            if !code.is_empty() {
                assert_eq!(held["content-type"], "application/problem+json");
                assert_eq!(read(response).await["code"], *code, "{method} {path}");
            }
        }
    });
}

#[test]
fn pages_may_be_linked_to_and_hold_no_inline_script() {
    runtime().block_on(async {
        let (_, _, router) = place();
        let from_elsewhere = [("host", HOST), ("sec-fetch-site", "cross-site")];
        let response = sent(&router, request("GET", "/", &from_elsewhere, "")).await;
        assert_eq!(response.status(), 200);
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        let again = [("host", HOST), ("if-none-match", &tag[..])];
        assert_eq!(
            sent(&router, request("GET", "/", &again, ""))
                .await
                .status(),
            304
        );
        let evil = [("host", "evil.example")];
        assert_eq!(
            sent(&router, request("GET", "/", &evil, "")).await.status(),
            403
        );
    });
    for page in crate::pages::PAGES {
        for inline in [
            "<script>",
            " onclick=",
            " onload=",
            " style=\"",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!page.text.contains(inline), "{}: {inline}", page.path);
        }
        assert!(
            !page.text.contains("https://") || page.path.ends_with(".d.ts"),
            "{}",
            page.path
        );
    }
}

#[test]
fn a_link_logs_in_once_and_guessing_ends() {
    runtime().block_on(async {
        let (_, shared, router) = place();
        let headers = [("host", HOST), ("origin", "http://127.0.0.1:4477")];
        let cookie = logged_in(&shared, &router).await;
        for _ in 0..10 {
            let again = request("POST", "/api/v1/login", &headers, r#"{"token":"once"}"#);
            assert_eq!(sent(&router, again).await.status(), 401);
        }
        let late = request("POST", "/api/v1/login", &headers, r#"{"token":"guess"}"#);
        let late = sent(&router, late).await;
        assert_eq!(late.status(), 429);
        assert_eq!(late.headers()["retry-after"], "60");
        shared.keys.expect("right", 0);
        let right = request("POST", "/api/v1/login", &headers, r#"{"token":"right"}"#);
        assert_eq!(sent(&router, right).await.status(), 200);
        // who is in stays in, until it leaves
        let mine = [
            ("host", HOST),
            ("cookie", &cookie[..]),
            ("origin", "http://127.0.0.1:4477"),
        ];
        let session = sent(&router, request("GET", "/api/v1/session", &mine, "")).await;
        assert_eq!(read(session).await, json!({ "scope": "owner" }));
        assert_eq!(
            sent(&router, request("POST", "/api/v1/logout", &mine, ""))
                .await
                .status(),
            200
        );
        assert_eq!(
            sent(&router, request("GET", "/api/v1/session", &mine, ""))
                .await
                .status(),
            401
        );
    });
}

/// Bytes of script that a screen may need, with all that it loads.
const SCRIPT_MAX: usize = 150 << 10;

#[test]
fn no_screen_needs_much_script() {
    let text = |path: &str| {
        let mut pages = crate::pages::PAGES.iter();
        let page = pages.find(|page| page.path == path);
        page.unwrap_or_else(|| panic!("{path} is imported and not served"))
            .text
    };
    let named = |text: &'static str, before: &'static str| {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split('\'').next())
            .map(|path| path.trim_start_matches('.'))
    };
    // what waits is asked for by every screen, once it stands
    let beside = "/badges.js";
    let mut screens: Vec<&str> = named(text("/app.js"), "import('").collect();
    assert!(screens.contains(&beside), "{screens:?}");
    screens.retain(|screen| *screen != beside);
    screens.sort_unstable();
    screens.dedup();
    // messages of one language are loaded, by a name that is made; for some screens also the
    // names of fields and columns, and words of their own
    let longest = |of: &str| {
        let all = ["de", "en"].map(|tag| text(&format!("/{of}-{tag}.js")).len());
        all.into_iter().max().unwrap_or_default()
    };
    let with = |what: &str, screen: &str| {
        let mut lines = text("/app.js").lines();
        lines.any(|line| line.contains(what) && line.contains(&format!("import('.{screen}')")))
    };
    let apart = [
        ("names", "withNames(", "/audit.js"),
        ("more", "withMore(", "/audit.js"),
        ("work", "withWork(", "/calendar.js"),
    ];
    for (_, what, screen) in apart {
        assert!(with(what, screen) && !with(what, "/today.js"));
    }
    assert!(screens.len() > 15, "{screens:?}");
    for screen in screens {
        let (mut known, mut waiting) = (Vec::new(), vec!["/app.js", beside, screen]);
        while let Some(path) = waiting.pop() {
            if !known.contains(&path) {
                known.push(path);
                waiting.extend(named(text(path), "from '"));
            }
        }
        let beside = apart.iter().filter(|(_, what, _)| with(what, screen));
        let beside: usize = beside.map(|(of, ..)| longest(of)).sum();
        let bytes: usize = known.iter().map(|path| text(path).len()).sum();
        let bytes = bytes + longest("words") + beside;
        println!("{screen}: {bytes} bytes of script in {} files", known.len());
        assert!(bytes <= SCRIPT_MAX, "{screen}: {bytes} bytes in {known:?}");
    }
}

#[test]
fn both_languages_say_everything() {
    let keys = |path: String| {
        let page = crate::pages::PAGES.iter().find(|page| page.path == path);
        let text = page.map(|page| page.text).unwrap_or_default();
        let mut keys = std::collections::BTreeSet::new();
        for line in text.lines().filter(|line| line.starts_with("  ")) {
            for part in line.trim().split("', ").chain([""]) {
                let key = part.split(": '").next().unwrap_or_default();
                let key = key.trim_matches(['\'', ',', ' ']);
                let is_key = key
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "._".contains(letter));
                if is_key && !key.is_empty() && !key.starts_with("word.") {
                    keys.insert(key.to_owned());
                }
            }
        }
        keys
    };
    for of in ["words", "more", "work"] {
        let [english, german] = ["en", "de"].map(|tag| keys(format!("/{of}-{tag}.js")));
        assert!(english.len() > 90, "{}", english.len());
        assert_eq!(english, german);
    }
}
