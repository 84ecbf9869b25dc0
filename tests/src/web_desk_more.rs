//! More of the owner's desk, in a real browser: an order whose customer says nothing, offers
//! that begin as the customer wishes, whose clock a time is of, places, prices, the menu.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::guest::now_ms;
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_flows::{announced, bakery, carry, go, login, press_in, settled};

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

fn topic_of(desk: &Desk, name: &str) -> String {
    let shown = desk.ok(&["topic", "show", name, "--json"]).json();
    shown["topic"].as_str().unwrap().to_owned()
}

/// Asks for two breads, with more; gives the order and the code for the door.
fn asked_for(client: &Desk, desk: &Desk, more: &[&str]) -> (String, String) {
    let line = format!("space={},item=bread,quantity=2", topic_of(desk, "shop"));
    let words = ["order", "request", "aino", "--line", &line];
    let asked = client.ok(&[&words[..], more].concat());
    let code = asked.door_code();
    carry(client, desk, &["aino"]);
    (asked.word(), code)
}

/// An order that is agreed, confirmed and fetched, and from when on it was; its customer has so
/// long to object.
fn fetched(client: &Desk, desk: &Desk, silence: &[&str]) -> (String, u64) {
    let (order, code) = asked_for(client, desk, &[]);
    let quote = ["order", "quote", "aino", &order, "--revision", "1"];
    let price = ["--breakup", "title=two loaves,amount=9.00 EUR"];
    let legs = ["--leg", "leg=all,amount=9.00 EUR,trigger=on"];
    let total = ["--total", "9.00 EUR", "--takes", "[]"];
    let way = r#"{"leg":"all","kind":"pickup","lines":[{"line":0,"quantity":2}]}"#;
    let until = ["--fulfilment", way, "--valid-until", "2099-12-31"];
    desk.ok(&[&quote[..], &price, &legs, &total, &until, silence].concat());
    carry(desk, client, &["aino"]);
    client.ok(&["order", "agree", "aino", &order]);
    carry(client, desk, &["aino"]);
    desk.ok(&["order", "confirm", "aino", &order]);
    let leg = ["aino", &order, "--leg", "all"];
    desk.ok(&[&["fulfil", "state"], &leg[..], &["--state", "packed"]].concat());
    desk.ok(&[&["fulfil", "proof"], &leg[..], &["--preimage", &code]].concat());
    desk.ok(&[&["fulfil", "state"], &leg[..], &["--state", "delivered"]].concat());
    let done_ms = now_ms();
    carry(desk, client, &["aino"]);
    let amount = [&leg[..], &["--amount", "9.00 EUR"]].concat();
    client.ok(&[&["pay", "claim"], &amount[..], &["--method", "cash"]].concat());
    carry(client, desk, &["aino"]);
    desk.ok(&[&["pay", "ack"], &amount[..]].concat());
    (order, done_ms)
}

/// Sleeps until shortly before a time, whatever came before it took.
fn until_shortly_before(at_ms: u64) {
    let left = at_ms.saturating_sub(now_ms() + 2_000);
    std::thread::sleep(Duration::from_millis(left));
}

fn open_order(page: &mut Browser, desk: &Desk, order: &str) {
    let hash = format!("#/order/{}/orders/order%2F{order}", topic_of(desk, "aino"));
    go(page, &hash, "2 × ");
    page.until("!document.querySelector('main').textContent.includes('Loading…')");
}

fn text(page: &mut Browser) -> String {
    let text = page.value("document.querySelector('main').innerText");
    text.as_str().unwrap().to_owned()
}

/// The value of a field, by its label.
fn field(page: &mut Browser, label: &str) -> Json {
    page.read(&format!(
        "(() => {{ const label = [...document.querySelectorAll('label')].filter((it) => it.checkVisibility() && it.textContent.startsWith({})).pop(); \
         return document.getElementById(label.htmlFor).value; }})()",
        json!(label)
    ))
}

