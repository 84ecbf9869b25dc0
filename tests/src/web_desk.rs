//! The owner's desk, in a real browser: how much waits, the catalog, earlier messages, clients,
//! and words that fit the reader.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::guest::now_ms;
use crate::net_daemon::Up;
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_client::Web;
use crate::web_flows::{announced, bakery, carry, go, hold, login, press_in, settled};

/// Notes when the first screen stands.
const WATCH: &str = "new MutationObserver((_, self) => { if (document.querySelector('main h1')) { self.disconnect(); window.__stood = performance.now(); } }) \
    .observe(document, { childList: true, subtree: true });";

/// When something was asked of the API, in the page's milliseconds.
fn asked(page: &mut Browser, end: &str) -> Vec<f64> {
    let times = page.value(&format!(
        "performance.getEntriesByType('resource').filter((it) => new URL(it.name).pathname.endsWith({})).map((it) => it.startTime)",
        json!(end)
    ));
    serde_json::from_value(times).unwrap()
}

/// Imports lines of a client's into a topic, and carries them to the desk.
fn import(client: &Desk, desk: &Desk, topic: &str, kind: &str, lines: &[Json]) {
    let file = client.path("lines.jsonl");
    let lines: Vec<String> = lines.iter().map(Json::to_string).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    client.ok(&["import", "jsonl", &file, "--topic", topic, "--kind", kind]);
    carry(client, desk, &[topic]);
}

fn order(client: &Desk, desk: &Desk, topic: &str) -> String {
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let line = format!("space={},item=bread,quantity=2", shop.as_str().unwrap());
    let order = client.ok(&["order", "request", topic, "--line", &line]);
    carry(client, desk, &[topic]);
    order.word()
}

/// An offer that the client agrees to.
fn agreed(client: &Desk, desk: &Desk, topic: &str, order: &str) {
    let quote = ["order", "quote", topic, order, "--revision", "1"];
    let price = [
        "--breakup",
        "title=two loaves,amount=9.00 EUR",
        "--total",
        "9.00 EUR",
    ];
    let legs = [
        "--leg",
        "leg=all,amount=9.00 EUR,trigger=on",
        "--takes",
        "[]",
    ];
    let way = r#"{"leg":"all","kind":"goods","lines":[{"line":0,"quantity":2}]}"#;
    let until = ["--fulfilment", way, "--valid-until", "2099-12-31"];
    desk.ok(&[&quote[..], &price, &legs, &until].concat());
    carry(desk, client, &[topic, "shop"]);
    client.ok(&["order", "agree", topic, order]);
    carry(client, desk, &[topic]);
}

#[test]
fn questions_of_the_desk_are_held_to_what_they_can_say() {
    let (desk, [client, _]) = bakery();
    let said: Vec<Json> = (0..7)
        .map(|n| json!({ "text": format!("number {n}") }))
        .collect();
    import(&client, &desk, "aino", "message.post", &said);
    let up = Up::start(&desk, &["--offline"]);
    let web = Web::login(up.ready["web"]["login"].as_str().unwrap());
    // a page of a kind, and the ones before it
    let mut path = "/topics/aino/entries?kind=message.post&last=true&limit=3".to_owned();
    let mut texts = Vec::new();
    loop {
        let page = web.ok(&path);
        let entries = page["entries"].as_array().unwrap().clone();
        assert!(
            entries
                .iter()
                .all(|it| it["kind"] == "message.post" && it["rejected"].is_null())
        );
        let found = entries
            .iter()
            .map(|it| it["body"]["text"].as_str().unwrap().to_owned());
        texts.splice(0..0, found);
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/topics/aino/entries?kind=message.post&last=true&limit=3&before={next}");
    }
    let wanted: Vec<String> = (0..7).map(|n| format!("number {n}")).collect();
    assert_eq!(texts, wanted);
    let clients = web.ok("/clients?limit=1");
    assert_eq!(clients["all"], 2);
    assert_eq!(clients["clients"][0]["name"], "aino");
    assert!(clients["clients"][0]["line"]["at_ms"].is_u64());
    let after = clients["next"].as_str().unwrap();
    let rest = web.ok(&format!("/clients?limit=1&after={after}"));
    assert_eq!(
        (&rest["clients"][0]["name"], &rest["next"]),
        (&json!("bert"), &Json::Null)
    );
    let found = web.ok("/topics/shop/views/items?words=R%C3%9DE%20bread");
    assert_eq!(found["rows"][0]["key"], "item/bread");
    for wrong in [
        "/clients?after=yesterday",
        "/clients?words=%20",
        "/clients?words=a+b+c+d+e+f+g+h+i",
        "/topics/shop/views/items?words=",
        "/topics/aino/entries?before=00",
        "/topics/aino/entries?kind=message.post&before=00",
    ] {
        assert_eq!(web.get(wrong).status, 400, "{wrong}");
    }
    let nothing = format!("/topics/aino/entries?last=true&before={}", "00".repeat(32));
    assert_eq!(web.get(&nothing).status, 404);
    up.stop();
}

