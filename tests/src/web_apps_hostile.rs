//! A user interface that means harm (`tests/data/hostile-ui`), in a real browser: what it tries
//! fails, the owner sees what it asked for, and nothing of it leaves the machine.

use std::collections::BTreeMap;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::cli::{Desk, copy};
use crate::guest_order::shop;
use crate::web_apps::{go, login};
use crate::web_browser::{PHONE, SCREEN, browser, check_screen, provider};
use crate::web_guest::link_at;

fn results(page: &mut Browser) -> BTreeMap<String, String> {
    serde_json::from_value(page.value("window.results")).unwrap()
}

/// What it came to, inside of the browser.
fn nothing_inside(told: &BTreeMap<String, String>) {
    for name in [
        "parent document",
        "parent variable",
        "parent storage",
        "top hash",
        "own storage",
        "own cookies",
        "own database",
        "caches",
        "eval",
    ] {
        assert!(!told[name].starts_with("got"), "{name}: {}", told[name]);
    }
    assert_eq!(told["frame element"], "got null");
    assert_eq!(told["alert"], "got false");
    assert_eq!(told["inline"], "got undefined");
}

/// What it came to, on all ways out.
fn nothing_outside(told: &BTreeMap<String, String>) {
    for name in [
        "fetch",
        "fetch api",
        "fetch own host",
        "xhr",
        "socket",
        "events",
        "image",
        "script",
        "style",
        "prefetch",
        "preload",
        "modulepreload",
        "object",
        "video",
        "import",
        "font",
        "worker",
        "service worker",
    ] {
        assert!(!told[name].starts_with("got"), "{name}: {}", told[name]);
    }
    assert_eq!(told["window"], "got null");
}

/// Opens it and speaks with its frame.
fn opened(page: &mut Browser) {
    go(page, "#/apps", "Apps");
    go(page, "#/app/space", "<b>Nice</b> page");
    page.enter();
    page.until("window.app?.about");
}

fn topic(desk: &Desk, name: &str) -> Json {
    desk.ok(&["topic", "show", name, "--json"]).json()["topic"].clone()
}

#[test]
fn a_hostile_page_gets_nothing_and_tells_nobody() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let desk = provider();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/hostile-ui");
    desk.ok(&["app", "ui", "install", folder.to_str().unwrap(), "--yes"]);
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", elsewhere.local_addr().unwrap());
    let nobody_came = |what: &str| {
        let came = elsewhere.accept();
        assert!(came.is_err(), "{what}: {came:?}");
    };
    let up = login(&mut page, &desk);
    let pages = up.ready["web"]["url"]
        .as_str()
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    let (own, other) = (topic(&desk, "shop"), topic(&desk, "orders"));

    // the owner's page, and what the browser keeps
    opened(&mut page);
    page.value("inside()");
    let told = results(&mut page);
    nothing_inside(&told);

    // ways out
    page.value(&format!("outside({}, {})", json!(origin), json!(pages)));
    let told = results(&mut page);
    nothing_outside(&told);
    nobody_came("a way out");
    page.leave();
    assert_eq!(page.value("location.hash"), "#/app/space");
    assert_eq!(page.value("document.cookie"), "");

    // the broker
    page.enter();
    page.value(&format!("asks({own}, {other})"));
    let told = results(&mut page);
    assert!(
        told["rows"].contains("\"table\":\"items\""),
        "{}",
        told["rows"]
    );
    assert!(!told["rows"].contains("orders"));
    for name in [
        "undeclared table",
        "table of another app",
        "own table of another topic",
        "topic by its name",
        "path for a table",
        "row elsewhere",
        "undeclared kind",
        "policy",
        "words of a command",
        "event elsewhere",
        "unknown op",
        "inherited op",
        "picture",
        "screen",
        "address",
    ] {
        assert!(
            told[name].starts_with("AppError: not_allowed"),
            "{name}: {}",
            told[name]
        );
    }
    for (name, code) in [
        ("op that is no text", "usage"),
        ("force", "rejected"),
        ("long notice", "usage"),
        ("endless", "too_large"),
        ("large", "too_large"),
        ("deep", "too_large"),
        ("odd", "too_large"),
        ("many watches", "too_many"),
    ] {
        assert!(
            told[name].starts_with(&format!("AppError: {code}")),
            "{name}: {}",
            told[name]
        );
    }
    page.leave();
    assert!(
        page.value("document.querySelector('iframe').offsetHeight")
            .as_u64()
            .unwrap()
            <= 30_000
    );
    // the owner sees what it asked for
    let asked = page.value("[...document.querySelectorAll('main details')].pop().textContent");
    for what in [
        "read orders",
        "write item.put",
        "write topic.grant",
        "go to settings",
        "ask for get",
    ] {
        assert!(asked.as_str().unwrap().contains(what), "{what}: {asked}");
    }
    check_screen(&mut page);
    page.shoot("app-asked");

    // to write, people are asked, outside of the frame; what it says there is text
    let state = |desk: &Desk| {
        let item = desk.ok(&["view", "list", "shop", "items", "--json"]).json();
        item["columns"]["state"].clone()
    };
    let ask = |page: &mut Browser, answer: &str| {
        page.enter();
        page.value(&format!("void (window.pending = writes({own}))"));
        page.leave();
        page.until("document.querySelector('dialog[open]')?.textContent.includes('item.state')");
        assert!(
            page.value("document.querySelector('dialog').textContent")
                .as_str()
                .unwrap()
                .contains("<b>Nice</b>")
        );
        check_screen(page);
        page.shoot("app-consent");
        // nobody agrees to what came up under their hands
        assert_eq!(page.value("document.activeElement.textContent"), "Don’t");
        page.until("!document.querySelector('dialog button.main').disabled");
        page.press(answer);
        page.enter();
        page.value("window.pending");
        results(page)["write"].clone()
    };
    assert_eq!(state(&desk), "active");
    let told = ask(&mut page, "Don’t");
    assert!(told.starts_with("AppError: declined"), "{told}");
    assert_eq!(state(&desk), "active");
    let told = ask(&mut page, "Write it");
    assert!(told.starts_with("got {\"id\""), "{told}");
    assert_eq!(state(&desk), "paused");
    assert_eq!(page.value("Boolean(window.__ran)"), false);
    page.leave();
    assert_eq!(page.value("Boolean(window.__ran)"), false);

    // a page that goes elsewhere is closed, and does not come there
    for way in ["going", "submitting"] {
        opened(&mut page);
        let to = json!(format!("{origin}/self?secret"));
        page.value(&format!("window.__elsewhere = {to}; setTimeout({way})"));
        page.leave();
        page.until(
            "document.querySelector('main [role=alert]')?.textContent.includes('go elsewhere')",
        );
        nobody_came(way);
    }
    // one that asks without end is closed, too, and the owner's page goes on
    opened(&mut page);
    page.value("setTimeout(flood)");
    page.leave();
    page.until("document.querySelector('main [role=alert]')?.textContent.includes('too much')");
    check_screen(&mut page);
    go(&mut page, "#/catalog", "Kallion");
    nobody_came("at any time");
    // what was stopped is on the console
    up.stop();
}

