//! What a page shows may be old: what changed elsewhere is not saved over, what is agreed to is
//! what was read, and answers that come late or never do no harm.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_client::soon;
use crate::web_flows::{bakery, carry, go, login, press_in};

pub(crate) const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// Keeps questions back whose address has `__hold` in it, loses the answers to those with
/// `__lose`, and lets those with `__fail` never be asked. Rehearsals are left alone.
const WIRE: &str = "const ask = window.fetch; window.__held = []; \
    window.fetch = async (...given) => { \
      const is = (what) => what && String(given[0]).includes(what) && !String(given[1]?.body).includes('dry_run'); \
      if (is(window.__fail)) throw new TypeError('failed'); \
      if (is(window.__hold)) await new Promise((go) => window.__held.push(go)); \
      const answer = await ask(...given); \
      if (is(window.__lose)) { window.__lose = null; throw new TypeError('lost'); } \
      return answer; };";

pub(crate) fn topic(desk: &Desk, name: &str) -> String {
    let told = desk.ok(&["topic", "show", name, "--json"]).json();
    told["topic"].as_str().unwrap().to_owned()
}

/// The columns of the first row of a table of the shop.
pub(crate) fn first(desk: &Desk, table: &str) -> Json {
    desk.ok(&["view", "list", "shop", table, "--json"])
        .json_lines()
        .remove(0)["columns"]
        .take()
}

/// Types into the first field that a selector finds, as a person does.
fn put(page: &mut Browser, field: &str, value: &str) {
    page.until(&format!("document.querySelector({})", json!(field)));
    page.value(&format!(
        "(() => {{ const field = document.querySelector({}); field.value = {}; \
         for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, {{ bubbles: true }})); return true; }})()",
        json!(field),
        json!(value)
    ));
}

fn alert(page: &mut Browser, text: &str) {
    page.until(&format!(
        "[...document.querySelectorAll('main [role=alert]')].some((it) => it.textContent.includes({}))",
        json!(text)
    ));
}

/// The value of the last visible field with a label.
fn shown(page: &mut Browser, label: &str) -> Json {
    page.read(&format!(
        "document.getElementById([...document.querySelectorAll('label')].filter((it) => it.checkVisibility() && it.textContent === {}).pop().htmlFor).value",
        json!(label)
    ))
}

fn put_bread(desk: &Desk, title: &str, price: &str) {
    let words = ["item", "put", "shop", "bread", "--title", title];
    let price = [
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        price,
    ];
    desk.ok(&[&words[..], &["--schema", "goods/1"], &price].concat());
}

/// Hours of the week that are not saved yet, and a time off that is saved in between.
fn hours_and_time_off(page: &mut Browser, desk: &Desk) {
    let except = || {
        first(desk, "resources")["except"]
            .as_array()
            .map_or(0, Vec::len)
    };
    let from = |day: u64| {
        let rules = first(desk, "resources")["rules"].take();
        let rules = rules.as_array().unwrap().clone();
        let rule = rules
            .into_iter()
            .find(|rule| rule["days"].as_array().unwrap().contains(&json!(day)));
        rule.unwrap()["from_s"].clone()
    };
    go(
        page,
        &format!("#/hours/{}/oven", topic(desk, "shop")),
        "Hours",
    );
    put(page, "fieldset.day input[type=time]", "10:00");
    for (number, day) in ["24", "30"].iter().enumerate() {
        page.value("[...document.querySelectorAll('main section details')].forEach((it) => { it.open = true; }); true");
        let start = "main section details input[type=datetime-local]";
        put(page, start, &format!("2098-12-{day}T00:00"));
        put(
            page,
            "main section details div + div > input[type=datetime-local]",
            &format!("2098-12-{day}T12:00"),
        );
        page.value("document.querySelector('main section details form').requestSubmit(); true");
        soon(except, |many| *many == number + 1);
        // it is there although what is typed holds the screen
        page.until(&format!(
            "document.querySelectorAll('main section > div li').length === {}",
            number + 1
        ));
    }
    // another day is changed elsewhere
    let rules = r#"[{"days":[0,2,3,4,5,6],"from_s":21600,"to_s":79200},{"days":[1],"from_s":28800,"to_s":79200}]"#;
    let kept = first(desk, "resources")["except"].to_string();
    desk.ok(&[
        "availability",
        "put",
        "shop",
        "oven",
        "--body",
        &json!({
            "rules": serde_json::from_str::<Json>(rules).unwrap(),
            "except": serde_json::from_str::<Json>(&kept).unwrap(),
        })
        .to_string(),
    ]);
    page.press("Save the week");
    page.until("!document.querySelector('form[data-dirty], form[data-busy]')");
    soon(|| from(0), |it| it == 36_000);
    assert_eq!(
        (from(1), from(2), except()),
        (json!(28_800), json!(21_600), 2)
    );
    // the same day here and elsewhere: it is told, and then it is the owner's word
    put(page, "fieldset.day input[type=time]", "11:00");
    let body = json!({ "rules": [{ "days": [0, 1, 2, 3, 4, 5, 6], "from_s": 25_200, "to_s": 79_200 }], "except": [] });
    desk.ok(&[
        "availability",
        "put",
        "shop",
        "oven",
        "--body",
        &body.to_string(),
    ]);
    page.press("Save the week");
    alert(page, "Monday 07:00-22:00");
    check_screen(page);
    assert_eq!((from(0), except()), (json!(25_200), 0));
    page.press("Save the week");
    soon(|| from(0), |it| it == 39_600);
    assert_eq!((from(1), except()), (json!(25_200), 0));
}

