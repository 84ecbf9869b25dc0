//! User interfaces that apps bring along, in a real browser: a tally from its first to its last
//! entry, on a desk and on a phone, and one that somebody installed.

use serde_json::json;

use crate::chromium::{self, Browser};
use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_browser::{NASTY, PHONE, SCREEN, browser, check_screen};

pub(crate) fn login(page: &mut Browser, desk: &Desk) -> Up {
    let up = Up::start(desk, &["--offline"]);
    page.open("about:blank");
    page.open(up.ready["web"]["login"].as_str().unwrap());
    page.until("['Today', 'First steps', 'Heute', 'Erste Schritte'].includes(document.querySelector('h1')?.textContent)");
    up
}

/// Goes to a screen and waits until its heading is there.
pub(crate) fn go(page: &mut Browser, hash: &str, heading: &str) {
    page.leave();
    page.value(&format!("location.hash = '{hash}'"));
    page.until(&format!(
        "document.querySelector('h1')?.textContent.startsWith({}) && document.activeElement.tagName === 'H1'",
        json!(heading)
    ));
}

/// What holds in every frame.
fn check_frame(page: &mut Browser) {
    // it never scrolls by itself
    page.until("document.documentElement.scrollHeight <= innerHeight + 1");
    let wrong = page.value(
        "(() => {
            const wrong = [];
            if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the frame');
            for (const field of document.querySelectorAll('input, select, textarea')) {
                if (!field.labels?.length && !field.getAttribute('aria-label')) wrong.push('no label');
            }
            if (window.__ran) wrong.push('a text ran');
            return wrong;
        })()",
    );
    assert_eq!(wrong, json!([]));
    let wrong = page.axe();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_tally_from_its_first_to_its_last_entry() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let desk = Desk::new("hall");
    let up = login(&mut page, &desk);
    go(&mut page, "#/apps", "Apps");
    page.press("Begin a topic for Tallies");
    page.fill("Name", "village hall");
    page.press("Begin");
    page.until(
        "[...document.querySelectorAll('main a')].some((it) => it.textContent === 'village hall')",
    );
    check_screen(&mut page);
    page.press("village hall");
    page.until("document.querySelector('h1')?.textContent === 'Tallies'");
    check_screen(&mut page);
    page.enter();
    page.until("document.querySelector('summary')?.textContent === 'Open a tally'");
    page.press("Open a tally");
    page.fill("What is counted", NASTY[1]);
    page.fill("What one of it is", "h");
    page.fill("How many are wanted", "40");
    page.press("Open");
    page.until("document.querySelector('.cards .name')?.textContent.includes('onerror')");
    page.fill("How many h; below zero takes back", "12");
    page.fill("What for", "painting");
    page.press("Add");
    page.until("document.querySelector('progress')?.value === 12");
    page.until("document.querySelector('.card').textContent.includes('12 of 40 h')");
    page.until("innerHeight > 300");
    check_frame(&mut page);
    page.shoot("tally");

    // what the rules refuse is told, and what a command writes is there
    let rows = desk
        .ok(&["view", "list", "village hall", "tallies", "--json"])
        .json_lines();
    let key = rows[0]["key"].as_str().unwrap().to_owned();
    assert_eq!((&rows[0]["columns"]["sum"], rows.len()), (&json!(12), 1));
    desk.ok(&["tally", "add", "village hall", &key, "--amount", "30"]);
    page.until("document.querySelector('progress')?.value === 40");
    page.until("document.querySelector('.card').textContent.includes('42 of 40 h')");
    page.fill("How many h; below zero takes back", "9007199254740993");
    page.press("Add");
    page.until("document.querySelector('[role=alert]')?.textContent === 'A whole number, please.'");
    page.value("document.querySelectorAll('.card input').forEach((it) => { it.value = ''; })");

    // it is closed by who opened it, and its history is on the owner's page
    page.press("Close");
    page.until("document.querySelector('.badge')?.textContent === 'closed'");
    page.press("History");
    page.leave();
    page.until("location.hash.startsWith('#/audit/')");
    page.until("[...document.querySelectorAll('main')].some((it) => it.textContent.includes('Tally closed'))");
    let closed = desk
        .ok(&["view", "list", "village hall", "tallies", "--json"])
        .json();
    assert_eq!(closed["columns"]["closed"], true);

    // in another language, in the dark, narrow, and on paper
    page.value("localStorage.setItem('language', 'de')");
    page.call("Page.reload", json!({}));
    page.until("document.documentElement?.lang === 'de' && document.querySelector('h1')");
    let metrics =
        json!({ "width": PHONE.0, "height": PHONE.1, "deviceScaleFactor": 1, "mobile": true });
    page.call("Emulation.setDeviceMetricsOverride", metrics);
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    page.call("Emulation.setEmulatedMedia", dark.clone());
    go(&mut page, "#/app/tally", "Zählen");
    page.enter();
    page.call("Emulation.setEmulatedMedia", dark);
    page.until("document.documentElement.lang === 'de' && document.querySelector('.badge')?.textContent === 'abgeschlossen'");
    page.until("innerHeight > 150");
    check_frame(&mut page);
    page.shoot("tally-dark-german");
    page.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    assert_eq!(
        page.value(
            "[...document.querySelectorAll('button, form')].some((it) => it.checkVisibility())"
        ),
        false
    );
    assert_eq!(
        page.value("document.querySelector('.card').checkVisibility()"),
        true
    );
    page.leave();
    check_screen(&mut page);
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn a_browser_that_knows_no_such_names_finds_it_beside() {
    let Some(program) = chromium::find() else {
        println!("skipped: there is no Chromium on this machine");
        return;
    };
    let unknown = "--host-resolver-rules=MAP *.localhost ~NOTFOUND";
    let mut page = Browser::start_with(&program, SCREEN, &[unknown]);
    let desk = Desk::new("hall");
    desk.ok(&["topic", "new", "village hall", "--app", "tally"]);
    let up = login(&mut page, &desk);
    go(&mut page, "#/app/tally", "Tallies");
    page.until("document.querySelector('iframe')?.src.includes('/ui/tally/')");
    page.until("document.querySelector('iframe').style.height");
    page.enter();
    page.until("document.querySelector('summary')?.textContent === 'Open a tally'");
    assert_eq!(page.value("origin"), "null");
    assert_eq!(
        page.value("new Promise((done) => { try { done(localStorage.length); } catch (error) { done(error.name); } })"),
        "SecurityError"
    );
    up.stop();
}

