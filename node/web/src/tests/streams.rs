//! What streams tell, and that it is all of it, once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value as Json;

use super::{HOST, place, request, runtime, sent};
use crate::stream::{Hub, Place, Watcher};

/// After so long without an event a stream is broken off.
const QUIET: Duration = Duration::from_millis(500);

/// The events that a stream has until nothing has come for a while: id, name, data.
async fn events(body: &mut axum::body::BodyDataStream, until: usize) -> Vec<[String; 3]> {
    let mut text = String::new();
    let parse = |text: &str| -> Vec<[String; 3]> {
        let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let blocks = whole.split("\n\n").filter(|block| block.contains("event:"));
        blocks
            .map(|block| {
                let of = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().trim().to_owned()
                };
                [of("id:"), of("event:"), of("data:")]
            })
            .collect()
    };
    while parse(&text).len() < until {
        let piece = tokio::time::timeout(QUIET, body.next()).await;
        let Ok(piece) = piece else { break };
        text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
    }
    parse(&text)
}

#[test]
fn a_stream_goes_on_where_it_broke_off() {
    runtime().block_on(async {
        let (fake, shared, router) = place();
        let hub = Arc::clone(&shared.hub);
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let keeper = std::thread::spawn(move || {
            hub.keep(&|| told.load(std::sync::atomic::Ordering::Relaxed));
        });
        fake.write(500);
        let open = |id: Option<String>| {
            let mut headers = vec![
                ("host".to_owned(), HOST.to_owned()),
                ("authorization".to_owned(), "Bearer reader".to_owned()),
            ];
            headers.extend(id.map(|id| ("last-event-id".to_owned(), id)));
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (&name[..], &value[..]))
                .collect();
            request("GET", "/api/v1/stream?topic=a&from=0", &headers, "")
        };
        let writer = {
            let fake = Arc::clone(&fake);
            tokio::spawn(async move {
                for _ in 0..100 {
                    fake.write(7);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
        };
        // broken off after each few events, in the middle of bursts
        let wanted: Vec<usize> = (0..1200).filter(|at| at % 3 != 0).collect();
        let (mut last, mut seen, mut rows) = (None, Vec::new(), Vec::new());
        let mut tries = 0;
        while seen.len() < wanted.len() || rows.last() != wanted.last() {
            tries += 1;
            assert!(tries < 5_000, "{} of {}", seen.len(), wanted.len());
            let response = sent(&router, open(last.clone())).await;
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            let mut body = response.into_body().into_data_stream();
            for [id, name, data] in events(&mut body, 1 + tries % 40).await {
                let data: Json = serde_json::from_str(&data).unwrap();
                match &name[..] {
                    "entry" => seen.push(data["n"].as_u64().unwrap() as usize),
                    "rows" => rows.extend(
                        data["changes"]
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(|n| n.as_u64().unwrap() as usize),
                    ),
                    "hello" => {}
                    other => panic!("{other}"),
                }
                last = Some(id);
                if seen.len() == wanted.len() && rows.last() == wanted.last() {
                    break;
                }
            }
        }
        assert_eq!(seen, wanted);
        // rows from the first greeting on, each once and in order
        let first = rows[0];
        let of_rows: Vec<usize> = wanted.iter().copied().filter(|at| *at >= first).collect();
        assert_eq!(rows, of_rows);
        writer.await.unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        keeper.join().unwrap();
    });
}

#[test]
fn many_watchers_see_all_and_hold_little() {
    runtime().block_on(async {
        let (fake, shared, _) = place();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (hub, told) = (Arc::clone(&shared.hub), Arc::clone(&stop));
        let keeper = std::thread::spawn(move || {
            hub.keep(&|| told.load(std::sync::atomic::Ordering::Relaxed));
        });
        let watchers: Vec<_> = (0..1_000)
            .map(|_| {
                let mut watcher = Watcher::new(
                    &shared.hub,
                    None,
                    Some(Place::read("0").unwrap()),
                    shared.stop.subscribe(),
                );
                tokio::spawn(async move {
                    let mut seen = 0;
                    // the greeting, and 100 entries
                    while seen < 101 {
                        assert!(watcher.next().await.is_some());
                        seen += 1;
                    }
                })
            })
            .collect();
        fake.write(100);
        for watcher in watchers {
            tokio::time::timeout(Duration::from_secs(60), watcher)
                .await
                .unwrap()
                .unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        keeper.join().unwrap();
    });
}

#[test]
fn a_place_of_another_store_is_reset_and_an_end_ends() {
    runtime().block_on(async {
        let (fake, shared, _) = place();
        fake.write(5);
        let hub: &Arc<Hub> = &shared.hub;
        let place = Place::read("99.abcd");
        let mut watcher = Watcher::new(hub, Some("a".to_owned()), place, shared.stop.subscribe());
        let names: Vec<String> = [watcher.next().await.unwrap(), watcher.next().await.unwrap()]
            .iter()
            .map(|event| format!("{event:?}"))
            .collect();
        assert!(
            names[0].contains("reset") && names[1].contains("hello"),
            "{names:?}"
        );
        shared.stop.send_replace(true);
        let last = format!("{:?}", watcher.next().await.unwrap());
        assert!(last.contains("bye"), "{last}");
        assert!(watcher.next().await.is_none());
    });
}

#[test]
fn a_place_of_another_store_is_known_by_its_name() {
    runtime().block_on(async {
        let (fake, _, router) = place();
        fake.write(20);
        let first = async |id: &str| {
            let headers = [
                ("host", HOST),
                ("authorization", "Bearer reader"),
                ("last-event-id", id),
            ];
            let asked = request("GET", "/api/v1/stream", &headers, "");
            let mut body = sent(&router, asked).await.into_body().into_data_stream();
            events(&mut body, 1).await.remove(0)
        };
        let [id, name, _] = first("7").await;
        assert_eq!((&name[..], id.starts_with("7-")), ("hello", true), "{id}");
        // the same place again, and that of a store which had more than 20 entries once, too
        assert_eq!(first(&id).await[..2], [id.clone(), "hello".to_owned()]);
        let [after, name, _] = first("7-00ff").await;
        assert_eq!((&name[..], after.starts_with("20-")), ("reset", true));
    });
}

#[test]
fn an_id_that_is_no_text_is_told() {
    runtime().block_on(async {
        let (_, _, router) = place();
        let headers = [("host", HOST), ("authorization", "Bearer reader")];
        let mut asked = request("GET", "/api/v1/stream", &headers, "");
        let id = axum::http::HeaderValue::from_bytes("17é".as_bytes()).unwrap();
        asked.headers_mut().insert("last-event-id", id);
        let response = sent(&router, asked).await;
        assert_eq!(response.status(), 400);
        assert_eq!(super::read(response).await["code"], "usage");
    });
}

#[test]
fn a_stream_ends_soon_after_its_session() {
    runtime().block_on(async {
        let (_, shared, router) = place();
        let cookie = super::logged_in(&shared, &router).await;
        let headers = [("host", HOST), ("cookie", &cookie[..])];
        let asked = request("GET", "/api/v1/stream", &headers, "");
        let (parts, _) = asked.into_parts();
        let watcher = Watcher::new(&shared.hub, None, None, shared.stop.subscribe());
        let soon = Duration::from_millis(20);
        let asker = crate::answering::Asker::of(&shared, &parts);
        let mut events = Box::pin(crate::answering::events(watcher, asker, soon, ()));
        assert!(events.next().await.is_some(), "hello");
        // nothing happens for many looks
        let next = tokio::time::timeout(soon * 10, events.next()).await;
        assert!(next.is_err(), "it goes on");
        shared.keys.logout(cookie.split_once('=').unwrap().1);
        let next = tokio::time::timeout(QUIET, events.next()).await;
        assert!(matches!(next, Ok(None)), "it goes on");
    });
}

#[test]
fn places_come_back() {
    for text in ["0", "17", "17.00ff", "17-c0de", "17-c0de.00ff"] {
        assert_eq!(Place::read(text).unwrap().to_string(), text);
    }
    let long = format!("1.{}", "a".repeat(200));
    for bad in [
        "",
        ".",
        "a",
        "-1",
        "+1",
        "1.",
        "1.x",
        "1.a.b",
        "1-",
        "1-.00",
        "1-x",
        "1-a-b",
        "1.a-b",
        "1\n",
        "99999999999999999999",
        &long,
    ] {
        assert_eq!(Place::read(bad), None, "{bad:?}");
    }
}
