//! What owners do on the pages, in a real browser: bookings and their races, offers, money,
//! long lists, hearing of news, going by keyboard alone, an order from its address to its end,
//! messages, the link for customers.

use std::time::Duration;

use serde_json::json;

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::net_daemon::Up;
use crate::web_browser::{NASTY, PHONE, SCREEN, browser, check_screen, provider};

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// What travels from one desk to another.
pub(crate) fn carry(from: &Desk, to: &Desk, topics: &[&str]) {
    let file = from.root.join("carried.synlog").display().to_string();
    let mut words = vec!["bundle", "write", &file];
    words.extend(topics);
    from.ok(&words);
    to.ok(&["bundle", "read", &file]);
}

/// A bakery that gives classes, and two clients with a relation each.
pub(crate) fn bakery() -> (Desk, [Desk; 2]) {
    let desk = Desk::new("counter");
    desk.ok(&["topic", "new", "shop", "--app", "space"]);
    let words = [
        "space",
        "create",
        "shop",
        "Kallion leipä",
        "--currency",
        "EUR",
    ];
    desk.ok(&[&words[..], &["--zone", "Europe/Helsinki"]].concat());
    let words = [
        "item",
        "put",
        "shop",
        "bread",
        "--title",
        "Rye bread",
        "--stock",
        "20",
    ];
    let price = [
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        "450",
    ];
    desk.ok(&[&words[..], &["--schema", "goods/1"], &price].concat());
    let words = ["resource", "put", "shop", "oven", "--title", "Baking class"];
    desk.ok(&[
        &words[..],
        &["--zone", "Europe/Helsinki", "--capacity", "1"],
    ]
    .concat());
    let rule = r#"{"days":[0,1,2,3,4,5,6],"from_s":21600,"to_s":79200}"#;
    desk.ok(&["availability", "put", "shop", "oven", "--rules", rule]);
    let clients = ["aino", "bert"].map(|name| {
        let client = Desk::new(name);
        carry_identity(&client, &desk);
        let entity = client.ok(&["whoami", "--json"]).json()["entity"].clone();
        let member = format!("{}=client", entity.as_str().unwrap());
        desk.ok(&[
            "topic", "new", name, "--app", "relation", "--member", &member,
        ]);
        carry(&desk, &client, &[name, "shop"]);
        client
    });
    (desk, clients)
}

fn carry_identity(from: &Desk, to: &Desk) {
    let file = from.root.join("identity.synlog").display().to_string();
    from.ok(&["bundle", "write", &file, "--identity"]);
    to.ok(&["bundle", "read", &file]);
}

pub(crate) fn login(page: &mut Browser, desk: &Desk) -> Up {
    let up = Up::start(desk, &["--offline"]);
    page.open("about:blank");
    page.open(up.ready["web"]["login"].as_str().unwrap());
    page.until("document.querySelector('h1')?.textContent === 'Today'");
    settled(page);
    up
}

/// Waits until the page hears of news, and has looked again at what it shows since it does.
pub(crate) fn settled(page: &mut Browser) {
    page.until("document.querySelector('.live.open') && (window.__open ??= performance.now())");
    page.until(
        "(() => { const asked = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/')); \
         const last = Math.max(asked.at(-1).startTime, window.__open, window.__last_asked ?? 0); \
         return !window.__asking && performance.now() - last > 700; })()",
    );
}

/// Holds the screen as it is, as one who composes a character does, or lets it go.
pub(crate) fn hold(page: &mut Browser, on: bool) {
    let what = if on { "start" } else { "end" };
    page.value(&format!(
        "document.querySelector('main').dispatchEvent(new Event('composition{what}')); true"
    ));
}

/// Waits until the page has said something, since it said what was last waited for.
pub(crate) fn announced(page: &mut Browser, text: &str) {
    let text = json!(text);
    page.until(&format!(
        "(() => {{ const at = (window.__said ?? []).findIndex((it) => it.startsWith({text})); \
         if (at >= 0) window.__said.splice(0, at + 1); return at >= 0; }})()"
    ));
}