#[test]
fn what_is_packed_is_installed_and_listed() {
    let desk = Desk::new("anna");
    let home = Desk::empty();
    // the page of a new app, as it comes
    desk.ok(&["app", "new", "errands"]);
    let folder = desk.path("errands/ui");
    let packed = desk.ok(&["app", "ui", "pack", &folder, "--json"]).json();
    assert_eq!(packed["writes"], json!(["errands.add", "errands.done"]));
    let file = desk.path("errands.ui");
    let bytes = std::fs::read(&file).unwrap();
    let hash = blake3::hash(&bytes).to_hex();
    assert_eq!(packed["hash"], hash.as_str());
    // nothing is installed that nobody agreed to, or where there is no node
    let ended = desk.fails(2, &["app", "ui", "install", &file]);
    assert!(
        ended.out.contains("errands.add") && ended.err.contains("--yes"),
        "{ended:?}"
    );
    home.fails(2, &["app", "ui", "install", &file, "--yes"]);
    assert!(!desk.home.join("uis").exists() && !home.home.exists());
    let installed = desk
        .ok(&["app", "ui", "install", &file, "--yes", "--json"])
        .json();
    assert_eq!(installed["hash"], packed["hash"]);
    let uis = |desk: &Desk| desk.ok(&["app", "ui", "list", "--json"]).json()["uis"].clone();
    let mine = uis(&desk).as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&mine["app"], &mine["comes_along"]),
        (&json!("errands"), &json!(false))
    );
    assert!(
        desk.ok(&["app", "ui", "list"])
            .out
            .contains("comes with synlog")
    );

    // what is wrong is refused, by what is wrong with it
    let other = desk.root.join("other");
    let write = |json: &str| {
        std::fs::create_dir_all(&other).unwrap();
        std::fs::write(other.join("ui.json"), json).unwrap();
        std::fs::write(other.join("index.html"), "").unwrap();
    };
    let of = |app: &str, more: &str| {
        format!(r#"{{"format":1,"app":"{app}","major":1,"title":{{"en":"T"}}{more}}}"#)
    };
    let path = desk.path("other");
    for (json, code, says) in [
        (of("space", r#","reads":["orders"]"#), 3, "no table orders"),
        (
            of("space", r#","writes":["pay.ack"]"#),
            3,
            "no kind of event pay.ack",
        ),
        (of("tally", ""), 2, "comes with synlog"),
        (of("space", r#","sockets":true"#), 3, "sockets"),
        (
            of("space", "").replace("\"format\":1", "\"format\":2"),
            3,
            "newer synlog",
        ),
    ] {
        write(&json);
        let ended = desk.fails(code, &["app", "ui", "install", &path, "--yes"]);
        assert!(ended.err.contains(says), "{says}: {ended:?}");
    }
    write(&of(
        "space",
        r#","reads":["items"],"writes":["item.state"]"#,
    ));
    std::fs::write(other.join(".hidden.js"), "").unwrap();
    desk.fails(3, &["app", "ui", "install", &path, "--yes"]);
    std::fs::remove_file(other.join(".hidden.js")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", other.join("a.txt")).unwrap();
    let ended = desk.fails(3, &["app", "ui", "install", &path, "--yes"]);
    assert!(ended.err.contains("links are not followed"), "{ended:?}");
    std::fs::remove_file(other.join("a.txt")).unwrap();
    desk.ok(&["app", "ui", "install", &path, "--yes"]);

    // what a later version made is refused by name, and left alone
    let stored = desk.home.join("uis/errands.ui");
    assert_eq!(std::fs::read(&stored).unwrap(), bytes);
    let mut newer = bytes.clone();
    newer[8] += 1;
    std::fs::write(&stored, &newer).unwrap();
    let ended = desk.fails(6, &["app", "ui", "list"]);
    assert!(
        ended.err.contains("made by a newer synlog") && ended.err.contains("errands.ui"),
        "{ended:?}"
    );
    assert_eq!(std::fs::read(&stored).unwrap(), newer);
    desk.ok(&["app", "ui", "remove", "errands"]);
    for name in ["errands", "tally", "../uis/space", ""] {
        desk.fails(1, &["app", "ui", "remove", name]);
    }
    assert_eq!(uis(&desk).as_array().unwrap().len(), 3);
}
