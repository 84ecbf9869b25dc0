//! The pages in a real browser; skipped, with a word, where there is no Chromium.

use serde_json::json;

use crate::chromium::{self, Browser};
use crate::cli::Desk;
use crate::net_daemon::Up;

/// A phone, and a desk.
pub(crate) const PHONE: (u32, u32) = (360, 740);
const SCREEN: (u32, u32) = (1200, 800);

/// Texts that would run if they were ever taken for markup.
pub(crate) const NASTY: &[&str] = &[
    "<script>window.__ran = 1</script>",
    "<img src=x onerror=\"window.__ran = 1\">",
    "\"><svg onload=window.__ran=1>",
    "javascript:window.__ran=1",
    "'-window.__ran=1-'",
    "{{constructor.constructor('window.__ran=1')()}}",
    "</textarea><script>window.__ran=1</script>",
    "<iframe srcdoc=\"<script>parent.__ran=1</script>\">",
    "<a href=javascript:window.__ran=1>x</a>",
    "\u{202e}txet desrever\u{202c}",
];

pub(crate) fn browser(size: (u32, u32)) -> Option<Browser> {
    match chromium::find() {
        Some(program) => Some(Browser::start(&program, size)),
        None => {
            println!("skipped: there is no Chromium on this machine (or name it by CHROMIUM)");
            None
        }
    }
}

/// What every screen must have, whatever it shows.
pub(crate) fn check_screen(page: &mut Browser) {
    let wrong = page.value(
        "(() => {
            const wrong = [];
            if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
            if (!document.documentElement.lang) wrong.push('no language');
            if (document.documentElement.scrollWidth > innerWidth) wrong.push('wider than the window');
            for (const field of document.querySelectorAll('input, select, textarea')) {
                if (!field.labels?.length && !field.ariaLabel) wrong.push('no label: ' + field.name);
            }
            for (const image of document.images) if (!image.hasAttribute('alt')) wrong.push('no alt');
            for (const button of document.querySelectorAll('button, a[href], summary')) {
                if (!button.textContent.trim() && !button.ariaLabel) wrong.push('no name: ' + button.outerHTML);
            }
            const ids = [...document.querySelectorAll('[id]')].map((it) => it.id);
            if (new Set(ids).size !== ids.length) wrong.push('an id twice');
            for (const landmark of ['header', 'nav', 'main']) {
                if (!document.querySelector(landmark)) wrong.push('no ' + landmark);
            }
            if (window.__ran) wrong.push('a text ran');
            return wrong;
        })()",
    );
    assert_eq!(wrong, json!([]), "at {}", page.value("location.hash"));
}

/// A provider with an order of a client's, and entries that the rules refused.
fn provider() -> Desk {
    let (desk, client) = (Desk::new("counter"), Desk::new("phone"));
    let path = |name: &str| desk.root.join(name).display().to_string();
    let [identity, orders, back] =
        ["identity", "orders", "back"].map(|name| path(&format!("{name}.synlog")));
    desk.ok(&["topic", "new", "shop", "--app", "space"]);
    desk.ok(&[
        "space",
        "create",
        "shop",
        "Kallion leipä",
        "--currency",
        "EUR",
        "--zone",
        "Europe/Helsinki",
    ]);
    desk.ok(&[
        "item",
        "put",
        "shop",
        "bread",
        "--title",
        NASTY[0],
        "--description",
        NASTY[1],
        "--schema",
        "goods/1",
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        "450",
    ]);
    client.ok(&["bundle", "write", &identity, "--identity"]);
    desk.ok(&["bundle", "read", &identity]);
    let entity = client.ok(&["whoami", "--json"]).json()["entity"]
        .as_str()
        .unwrap()
        .to_owned();
    desk.ok(&[
        "topic",
        "new",
        "orders",
        "--app",
        "relation",
        "--member",
        &format!("{entity}=client"),
    ]);
    desk.ok(&["bundle", "write", &orders, "orders", "shop"]);
    client.ok(&["bundle", "read", &orders]);
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"]
        .as_str()
        .unwrap()
        .to_owned();
    for note in NASTY {
        client.ok(&[
            "order",
            "request",
            "orders",
            "--line",
            &format!("space={shop},item=bread,quantity=2"),
            &format!("--note={note}"),
            &format!("--address={note}"),
        ]);
        client.ok(&["say", "orders", &format!("--text={note}")]);
    }
    let refused = client.run(&["item", "stock", "shop", "bread", "--delta", "1", "--force"]);
    assert_eq!(refused.code, Some(0), "{}", refused.err);
    client.ok(&["bundle", "write", &back, "orders", "shop"]);
    desk.ok(&["bundle", "read", &back]);
    desk
}