/// A draft of one field does not bring back others, and nobody saves over what they did not see.
fn a_draft_and_what_came_meanwhile(page: &mut Browser, desk: &Desk) {
    let stored = || {
        let item = first(desk, "items");
        json!([item["title"], item["min"], item["description"]])
    };
    let open = |page: &mut Browser, name: &str| {
        // what is being sent is done with
        page.until("!document.querySelector('form[data-dirty], form[data-busy]')");
        go(page, "#/clients", "Clients");
        go(page, "#/catalog", "Kallion leipä");
        press_in(page, name, "Change");
    };
    open(page, "Rye bread");
    page.fill("Description", "half a loaf");
    go(page, "#/clients", "Clients");
    put_bread(desk, "Sourdough", "900");
    open(page, "Sourdough");
    assert_eq!(shown(page, "Description"), "half a loaf");
    assert_eq!(shown(page, "Title"), "Sourdough");
    page.press("Save");
    soon(stored, |it| it[2] == "half a loaf");
    assert_eq!(stored(), json!(["Sourdough", 900, "half a loaf"]));

    // of a field that became another one elsewhere it is said so
    open(page, "Sourdough");
    page.fill("Title", "Sour loaf");
    go(page, "#/clients", "Clients");
    put_bread(desk, "Dark bread", "900");
    open(page, "Dark bread");
    assert_eq!(shown(page, "Title"), "Sour loaf");
    page.until(
        "document.querySelector('main details[open] p.warn')?.textContent.includes('“Dark bread”')",
    );
    check_screen(page);
    page.fill("Title", "Dark bread");
    go(page, "#/clients", "Clients");

    // what comes while the form is open is shown before it is saved
    open(page, "Dark bread");
    page.fill("Description", "a whole loaf");
    put_bread(desk, "Black bread", "700");
    page.press("Save");
    alert(page, "This was changed elsewhere meanwhile.");
    check_screen(page);
    assert_eq!(stored(), json!(["Black bread", 700, null]));
    assert_eq!(shown(page, "Title"), "Black bread");
    page.press("Save");
    soon(stored, |it| it[2] == "a whole loaf");
    assert_eq!(stored(), json!(["Black bread", 700, "a whole loaf"]));

    // what was counted is what is there
    page.until("!document.querySelector('form[data-dirty], form[data-busy]')");
    go(page, "#/clients", "Clients");
    go(page, "#/catalog", "Kallion leipä");
    press_in(page, "Black bread", "Count stock");
    page.fill("How many there are", "10");
    desk.ok(&["item", "stock", "shop", "bread", "--delta=-2"]);
    page.press("Save");
    alert(
        page,
        "There were 20 when this was opened, and 18 are there by now.",
    );
    check_screen(page);
    assert_eq!(first(desk, "items")["stock"], 18);
    page.press("Save");
    soon(|| first(desk, "items")["stock"].clone(), |it| *it == 10);
}

