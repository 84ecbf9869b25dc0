//! How long it takes until something useful is on the screen, in a real browser: medians of
//! seven loads beside a static page of the same server. Nothing is asserted about times; they
//! are printed, for `docs/BENCHMARKS.md`. `SYNLOG_PROGRAM` names an optimised program.

use serde_json::json;

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_browser::{PHONE, SCREEN, browser};
use crate::web_flows::{bakery, carry};
use crate::web_moves::log_in;

const LOADS: usize = 7;

/// Notes in each page when the first rows were there and the frame after them was shown.
const WATCH: &str = "new MutationObserver((_, self) => { if (document.querySelector('main li.card')) { self.disconnect(); \
    requestAnimationFrame(() => setTimeout(() => { window.__rows = performance.now(); })); } }).observe(document, { childList: true, subtree: true });";

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// First paint and first rows of a page that is loaded again and again.
fn loads(page: &mut Browser, url: &str, rows: bool) -> (f64, f64) {
    let (mut painted, mut useful) = (Vec::new(), Vec::new());
    for number in 0..=LOADS {
        page.open("about:blank");
        page.until("location.href === 'about:blank'");
        page.open(url);
        page.until("location.href !== 'about:blank' && performance.getEntriesByName('first-contentful-paint').length");
        let first = "performance.getEntriesByName('first-contentful-paint')[0].startTime";
        let first = page.value(first).as_f64().unwrap();
        if rows {
            page.until("window.__rows");
        }
        // the first one fills the browser's cache and the node's
        if number > 0 {
            painted.push(first);
            useful.push(page.value("window.__rows ?? 0").as_f64().unwrap());
        }
    }
    (median(painted), median(useful))
}

fn tell(what: &str, page: &mut Browser, url: &str, origin: &str) {
    let (still, _) = loads(page, &format!("{origin}/icon.svg"), false);
    let (painted, useful) = loads(page, url, true);
    println!(
        "{what}: first rows after {useful:.0} ms, first paint after {painted:.0}; a picture of the same server alone {still:.0} ms; {:.1} times",
        useful / still
    );
    assert!(useful >= painted * 0.5, "{useful} {painted}");
}

/// Imports lines into a topic.
fn import(desk: &Desk, topic: &str, kind: &str, lines: impl Iterator<Item = String>) {
    let file = desk.path("lines.jsonl");
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    desk.ok(&["import", "jsonl", &file, "--topic", topic, "--kind", kind]);
}

#[test]
fn today_with_many_orders() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let item = desk.ok(&["view", "list", "shop", "items", "--json"]).json();
    let revision = item["columns"]["revision"].clone();
    let order = |number: usize| {
        let line = json!({
            "space": { "$hex": shop }, "item": "bread", "revision": revision, "quantity": 1, "title": "Bread",
        });
        json!({ "lines": [line], "note": format!("number {number}") }).to_string()
    };
    import(&client, "aino", "order.request", (0..1_000).map(order));
    carry(&client, &desk, &["aino"]);
    let up = Up::start(&desk, &["--offline"]);
    page.before_each(WATCH);
    log_in(&mut page, &up);
    let origin = up.ready["web"]["url"]
        .as_str()
        .unwrap()
        .trim_end_matches('/');
    tell(
        "Today, 1,000 orders",
        &mut page,
        &format!("{origin}/#/today"),
        origin,
    );
    up.stop();
}

#[test]
fn the_guests_catalog_with_many_items() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, _) = bakery();
    let item = |number: usize| {
        let price = json!({ "kind": "fixed", "currency": "EUR", "min": 100 + number });
        let about = ["with rye", "Köstlich", "of oats"][number % 3];
        json!({
            "item": format!("item-{number:04}"), "schema": "goods/1", "title": format!("Loaf {number:04}"),
            "description": about, "price": price,
        })
        .to_string()
    };
    import(&desk, "shop", "item.put", (0..1_000).map(item));
    let up = Up::start(&desk, &["--offline", "--guests", "127.0.0.1:0"]);
    let address = up.ready["guests"]["address"].as_str().unwrap();
    let origin = format!("http://{address}");
    page.before_each(WATCH);
    tell(
        "A guest's catalog, 1,000 items",
        &mut page,
        &format!("{origin}/"),
        &origin,
    );

    // words anywhere, in whatever case, with or without accents; a part of it at a time
    page.value("location.hash = '#/provider/' + encodeURIComponent('KOSTLICH 092'); true");
    let card = "document.querySelectorAll('main li.card')";
    page.until(&format!(
        "{card}.length && [...{card}].every((it) => /Loaf 092/.test(it.textContent))"
    ));
    let shown = page.value(&format!("{card}.length"));
    assert_eq!(shown, 3);
    page.value("location.hash = '#/provider/nosuchword'; true");
    page.until("document.querySelector('main').textContent.includes('Nothing has these words.')");
    up.stop();
}