#[test]
fn an_order_ends_though_its_customer_says_nothing() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let (never, _) = fetched(&client, &desk, &[]);
    let (order, done_ms) = fetched(&client, &desk, &["--silence-s", "90s"]);
    let up = login(&mut page, &desk);
    // nothing is asked of anybody before
    let answer = "document.querySelector('main').innerText.includes('Nobody waits for you.')";
    page.until(answer);
    page.until("document.querySelector('#nav a[href=\"#/today\"]').textContent === 'Today'");
    open_order(&mut page, &desk, &order);
    let shown = text(&mut page);
    assert!(
        shown.contains("All that is left is the customer’s word"),
        "{shown}"
    );
    assert!(
        shown.contains("If they say nothing against it, you can end the order yourself from"),
        "{shown}"
    );
    assert!(!shown.contains("End the order"), "{shown}");
    check_screen(&mut page);
    // it is told in words that people use, and with sums that agree
    for word in [
        "leg",
        "balance",
        "Kind",
        "kind",
        "revision",
        "in_progress",
        "Due",
        "(all)",
    ] {
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    let shown = shown.replace('\n', " ").replace("  ", " ");
    for said in [
        "Price €9.00",
        "Paid €9.00",
        "Still to be paid nothing",
        "€9.00, at the hand-over, in cash: paid",
        "pick-up: delivered",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    // where nothing was agreed nothing is promised
    open_order(&mut page, &desk, &never);
    assert!(text(&mut page).contains("only they can end it"));

    // Today tells of it then, with nobody's doing
    go(&mut page, "#/today", "Today");
    page.until(answer);
    until_shortly_before(done_ms + 90_000);
    page.until("document.querySelector('main li.card .soft')?.textContent === 'the customer said nothing: you can end it'");
    page.until("document.querySelector('#nav a[href=\"#/today\"]').textContent === 'Today1, 1 waiting for you'");
    assert_eq!(page.value("[...document.querySelectorAll('main h2')].find((it) => it.textContent === 'Waits for your answer').nextElementSibling.querySelectorAll('li').length"), 1);
    check_screen(&mut page);
    open_order(&mut page, &desk, &order);
    check_screen(&mut page);
    page.press("End the order");
    announced(&mut page, "The order is ended.");
    page.until("document.querySelector('main .badge')?.textContent === 'completed'");
    page.until("document.querySelector('#nav a[href=\"#/today\"]').textContent === 'Today'");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn the_button_to_end_an_order_comes_when_its_time_does() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let (order, done_ms) = fetched(&client, &desk, &["--silence-s", "80s"]);
    let up = login(&mut page, &desk);
    open_order(&mut page, &desk, &order);
    let button = "[...document.querySelectorAll('main button')].some((it) => it.textContent === 'End the order')";
    assert_eq!(page.value(button), false);
    until_shortly_before(done_ms + 80_000);
    page.until(button);
    assert!(text(&mut page).contains("you can end the order now"));
    up.stop();
}

#[test]
fn an_offer_begins_as_its_customer_wishes() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let (nothing, _) = asked_for(&client, &desk, &[]);
    let (brought, _) = asked_for(&client, &desk, &["--address", "Fleminginkatu 1"]);
    let (wished, _) = asked_for(&client, &desk, &["--note", "I will pick it up at five"]);
    let up = login(&mut page, &desk);
    for (order, way, why) in [
        (&brought, "goods", "The customer gave an address."),
        (&wished, "pickup", "The customer wants to pick it up."),
        (&nothing, "pickup", "The customer gave no address."),
    ] {
        open_order(&mut page, &desk, order);
        assert_eq!(field(&mut page, "How it is done"), way);
        let shown = text(&mut page);
        assert!(shown.contains(why), "{shown}");
        assert!(
            shown.contains("the customer has 3 days to object"),
            "{shown}"
        );
    }
    // what is offered decides where nobody wished anything
    let ways = |page: &mut Browser, said: &str, offered: &str| {
        page.value(&format!(
            "import(new URL('./quote.js', document.querySelector('script[src$=\"app.js\"]').src)).then(({{ wayOf }}) => wayOf({said}, {offered})[0])"
        ))
    };
    for (said, offered, way) in [
        ("{}", "[['delivery', 'pickup']]", "pickup"),
        ("{}", "[['visit', 'digital']]", "visit"),
        ("{}", "[['digital']]", "digital"),
        ("{}", "[['delivery']]", "goods"),
        ("{ place: 'at home' }", "[['visit']]", "visit"),
        ("{ address: 'a' }", "[['visit', 'delivery']]", "goods"),
        ("{ note: 'ich hole es morgen ab' }", "[]", "pickup"),
        ("{ note: 'Pickup, please', address: 'a' }", "[]", "pickup"),
        ("{ note: 'zum Abholen' }", "[['delivery']]", "pickup"),
        ("{ note: 'with seeds' }", "[['delivery']]", "goods"),
    ] {
        assert_eq!(ways(&mut page, said, offered), way, "{said} {offered}");
    }
    // another silence, in words and in what is sent
    page.fill(
        "Days after which you may end it, if the customer says nothing (empty: never)",
        "1",
    );
    page.until(
        "document.querySelector('main').innerText.includes('the customer has 1 day to object')",
    );
    page.press("Send the offer");
    announced(&mut page, "The offer is sent.");
    let told = desk.ok(&["explain", "aino", &format!("order/{nothing}"), "--json"]);
    assert!(told.out.contains("86400"), "{}", told.out);
    // a price that can't be read is told where it stands
    open_order(&mut page, &desk, &wished);
    page.value(
        "(() => { const [price] = document.querySelectorAll('fieldset.line input[inputmode=decimal]'); price.value = 'nine'; \
         price.dispatchEvent(new Event('input', { bubbles: true })); return true; })()",
    );
    page.press("Send the offer");
    page.until("document.activeElement.value === 'nine' && document.activeElement.getAttribute('aria-invalid') === 'true'");
    page.until("document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent === 'This is no price. Write a number such as 3.50.'");
    check_screen(&mut page);
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn times_say_whose_clock_they_are_and_notices_what_was_done() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let day = now_ms() / DAY_MS + 3;
    let start = day * DAY_MS + 9 * HOUR_MS;
    let body = json!({ "space": { "$hex": topic_of(&desk, "shop") }, "resource": "oven",
        "start": start, "end": start + HOUR_MS, "seats": 1 });
    client.ok(&["book", "request", "aino", "--body", &body.to_string()]);
    let window = format!("start={start},end={}", start + HOUR_MS);
    let (order, _) = asked_for(&client, &desk, &["--window", &window]);
    let zone = json!({ "timezoneId": "America/New_York" });
    page.call("Emulation.setTimezoneOverride", zone);
    let up = login(&mut page, &desk);
    let both = "(?=.*Europe\\/Helsinki\\); for you )(?=.*America\\/New_York)";
    let told = |place: &str| format!("/{both}/.test({place}.textContent)");
    page.until(&told(
        "[...document.querySelectorAll('main li.card')].find((it) => it.textContent.includes('Baking class'))",
    ));
    check_screen(&mut page);
    open_order(&mut page, &desk, &order);
    page.until(&told("document.querySelector('main dl')"));
    let booking = desk
        .ok(&["view", "list", "aino", "bookings", "--json"])
        .json();
    let key = booking["key"].as_str().unwrap().replace('/', "%2F");
    let hash = format!("#/order/{}/bookings/{key}", topic_of(&desk, "aino"));
    go(&mut page, &hash, "Booking: Baking class");
    page.until(&told("document.querySelector('main dl')"));
    check_screen(&mut page);

    // what was done is told, and not what the button was
    go(&mut page, &format!("#/calendar/day/{day}"), "Calendar");
    press_in(&mut page, "aino", "Take the time and confirm");
    announced(&mut page, "The time is taken and the booking confirmed.");
    page.until("document.querySelector('li.card .badge.good')");
    press_in(&mut page, "aino", "Cancel the booking");
    press_in(&mut page, "aino", "Cancel the booking");
    announced(
        &mut page,
        "The booking is cancelled, and its time free again.",
    );
    // in the clock of the place nothing is added
    page.call(
        "Emulation.setTimezoneOverride",
        json!({ "timezoneId": "Europe/Helsinki" }),
    );
    page.call("Page.reload", json!({}));
    go(&mut page, &hash, "Booking: Baking class");
    assert!(!text(&mut page).contains("Europe/Helsinki"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn a_place_is_found_and_its_hours_are_read() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    let allow = |page: &mut Browser, how: &str| {
        let params = json!({ "permission": { "name": "geolocation" }, "setting": how });
        page.call("Browser.setPermission", params);
    };
    go(&mut page, "#/space", "Kallion leipä");
    page.press("Add a place");
    // who may not know says so
    allow(&mut page, "denied");
    page.press("Where I am now");
    page.until("document.querySelector('main').innerText.includes('The browser was not allowed to say where it is.')");
    allow(&mut page, "granted");
    let here = json!({ "latitude": 60.1841, "longitude": 24.9508, "accuracy": 12 });
    page.call("Emulation.setGeolocationOverride", here);
    page.press("Where I am now");
    page.until("document.querySelector('main').innerText.includes('Found, to about 12 m.')");
    assert_eq!(
        field(&mut page, "Latitude and longitude"),
        "60.18410,24.95080"
    );
    page.fill("Name", "Kallio");
    page.fill("What it is", "shop/bakery");
    page.fill("Opening hours", "from early to late");
    page.press("Save");
    page.until("document.activeElement.value === 'from early to late' && document.activeElement.getAttribute('aria-invalid') === 'true'");
    assert!(text(&mut page).contains("Write it such as Mo-Fr 09:00-17:00"));
    check_screen(&mut page);
    let places = || {
        desk.ok(&["view", "list", "shop", "places", "--json"])
            .json_lines()
    };
    assert_eq!(places().len(), 0);
    page.fill("Opening hours", "Mo–Fr 9–17:30; Sunday closed");
    page.press("Save");
    announced(&mut page, "Place saved.");
    let place = places()[0]["columns"].clone();
    assert_eq!(place["opening_hours"], "Mo-Fr 09:00-17:30; Su off");

    // another one is pressed on the map of those that are there
    page.until(
        "[...document.querySelectorAll('main h3')].some((it) => it.textContent === 'Kallio')",
    );
    page.press("Add a place");
    page.press("Show it on the map");
    page.until("[...document.querySelectorAll('svg.map.pick')].some((it) => it.checkVisibility())");
    let map = "[...document.querySelectorAll('svg.map.pick')].find((it) => it.checkVisibility())";
    page.value(&format!(
        "(() => {{ const map = {map}; const box = map.getBoundingClientRect(); \
         map.dispatchEvent(new MouseEvent('click', {{ clientX: box.left + box.width / 2, clientY: box.top + box.height / 4, bubbles: true }})); return true; }})()"
    ));
    let said = field(&mut page, "Latitude and longitude");
    let (lat, lon) = said.as_str().unwrap().split_once(',').unwrap();
    let north = lat.parse::<f64>().unwrap() - 60.1841;
    assert!((0.0002..0.01).contains(&north), "{said}");
    assert!(
        (lon.parse::<f64>().unwrap() - 24.9508).abs() < 0.0001,
        "{said}"
    );
    page.until(&format!("{map}.querySelector('path.here')"));
    check_screen(&mut page);
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn a_price_that_nobody_can_read_is_told_at_its_field() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/catalog", "Kallion leipä");
    // what items are for, and what they are not tied to
    assert!(text(&mut page).contains("Times that they can book stand under Hours"));
    press_in(&mut page, "Rye bread", "Change");
    let price = "Price, as in 12.50";
    page.fill(price, "3 euros");
    page.press("Save");
    page.until("document.activeElement.value === '3 euros' && document.activeElement.getAttribute('aria-invalid') === 'true'");
    page.until("document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent === 'This is no price. Write a number such as 3.50.'");
    check_screen(&mut page);
    // it goes when something else is written, and so does the price
    page.fill(price, "3.20");
    page.until(
        "!document.querySelector('[aria-invalid]') && !document.querySelector('main [role=alert]')",
    );
    page.press("Save");
    announced(&mut page, "Item saved.");
    let item = desk.ok(&["view", "list", "shop", "items", "--json"]).json();
    assert_eq!(item["columns"]["min"], 320);
    go(&mut page, "#/hours", "Hours");
    assert!(text(&mut page).contains("It has no price and is tied to no item."));
    check_screen(&mut page);
    up.stop();
}

#[test]
fn the_menu_is_folded_and_opens_where_one_is() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    settled(&mut page);
    let seen = "[...document.querySelectorAll('#nav a')].filter((it) => it.checkVisibility()).map((it) => it.getAttribute('href').slice(2))";
    let daily = json!([
        "today", "orders", "calendar", "chats", "clients", "catalog", "money"
    ]);
    assert_eq!(page.value(seen), daily);
    // by keys: from what is for every day to what is folded
    page.value("document.querySelector('#nav a[href=\"#/money\"]').focus()");
    page.key("Tab");
    assert_eq!(page.value("document.activeElement.textContent"), "The shop");
    page.key("Tab");
    assert_eq!(page.value("document.activeElement.textContent"), "More");
    assert_eq!(
        page.value("document.activeElement.parentElement.open"),
        false
    );
    page.key("Enter");
    page.until("document.activeElement.parentElement.open");
    page.key("Tab");
    assert_eq!(page.value("document.activeElement.textContent"), "Settings");
    page.key("Enter");
    page.until("document.querySelector('h1').textContent === 'Settings'");
    let is_open = "[...document.querySelectorAll('#nav details')].map((it) => it.open)";
    assert_eq!(page.value(is_open), json!([false, true]));
    check_screen(&mut page);
    // by its address; what is open is what one is in
    go(&mut page, "#/hours", "Hours");
    assert_eq!(page.value(is_open), json!([true, false]));
    assert_eq!(
        page.value("document.querySelector('#nav [aria-current]').textContent"),
        "Hours"
    );
    let metrics = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    page.call("Emulation.setDeviceMetricsOverride", metrics);
    std::thread::sleep(Duration::from_millis(200));
    check_screen(&mut page);
    go(&mut page, "#/doctor", "Doctor");
    let inside = "(() => { const box = document.querySelector('#nav [aria-current]').getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; })()";
    page.until(inside);
    check_screen(&mut page);
    go(&mut page, "#/orders", "Orders");
    assert_eq!(page.value(is_open), json!([false, false]));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}
