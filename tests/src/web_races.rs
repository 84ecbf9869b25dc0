//! Who comes first: two tabs of one customer, two customers who want one time, and an owner
//! who is a customer elsewhere; in a real browser.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::guest_order::{Shop, shop};
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_client::soon;
use crate::web_flows::{bakery, carry, login, press_in};
use crate::web_guest::{act, go, relation, says};
use crate::web_moves::{all_sent, log_in_again, order_bread, show, visit, visit_and_order};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn now_ms() -> u64 {
    crate::guest::now_ms()
}

/// Writes something as the page does, without waiting for it.
fn write(page: &mut Browser, kind: &str, body: &Json, space: &str) {
    page.value(&format!(
        "void import(new URL('./app.js', document.querySelector('script').src)).then(({{ app }}) => app.link.write({}, {body}, {{ space: {} }})); true",
        json!(kind),
        json!(space)
    ));
}

/// The notes of all orders that the shop has.
fn notes(shop: &Shop, topic: &str) -> Vec<String> {
    let rows = shop
        .owner
        .ok(&format!("/topics/{topic}/views/orders?limit=200"));
    let rows = rows["rows"].as_array().unwrap().iter();
    let note = |row: &Json| row["columns"]["note"].as_str().map(str::to_owned);
    let mut notes: Vec<String> = rows.filter_map(note).collect();
    notes.sort();
    notes
}

/// Two tabs write while the owner is asked, and at the moment in which the relation begins.
fn two_tabs_order(page: &mut Browser, hidden: Option<&str>) {
    let shop = shop(&["--guests-open", "ask"]);
    if let Some(script) = hidden {
        page.before_each(script);
    }
    visit(page, &shop);
    order_bread(page, 1);
    let one = page.another();
    if let Some(script) = hidden {
        page.before_each(script);
    }
    visit(page, &shop);
    let line = json!({
        "space": { "$hex": shop.space }, "item": "bread", "revision": { "$hex": shop.revision },
        "quantity": 1, "title": "Rye bread",
    });
    let order = |note: String| json!({ "lines": [line], "note": note });
    let mut expected = Vec::new();
    let mut tabs = one;
    let asked = soon(
        || shop.owner.ok("/guests"),
        |it| it["asked"].as_array().is_some_and(|it| !it.is_empty()),
    );
    let entity = asked["asked"][0]["entity"].as_str().unwrap().to_owned();
    for number in 0..12 {
        if number == 6 {
            // the owner agrees in the middle of it
            let accept = json!({ "answer": "accept" });
            shop.owner.done(&format!("/guests/{entity}"), &accept);
        }
        let note = format!("{number:02}");
        write(page, "order.request", &order(note.clone()), &shop.space);
        expected.push(note);
        tabs = page.turn_to(tabs);
    }
    for _ in 0..2 {
        page.value("import(new URL('./app.js', document.querySelector('script').src)).then(({ app }) => app.link.wake()); true");
        tabs = page.turn_to(tabs);
    }
    let topic = relation(&shop.owner);
    for _ in 0..2 {
        all_sent(page);
        tabs = page.turn_to(tabs);
    }
    let told = soon(|| notes(&shop, &topic), |told| told.len() >= expected.len());
    // each of them once, and nothing of it is refused
    assert_eq!(told, expected);
    let orders = shop
        .owner
        .ok(&format!("/topics/{topic}/views/orders?limit=200"));
    assert_eq!(orders["rows"].as_array().unwrap().len(), expected.len() + 1);
    for _ in 0..2 {
        go(page, "orders", "My orders");
        let cards = expected.len() + 1;
        page.until(&format!(
            "document.querySelectorAll('main li.card').length === {cards}"
        ));
        page.until("!document.getElementById('banner').textContent");
        tabs = page.turn_to(tabs);
    }
    shop.up.stop();
}

#[test]
fn two_tabs_order_at_once() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    two_tabs_order(&mut page, None);
}

#[test]
fn two_tabs_order_at_once_where_there_are_no_locks() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    // as on plain http, where a browser has neither locks nor anything like them
    let hidden = "Object.defineProperty(navigator, 'locks', { value: undefined })";
    two_tabs_order(&mut page, Some(hidden));
}

