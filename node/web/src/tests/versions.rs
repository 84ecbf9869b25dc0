//! Files under a path that names what is in all of them, and several questions in one.

use super::{HOST, place, read, request, runtime, sent};
use crate::pages;
use crate::routes::ROOT;

#[test]
fn a_file_of_this_version_is_never_asked_for_again() {
    runtime().block_on(async {
        let (_, _, router) = place();
        let headers = [("host", HOST)];
        let get = |path: String| {
            let router = router.clone();
            async move { sent(&router, request("GET", &path, &headers, "")).await }
        };
        let first = get("/".to_owned()).await;
        assert_eq!(first.headers()["cache-control"], "no-cache");
        let bytes = axum::body::to_bytes(first.into_body(), 1 << 20).await;
        let first = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let folder = pages::folder(pages::version().unwrap());
        assert_eq!(folder.len(), "/v//".len() + 16);
        for name in ["app.js", "style.css", "icon.svg"] {
            assert!(first.contains(&format!("=\"{folder}{name}\"")), "{first}");
            // what an older page still asks for is there, and is another one tomorrow
            for (path, kept) in [
                (format!("{folder}{name}"), pages::FOR_EVER),
                (format!("/v/0123456789abcdef/{name}"), pages::UNTIL_ASKED),
                (format!("/{name}"), pages::UNTIL_ASKED),
            ] {
                let response = get(path.clone()).await;
                assert_eq!(response.status(), 200, "{path}");
                assert_eq!(response.headers()["cache-control"], kept, "{path}");
                assert!(response.headers().contains_key("content-security-policy"));
            }
        }
        assert!(!first.contains("=\"/app.js\""));
        for path in ["none.js", "", "%2Fapp.js", "index.html", "../app.js"] {
            let response = get(format!("{folder}{path}")).await;
            assert_eq!(response.status(), 404, "{path}");
        }
        let evil = [("host", "evil.example")];
        let asked = request("GET", &format!("{folder}app.js"), &evil, "");
        assert_eq!(sent(&router, asked).await.status(), 403);
        // what is no text in a path goes through the same door
        for path in ["/v/%ff/app.js", "/v/0123456789abcdef/%ff"] {
            for (host, status, code) in [
                ("evil.example", 403, "wrong_host"),
                (HOST, 404, "no_such_page"),
            ] {
                let response = sent(&router, request("GET", path, &[("host", host)], "")).await;
                assert_eq!(response.status(), status, "{host} {path}");
                assert_eq!(read(response).await["code"], code, "{host} {path}");
            }
        }
    });
}

#[test]
fn several_questions_have_their_answers_in_order() {
    runtime().block_on(async {
        let (_, _, router) = place();
        let asked = |path: &str, who: &str| {
            let headers = [("host", HOST), ("authorization", who)];
            sent(&router, request("GET", &format!("{ROOT}{path}"), &headers, ""))
        };
        let path = "/several?ask=/topics/a/views/one%3Flimit%3D7&ask=/session&ask=/apps/relation/views/two&ask=/topics/a/views/three%3Fdesc%3Dtrue";
        let told = read(asked(path, "Bearer reader").await).await;
        let answers = told["answers"].as_array().unwrap();
        let has = |at: usize, text: &str| {
            let said = answers[at]["asked"].as_str().unwrap_or_default();
            assert!(said.contains(text), "{said}");
        };
        assert_eq!(answers.len(), 4);
        has(0, "view: \"one\"");
        has(0, "limit: 7");
        has(2, "app: \"relation\"");
        for wrong in [1, 3] {
            assert_eq!(answers[wrong]["problem"]["code"], "usage", "{wrong}");
            assert_eq!(answers[wrong]["problem"]["status"], 400, "{wrong}");
        }
        assert_eq!(asked(path, "Bearer nobody").await.status(), 401);
        assert_eq!(asked("/several", "Bearer reader").await.status(), 400);
        let many = "&ask=/topics/a/views/one".repeat(17);
        let response = asked(&format!("/several?{}", &many[1..]), "Bearer reader").await;
        assert_eq!(response.status(), 400);
    });
}