fn link_of(screen: &str) -> String {
    format!("document.querySelector('#nav a[href=\"#/{screen}\"]').textContent")
}

#[test]
fn how_much_waits_is_seen_and_heard() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    order(&client, &desk, "aino");
    client.ok(&["say", "aino", "--text", "one"]);
    client.ok(&["say", "aino", "--text", "two"]);
    carry(&client, &desk, &["aino"]);
    page.before_each(WATCH);
    let up = login(&mut page, &desk);
    // who hears the link hears the number
    let (today, chats) = (link_of("today"), link_of("chats"));
    page.until(&format!("{today} === 'Today1, 1 waiting for you'"));
    page.until(&format!("{chats} === 'Chats2, 2 new messages'"));
    page.until("document.title === '(3) Today – synlog'");
    check_screen(&mut page);
    page.shoot("badges");
    // it was asked for when the screen stood
    let stood = page.value("window.__stood").as_f64().unwrap();
    let times = asked(&mut page, "/waiting");
    assert_eq!(times.len(), 1);
    assert!(times[0] > stood, "{times:?} {stood}");

    // news that come together are one question, on whatever screen
    go(&mut page, "#/settings", "Settings");
    page.until("document.title === '(3) Settings – synlog'");
    let said: Vec<Json> = (0..20)
        .map(|n| json!({ "text": format!("more {n}") }))
        .collect();
    import(&client, &desk, "aino", "message.post", &said);
    page.until(&format!("{chats} === 'Chats22, 22 new messages'"));
    std::thread::sleep(Duration::from_millis(1_500));
    // 20 of them; a machine that stalls in between makes a few questions of it
    let asked = asked(&mut page, "/waiting").len();
    assert!((2..=5).contains(&asked), "{asked}");

    // what is read is not new any more, and what is answered does not wait
    go(&mut page, "#/chats", "Chats");
    page.press("aino");
    page.until(&format!("{chats} === 'Chats'"));
    page.until("document.title === '(1) aino – synlog'");
    go(&mut page, "#/today", "Today");
    page.value("document.querySelector('main li.card a').click()");
    page.press("Decline the order");
    // that is what one does with what was asked for, and not to cancel it
    assert_eq!(
        page.value("document.querySelector('main').textContent.includes('Cancel the order')"),
        false
    );
    page.press("Decline the order");
    // said in words, not by the name of a kind
    announced(&mut page, "Order declined.");
    page.until(&format!("{today} === 'Today'"));
    page.until("!document.title.startsWith('(')");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

