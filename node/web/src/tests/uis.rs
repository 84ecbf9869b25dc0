//! User interfaces of apps: what is at their own name, and that nothing else is.

use super::{HOST, logged_in, place, read, request, runtime, sent};

const APP: &str = "tally.localhost:4477";
/// What `Fake` says is random.
const KEY: &str = "0707070707070707";

#[test]
fn an_app_has_its_files_and_nothing_of_the_owner() {
    let index = format!("/{KEY}/index.html");
    let library = format!("/{KEY}/synlog/app.js");
    let beside = format!("/ui/tally/{KEY}/index.html");
    let api = format!("/{KEY}/api/v1/topics");
    // method, host, path, status, code
    let table: &[(&str, &str, &str, u16, &str)] = &[
        ("GET", APP, &index, 200, ""),
        ("GET", "Tally.LOCALHOST:4477", &index, 200, ""),
        ("GET", APP, &library, 200, ""),
        ("GET", APP, "/", 404, "no_such_page"),
        ("GET", APP, "/index.html", 404, "no_such_page"),
        ("GET", APP, "/wrong/index.html", 404, "no_such_page"),
        ("GET", APP, &format!("/{KEY}/"), 404, "no_such_page"),
        ("GET", APP, &format!("/{KEY}/other.js"), 404, "no_such_page"),
        (
            "GET",
            APP,
            &format!("/{KEY}/../app.js"),
            404,
            "no_such_page",
        ),
        (
            "GET",
            APP,
            &format!("/{KEY}/synlog/access.js"),
            404,
            "no_such_page",
        ),
        // the owner's pages and API are not there, whoever asks
        ("GET", APP, "/app.js", 404, "no_such_page"),
        ("GET", APP, "/api/v1/topics", 404, "no_such_page"),
        ("GET", APP, "/api/v1/openapi.json", 404, "no_such_page"),
        ("GET", APP, &api, 404, "no_such_page"),
        ("POST", APP, "/api/v1/login", 405, "wrong_method"),
        (
            "POST",
            APP,
            "/api/v1/topics/a/events/x.y",
            405,
            "wrong_method",
        ),
        ("GET", APP, "/healthz", 404, "no_such_page"),
        ("GET", APP, "/metrics", 404, "no_such_page"),
        // nobody has these names
        ("GET", "other.localhost:4477", &index, 403, "wrong_host"),
        ("GET", "a.tally.localhost:4477", &index, 403, "wrong_host"),
        ("GET", "tally.localhost:4478", &index, 403, "wrong_host"),
        ("GET", "tally.localhost", &index, 403, "wrong_host"),
        (
            "GET",
            "tally.localhost.evil.example:4477",
            &index,
            403,
            "wrong_host",
        ),
        ("GET", "evil.example:4477", &beside, 403, "wrong_host"),
        // beside the owner's pages, for browsers elsewhere
        ("GET", HOST, &beside, 200, ""),
        (
            "GET",
            HOST,
            "/ui/tally/wrong/index.html",
            404,
            "no_such_page",
        ),
        (
            "GET",
            HOST,
            &format!("/ui/other/{KEY}/index.html"),
            404,
            "no_such_page",
        ),
    ];
    runtime().block_on(async {
        let (_, shared, router) = place();
        let session = logged_in(&shared, &router).await;
        for (method, host, path, status, code) in table {
            for credentials in [
                ("x-nothing", ""),
                ("cookie", &session[..]),
                ("authorization", "Bearer writer"),
            ] {
                let headers = [("host", *host), ("origin", "null"), credentials];
                let response = sent(&router, request(method, path, &headers, "{}")).await;
                assert_eq!(response.status(), *status, "{method} {host}{path}");
                let held = response.headers();
                assert!(held.get("set-cookie").is_none(), "{host}{path}");
                let policy = held["content-security-policy"].to_str().unwrap();
                assert!(policy.contains("default-src 'none'"), "{policy}");
                if *status == 200 {
                    assert!(policy.contains("sandbox allow-scripts"), "{policy}");
                    assert_eq!(held["x-dns-prefetch-control"], "off");
                    assert_eq!(held["connection-allowlist"], "(response-origin)");
                    assert!(held.get("x-frame-options").is_none());
                } else {
                    assert_eq!(read(response).await["code"], *code, "{host}{path}");
                }
            }
        }
    });
}

