//! Several questions in one request. A browser opens few connections to a server, so a screen
//! that asks ten questions one by one waits for most of them.

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use crate::access::Scope;
use crate::answering::ask;
use crate::backend::Ask;
use crate::inputs::Inputs;
use crate::problem::Problem;
use crate::routes::{self, Does, Kind, Method, Route, must, own};
use crate::server::Shared;

/// Where they are asked.
pub(crate) const ROUTE: Route = Route {
    query: &[must(
        "ask",
        Kind::Texts,
        "the path of a question, with its query, as in /apps/relation/views/orders?index=by_state&equal=requested; at most 16 of them",
    )],
    ..own(
        Method::Get,
        "/several",
        "several",
        "Several questions at once, those that a GET asks: `answers` has, in their order, what each would be told, or its `problem`",
        Scope::Read,
        Does::Several,
    )
};

/// Answers each of them, whatever becomes of the others.
pub(crate) async fn answer(shared: &Shared, inputs: &Inputs) -> Json {
    let asked = inputs.texts("ask");
    let answers = asked.iter().map(|text| async {
        let told = match read(text) {
            Ok(question) => ask(shared, question).await,
            Err(problem) => Err(problem),
        };
        told.unwrap_or_else(|problem| json!({ "problem": problem.json() }))
    });
    json!({ "answers": join_all(answers).await })
}

/// Reads one: the path of a route that asks something, and its query. Whoever asks several may
/// look, so it is a question of those who may.
fn read(text: &str) -> Result<Ask, Problem> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let may = |route: &&Route| route.method == Method::Get && route.scope == ROUTE.scope;
    let mut routes = routes::all().filter(may);
    let found = routes.find_map(|route| Some((route, parts(route, path)?)));
    let nothing = || {
        Problem::usage(format!("{path:?} is no question"))
            .hint("as in /topics/{topic}/views/{view}")
    };
    let (route, parts) = found.ok_or_else(nothing)?;
    let Does::Ask(asked) = &route.does else {
        return Err(nothing());
    };
    asked(&Inputs::read(route, parts, query, &[])?)
}

/// The parts of a path that a route names, if it is one of its paths.
fn parts(route: &Route, path: &str) -> Option<Vec<(String, String)>> {
    let plain = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.ok().map(std::borrow::Cow::into_owned)
    };
    let mut parts = Vec::new();
    let mut left = Some(path);
    for wanted in route.path.split('/') {
        let (said, rest) = match left?.split_once('/') {
            Some((said, rest)) => (said, Some(rest)),
            None => (left?, None),
        };
        if let Some(name) = wanted.strip_prefix("{*") {
            parts.push((name.trim_end_matches('}').to_owned(), plain(left?)?));
            return Some(parts);
        }
        match wanted.strip_prefix('{') {
            Some(name) if !said.is_empty() => {
                parts.push((name.trim_end_matches('}').to_owned(), plain(said)?));
            }
            None if wanted == said => {}
            _ => return None,
        }
        left = rest;
    }
    left.is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::backend::Rows;

    #[test]
    fn only_questions_are_read() {
        let rows_of = |text: &str| -> Rows {
            match read(text) {
                Ok(Ask::Rows(rows)) => rows,
                other => panic!("{text}: {other:?}"),
            }
        };
        let rows = rows_of("/topics/ab%20c/views/orders?index=by_state&equal=a%26b&limit=5");
        assert_eq!(rows.topic.as_deref(), Some("ab c"));
        assert_eq!((rows.view.as_str(), rows.limit), ("orders", 5));
        assert_eq!(rows.equal, ["a&b"]);
        let rows = rows_of("/apps/relation/views/orders");
        assert_eq!((rows.topic, rows.app.as_str()), (None, "relation"));
        let rows = rows_of("/topics/a/rows/lines/order/9b%2F1");
        assert_eq!(rows.key.as_deref(), Some("order/9b/1"));
        for wrong in [
            "",
            "/",
            "topics/a/views/orders",
            "/topics/a/views",
            "/topics/a/views/orders/b",
            "/topics//views/orders",
            "/topics/%ff/views/orders",
            "/openapi.json",
            "/session",
            "/stream",
            "/root/words",
            "/several?ask=/topics/a/views/orders",
            "/blobs/00",
            "/topics/a/views/orders?nothing=1",
            "/topics/a/views/orders?desc=true",
            "/topics/a/views/orders?limit=x",
        ] {
            assert_eq!(read(wrong).unwrap_err().status, 400, "{wrong}");
        }
        for other in ["/whoami", "/topics/a/manifest", "/topics/a/explain/k"] {
            assert!(!matches!(read(other), Ok(Ask::Rows(_)) | Err(_)), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_asked_is_read_or_refused(text in ".{0,200}") {
            let _ = read(&text);
            let _ = read(&format!("/topics/{text}"));
        }
    }
}