/// Goes to a screen and waits until its heading is there.
pub(crate) fn go(page: &mut Browser, hash: &str, heading: &str) {
    page.value(&format!("location.hash = '{hash}'"));
    page.until(&format!(
        "document.querySelector('h1')?.textContent.startsWith({}) && document.activeElement.tagName === 'H1'",
        json!(heading)
    ));
}

/// Presses a button of the card in which some text stands.
pub(crate) fn press_in(page: &mut Browser, text: &str, button: &str) {
    let script = format!(
        "[...document.querySelectorAll('li.card')].find((it) => it.textContent.includes({}))?.querySelectorAll('button, summary')",
        json!(text)
    );
    let found = format!(
        "[...({script} ?? [])].filter((it) => it.checkVisibility() && it.textContent === {}).pop()",
        json!(button)
    );
    page.until(&format!("((it) => {{ it?.click(); return it; }})({found})"));
}

#[test]
fn a_race_for_a_slot_on_the_calendar() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, clients) = bakery();
    let now_ms = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64;
    let day = now_ms / DAY_MS + 3;
    let at = |hour: u64| (day * DAY_MS + hour * HOUR_MS).to_string();
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    for (client, name) in clients.iter().zip(["aino", "bert"]) {
        let body = format!(
            r#"{{"space":{{"$hex":{shop}}},"resource":"oven","start":{},"end":{},"seats":1}}"#,
            at(9),
            at(10)
        );
        client.ok(&["book", "request", name, "--body", &body]);
        carry(client, &desk, &[name]);
    }
    let zone = json!({ "timezoneId": "America/New_York" });
    page.call("Emulation.setTimezoneOverride", zone);
    let up = login(&mut page, &desk);
    go(&mut page, &format!("#/calendar/week/{day}"), "Calendar");
    page.until("document.querySelectorAll('.block').length === 2");
    // both clocks where they differ
    page.until("document.querySelector('main').textContent.includes('America/New_York')");
    check_screen(&mut page);
    press_in(&mut page, "aino", "Take the time and confirm");
    page.until("[...document.querySelectorAll('li.card')].some((it) => it.textContent.includes('aino') && it.querySelector('.badge.good'))");
    press_in(&mut page, "bert", "Take the time and confirm");
    page.until("[...document.querySelectorAll('li.card')].some((it) => it.textContent.includes('bert') && it.querySelector('[role=alert]')?.textContent.includes('taken by another booking'))");
    page.troubles.retain(|trouble| !trouble.contains("422"));
    check_screen(&mut page);
    page.value("document.querySelector('[role=alert]').scrollIntoView({ block: 'center' })");
    page.until("!document.querySelector('#status').textContent");
    page.shoot("calendar");
    let states = |desk: &Desk| {
        let rows = ["aino", "bert"].map(|name| {
            desk.ok(&["view", "list", name, "bookings", "--json"])
                .json()["columns"]["state"]
                .clone()
        });
        rows.map(|state| state.as_str().unwrap().to_owned())
    };
    assert_eq!(states(&desk), ["confirmed", "pending"]);
    let slots = desk
        .ok(&["view", "list", "shop", "slots", "--json"])
        .json_lines();
    assert_eq!(slots.len(), 1);

    // aino comes later, so that bert has the time after all
    press_in(&mut page, "aino", "Move to another time");
    page.value(
        "(() => { const [from, to] = [...document.querySelectorAll('li.card')].find((it) => it.textContent.includes('aino')).querySelectorAll('input'); \
         const later = (text) => new Date(Date.parse(text + 'Z') + 7200000).toISOString().slice(0, 16); \
         from.value = later(from.value); to.value = later(to.value); return true; })()",
    );
    press_in(&mut page, "aino", "Move to another time");
    let moved = format!("{}", day * DAY_MS + 11 * HOUR_MS);
    let starts = || {
        let rows = desk
            .ok(&["view", "list", "aino", "bookings", "--json"])
            .json();
        rows["columns"]["start"].to_string()
    };
    for _ in 0..600 {
        if starts() == moved {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(starts(), moved);
    press_in(&mut page, "bert", "Take the time and confirm");
    page.until("document.querySelectorAll('li.card .badge.good').length === 2");
    assert_eq!(states(&desk), ["confirmed", "confirmed"]);

    // hours of the week, by the clock of the place
    go(&mut page, "#/hours", "Hours");
    page.press("Baking class");
    page.until("document.querySelectorAll('fieldset.day input').length === 14");
    check_screen(&mut page);
    page.shoot("hours");
    page.value("document.querySelector('fieldset.day button[aria-label$=Remove]').click()");
    page.press("Save the week");
    // it is out of the form before it is out of the hours
    page.until("!document.querySelector('form[data-dirty], form[data-busy]')");
    page.until("document.querySelectorAll('fieldset.day input').length === 12");
    let resource = desk
        .ok(&["view", "list", "shop", "resources", "--json"])
        .json();
    let rules = resource["columns"]["rules"].as_array().unwrap().clone();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["days"], json!([1, 2, 3, 4, 5, 6]));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn an_offer_a_confirm_and_the_money() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let line = format!("space={},item=bread,quantity=2", shop.as_str().unwrap());
    let order = client
        .ok(&["order", "request", "aino", "--line", &line])
        .word();
    carry(&client, &desk, &["aino"]);
    let up = login(&mut page, &desk);
    page.shoot("today");
    go(&mut page, "#/orders/requested", "Orders");
    page.until("document.querySelector('li.card a')");
    page.value("document.querySelector('li.card a').click()");
    page.until("document.querySelector('.sums-line')?.textContent.includes('It adds up')");
    // an offer that does not add up is not sent
    page.value(
        "(() => { const [price] = document.querySelectorAll('fieldset.line input[inputmode=decimal]'); price.value = '8.00'; \
         price.dispatchEvent(new Event('input', { bubbles: true })); return true; })()",
    );
    page.until("document.querySelector('.sums-line .bad')");
    page.press("Send the offer");
    page.until("document.querySelector('main [role=alert]')");
    page.value(
        "(() => { const [price] = document.querySelectorAll('fieldset.line input[inputmode=decimal]'); price.value = '9.00'; \
         price.dispatchEvent(new Event('input', { bubbles: true })); return true; })()",
    );
    page.until("document.querySelector('.sums-line .good')");
    check_screen(&mut page);
    page.shoot("order");
    page.press("Send the offer");
    page.until("document.querySelector('main .badge')?.textContent === 'quoted'");
    up.stop();
    page.troubles.clear();

    carry(&desk, &client, &["aino", "shop"]);
    client.ok(&["order", "agree", "aino", &order]);
    carry(&client, &desk, &["aino"]);
    let up = login(&mut page, &desk);
    go(&mut page, "#/orders/agreed", "Orders");
    page.until("document.querySelector('li.card a')");
    page.value("document.querySelector('li.card a').click()");
    // the stock is taken, and the confirm shows it
    page.press("Confirm the order");
    page.until("document.querySelector('main .badge')?.textContent === 'confirmed'");
    let item = desk.ok(&["view", "list", "shop", "items", "--json"]).json();
    assert_eq!(item["columns"]["stock"], 18);
    page.value(
        "location.hash = location.hash.replace('#/order/', '#/invoice/').replace('/orders/', '/')",
    );
    page.until("document.querySelector('h1')?.textContent.startsWith('Invoice')");
    check_screen(&mut page);
    page.shoot("invoice");
    // on paper there is nothing to press
    page.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    assert_eq!(page.value("[...document.querySelectorAll('button, nav, header')].some((it) => it.checkVisibility())"), false);
    assert_eq!(
        page.value("document.querySelector('.paper table').checkVisibility()"),
        true
    );
    page.call("Emulation.setEmulatedMedia", json!({ "media": "" }));
    up.stop();
    page.troubles.clear();

    carry(&desk, &client, &["aino", "shop"]);
    let claim = ["pay", "claim", "aino", &order, "--leg", "all"];
    client.ok(&[&claim[..], &["--amount", "9.00 EUR", "--method", NASTY[1]]].concat());
    carry(&client, &desk, &["aino"]);
    let up = login(&mut page, &desk);
    // what a customer says to have paid waits for the owner's word
    let claimed = "document.querySelector('main').innerText.includes('the customer says that they have paid')";
    go(&mut page, "#/today", "Today");
    page.until(claimed);
    go(&mut page, "#/money", "Money");
    check_screen(&mut page);
    // it is the page of an app, in its frame
    page.enter();
    page.until("document.querySelector('.sums dd.accent')?.textContent.includes('9.00')");
    page.until("document.querySelector('svg.chart rect')");
    // a month of a year, and no day of a month
    page.until("/^[A-Z][a-z]{2} 20\\d\\d$/.test(document.querySelector('svg.chart text.name').textContent)");
    assert_eq!(page.axe(), Vec::<String>::new());
    page.shoot("money");
    page.press("The money came");
    page.until("document.querySelector('.sums dd.good')?.textContent.includes('9.00')");
    page.leave();
    go(&mut page, "#/today", "Today");
    page.until(&format!("!{claimed}"));
    let leg = desk
        .ok(&["view", "list", "aino", "payments", "--json"])
        .json();
    assert_eq!(leg["columns"]["state"], "paid");
    page.forgive_absence();
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn long_lists_are_held_in_part() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let many = std::env::var("SYNLOG_ORDERS").ok();
    let many: usize = many.and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let item = desk.ok(&["view", "list", "shop", "items", "--json"]).json();
    let revision = item["columns"]["revision"].clone();
    let mut lines = String::new();
    for number in 0..many {
        let line = json!({
            "lines": [{ "space": { "$hex": shop }, "item": "bread", "revision": revision, "quantity": 1, "title": "Bread" }],
            "note": format!("number {number}"),
        });
        lines.push_str(&format!("{line}\n"));
    }
    let file = client.root.join("orders.jsonl");
    std::fs::write(&file, lines).unwrap();
    let file = file.display().to_string();
    client.ok(&[
        "import",
        "jsonl",
        &file,
        "--topic",
        "aino",
        "--kind",
        "order.request",
    ]);
    carry(&client, &desk, &["aino"]);
    let up = login(&mut page, &desk);
    go(&mut page, "#/orders/requested", "Orders");
    page.until("document.querySelectorAll('li.card').length >= 50");
    let begun = std::time::Instant::now();
    let (mut seen, mut most) = (0, 0);
    loop {
        let held = page.value("[document.querySelectorAll('li.card').length, document.querySelectorAll('.pages > ul').length, document.querySelector('.pages > button').hidden]");
        most = most.max(held[0].as_u64().unwrap());
        let pages = held[1].as_u64().unwrap();
        if held[2] == true && pages * 50 >= many as u64 {
            break;
        }
        seen = seen.max(pages);
        assert!(begun.elapsed() < Duration::from_secs(300), "{held}");
        page.value("scrollTo(0, document.documentElement.scrollHeight)");
        std::thread::sleep(Duration::from_millis(30));
    }
    println!("{many} orders: {seen} pages, {most} rows held at most");
    assert!(most <= 500, "{most}");
    // what was let go comes back
    page.value("scrollTo(0, 0)");
    page.until("document.querySelector('.pages > ul').children.length === 50");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn news_are_told_and_a_node_that_is_away_is_seen() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    page.before_each(
        "window.Notification = class { constructor(title, more) { (window.__told ??= []).push(`${title} ${more.body}`); } close() {} \
         static permission = 'default'; static async requestPermission() { this.permission = 'granted'; return 'granted'; } };",
    );
    let up = login(&mut page, &desk);
    go(&mut page, "#/settings", "Settings");
    page.value("document.querySelector('.check input').click()");
    page.until("localStorage.getItem('notify') === 'yes' && document.querySelector('.check input').defaultChecked");
    go(&mut page, "#/today", "Today");
    let line = format!(
        "space={0},item=bread,revision={0},quantity=1,title=Bread",
        "ab".repeat(32)
    );
    client.ok(&["order", "request", "aino", "--line", &line]);
    carry(&client, &desk, &["aino"]);
    page.until("window.__told?.length === 1");
    assert_eq!(page.value("window.__told[0]"), "Order: aino requested");
    page.until("document.querySelectorAll('main li.card').length === 1");

    // the node goes: the page says so, and loses nothing
    go(&mut page, "#/catalog", "Kallion leipä");
    page.press("Add an item");
    page.fill("Title", "Typed before");
    let address = up.ready["web"]["url"].as_str().unwrap().to_owned();
    up.stop();
    page.until("document.querySelector('#apart').checkVisibility()");
    let up = Up::start(&desk, &["--offline"]);
    assert_eq!(up.ready["web"]["url"], address);
    // it comes back by itself, and who was logged in still is
    page.until("!document.querySelector('#apart').checkVisibility() && document.querySelector('.live').textContent === 'live'");
    let typed =
        "[...document.querySelectorAll('main input')].some((it) => it.value === 'Typed before')";
    assert_eq!(page.value(typed), json!(true));

    // who is logged out finds it there again, too
    desk.ok(&["web", "--log-out"]);
    page.value("location.hash = '#/chats'");
    page.until("document.querySelector('h1')?.textContent === 'Not logged in'");
    page.open("about:blank");
    page.open(&desk.ok(&["web"]).word());
    page.until("document.querySelector('h1')?.textContent === 'Today'");
    go(&mut page, "#/catalog", "Kallion leipä");
    page.press("Add an item");
    page.until(typed);
    up.stop();
}