#[test]
fn first_run_in_a_browser() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let desk = Desk::new("counter");
    let up = Up::start(&desk, &["--offline"]);
    let link = up.ready["web"]["login"].as_str().unwrap().to_owned();
    page.open(&link);
    page.until("document.querySelector('h1')?.textContent === 'Today'");
    assert_eq!(page.value("location.hash"), "#/today");
    assert_eq!(page.value("document.cookie"), "");
    check_screen(&mut page);
    page.shoot("first-run");
    page.fill("Name", "Kallion leipä");
    page.press("Begin the space");
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    for (number, text) in NASTY.iter().enumerate() {
        page.press("Add an item");
        page.fill("Short name (a-z, 0-9, -)", &format!("item-{number}"));
        page.fill("Title", text);
        page.fill("Description", text);
        page.fill("Price, as in 12.50", "4,50");
        page.press("Save");
        page.until(&format!(
            "document.querySelectorAll('main li.card').length === {}",
            number + 1
        ));
    }
    check_screen(&mut page);
    let titles =
        page.value("[...document.querySelectorAll('main h3')].map((it) => it.textContent)");
    let titles: Vec<&str> = titles
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    let shown: Vec<String> = NASTY
        .iter()
        .map(|text| text.replace(['\u{202e}', '\u{202c}'], "\u{fffd}"))
        .collect();
    assert_eq!(titles, shown);
    page.shoot("catalog");

    // what a command writes is on the open screen
    desk.ok(&[
        "item",
        "state",
        "Kallion leipä",
        "item-3",
        "--state",
        "paused",
    ]);
    page.until(
        "[...document.querySelectorAll('.badge')].some((it) => it.textContent === 'paused')",
    );

    // a refusal is told, with what can be done, and what was typed stays
    page.press("Add an item");
    page.fill("Short name (a-z, 0-9, -)", "dear");
    page.fill("Title", "Dear");
    page.fill("Price, as in 12.50", "cheap");
    page.press("Save");
    page.until("document.querySelector('[role=alert]')?.textContent.includes('cheap')");

    // the link is used up, and the session ends with the logout
    page.value("location.hash = '#/settings'");
    page.until("document.querySelector('h1')?.textContent === 'Settings'");
    check_screen(&mut page);
    page.press("Log out");
    page.until("document.querySelector('h1')?.textContent === 'Not logged in'");
    page.troubles.retain(|trouble| !trouble.contains("401"));
    page.open("about:blank");
    page.open(&link);
    page.until("document.querySelector('[role=alert]')");
    page.troubles.retain(|trouble| !trouble.contains("401"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn all_screens_on_a_phone() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let desk = provider();
    let up = Up::start(&desk, &["--offline"]);
    page.open(up.ready["web"]["login"].as_str().unwrap());
    page.until("document.querySelector('h1')?.textContent === 'Today'");
    page.until("document.querySelectorAll('main li.card').length >= 10");
    check_screen(&mut page);
    page.shoot("today-phone");

    // an order: its history with marks, and what can be done by the rules of the app
    page.value("document.querySelector('main li.card a').click()");
    page.until("document.querySelector('h1')?.textContent.startsWith('Order')");
    page.until("[...document.querySelectorAll('summary')].some((it) => it.textContent === 'Decline the order')");
    check_screen(&mut page);
    page.shoot("order-phone");
    page.press("Decline the order");
    // the summary and the button of the form have one name
    page.press("Decline the order");
    page.until("[...document.querySelectorAll('.timeline strong')].some((it) => it.textContent === 'order.decline')");
    page.until("document.querySelector('.badge')?.textContent === 'declined'");

    for (screen, text) in [
        ("orders", "quoted"),
        ("catalog", NASTY[0]),
        ("clients", "orders"),
        ("chats", "orders"),
        ("audit", "orders"),
        ("feeds", "order.request"),
        ("peers", "No other node"),
        ("devices", "counter"),
        ("settings", "Doctor"),
    ] {
        page.value(&format!("location.hash = '#/{screen}'"));
        page.until(&format!("document.querySelector('main').textContent.includes({}) && document.activeElement.tagName === 'H1'", json!(text)));
        check_screen(&mut page);
        page.shoot(&format!("{screen}-phone"));
    }
    page.value("location.hash = '#/peers'");
    page.until("document.activeElement.textContent === 'Peers'");
    page.value("document.querySelector('main details').open = true");
    page.value("document.querySelector('main details button').click()");
    page.until("document.querySelector('svg.qr path')?.getAttribute('d').length > 1000");
    check_screen(&mut page);
    page.shoot("invite-phone");
    let topic = desk.ok(&["topic", "show", "orders", "--json"]).json()["topic"]
        .as_str()
        .unwrap()
        .to_owned();
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"]
        .as_str()
        .unwrap()
        .to_owned();
    page.value(&format!("location.hash = '#/audit/{topic}'"));
    page.until("document.querySelectorAll('.timeline > li').length > 20");
    check_screen(&mut page);
    page.value(&format!("location.hash = '#/audit/{shop}'"));
    // what the rules refused is there, and says why
    page.until("[...document.querySelectorAll('.badge.bad')].some((it) => it.textContent.startsWith('rejected'))");
    page.value(&format!("location.hash = '#/chat/{topic}'"));
    page.until(&format!(
        "document.querySelectorAll('.talk li').length === {}",
        NASTY.len()
    ));
    page.fill("Message", "at five");
    page.press("Send");
    page.until("document.querySelector('.talk li.mine')?.textContent.includes('at five')");
    check_screen(&mut page);
    page.shoot("chat-phone");

    // in another language, and in the dark
    page.value("localStorage.setItem('language', 'de')");
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    page.call("Emulation.setEmulatedMedia", dark);
    page.value("location.hash = '#/today'");
    page.call("Page.reload", json!({}));
    page.until("document.documentElement?.lang === 'de' && document.querySelector('h1')?.textContent === 'Heute'");
    check_screen(&mut page);
    page.shoot("today-dark-german");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}
