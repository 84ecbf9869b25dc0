//! The pages in a real browser; skipped, with a word, where there is no Chromium.

use serde_json::json;

use crate::chromium::{self, Browser};
use crate::cli::Desk;
use crate::net_daemon::Up;

/// A phone, and a desk.
pub(crate) const PHONE: (u32, u32) = (360, 740);
pub(crate) const SCREEN: (u32, u32) = (1200, 800);

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
            println!(
                "skipped: the browser is not on this machine (or name it by CHROMIUM or FIREFOX)"
            );
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
            // a phone makes a page that is too wide smaller
            if (visualViewport.scale < 0.99) wrong.push('wider than the phone: ' + innerWidth);
            for (const field of document.querySelectorAll('input, select, textarea')) {
                if (!field.labels?.length && !field.getAttribute('aria-label')) wrong.push('no label: ' + field.name);
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
    let wrong = page.axe();
    assert!(
        wrong.is_empty(),
        "at {}: {wrong:#?}",
        page.value("location.hash")
    );
}

/// A provider with an order of a client's, and entries that the rules refused.
pub(crate) fn provider() -> Desk {
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
    page.until("document.querySelector('h1')?.textContent === 'First steps'");
    assert_eq!(page.value("location.hash"), "#/begin");
    assert_eq!(page.value("document.cookie"), "");
    check_screen(&mut page);
    page.shoot("first-run");
    begin_a_space(&mut page);
    write_words_down(&mut page, &desk);
    import_a_table(&mut page, &desk);
    page.value("location.hash = '#/catalog'");
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    page.until("document.querySelectorAll('main li.card').length === 2");
    for (number, text) in NASTY.iter().enumerate() {
        page.press("Add an item");
        page.fill("Short name (a-z, 0-9, -)", &format!("item-{number}"));
        page.fill("Title", text);
        page.fill("Description", text);
        page.fill("Price, as in 12.50", "4,50");
        page.press("Save");
        page.until(&format!(
            "document.querySelectorAll('main li.card').length === {}",
            number + 3
        ));
    }
    check_screen(&mut page);
    let titles = page
        .value("[...document.querySelectorAll('main li.card .name')].map((it) => it.textContent)");
    let titles: Vec<&str> = titles
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .skip(2)
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
    page.until("document.querySelector('[role=alert]')?.textContent.includes('Write a number such as 3.50')");

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

/// The first step: what is typed is there again when the page is read anew.
fn begin_a_space(page: &mut Browser) {
    page.fill("Name", "Kallion leipä");
    page.fill(
        "What it does, in a few sentences",
        "Bread, and nothing else",
    );
    page.call("Page.reload", json!({}));
    page.until(
        "[...document.querySelectorAll('main input')].some((it) => it.value === 'Kallion leipä')",
    );
    page.press("Begin the space");
    page.until("document.querySelector('section h2')?.textContent === 'Recovery words'");
}

/// The recovery words: shown, checked by three of them, and then the key goes away.
fn write_words_down(page: &mut Browser, desk: &Desk) {
    assert_eq!(
        page.value("document.querySelectorAll('ol.words li').length"),
        0
    );
    page.press("Show the words");
    page.until("document.querySelectorAll('ol.words li').length === 24");
    check_screen(page);
    let words =
        page.value("[...document.querySelectorAll('ol.words li')].map((it) => it.textContent)");
    let words: Vec<String> = serde_json::from_value(words).unwrap();
    let listed = desk.ok(&["root", "words", "--json"]).json()["words"].clone();
    assert_eq!(json!(words), listed);
    // news come in, and the screen is made anew: what somebody copies stays
    page.value(
        "window.__made = 0; new MutationObserver(() => { window.__made += 1; }).observe(document.querySelector('main'), { childList: true }); true",
    );
    desk.ok(&["topic", "new", "aside", "--app", "tally"]);
    page.until("window.__made > 0");
    assert_eq!(
        page.value("document.querySelectorAll('ol.words li').length"),
        24
    );
    page.press("I wrote them down");
    let answer = |page: &mut Browser, wrong: bool| {
        let asked = page.value(
            "[...document.querySelectorAll('main label')].filter((it) => it.checkVisibility() && it.textContent.startsWith('Word ')).map((it) => it.textContent)",
        );
        let asked: Vec<String> = serde_json::from_value(asked).unwrap();
        assert_eq!(asked.len(), 3);
        for label in &asked {
            let number: usize = label[5..].parse().unwrap();
            let word = if wrong { "zebra" } else { &words[number - 1] };
            page.fill(label, word);
        }
    };
    answer(page, true);
    page.press("These are right");
    page.until("document.querySelector('main [role=alert]')");
    answer(page, false);
    page.press("These are right");
    page.until("document.querySelector('section h2')?.textContent === 'The root key'");
    check_screen(page);
    page.press("Take it off this machine");
    answer(page, false);
    page.press("Take it off this machine");
    page.until("document.querySelector('section h2')?.textContent === 'What you offer'");
    assert!(!desk.home.join("keys/root.key").exists());
    // nothing that is secret stays in the browser
    let kept = page.value("JSON.stringify(localStorage)");
    assert!(!kept.as_str().unwrap().contains(&words[0]), "{kept}");
    check_screen(page);
}

/// A file that is dropped: looked at, read anew, written; what is wrong is told by its line.
fn import_a_table(page: &mut Browser, desk: &Desk) {
    page.press("Import a file");
    page.until("document.querySelector('.drop')");
    let csv = format!(
        "item,title,price,currency,stock\nbagel,{},4.50,EUR,10\nbun,Bun,\"1,234\",EUR,5\ncake,Cake,12.00,EUR,3\n",
        "\"<img src=x onerror=\"\"window.__ran = 1\"\">\""
    );
    page.value(&format!(
        "(() => {{ const all = new DataTransfer(); all.items.add(new File([{}], 'stock.csv')); \
         document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {{ dataTransfer: all, bubbles: true, cancelable: true }})); return true; }})()",
        json!(csv)
    ));
    page.until("document.querySelector('main .badge')?.textContent === 'nothing written yet'");
    page.until(
        "[...document.querySelectorAll('main td')].some((it) => it.textContent === 'line 3')",
    );
    assert_eq!(
        desk.ok(&["view", "list", "Kallion leipä", "items", "--json"])
            .out,
        ""
    );
    page.call("Page.reload", json!({}));
    page.until(
        "[...document.querySelectorAll('main td')].some((it) => it.textContent === 'line 3')",
    );
    check_screen(page);
    page.shoot("import");
    page.press("Write 2 events");
    page.until("document.querySelector('main .badge')?.textContent === 'written'");
    let items = desk
        .ok(&["view", "list", "Kallion leipä", "items", "--json"])
        .json_lines();
    assert_eq!(items.len(), 2);
    // the command finds nothing left to write
    std::fs::write(desk.root.join("stock.csv"), csv).unwrap();
    let again = desk.run(&["import", "csv", "Kallion leipä", "stock.csv", "--json"]);
    assert_eq!(
        (
            again.json()["written"].clone(),
            again.json()["skipped"].clone()
        ),
        (json!(0), json!(2))
    );
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
    page.until("document.querySelector('h1')?.textContent.startsWith('2 × ')");
    page.until("[...document.querySelectorAll('summary')].some((it) => it.textContent === 'Decline the order')");
    check_screen(&mut page);
    page.shoot("order-phone");
    page.press("Decline the order");
    // the summary and the button of the form have one name
    page.press("Decline the order");
    page.until("[...document.querySelectorAll('.timeline strong')].some((it) => it.textContent === 'Order declined')");
    page.until("document.querySelector('.badge')?.textContent === 'declined'");

    for (screen, text) in [
        ("orders", "quoted"),
        ("catalog", NASTY[0]),
        ("calendar", "As a list"),
        ("hours", "Add what can be booked"),
        ("import", "Drop a file"),
        ("money", "What it may do"),
        ("apps", "Tallies"),
        ("space", "How it shows itself"),
        ("discover", NASTY[0]),
        ("mine", "You have ordered nothing"),
        ("doctor", "All is well"),
        ("begin", "Let people find you"),
        ("clients", "orders"),
        ("chats", "orders"),
        ("audit", "orders"),
        ("feeds", "Order asked for"),
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
