//! Tabs and pages that nobody sees: a browser has six connections to a node, and news take one
//! of each page that listens.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::guest_order::shop;
use crate::net_daemon::Up;
use crate::node_watch::probe;
use crate::web_browser::{PHONE, SCREEN, browser};
use crate::web_flows::{bakery, carry, login};
use crate::web_guest::{provider, relation, says};
use crate::web_moves::visit_and_order;

/// Asks the bakery for two breads.
fn ask(client: &Desk, desk: &Desk) {
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json();
    let space = shop["topic"].as_str().unwrap();
    let line = format!("space={space},item=bread,quantity=2");
    client.ok(&["order", "request", "aino", "--line", &line]);
    carry(client, desk, &["aino"]);
}

/// What a tab is told when another one comes to the front, or itself.
fn seen(page: &mut Browser, is_seen: bool) {
    let state = if is_seen { "visible" } else { "hidden" };
    page.value(&format!(
        "Object.defineProperty(document, 'visibilityState', {{ configurable: true, get: () => '{state}' }}); \
         document.dispatchEvent(new Event('visibilitychange')); true"
    ));
}

#[test]
fn many_tabs_leave_room_for_one_another() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let up = login(&mut page, &desk);
    let url = up.ready["web"]["url"].as_str().unwrap().to_owned();
    let mut first = None;
    for number in 0..7 {
        page.until("document.querySelector('.live.open')");
        seen(&mut page, false);
        let before = page.another();
        first.get_or_insert(before);
        // some are opened behind the one that is read
        if number % 2 == 1 {
            page.before_each("Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });");
        }
        page.open(&url);
        page.until("document.querySelector('h1')?.textContent === 'Today'");
    }
    page.until("document.querySelector('.live.open')");

    // who comes back to the first one sees what came meanwhile, and what comes then
    ask(&client, &desk);
    page.until("document.querySelectorAll('main li.card').length === 1");
    seen(&mut page, false);
    page.turn_to(first.unwrap());
    seen(&mut page, true);
    page.until("document.querySelectorAll('main li.card').length === 1");
    ask(&client, &desk);
    page.until("document.querySelectorAll('main li.card').length === 2");
    up.stop();
}

/// How many streams the node has open.
fn streams(up: &Up) -> String {
    let host = up.ready["web"]["url"].as_str().unwrap();
    let host = host.trim_start_matches("http://").trim_end_matches('/');
    let (_, text) = probe(host, "/metrics", None);
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("synlog_stream_watchers "));
    line.unwrap_or_default().to_owned()
}

/// A browser keeps pages that were left, for who goes back; with a stream in each of six of
/// them the seventh would wait for a minute.
#[test]
fn a_page_that_was_left_holds_no_connection() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    desk.ok(&["config", "set", "web.metrics", "loopback"]);
    let up = login(&mut page, &desk);
    let url = up.ready["web"]["url"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        page.open("about:blank");
        page.until("location.href === 'about:blank'");
        page.open(&url);
        page.until("document.querySelector('.live.open')");
    }
    let begun = Instant::now();
    while streams(&up) != "synlog_stream_watchers 1" {
        assert!(begun.elapsed().as_secs() < 30, "{}", streams(&up));
        std::thread::sleep(Duration::from_millis(50));
    }

    // who goes back sees what came meanwhile, and what comes then
    page.value("window.__last = true; history.go(-2); true");
    page.until("!window.__last && document.querySelector('.live.open')");
    ask(&client, &desk);
    page.until("document.querySelectorAll('main li.card').length === 1");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn a_guests_page_that_was_left_holds_no_connection() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    // how many streams of relations were open when the page was left
    page.before_each(
        "const open = new Set(); const ask = window.fetch; window.fetch = (url, options) => { \
         if (/relations\\/.*\\/stream/.test(url)) { open.add(options.signal); options.signal.addEventListener('abort', () => open.delete(options.signal)); } \
         return ask(url, options); }; \
         document.addEventListener('visibilitychange', () => sessionStorage.setItem('left', `${open.size} of ${document.querySelector('.live.open') ? 1 : 0}`));",
    );
    visit_and_order(&mut page, &shop, 2);
    let topic = relation(&shop.owner);
    page.until("document.querySelector('.live.open')");
    page.value("location.hash = '#/chat'; true");
    page.open("about:blank");
    page.until("location.href === 'about:blank'");
    let told = json!({ "text": "They are in the oven." });
    provider(&shop.owner, &topic, "message.post", &told);
    page.value("setTimeout(() => history.back()); true");
    says(&mut page, "They are in the oven.");
    assert_eq!(page.value("sessionStorage.getItem('left')"), "0 of 1");
    // it goes on to listen
    let told = json!({ "text": "They are ready." });
    provider(&shop.owner, &topic, "message.post", &told);
    says(&mut page, "They are ready.");
    shop.up.stop();
}