#[test]
fn guests_have_it_in_the_same_sandbox() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&["--guests-open", "yes"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/hostile-ui");
    // one that is not for guests is not there
    let installed = |folder: &Path| {
        let folder = folder.to_str().unwrap();
        shop.desk.ok(&["app", "ui", "install", folder, "--yes"]);
    };
    installed(&folder);
    page.open(&link_at(&shop, &shop.url));
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä' && document.querySelector('nav a')");
    let named =
        "[...document.querySelectorAll('nav a')].some((it) => it.textContent.includes('Nice'))";
    assert_eq!(page.value(named), false);
    let copied = shop.desk.root.join("for-guests");
    copy(&folder, &copied);
    let json = std::fs::read_to_string(copied.join("ui.json")).unwrap();
    let json = json.replace("\"major\": 1,", "\"major\": 1, \"guests\": true,");
    std::fs::write(copied.join("ui.json"), json).unwrap();
    installed(&copied);

    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", elsewhere.local_addr().unwrap());
    page.call("Page.reload", json!({}));
    page.until(named);
    page.press("<b>Nice</b> page");
    page.until("document.querySelector('h1')?.textContent === '<b>Nice</b> page'");
    check_screen(&mut page);
    page.enter();
    page.until("window.app?.about");
    page.value("inside()");
    nothing_inside(&results(&mut page));
    let pages = page.value("new URL(document.baseURI).origin");
    page.value(&format!("outside({}, {pages})", json!(origin)));
    nothing_outside(&results(&mut page));
    let own = json!(shop.space);
    page.value(&format!("asks({own}, {})", json!("ab".repeat(32))));
    let told = results(&mut page);
    assert!(
        told["rows"].contains("\"table\":\"items\""),
        "{}",
        told["rows"]
    );
    // guests write in their own relation alone, whatever it names
    for name in [
        "undeclared table",
        "own table of another topic",
        "undeclared kind",
        "force",
        "unknown op",
        "screen",
    ] {
        let told = &told[name];
        assert!(told.starts_with("AppError: not_allowed"), "{name}: {told}");
    }
    page.leave();
    assert_eq!(page.value("Boolean(window.__ran)"), false);
    let came = elsewhere.accept();
    assert!(came.is_err(), "{came:?}");
    shop.up.stop();
}

#[test]
fn nothing_is_connected_ahead_and_no_datagram_goes_out() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let desk = provider();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/hostile-ui");
    desk.ok(&["app", "ui", "install", folder.to_str().unwrap(), "--yes"]);
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", elsewhere.local_addr().unwrap());
    let up = login(&mut page, &desk);
    opened(&mut page);
    // a browser of 2026 or later is needed: before, nothing that a server says stops these
    page.value(&format!("beyond({})", json!(origin)));
    assert!(elsewhere.accept().is_err());
    let port = datagrams.local_addr().unwrap().port();
    page.value(&format!("datagrams({port}).catch(() => {{}})"));
    assert!(datagrams.recv(&mut [0; 64]).is_err());
    up.stop();
}
