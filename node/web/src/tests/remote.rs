//! The door for the owner's other machines: another name, TLS, and less behind it.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::probes::Open;
use super::{Fake, HOST, logged_in, place, read, request, runtime, sent};
use crate::server::{router, shared};
use crate::serving::Ends;
use crate::sites::Site;

const AWAY: &str = "counter.example:4443";
const ORIGIN: &str = "https://counter.example:4443";

/// A request that came by TLS.
fn by_tls(mut request: Request<Body>) -> Request<Body> {
    let [here, there] = ["192.0.2.1:4443", "198.51.100.9:5000"].map(|at| at.parse().unwrap());
    request.extensions_mut().insert(Ends {
        here,
        there,
        is_secure: true,
    });
    request
}

#[test]
fn each_door_has_its_names_and_its_cookie() {
    runtime().block_on(async {
        let (_, shared, router) = place();
        let local = logged_in(&shared, &router).await;
        shared.keys.expect("twice", 0);
        let headers = [("host", AWAY), ("origin", ORIGIN)];
        let login = request("POST", "/api/v1/login", &headers, r#"{"token":"twice"}"#);
        let response = sent(&router, by_tls(login)).await;
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-synlog=") && cookie.ends_with("; Secure"));
        let remote = cookie.split(';').next().unwrap().to_owned();
        let told = |name: &str| format!("{name}={}", remote.split_once('=').unwrap().1);
        let under_local_name = told("synlog-4477");
        // by TLS; method, path, headers; status and code
        type Case<'a> = (
            bool,
            &'a str,
            &'a str,
            &'a [(&'a str, &'a str)],
            u16,
            &'a str,
        );
        let table: &[Case<'_>] = &[
            (
                true,
                "GET",
                "/topics",
                &[("host", AWAY), ("cookie", &remote)],
                200,
                "",
            ),
            (
                true,
                "GET",
                "/topics",
                &[("host", AWAY)],
                401,
                "not_logged_in",
            ),
            (
                true,
                "GET",
                "/topics",
                &[("host", HOST), ("cookie", &remote)],
                403,
                "wrong_host",
            ),
            (
                true,
                "GET",
                "/topics",
                &[("host", "localhost:4477")],
                403,
                "wrong_host",
            ),
            (
                true,
                "GET",
                "/topics",
                &[("host", "192.0.2.1:4443")],
                403,
                "wrong_host",
            ),
            (
                true,
                "GET",
                "/topics",
                &[("host", AWAY), ("cookie", &local)],
                401,
                "not_logged_in",
            ),
            (
                false,
                "GET",
                "/topics",
                &[("host", AWAY), ("cookie", &remote)],
                403,
                "wrong_host",
            ),
            (
                false,
                "GET",
                "/topics",
                &[("host", HOST), ("cookie", &remote)],
                401,
                "not_logged_in",
            ),
            // the same session, wherever it was opened
            (
                false,
                "GET",
                "/topics",
                &[("host", HOST), ("cookie", &under_local_name)],
                200,
                "",
            ),
            // an origin without TLS is another page
            (
                true,
                "POST",
                "/topics",
                &[
                    ("host", AWAY),
                    ("cookie", &remote),
                    ("origin", "http://counter.example:4443"),
                ],
                403,
                "foreign_origin",
            ),
            (
                true,
                "POST",
                "/topics",
                &[
                    ("host", AWAY),
                    ("cookie", &remote),
                    ("origin", "https://evil.example"),
                ],
                403,
                "foreign_origin",
            ),
            (
                true,
                "POST",
                "/topics",
                &[("host", AWAY), ("cookie", &remote), ("origin", ORIGIN)],
                200,
                "",
            ),
            // the root key stays where it is
            (
                true,
                "POST",
                "/root/words",
                &[("host", AWAY), ("cookie", &remote), ("origin", ORIGIN)],
                403,
                "only_at_the_machine",
            ),
            (
                true,
                "POST",
                "/root/words",
                &[("host", AWAY), ("authorization", "Bearer writer")],
                403,
                "owner_only",
            ),
        ];
        for (tls, method, path, headers, status, code) in table {
            let body = match *path {
                "/topics" if *method == "POST" => r#"{"name":"a","app":"b"}"#,
                _ => "{}",
            };
            let path = format!("/api/v1{path}");
            let mut request = request(method, &path, headers, body);
            if *tls {
                request = by_tls(request);
            }
            let response = sent(&router, request).await;
            assert_eq!(
                response.status(),
                *status,
                "{tls} {method} {path} {headers:?}"
            );
            if !code.is_empty() {
                assert_eq!(
                    read(response).await["code"],
                    *code,
                    "{method} {path} {headers:?}"
                );
            }
        }
        let headers = [("host", AWAY), ("origin", ORIGIN), ("cookie", &remote)];
        let logout = request("POST", "/api/v1/logout", &headers, "{}");
        let response = sent(&router, by_tls(logout)).await;
        assert_eq!(read(response).await, json!({}));
        let headers = [("host", AWAY), ("cookie", &remote)];
        let after = by_tls(request("GET", "/api/v1/topics", &headers, ""));
        assert_eq!(sent(&router, after).await.status(), 401);
    });
}

#[test]
fn numbers_that_this_machine_may_read_are_not_for_others() {
    runtime().block_on(async {
        let remote = Site::elsewhere(&["counter.example".to_owned()], 4443).unwrap();
        let backend = std::sync::Arc::new(Open(Fake::default()));
        let router = router(&shared(
            backend,
            HOST.parse().unwrap(),
            Some(remote),
            1 << 20,
        ));
        // how it is with the node is nobody else's business either
        for (path, here) in [("/metrics", 200), ("/healthz", 200), ("/readyz", 503)] {
            let at = |host| request("GET", path, &[("host", host)], "");
            assert_eq!(sent(&router, at(HOST)).await.status(), here, "{path}");
            let away = sent(&router, by_tls(at(AWAY))).await;
            assert_eq!(away.status(), 401, "{path}");
            let headers = [("host", AWAY), ("authorization", "Bearer reader")];
            let known = sent(&router, by_tls(request("GET", path, &headers, ""))).await;
            assert_eq!(known.status(), here, "{path}");
        }
    });
}