#[test]
fn the_keyboard_goes_everywhere() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/space", "Kallion leipä");
    settled(&mut page);
    // all that can be pressed is reached by Tab, in the order in which it stands
    let all = page.value("[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')].filter((it) => it.checkVisibility() && !it.disabled).length");
    page.value("(() => { document.activeElement.blur(); window.__reached = new Set(); window.__back = 0; let last = null; \
        document.addEventListener('focusin', ({ target }) => { __reached.add(target); \
        if (last && target.compareDocumentPosition(last) & Node.DOCUMENT_POSITION_FOLLOWING) __back += 1; last = target; }); return true; })()");
    page.value("document.querySelector('#skip').focus()");
    for _ in 0..all.as_u64().unwrap() {
        page.key("Tab");
    }
    let reached = page.value("[window.__reached.size, window.__back, [...document.querySelectorAll('a[href], button, summary')].filter((it) => it.checkVisibility() && !__reached.has(it)).map((it) => it.outerHTML.slice(0, 80))]");
    assert_eq!(reached[2], json!([]), "{reached}");
    assert!(reached[1].as_u64().unwrap() <= 1, "{reached}");
    // and so is what opens the folded parts of the menu
    let folded =
        page.value("[...document.querySelectorAll('#nav summary')].map((it) => __reached.has(it))");
    assert_eq!(folded, json!([true, true]));
    // who skips what stands on all screens stays on this one
    page.value("document.querySelector('#skip').focus()");
    page.key("Enter");
    page.until("document.activeElement.tagName === 'H1'");
    assert_eq!(page.value("location.hash"), "#/space");
    // what is focused can be seen to be
    page.value("document.querySelector('nav a').focus()");
    page.key("Tab");
    let ring = page.value("[getComputedStyle(document.activeElement).outlineStyle, document.activeElement.outerHTML.slice(0, 200)]");
    assert_ne!(ring[0], "none", "{ring}");
    // a form by keys alone
    page.value("[...document.querySelectorAll('main summary')].find((it) => it.closest('section').textContent.startsWith('Ways of payment')).focus()");
    page.key("Enter");
    page.key("Tab");
    page.call("Input.insertText", json!({ "text": "cash, card" }));
    page.key("Enter");
    page.until("document.querySelector('main').textContent.includes('cash, card')");
    up.stop();
}