/// A shop with a class that one person can have at a time.
fn with_class(zone: &str) -> Shop {
    let shop = shop(&[]);
    let put = ["resource", "put", "shop", "oven", "--title", "Baking class"];
    let more = ["--zone", zone, "--capacity", "1"];
    shop.desk.ok(&[&put[..], &more].concat());
    let rule = r#"{"days":[0,1,2,3,4,5,6],"from_s":0,"to_s":86400}"#;
    let put = ["availability", "put", "shop", "oven", "--rules", rule];
    shop.desk.ok(&put);
    shop
}

/// A zone in which it is noon or a little later, so that what comes soon comes on this day.
fn noon() -> String {
    let hour = now_ms() / HOUR_MS % 24;
    match hour {
        // a plus is west of Greenwich there
        13.. => format!("Etc/GMT+{}", hour - 12),
        _ => format!("Etc/GMT-{}", 12 - hour),
    }
}

/// Asks for the time at a number in the list of free ones of a day; gives what it is called.
fn book(page: &mut Browser, day: &str, number: usize, name: &str) -> String {
    go(page, "book", "Book a time");
    page.value(&format!(
        "(() => {{ const day = document.querySelector('main input[type=date]'); day.value = '{day}'; day.dispatchEvent(new Event('change')); return true; }})()"
    ));
    let slot = format!("document.querySelectorAll('ul.slots button')[{number}]");
    page.until(&slot);
    page.until("!document.querySelector('main').textContent.includes('Loading…')");
    page.value(&format!("{slot}.click(); true"));
    page.until("document.querySelector('section.card h2')");
    let told = page.value("document.querySelector('section.card h2').textContent");
    ask_for_it(page, name);
    told.as_str().unwrap().to_owned()
}

fn ask_for_it(page: &mut Browser, name: &str) {
    if page.value("[...document.querySelectorAll('label')].some((it) => it.textContent.startsWith('Your name'))") == json!(true) {
        page.fill("Your name, as the provider shall see it", name);
    }
    page.press("Ask for this time");
    page.until("location.hash === '#/orders'");
    all_sent(page);
}

/// Opens the last booking of the list.
fn open_booking(page: &mut Browser, at: usize) {
    go(page, "orders", "My orders");
    let link = format!("[...document.querySelectorAll('a[href^=\"#/booking/\"]')][{at}]");
    page.until(&link);
    page.value(&format!("{link}.click(); true"));
    page.until("location.hash.startsWith('#/booking/') && document.querySelector('ol.timeline')");
}

#[test]
fn a_time_that_two_customers_want() {
    let (Some(mut mari), Some(mut kai), Some(mut owner)) =
        (browser(PHONE), browser(PHONE), browser(SCREEN))
    else {
        return;
    };
    let shop = with_class("Europe/Helsinki");
    let day = now_ms() / DAY_MS + 3;
    for page in [&mut mari, &mut kai] {
        let zone = json!({ "timezoneId": "Europe/Helsinki" });
        page.call("Emulation.setTimezoneOverride", zone);
        visit(page, &shop);
    }
    let date = mari.value(&format!(
        "new Date({day} * 86400000).toISOString().slice(0, 10)"
    ));
    let date = date.as_str().unwrap();
    let first = book(&mut mari, date, 20, "Mari");
    assert_eq!(book(&mut kai, date, 20, "Kai"), first);
    log_in_again(&mut owner, &shop.desk);
    show(&mut owner, &format!("#/calendar/week/{day}"), "Calendar");
    press_in(&mut owner, "Mari", "Take the time and confirm");
    owner.until("[...document.querySelectorAll('li.card')].some((it) => it.textContent.includes('Mari') && it.querySelector('.badge.good'))");
    open_booking(&mut mari, 0);
    says(&mut mari, "confirmed");

    // the other one's page says so before anybody tells it, and offers other times
    open_booking(&mut kai, 0);
    says(&mut kai, "Somebody was faster: this time is taken now.");
    kai.until("document.querySelectorAll('ul.slots a').length === 6");
    check_screen(&mut kai);
    kai.shoot("guest-booking-gone");
    // so does the owner's, who declines with one press
    press_in(&mut owner, "Kai", "Take the time and confirm");
    owner.until("[...document.querySelectorAll('li.card')].some((it) => it.textContent.includes('Kai') && it.querySelector('[role=alert]')?.textContent.includes('taken by another booking'))");
    press_in(&mut owner, "Kai", "Decline: the time is taken");
    says(&mut kai, "declined");
    says(&mut kai, "Somebody else was faster");
    kai.until("document.querySelectorAll('ul.slots a').length === 6");
    check_screen(&mut kai);
    // one of the others is asked for and confirmed
    kai.until("((it) => { it?.click(); return it; })(document.querySelector('ul.slots a'))");
    kai.until("document.querySelector('section.card h2')");
    let second = kai.value("document.querySelector('section.card h2').textContent");
    assert_ne!(second.as_str().unwrap(), first);
    ask_for_it(&mut kai, "Kai");
    press_in(&mut owner, "Kai", "Take the time and confirm");
    go(&mut kai, "orders", "My orders");
    says(&mut kai, "confirmed");
    let topics = shop.owner.ok("/topics")["topics"].take();
    let topics = topics.as_array().unwrap().iter();
    let mut states: Vec<String> = Vec::new();
    for topic in topics.filter(|topic| topic["app"] == "relation") {
        let path = format!(
            "/topics/{}/views/bookings",
            topic["topic"].as_str().unwrap()
        );
        let rows = shop.owner.ok(&path);
        let rows = rows["rows"].as_array().unwrap().iter();
        states.extend(rows.map(|row| row["columns"]["state"].as_str().unwrap().to_owned()));
    }
    states.sort();
    assert_eq!(states, ["confirmed", "confirmed", "declined"]);
    owner.troubles.retain(|trouble| !trouble.contains("422"));
    for page in [&mari, &kai, &owner] {
        assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    }
    shop.up.stop();
}