#[test]
fn nothing_is_saved_over_what_changed_elsewhere() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    page.before_each(WIRE);
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    a_draft_and_what_came_meanwhile(&mut page, &desk);
    hours_and_time_off(&mut page, &desk);

    // who can't log out is told so, and leaves nothing behind
    go(&mut page, "#/settings", "Settings");
    page.value("localStorage.setItem('draft:x', '1'); window.__fail = '/logout'; true");
    page.press("Log out");
    alert(&mut page, "The node does not answer.");
    page.until(
        "document.querySelector('main').textContent.includes('This browser is still logged in.')",
    );
    check_screen(&mut page);
    assert_eq!(page.value("localStorage.getItem('draft:x')"), Json::Null);
    page.value("window.__fail = null; true");
    page.press("Log out");
    page.until("document.querySelector('h1')?.textContent === 'Not logged in'");
    page.troubles.retain(|trouble| !trouble.contains("401"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

/// An hour of a day that bert has asked for, and that is taken and confirmed.
pub(crate) fn booked(desk: &Desk, bert: &Desk, day: u64) -> String {
    let [start, end] = [9, 10].map(|hour| day * DAY_MS + hour * HOUR_MS);
    let time = json!({ "resource": "oven", "start": start, "end": end, "seats": 1 });
    let mut body = time.clone();
    body["space"] = json!({ "$hex": topic(desk, "shop") });
    let booking = bert
        .ok(&["book", "request", "bert", "--body", &body.to_string()])
        .word();
    carry(bert, desk, &["bert"]);
    let take = ["slot", "take", "shop", "oven", "--for", &booking];
    let take = desk.ok(&[&take[..], &["--body", &time.to_string()]].concat());
    desk.ok(&["book", "confirm", "bert", &booking, "--take", &take.word()]);
    booking
}

/// An order that the client agreed to, for which stock is taken.
pub(crate) fn agreed(desk: &Desk, client: &Desk) -> String {
    let line = format!("space={},item=bread,quantity=2", topic(desk, "shop"));
    let order = client
        .ok(&["order", "request", "aino", "--line", &line])
        .word();
    carry(client, desk, &["aino"]);
    quote(desk, client, &order, 1, "9.00 EUR", "[0]");
    client.ok(&["order", "agree", "aino", &order]);
    carry(client, desk, &["aino"]);
    order
}

fn quote(desk: &Desk, client: &Desk, order: &str, revision: u64, price: &str, takes: &str) {
    let way = r#"{"leg":"all","kind":"pickup","lines":[{"line":0,"quantity":2}]}"#;
    let revision = revision.to_string();
    desk.ok(&[
        "order",
        "quote",
        "aino",
        order,
        "--revision",
        &revision,
        "--breakup",
        &format!("title=two loaves,amount={price}"),
        "--total",
        price,
        "--leg",
        &format!("leg=all,amount={price},trigger=on"),
        "--fulfilment",
        way,
        "--takes",
        takes,
        "--valid-until",
        "2099-12-31",
    ]);
    carry(desk, client, &["aino", "shop"]);
}

#[test]
fn an_answer_that_is_lost_undoes_nothing() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    page.before_each(WIRE);
    let (desk, [client, bert]) = bakery();
    let stock = || first(&desk, "items")["stock"].clone();
    let takes = || {
        desk.ok(&["view", "list", "shop", "takes", "--json"])
            .json_lines()
            .len()
    };
    for _ in 0..3 {
        agreed(&desk, &client);
    }
    // a booking of tomorrow
    let day = crate::guest::now_ms() / DAY_MS + 1;
    booked(&desk, &bert, day);
    let up = login(&mut page, &desk);
    let open = |page: &mut Browser| {
        go(page, "#/clients", "Clients");
        go(page, "#/orders/agreed", "Orders");
        page.until("document.querySelector('main li.card a')");
        page.value("document.querySelector('main li.card a').click(); true");
        page.until("document.querySelector('main .badge')?.textContent === 'agreed'");
    };
    let confirmed = "document.querySelector('main .badge')?.textContent === 'confirmed'";

    // the confirm was written: its stock stays taken
    open(&mut page);
    page.value("window.__lose = '/events/order.confirm'; true");
    page.press("Confirm the order");
    page.until(confirmed);
    assert_eq!((stock(), takes()), (json!(18), 1));

    // the take was written: it is not taken twice
    open(&mut page);
    page.value("window.__lose = '/events/item.take'; true");
    page.press("Confirm the order");
    alert(&mut page, "The node does not answer.");
    soon(takes, |many| *many == 2);
    // what it wrote is news, and the page looks again; what it says is still to be read then
    let look = "import(new URL('./app.js', document.querySelector('script').src)).then(({ refresh }) => refresh())";
    page.value(&format!(
        "document.querySelector('main h1').__old = true; {look}; true"
    ));
    page.until("!document.querySelector('main h1').__old");
    alert(&mut page, "The node does not answer.");
    // nor by who reads the page anew in between
    page.call("Page.reload", json!({}));
    page.until("document.querySelector('main .badge')?.textContent === 'agreed'");
    page.press("Confirm the order");
    page.until(confirmed);
    assert_eq!((stock(), takes()), (json!(16), 2));

    // what comes to nothing gives back what was taken for it
    open(&mut page);
    page.value("window.__fail = '/events/order.confirm'; true");
    page.press("Confirm the order");
    alert(&mut page, "The node does not answer.");
    assert_eq!((stock(), takes()), (json!(14), 3));
    page.value("window.__fail = null; true");
    page.press("Decline the order");
    page.value("document.querySelector('main details.card[open]:has(input[name=reason], textarea[name=reason]) form').requestSubmit(); true");
    page.until("document.querySelector('main .badge')?.textContent === 'declined'");
    soon(takes, |many| *many == 2);
    assert_eq!(stock(), json!(16));

    // a time that could not be freed is freed when the calendar is shown again
    let slots = || {
        desk.ok(&["view", "list", "shop", "slots", "--json"])
            .json_lines()
            .len()
    };
    go(&mut page, &format!("#/calendar/day/{day}"), "Calendar");
    page.value("window.__fail = '/events/slot.free'; true");
    press_in(&mut page, "bert", "Cancel the booking");
    page.value("document.querySelector('li.card details[open] form').requestSubmit(); true");
    alert(&mut page, "could not be freed yet");
    check_screen(&mut page);
    assert_eq!(slots(), 1);
    page.value("window.__fail = null; true");
    go(&mut page, "#/clients", "Clients");
    go(&mut page, &format!("#/calendar/day/{day}"), "Calendar");
    soon(slots, |many| *many == 0);
    assert_eq!(
        page.value("document.querySelector('main [role=alert]')"),
        Json::Null
    );
    page.forgive_absence();
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn an_answer_that_is_late_stays_where_it_belongs() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    page.before_each(WIRE);
    let (desk, [client, bert]) = bakery();
    let lines: Vec<String> = (0..70)
        .map(|n| json!({ "text": format!("for aino {n}") }).to_string())
        .collect();
    let file = client.path("lines.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    client.ok(&[
        "import",
        "jsonl",
        &file,
        "--topic",
        "aino",
        "--kind",
        "message.post",
    ]);
    carry(&client, &desk, &["aino"]);
    bert.ok(&["say", "bert", "--text", "for bert"]);
    carry(&bert, &desk, &["bert"]);
    let up = login(&mut page, &desk);
    go(
        &mut page,
        &format!("#/chat/{}", topic(&desk, "aino")),
        "aino",
    );
    page.value("window.__hold = 'kind=message.post'; true");
    page.press("Earlier messages");
    page.until("window.__held.length === 1");
    go(
        &mut page,
        &format!("#/chat/{}", topic(&desk, "bert")),
        "bert",
    );
    let lines = "[...document.querySelectorAll('.talk li > p:first-child')].map((it) => it.textContent).join('|')";
    page.until(&format!("{lines} === 'for bert'"));
    page.value("window.__hold = null; window.__held.splice(0).forEach((go) => go()); true");
    std::thread::sleep(Duration::from_millis(500));
    // news draw the screen anew
    bert.ok(&["say", "bert", "--text", "more"]);
    carry(&bert, &desk, &["bert"]);
    page.until(&format!("{lines} === 'for bert|more'"));

    // a ticket for one topic is not shown where one for another is made
    go(&mut page, "#/peers", "Peers");
    page.press("Invite");
    page.value("(() => { const pick = document.querySelector('main select'); pick.value = [...pick.options].find((it) => it.textContent === 'aino').value; window.__hold = '/invitations'; return true; })()");
    page.press("Invite");
    page.until("window.__held.length === 1");
    go(&mut page, "#/begin/share", "First steps");
    page.value("window.__hold = null; window.__held.splice(0).forEach((go) => go()); true");
    page.until("performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/invitations'))");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        page.value("document.querySelector('main').textContent.includes('synlog1')"),
        false
    );
    // where it is asked for it says for what it is
    page.press("Invite");
    page.until(
        "document.querySelector('main [data-held^=invitation]').textContent.includes('synlog1')",
    );
    assert_eq!(
        page.value("document.querySelector('main [data-held^=invitation] strong').textContent"),
        "shop"
    );
    check_screen(&mut page);
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn what_is_agreed_to_is_what_was_read() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let line = format!("space={},item=bread,quantity=2", topic(&desk, "shop"));
    let order = client
        .ok(&["order", "request", "aino", "--line", &line])
        .word();
    carry(&client, &desk, &["aino"]);
    quote(&desk, &client, &order, 1, "9.00 EUR", "[]");
    let up = login(&mut page, &client);
    let state = || {
        let row = client
            .ok(&["view", "list", "aino", "orders", "--json"])
            .json();
        json!([row["columns"]["state"], row["columns"]["total"]])
    };
    go(&mut page, "#/mine", "My orders");
    page.until("document.querySelector('main li.card a')");
    page.value("document.querySelector('main li.card a').click(); true");
    let card = |name: &str| {
        format!(
            "[...document.querySelectorAll('main details.card')].find((it) => it.querySelector('summary').textContent === {})",
            json!(name)
        )
    };
    page.press("Agree to an offer");
    let agree = card("Agree to an offer");
    page.until(&format!("{agree}.textContent.includes('€9.00')"));
    check_screen(&mut page);
    // a note is being written: the screen stays as it is while another offer comes
    page.press("Ask for another offer");
    let counter = card("Ask for another offer");
    page.value(&format!("(() => {{ const note = {counter}.querySelector('[name=note]'); note.value = 'smaller'; note.dispatchEvent(new Event('input', {{ bubbles: true }})); return true; }})()"));
    quote(&desk, &client, &order, 2, "19.00 EUR", "[]");
    soon(&state, |it| it[1] == 1900);
    for of in [&agree, &counter] {
        page.value(&format!("{of}.querySelector('form').requestSubmit(); true"));
        page.until(&format!("{of}.querySelector('[role=alert]')?.textContent.includes('Another offer stands by now.')"));
        assert_eq!(state(), json!(["quoted", 1900]));
    }
    // who looks again sees the other one, and agrees to that
    go(&mut page, "#/today", "Today");
    go(&mut page, "#/mine", "My orders");
    page.until("document.querySelector('main li.card a')");
    page.value("document.querySelector('main li.card a').click(); true");
    page.until(&format!("{agree}.textContent.includes('€19.00')"));
    page.value(&format!(
        "{agree}.querySelector('form').requestSubmit(); true"
    ));
    page.until("document.querySelector('main .badge')?.textContent === 'agreed'");
    assert_eq!(state(), json!(["agreed", 1900]));
    page.troubles.retain(|trouble| !trouble.contains("422"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn all_that_an_app_writes_is_shown_before() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/apps", "Apps");
    let ask = |page: &mut Browser, body: &Json, erasable: &Json| {
        page.value(&format!(
            "void import(new URL('./apps.js', document.querySelector('script').src)).then(({{ consent }}) => consent({{ topics: [] }}, \
             {{ title: {{ en: 'Errands' }}, hash: 'x' }}, {{ topic: 'ab', kind: 'errands.add', body: {body}, erasable: {erasable} }})).then((said) => {{ window.__said = said; }}); true"
        ));
        page.until("document.querySelector('dialog[open]')");
        page.value("document.querySelector('dialog[open]').textContent")
            .as_str()
            .unwrap()
            .to_owned()
    };
    // nothing hides behind empty fields, long ones, or others of the same name
    let mut body: serde_json::Map<String, Json> =
        (0..60).map(|n| (format!("a{n}"), json!(""))).collect();
    let long = format!("{}the end", "x".repeat(600));
    let id = "ab".repeat(32);
    body.insert("to".into(), json!({ "$hex": id }));
    body.insert(
        "what".into(),
        json!({ "minor": 5, "currency": "EUR", "more": [long, null, ""] }),
    );
    body.insert("pay".into(), json!("all of it"));
    let told = ask(
        &mut page,
        &json!(body),
        &json!({ "pay": "nothing", "to": "nobody" }),
    );
    for text in [
        "a0",
        "a59",
        "empty",
        "the end",
        &id,
        "all of it",
        "nothing",
        "nobody",
        "more",
        "can be erased",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    check_screen(&mut page);
    page.shoot("app-consent-long");
    // it is read from its beginning
    assert_eq!(page.value("document.querySelector('dialog').scrollTop"), 0);
    page.until("!document.querySelector('dialog button.main').disabled");
    page.press("Write it");
    page.until("window.__said === true");
    // what nobody can look through is not written
    let told = ask(&mut page, &json!({ "text": "x".repeat(9_000) }), &json!({}));
    assert!(told.contains("It is not written."), "{told}");
    assert_eq!(
        page.value("document.querySelector('dialog button.main')"),
        Json::Null
    );
    page.press("Don’t");
    page.until("window.__said === false");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}