/// Chooses in a list that can be seen, by its label.
fn choose(page: &mut Browser, label: &str, value: &str) {
    let script = format!(
        "(() => {{ const label = [...document.querySelectorAll('label')].filter((it) => it.checkVisibility() && it.textContent === {}).pop(); \
         const list = document.getElementById(label.htmlFor); list.value = {}; list.dispatchEvent(new Event('change', {{ bubbles: true }})); return list.value; }})()",
        json!(label),
        json!(value)
    );
    assert_eq!(page.read(&script), json!(value));
}

#[test]
fn items_are_copied_changed_found_and_retired() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, _) = bakery();
    let up = Up::start(&desk, &["--offline", "--guests", "127.0.0.1:0"]);
    page.open(up.ready["web"]["login"].as_str().unwrap());
    page.until("document.querySelector('h1')?.textContent === 'Today'");
    settled(&mut page);
    go(&mut page, "#/catalog", "Kallion leipä");
    let items = || -> Vec<Json> {
        let rows = desk
            .ok(&["view", "list", "shop", "items", "--json"])
            .json_lines();
        rows.into_iter().map(|row| row["columns"].clone()).collect()
    };

    // a copy, which is no goods and costs from … to …
    press_in(&mut page, "Rye bread", "Duplicate");
    page.fill("Title", "Käsebrot, geröstet");
    page.fill("Short name (a-z, 0-9, -)", "bread");
    choose(&mut page, "Kind of price", "range");
    page.fill("Price, as in 12.50", "5.00");
    page.fill("Highest price", "4.00");
    page.press("More fields");
    choose(&mut page, "Category", "service/1");
    page.fill("Price for one …", "piece");
    page.value("[...document.querySelectorAll('fieldset label.check')].filter((it) => it.checkVisibility() && /pick-up|visit/.test(it.textContent)).forEach((it) => it.click())");
    check_screen(&mut page);
    page.shoot("item-form");
    page.press("Save");
    page.until(
        "document.querySelector('main [role=alert]')?.textContent.includes('must not be below')",
    );
    page.fill("Highest price", "7.50");
    page.press("Save");
    // another item is not overwritten
    page.until("document.querySelector('main [role=alert]')?.textContent.includes('already')");
    page.fill("Short name (a-z, 0-9, -)", "cheese");
    page.press("Save");
    page.until("document.querySelectorAll('main li.card').length === 2");
    let [bread, copy] = &items()[..] else {
        panic!("{:?}", items());
    };
    assert_eq!(bread["title"], "Rye bread");
    let said = ["item", "title", "price_kind", "per_unit", "schema"].map(|name| copy[name].clone());
    assert_eq!(
        json!(said),
        json!([
            "cheese",
            "Käsebrot, geröstet",
            "range",
            "piece",
            "service/1"
        ])
    );
    assert_eq!((&copy["min"], &copy["max"]), (&json!(500), &json!(750)));
    assert_eq!(copy["fulfilment"], json!(["pickup", "visit"]));
    page.until("[...document.querySelectorAll('main li.card')].some((it) => it.textContent.includes('€5.00 – €7.50 / piece'))");

    // on request: there is no amount then
    press_in(&mut page, "Käsebrot", "Change");
    choose(&mut page, "Kind of price", "quote");
    assert_eq!(
        page.value("[...document.querySelectorAll('label')].some((it) => it.checkVisibility() && /^(Price, as|Highest)/.test(it.textContent))"),
        false
    );
    page.press("Save");
    page.until("[...document.querySelectorAll('main li.card > p.row > span')].some((it) => it.textContent === 'on request')");
    assert_eq!(items()[1]["price_kind"], "quote");
    assert_eq!(items()[1]["schema"], "service/1");
    // goods have a price
    press_in(&mut page, "Rye bread", "Change");
    assert_eq!(
        page.read("[...[...document.querySelectorAll('select')].find((it) => it.checkVisibility()).options].filter((it) => it.disabled).map((it) => it.value)"),
        json!(["hourly", "quote"])
    );
    page.press("Change");

    // words anywhere, whatever their case and accents are
    for (words, cards) in [
        ("GEROSTET kase", 1),
        ("rye", 1),
        ("r", 2),
        ("nosuchword", 0),
    ] {
        page.fill("Find items", words);
        page.key("Enter");
        page.until(&format!(
            "document.querySelector('[type=search]').defaultValue === {} && document.querySelectorAll('main li.card').length === {cards}",
            json!(words)
        ));
    }
    page.until("document.querySelector('main').textContent.includes('Nothing has these words.')");
    go(&mut page, "#/catalog", "Kallion leipä");

    // it is asked before something is gone for good
    press_in(&mut page, "Käsebrot", "Retire");
    page.until(
        "document.querySelector('dialog[open]')?.textContent.includes('never offered again')",
    );
    check_screen(&mut page);
    page.press("Cancel");
    page.until("!document.querySelector('dialog')");
    assert_eq!(items()[1]["state"], "active");
    press_in(&mut page, "Käsebrot", "Retire");
    page.until("document.querySelector('dialog[open]')");
    page.value("document.querySelector('dialog button.main').click()");
    page.until("[...document.querySelectorAll('main li.card')].some((it) => it.textContent.includes('retired') && !it.textContent.includes('Change') && it.textContent.includes('Duplicate'))");
    assert_eq!(items()[1]["state"], "retired");

    // as customers see it: the space, and one item
    page.until("[...document.querySelectorAll('main li.card a')].some((it) => it.textContent === 'As customers see it')");
    page.until("[...document.querySelectorAll('main > p a')].find((it) => it.textContent === 'As customers see it')?.href.includes('#space=')");
    let link = page.read("document.querySelector('main li.card a[target=_blank]')?.href");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    page.another();
    page.open(link.as_str().unwrap());
    page.until("document.querySelector('h1')?.textContent === 'Rye bread'");
    up.stop();
}