#[test]
fn frames_of_the_page_stay_at_this_server() {
    runtime().block_on(async {
        let (_, _, router) = place();
        let of = async |path: &str| {
            let response = sent(&router, request("GET", path, &[("host", HOST)], "")).await;
            let policy = response.headers()["content-security-policy"].clone();
            policy.to_str().unwrap().to_owned()
        };
        let page = of("/").await;
        assert!(
            page.ends_with("; frame-src 'self' http://*.localhost:4477"),
            "{page}"
        );
        assert!(page.contains("frame-ancestors 'none'"), "{page}");
        assert!(!of("/app.js").await.contains("frame-src"));
    });
}

#[test]
fn who_asks_in_the_name_of_an_app_gets_what_it_names() {
    // app, method, path, body, status
    let table: &[(&str, &str, &str, &str, u16)] = &[
        ("tally", "GET", "/topics/a/views/tallies", "", 200),
        ("tally", "GET", "/topics/a/rows/tallies/k", "", 200),
        ("tally", "GET", "/apps/tally/views/tallies", "", 200),
        ("tally", "GET", "/topics/a/manifest", "", 200),
        ("tally", "GET", "/blobs/here", "", 200),
        // a file that is no picture, and a picture that no topic of the app names
        ("tally", "GET", "/blobs/text", "", 403),
        ("tally", "GET", "/blobs/of-another", "", 403),
        ("tally", "GET", "/blobs/gone", "", 404),
        ("tally", "POST", "/topics/a/events/tally.add", "{}", 200),
        // the topic of another app
        ("tally", "GET", "/topics/b/views/tallies", "", 403),
        ("tally", "GET", "/topics/b/manifest", "", 403),
        ("tally", "POST", "/topics/b/events/tally.add", "{}", 403),
        ("tally", "GET", "/apps/relation/views/tallies", "", 403),
        ("tally", "GET", "/topics/nowhere/views/tallies", "", 404),
        // what it does not name
        ("tally", "GET", "/topics/a/views/givers", "", 403),
        ("tally", "POST", "/topics/a/events/tally.close", "{}", 403),
        ("tally", "POST", "/topics/a/events/tally%20add", "{}", 403),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"force":true}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"prove":["e"]}"#,
            403,
        ),
        // what can be erased is no business of the rules: nobody else looks at it
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"note":"x","place":{"lat":1,"lon":2},"key":{"$hex":"00"},"steps":[{"way":"on foot"}]}}"#,
            200,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{},"dry_run":true}"#,
            200,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"note":"x","amount":"1"}}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"amount":"1"},"dry_run":true}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"":""}}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"more":{}}}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"note":{"more":"x"}}}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"steps":[{"way":"on foot","far":"x"}]}}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"key":{"$hex":"00","more":"x"}}}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"note":["x"]}}"#,
            403,
        ),
        (
            "tally",
            "POST",
            "/topics/a/events/tally.add",
            r#"{"erasable":{"steps[].way":"x"}}"#,
            403,
        ),
        // what no app may ask for
        ("tally", "GET", "/topics", "", 403),
        ("tally", "GET", "/whoami", "", 403),
        ("tally", "GET", "/topics/a/audit", "", 403),
        ("tally", "GET", "/stream", "", 403),
        ("tally", "GET", "/uis", "", 403),
        (
            "tally",
            "GET",
            "/several?ask=/topics/a/views/tallies",
            "",
            403,
        ),
        ("tally", "POST", "/blobs", "bytes", 403),
        ("tally", "POST", "/root/words", "{}", 403),
        (
            "tally",
            "POST",
            "/topics",
            r#"{"name":"a","app":"tally"}"#,
            403,
        ),
        // nobody
        ("other", "GET", "/topics/a/views/tallies", "", 403),
        ("", "GET", "/topics/a/views/tallies", "", 403),
    ];
    runtime().block_on(async {
        let (_, shared, router) = place();
        let session = logged_in(&shared, &router).await;
        for (app, method, path, body, status) in table {
            let path = format!("/api/v1{path}");
            let headers = [
                ("host", HOST),
                ("origin", "http://127.0.0.1:4477"),
                ("cookie", &session[..]),
                ("synlog-ui", app),
            ];
            let response = sent(&router, request(method, &path, &headers, body)).await;
            assert_eq!(response.status(), *status, "{app}: {method} {path} {body}");
            if *status == 403 {
                assert_eq!(read(response).await["code"], "not_allowed", "{path}");
            }
        }
        // it widens nothing
        let nobody = [("host", HOST), ("synlog-ui", "tally")];
        let path = "/api/v1/topics/a/views/tallies";
        let response = sent(&router, request("GET", path, &nobody, "")).await;
        assert_eq!(response.status(), 401);
    });
}