#[test]
fn no_text_ever_runs() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let desk = provider();
    let up = login(&mut page, &desk);
    let topic = |name: &str| {
        let shown = desk.ok(&["topic", "show", name, "--json"]).json();
        shown["topic"].as_str().unwrap().to_owned()
    };
    let screens = [
        "begin/hours".to_owned(),
        "begin/catalog".to_owned(),
        "space".to_owned(),
        "hours".to_owned(),
        "catalog".to_owned(),
        "clients".to_owned(),
        "peers".to_owned(),
        "discover".to_owned(),
        format!("chat/{}", topic("orders")),
    ];
    let (mut forms, mut ran) = (0, Vec::new());
    for screen in &screens {
        for text in NASTY {
            // a browser goes no further than 200 places in 10 seconds, without a word
            std::thread::sleep(Duration::from_millis(150));
            page.value(&format!(
                "location.hash = '#/settings'; location.hash = '#/{screen}'"
            ));
            page.until("!document.querySelector('main').textContent.includes('Loading…') && document.querySelector('main form')");
            let sent = page.value(&format!(
                "(() => {{ document.querySelectorAll('main li.card summary').forEach((it) => it.click()); let count = 0; for (const form of document.querySelectorAll('main form')) {{ \
                 for (const field of form.querySelectorAll('input, textarea')) {{ \
                 if (['file', 'checkbox', 'color', 'number', 'date', 'datetime-local', 'time'].includes(field.type)) continue; \
                 field.value = {}; field.dispatchEvent(new Event('input', {{ bubbles: true }})); }} \
                 form.noValidate = true; form.requestSubmit(); count += 1; }} return count; }})()",
                json!(text)
            ));
            forms += sent.as_u64().unwrap();
            page.until("!document.querySelector('main form[data-busy]')");
            if page.value("Boolean(window.__ran)") == json!(true) {
                ran.push(format!("{screen}: {text}"));
            }
        }
    }
    println!("{forms} forms sent with {} texts", NASTY.len());
    for screen in [
        "today", "orders", "catalog", "space", "discover", "audit", "feeds", "chats", "clients",
        "money", "mine",
    ] {
        page.value(&format!("location.hash = '#/{screen}'"));
        page.until("!document.querySelector('main').textContent.includes('Loading…')");
        assert_eq!(
            page.value("Boolean(window.__ran)"),
            json!(false),
            "{screen}"
        );
    }
    assert!(ran.is_empty(), "{ran:?}");
    assert!(forms > 100, "{forms}");
    // what was refused is on the console as a failed request, and nothing else is
    page.troubles
        .retain(|trouble| !trouble.contains("Failed to load resource"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn what_is_near_is_found_and_says_why() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let desk = Desk::new("guild");
    desk.ok(&["topic", "new", "helsinki", "--app", "space"]);
    let extract = format!(
        "{}/data/helsinki-places.osm.pbf",
        env!("CARGO_MANIFEST_DIR")
    );
    let zone = ["--zone", "Europe/Helsinki"];
    desk.ok(&[&["import", "osm", "helsinki", &extract], &zone[..]].concat());
    let up = login(&mut page, &desk);
    go(&mut page, "#/discover", "Discover");
    page.until("document.querySelectorAll('svg.map circle').length > 100");
    page.fill("Words", "kahvi");
    page.fill("Near this place", "60.1840,24.9500");
    page.press("Find");
    page.until("document.querySelectorAll('main li.card').length > 3");
    let hits = page.value("[...document.querySelectorAll('main li.card')].map((it) => it.textContent.toLowerCase().includes('kahvi'))");
    let hits: Vec<bool> = serde_json::from_value(hits).unwrap();
    assert!(hits.iter().all(|hit| *hit), "{hits:?}");
    page.press("Why it is shown");
    page.until("document.querySelector('main').innerText.includes('is in its title')");
    page.until("/It is [0-9.]+ k?m away/.test(document.querySelector('main').innerText)");
    // the source is named, as its licence wants
    page.until("document.querySelector('main').textContent.includes('OpenStreetMap')");
    check_screen(&mut page);
    page.value("document.querySelector('svg.map').scrollIntoView({ block: 'center' })");
    page.shoot("discover");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

/// An offer for an order, which its client has then.
fn offered(desk: &Desk, client: &Desk, order: &str) {
    let quote = ["order", "quote", "aino", order, "--revision", "1"];
    let price = [
        "--breakup",
        "title=two loaves,amount=9.00 EUR",
        "--total",
        "9.00 EUR",
        "--leg",
        "leg=all,amount=9.00 EUR,trigger=on",
    ];
    let way = r#"{"leg":"all","kind":"goods","lines":[{"line":0,"quantity":2}]}"#;
    let until = ["--takes", "[]", "--valid-until", "2099-12-31"];
    desk.ok(&[&quote[..], &price, &["--fulfilment", way], &until].concat());
    carry(desk, client, &["aino", "shop"]);
}

#[test]
fn an_order_is_brought_to_its_end_by_buttons() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let line = format!("space={},item=bread,quantity=2", shop.as_str().unwrap());
    let window = "start=1795420800000,end=1795424400000";
    let words = ["order", "request", "aino", "--line", &line];
    let where_to = ["--address", NASTY[0], "--window", window];
    let asked = client.ok(&[&words[..], &where_to].concat());
    let order = asked.word();
    let code = asked.door_code();
    carry(&client, &desk, &["aino"]);
    let up = login(&mut page, &desk);

    // what was ordered, where to and when
    page.until("document.querySelector('main li.card a')?.textContent.startsWith('2 × ')");
    page.value("document.querySelector('main li.card a').click()");
    page.until("document.querySelector('h1')?.textContent.startsWith('2 × ')");
    let about = "[...document.querySelectorAll('dl')][0].textContent";
    page.until(&format!("{about}.includes({})", json!(NASTY[0])));
    page.until(&format!(
        "{about}.includes('Wished time') && {about}.includes('2026')"
    ));
    // rows of a draft come back as rows
    page.press("Add: Part of the price");
    page.value(
        "(() => { const row = [...document.querySelectorAll('fieldset.line')].filter((it) => it.textContent.startsWith('Part of the price')).pop(); \
         const [title, price] = row.querySelectorAll('input'); title.value = 'Wrapping'; price.value = '1.00'; \
         price.dispatchEvent(new Event('input', { bubbles: true })); return true; })()",
    );
    let back = page.value("location.hash");
    go(&mut page, "#/clients", "Clients");
    page.value(&format!("location.hash = {back}"));
    page.until("document.querySelectorAll('fieldset.line').length === 3");
    assert_eq!(
        page.value("[...document.querySelectorAll('fieldset.line')].map((it) => [...it.querySelectorAll('input')].slice(0, 2).map((field) => field.value).join(' '))"),
        json!(["2 × Rye bread 9.00", "Wrapping 1.00", "all 9.00"])
    );
    page.until("document.querySelector('.sums-line .bad')");

    // the customer wishes something else
    offered(&desk, &client, &order);
    client.ok(&["order", "counter", "aino", &order, "--total", "8.00 EUR"]);
    carry(&client, &desk, &["aino"]);
    go(&mut page, "#/clients", "Clients");
    page.value(&format!("location.hash = {back}"));
    page.until("document.querySelector('main').textContent.includes('wishes €8.00')");
    check_screen(&mut page);
    client.ok(&["order", "agree", "aino", &order]);
    carry(&client, &desk, &["aino"]);
    page.until("document.querySelector('main .badge')?.textContent === 'agreed'");
    page.press("Confirm the order");
    page.until("document.querySelector('main .badge')?.textContent === 'confirmed'");

    // one button for each state that can be next, and nothing for arbiters
    for state in ["packed", "with the courier", "out for delivery"] {
        page.press(&format!("It is {state}"));
        page.until(&format!(
            "document.querySelector('main').textContent.includes('Now: {state}')"
        ));
    }
    assert_eq!(
        page.value("/arbiter|secret|Show when/.test(document.querySelector('main').textContent)"),
        false
    );
    // another code than the customer's, and then theirs as their phone shows it
    page.fill("Code of the customer", "0000-UUUU");
    page.press("It is delivered");
    page.until("document.querySelector('main [role=alert]')?.textContent.includes('16 letters and digits, and no U; this has 8')");
    page.fill("Code of the customer", "0000-0000-0000-0000");
    page.press("It is delivered");
    page.until("document.querySelector('main [role=alert]')?.textContent.includes('Ask the customer for the code')");
    page.troubles.retain(|trouble| !trouble.contains("422"));
    check_screen(&mut page);
    page.shoot("order-door");
    let read_out = code.replace('-', " ").to_lowercase().replace('0', "o");
    page.fill("Code of the customer", &read_out);
    page.press("It is delivered");
    page.until("document.querySelector('main').textContent.includes('delivered') && !document.querySelector('main').textContent.includes('Code of the customer')");
    let leg = desk
        .ok(&["view", "list", "aino", "fulfilments", "--json"])
        .json();
    assert_eq!(leg["columns"]["state"], "delivered");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn messages_are_told_and_news_leave_rows_alone() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    client.ok(&["say", "aino", "--private", NASTY[1]]);
    client.ok(&["say", "aino", "--text", "the last one"]);
    carry(&client, &desk, &["aino"]);
    let up = login(&mut page, &desk);
    page.until("document.querySelector('main').textContent.includes('the last one') && document.querySelector('main').textContent.includes('2 new')");
    check_screen(&mut page);
    page.press("aino");
    page.until("document.querySelectorAll('.talk li').length === 2");
    assert_eq!(
        page.value("document.querySelector('.talk li p').textContent"),
        NASTY[1]
    );
    // blanks are no message
    page.fill("Message", "   ");
    page.press("Send");
    page.until("document.querySelector('main [role=alert]')");
    page.fill("Message", " an answer ");
    page.press("Send");
    page.until("document.querySelector('.talk li.mine')?.textContent.startsWith('an answer')");
    page.until("document.querySelector('.talk li.mine').textContent.includes('you')");
    // who writes sees what comes meanwhile, and goes on
    page.fill("Message", "half of");
    client.ok(&["say", "aino", "--text", "while you write"]);
    carry(&client, &desk, &["aino"]);
    page.until("document.querySelector('.talk').textContent.includes('while you write')");
    let left = "[document.activeElement.value, document.activeElement.selectionStart]";
    assert_eq!(page.value(left), json!(["half of", 7]));
    page.fill("Message", "");
    // it was read, and what comes after it was not
    go(&mut page, "#/today", "Today");
    assert_eq!(
        page.value("document.querySelector('main').textContent.includes('New messages')"),
        false
    );
    client.ok(&["say", "aino", "--text", "one more"]);
    carry(&client, &desk, &["aino"]);
    page.until("document.querySelector('main').textContent.includes('1 new')");

    // a row that was just added is not thrown away by news
    go(&mut page, "#/hours", "Hours");
    page.press("Baking class");
    let fields = "document.querySelectorAll('fieldset.day input').length";
    page.until(&format!("{fields} === 14"));
    page.press("Add hours");
    page.until(&format!("{fields} === 16"));
    client.ok(&["say", "aino", "--text", "and another"]);
    carry(&client, &desk, &["aino"]);
    // longer than it takes until news are looked at
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(page.value(fields), 16);
    page.press("Save the week");
    page.until("!document.querySelector('form[data-dirty]')");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn customers_get_a_link_and_nodes_a_ticket() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/begin/share", "First steps");
    page.until("document.querySelector('main').textContent.includes('synlog up --guests')");
    // nobody is there any more who would ask the next node without being logged in
    page.open("about:blank");
    page.until("location.href === 'about:blank'");
    up.stop();
    page.troubles.clear();
    let guests = ["--offline", "--guests", "127.0.0.1:0"];
    let up = Up::start(&desk, &guests);
    page.open(up.ready["web"]["login"].as_str().unwrap());
    page.until("document.querySelector('h1')?.textContent === 'Today'");
    go(&mut page, "#/begin/share", "First steps");
    page.until(
        "document.querySelector('section.card svg.qr path')?.getAttribute('d').length > 1000",
    );
    page.until("document.querySelector('section.card a.long')?.textContent.includes('#space=')");
    assert_eq!(
        page.value("document.querySelector('main').textContent.includes('synlog1')"),
        false
    );
    check_screen(&mut page);
    page.shoot("share");
    // on paper there is the code with the link, and nothing of the page
    page.value("window.print = () => {}; true");
    page.press("Print");
    page.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    assert_eq!(
        page.value("document.querySelector('main').checkVisibility()"),
        false
    );
    page.call("Emulation.setEmulatedMedia", json!({ "media": "" }));
    page.press("Next");
    page.until(
        "document.querySelector('.steps')?.textContent.includes('Let people find you (done)')",
    );
    page.forgive_absence();
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}