#[test]
fn earlier_messages_come_in_pages() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let said: Vec<Json> = (0..170)
        .map(|n| json!({ "text": format!("number {n}") }))
        .collect();
    import(&client, &desk, "aino", "message.post", &said[..80]);
    // what the rules refuse was never said
    let long = "x".repeat(2_100);
    client.ok(&["say", "aino", &format!("--text={long}"), "--force"]);
    let hidden = client.ok(&["say", "aino", "--private", "between us"]);
    import(&client, &desk, "aino", "message.post", &said[80..]);
    let up = login(&mut page, &desk);
    let topic = desk.ok(&["topic", "show", "aino", "--json"]).json()["topic"].clone();
    go(
        &mut page,
        &format!("#/chat/{}", topic.as_str().unwrap()),
        "aino",
    );
    let lines =
        "[...document.querySelectorAll('.talk li > p:first-child')].map((it) => it.textContent)";
    page.until(&format!("{lines}.length === 50"));
    check_screen(&mut page);
    page.press("Earlier messages");
    // the one that was refused is in that page, and is not shown
    page.until(&format!("{lines}.length === 99"));
    // news leave them there, and what the table lets go of as well
    client.ok(&["say", "aino", "--text", "news"]);
    carry(&client, &desk, &["aino"]);
    page.until(&format!("{lines}.at(-1) === 'news'"));
    assert_eq!(page.value(&format!("{lines}.length")), 100);
    page.press("Earlier messages");
    page.until(&format!("{lines}.length === 172"));
    assert_eq!(
        page.value("[...document.querySelectorAll('button')].some((it) => it.checkVisibility() && it.textContent === 'Earlier messages')"),
        false
    );
    check_screen(&mut page);
    let mut shown: Vec<String> = serde_json::from_value(page.value(lines)).unwrap();
    let mut wanted: Vec<String> = (0..170).map(|n| format!("number {n}")).collect();
    wanted.insert(80, "between us".to_owned());
    wanted.push("news".to_owned());
    // the newest of the table are by their time, and these were written in one millisecond
    assert_eq!(shown[..121], wanted[..121]);
    for list in [&mut shown, &mut wanted] {
        list.sort();
    }
    assert_eq!(shown, wanted);
    // what its writer erases is not read here any more, also where it was fetched before
    client.ok(&["erase", &hidden.word()]);
    carry(&client, &desk, &["aino"]);
    page.until(&format!("{lines}.at(80) === 'erased'"));
    // of very many at once only those are shown that are known to follow each other
    let many: Vec<Json> = (0..60)
        .map(|n| json!({ "text": format!("later {n}") }))
        .collect();
    import(&client, &desk, "aino", "message.post", &many);
    page.until(&format!(
        "{lines}.length === 50 && {lines}.includes('later 59')"
    ));
    page.press("Earlier messages");
    page.until(&format!("{lines}.includes('news')"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn clients_are_told_of_with_what_is_open() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [aino, bert]) = bakery();
    let id = order(&aino, &desk, "aino");
    agreed(&aino, &desk, "aino", &id);
    // bert has a time that begins soon, and does not come
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let rules = r#"{"days":[0,1,2,3,4,5,6],"from_s":0,"to_s":86400}"#;
    desk.ok(&["availability", "put", "shop", "oven", "--rules", rules]);
    carry(&desk, &bert, &["shop"]);
    let start = now_ms() + 60_000;
    let time = json!({ "resource": "oven", "start": start, "end": start + 60_000, "seats": 1 });
    let mut body = time.clone();
    body["space"] = json!({ "$hex": shop });
    let booking = bert.ok(&["book", "request", "bert", "--body", &body.to_string()]);
    let booking = booking.word();
    carry(&bert, &desk, &["bert"]);
    let take = ["slot", "take", "shop", "oven", "--for", &booking];
    let take = desk.ok(&[&take[..], &["--body", &time.to_string()]].concat());
    desk.ok(&["book", "confirm", "bert", &booking, "--take", &take.word()]);
    let many = std::env::var("SYNLOG_CLIENTS").ok();
    let many: usize = many.and_then(|text| text.parse().ok()).unwrap_or(110);
    let up = login(&mut page, &desk);
    page.value(&format!(
        "(async () => {{ for (let n = 0; n < {many}; n += 1) {{ const made = await fetch('/api/v1/topics', {{ method: 'POST', \
         headers: {{ 'Content-Type': 'application/json' }}, body: JSON.stringify({{ name: `Kunde Nr. ${{n}}`, app: 'relation' }}) }}); \
         if (!made.ok) throw new Error(await made.text()); }} return true; }})()"
    ));
    bert.ok(&[
        "order",
        "request",
        "bert",
        "--line",
        &format!(
            "space={0},item=bread,revision={0},quantity=1,title=Bread",
            "ab".repeat(32)
        ),
    ]);
    bert.ok(&["say", "bert", "--private", "see you at five"]);
    carry(&bert, &desk, &["bert"]);
    std::thread::sleep(Duration::from_millis(
        (start + 100).saturating_sub(now_ms()),
    ));
    desk.ok(&["book", "no-show", "bert", &booking]);
    // what the test did is not counted, nor what Today asks for because of it
    settled(&mut page);
    page.value(
        "performance.setResourceTimingBufferSize(5000); performance.clearResourceTimings(); true",
    );
    let begun = std::time::Instant::now();
    go(&mut page, "#/clients", "Clients");
    println!("{} clients: shown after {:?}", many + 2, begun.elapsed());
    let all = many + 2;
    let cards = "[...document.querySelectorAll('.pages li.card')]";
    page.until(&format!("{cards}.length >= 50 && document.querySelector('main').textContent.includes('Clients: {all}')"));
    // who was last comes first
    let first = page.value(&format!("{cards}[0].innerText"));
    let first = first.as_str().unwrap();
    for text in [
        "bert",
        "Orders: 1 open, 1 in all",
        "see you at five",
        "Since ",
    ] {
        assert!(first.contains(text), "{text}: {first}");
    }
    // one question for a page, and none for each of them
    let questions = asked(&mut page, "/clients").len();
    assert!((1..10).contains(&questions), "{questions}");
    let of_one = page.value("performance.getEntriesByType('resource').filter((it) => /topics\\/[0-9a-f]{64}\\//.test(it.name)).length");
    assert_eq!(of_one, 0);
    check_screen(&mut page);
    page.shoot("clients-phone");
    while page.value("document.querySelector('.pages > button').hidden") != json!(true) {
        page.value("scrollTo(0, document.documentElement.scrollHeight)");
        std::thread::sleep(Duration::from_millis(50));
    }
    let pages = page.value("document.querySelectorAll('.pages > ul').length");
    assert_eq!(pages.as_u64().unwrap() as usize, all.div_ceil(50));

    page.value("scrollTo(0, 0)");
    page.fill("Find by name", "AINO");
    page.key("Enter");
    page.until(&format!(
        "{cards}.length === 1 && {cards}[0].innerText.includes('Owes you €9.00')"
    ));
    page.until("document.querySelector('main').textContent.includes('Found: 1')");
    check_screen(&mut page);
    go(&mut page, "#/clients/nosuchname", "Clients");
    page.until("document.querySelector('main').textContent.includes('Nobody has this name.')");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn a_german_owner_reads_german() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let id = order(&client, &desk, "aino");
    agreed(&client, &desk, "aino", &id);
    let up = login(&mut page, &desk);
    page.value("localStorage.setItem('language', 'de')");
    page.call("Page.reload", json!({}));
    page.until("document.querySelector('h1')?.textContent === 'Heute'");
    // one language is loaded
    let loaded = page.value("performance.getEntriesByType('resource').map((it) => it.name.split('/').pop()).filter((it) => it.startsWith('words-'))");
    assert_eq!(loaded, json!(["words-de.js"]));
    let english = |page: &mut Browser| {
        let found = page.value("['Say ', 'Offer', 'order.', 'pay.', 'Done', 'Reason', 'Why', 'Return', 'The '].filter((text) => document.querySelector('main').innerText.includes(text))");
        assert_eq!(
            found,
            json!([]),
            "{}",
            page.value("document.querySelector('main').innerText")
        );
    };
    page.value("document.querySelector('main li.card a').click()");
    page.until("[...document.querySelectorAll('summary')].some((it) => it.textContent === 'Bestellung absagen')");
    page.until("[...document.querySelectorAll('.timeline strong')].some((it) => it.textContent === 'Angebot angenommen')");
    english(&mut page);
    check_screen(&mut page);
    page.shoot("order-german");
    page.press("Bestellung absagen");
    page.until("[...document.querySelectorAll('label')].some((it) => it.checkVisibility() && it.textContent === 'Grund')");
    let topic = desk.ok(&["topic", "show", "aino", "--json"]).json()["topic"].clone();
    page.value(&format!(
        "location.hash = '#/audit/{}'",
        topic.as_str().unwrap()
    ));
    page.until("[...document.querySelectorAll('.timeline strong')].some((it) => it.textContent === 'Bestellung angefragt')");
    english(&mut page);

    // a refusal says what it means here, and nothing of what one types elsewhere
    go(&mut page, "#/catalog", "Kallion leipä");
    page.press("Ändern");
    page.fill("Titel", "Roggenbrot");
    hold(&mut page, true);
    desk.ok(&["item", "state", "shop", "bread", "--state", "retired"]);
    page.press("Speichern");
    page.until("document.querySelector('main [role=alert] p')?.textContent.startsWith('Der Artikel ist endgültig entfernt.')");
    let shown = page.value("document.querySelector('main [role=alert]').innerText");
    assert!(!shown.as_str().unwrap().contains("--force"), "{shown}");
    hold(&mut page, false);
    check_screen(&mut page);
    page.troubles.retain(|trouble| !trouble.contains("422"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}