#[test]
fn who_came_and_who_did_not() {
    let (Some(mut page), Some(mut owner)) = (browser(PHONE), browser(SCREEN)) else {
        return;
    };
    let shop = with_class(&noon());
    visit_and_order(&mut page, &shop, 1);
    log_in_again(&mut owner, &shop.desk);
    show(&mut owner, "#/calendar/day", "Calendar");
    // soon enough to wait for it, and late enough to be confirmed before
    let start = now_ms() + 60_000;
    for at in [start, start + 2 * HOUR_MS] {
        let body = json!({
            "space": { "$hex": shop.space }, "resource": "oven", "start": at, "end": at + HOUR_MS, "seats": 1,
        });
        write(&mut page, "booking.request", &body, &shop.space);
    }
    for taken in 1..=2 {
        press_in(&mut owner, "pending", "Take the time and confirm");
        let good = "document.querySelectorAll('li.card .badge.good').length";
        owner.until(&format!("{good} === {taken}"));
    }
    // what has not begun can't be said to have been missed
    loop {
        show(&mut owner, "#/today", "Today");
        show(&mut owner, "#/calendar/day", "Calendar");
        owner.until("document.querySelectorAll('li.card').length === 2");
        let can = "[...document.querySelectorAll('li.card button')].filter((it) => it.textContent === 'Nobody came').length";
        let can = owner.value(can);
        if now_ms() < start - 5_000 {
            assert_eq!(can, 0);
        }
        if can == 1 {
            break;
        }
        assert!(now_ms() < start + 60_000, "it never began");
        std::thread::sleep(Duration::from_millis(500));
    }
    check_screen(&mut owner);
    owner.press("Nobody came");
    open_booking(&mut page, 1);
    says(&mut page, "no show");
    check_screen(&mut page);
    page.press("Contest what is said of your coming");
    page.value("document.querySelector('details[open] textarea').value = 'I was there'");
    act(&mut page, "Contest what is said of your coming");
    says(&mut page, "I was there");
    owner.until("document.querySelector('li.card .badge.bad')");
    assert!(owner.troubles.is_empty(), "{:?}", owner.troubles);
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    shop.up.stop();
}

/// Opens the command of some kind on an order's page, fills in what is asked for (what the
/// page knows itself has no field), and sends.
fn command(page: &mut Browser, topic: &str, kind: &str, fields: &[(&str, &str)]) {
    let title = page.value(&format!(
        "import(new URL('./forms.js', document.querySelector('script').src)).then(({{ manifestOf }}) => manifestOf({})).then((it) => it.events.find((event) => event.kind === {}).title)",
        json!(topic),
        json!(kind)
    ));
    let part = format!(
        "[...document.querySelectorAll('main details.card')].find((it) => it.querySelector('summary').firstChild.textContent.startsWith({title}))"
    );
    page.until(&part);
    let mut script = format!(
        "(() => {{ const part = {part}; for (let up = part; up; up = up.parentElement?.closest('details')) up.open = true; "
    );
    for (name, value) in fields {
        script.push_str(&format!(
            "for (const of of part.querySelectorAll('[name={name}]')) of.value = {}; ",
            json!(value)
        ));
    }
    script.push_str("part.querySelector('form').requestSubmit(); return true; })()");
    page.value(&script);
    page.until("!document.querySelector('main form[data-busy]')");
    // a secret of one's own is shown until it is closed
    page.value("document.querySelector('dialog[open] button')?.click(); true");
}

#[test]
fn an_owner_orders_elsewhere() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let line = format!("space={},item=bread,quantity=2", shop.as_str().unwrap());
    let asked = client.ok(&["order", "request", "aino", "--line", &line]);
    let order = asked.word();
    // what is shown at the door was told once, beside the answer
    let code = asked.door_code();
    let topic = client.ok(&["topic", "show", "aino", "--json"]).json()["topic"].clone();
    let topic = topic.as_str().unwrap().to_owned();
    let up = login(&mut page, &client);
    let mine = |page: &mut Browser, part: &str, state: &str| {
        page.value("location.hash = '#/today'; true");
        page.value(&format!("location.hash = '#/mine/{part}'; true"));
        page.until(&format!(
            "document.querySelector('main li.card .badge')?.textContent === {}",
            json!(state)
        ));
    };
    let there = || carry(&client, &desk, &["aino"]);
    let back = || carry(&desk, &client, &["aino", "shop"]);
    mine(&mut page, "open", "requested");
    check_screen(&mut page);
    there();
    let price = "leg=all,amount=9.00 EUR,trigger=after";
    let way = r#"{"leg":"go","kind":"pickup","lines":[{"line":0,"quantity":2}]}"#;
    desk.ok(&[
        "order",
        "quote",
        "aino",
        &order,
        "--revision",
        "1",
        "--breakup",
        "title=two loaves,amount=9.00 EUR",
        "--total",
        "9.00 EUR",
        "--leg",
        price,
        "--fulfilment",
        way,
        "--takes",
        "[]",
        "--valid-until",
        "2099-12-31",
    ]);
    back();
    mine(&mut page, "open", "quoted");
    page.value("document.querySelector('main li.card a').click(); true");
    page.until("document.querySelector('h1')?.textContent.startsWith('2 × ')");
    says(&mut page, "9.00");
    check_screen(&mut page);
    command(&mut page, &topic, "order.agree", &[]);
    page.until("document.querySelector('main .badge')?.textContent === 'agreed'");
    there();
    desk.ok(&["order", "confirm", "aino", &order]);
    let proof = ["fulfil", "proof", "aino", &order, "--leg", "go"];
    desk.ok(&[&proof[..], &["--preimage", &code]].concat());
    for state in ["packed", "delivered"] {
        desk.ok(&[
            "fulfil", "state", "aino", &order, "--leg", "go", "--state", state,
        ]);
    }
    back();
    page.until("document.querySelector('main .badge')?.textContent === 'in progress'");
    let paid = [("leg", "all"), ("amount", "9.00 EUR"), ("method", "cash")];
    command(&mut page, &topic, "pay.claim", &paid);
    says(&mut page, "you said that €9.00 is paid");
    there();
    desk.ok(&[
        "pay", "ack", "aino", &order, "--leg", "all", "--amount", "9.00 EUR",
    ]);
    back();
    says(&mut page, "paid");
    command(&mut page, &topic, "order.complete", &[]);
    page.until("document.querySelector('main .badge')?.textContent === 'completed'");
    mine(&mut page, "over", "completed");
    page.shoot("mine");
    there();
    let rows = desk
        .ok(&["view", "list", "aino", "orders", "--json"])
        .json();
    assert_eq!(rows["columns"]["state"], "completed");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}
