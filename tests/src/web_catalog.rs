//! A catalog that changes while a customer looks at it, or is away; free times; and what is
//! said of offers before somebody agrees: in a real browser of the size of a phone.

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::guest_order::{Shop, shop};
use crate::net_daemon::Up;
use crate::web_browser::{PHONE, browser, check_screen};
use crate::web_client::{Web, soon};
use crate::web_guest::{act, go, provider, relation, says};
use crate::web_kept::await_worker;
use crate::web_moves::{all_sent, visit, visit_and_order};

/// Puts an item, or other terms of it.
fn put(owner: &Web, item: &str, title: &str, minor: u64) {
    let price = json!({ "kind": "fixed", "currency": "EUR", "min": minor });
    let body = json!({ "item": item, "schema": "goods/1", "title": title, "price": price });
    provider(owner, "shop", "item.put", &body);
}

/// Where the shop's node is, to start it there once more.
fn address(shop: &Shop) -> String {
    let port = shop.url.trim_end_matches('/').rsplit_once(':').unwrap().1;
    format!("127.0.0.1:{port}")
}

fn orders(owner: &Web, topic: &str) -> Vec<Json> {
    let rows = owner.ok(&format!("/topics/{topic}/views/orders"))["rows"].take();
    rows.as_array().unwrap().clone()
}

/// Sends what is on the screen of an item, or in the basket.
fn send(page: &mut Browser) {
    page.press("Look it over");
    page.until("document.querySelector('dialog[open]')");
    page.press("Send the order");
    page.until("location.hash === '#/orders'");
}

#[test]
fn what_was_ordered_while_away_is_looked_at_before_it_goes_out() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    put(&shop.owner, "bun", "Cinnamon bun", 320);
    put(&shop.owner, "tea", "Tea", 200);
    visit_and_order(&mut page, &shop, 1);
    let topic = relation(&shop.owner);
    await_worker(&mut page);
    go(&mut page, "provider", "Kallion leipä");
    says(&mut page, "Cinnamon bun");
    // what has just come has no age
    page.until("document.querySelector('main [data-seen]').hidden");
    let at = address(&shop);
    shop.up.stop();
    page.until("document.getElementById('banner').textContent.includes('not reached')");
    page.open("about:blank");
    page.until("location.href === 'about:blank'");
    page.open(&shop.url);
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    page.until("document.getElementById('banner').textContent.includes('not reached')");
    says(&mut page, "As of today, ");
    check_screen(&mut page);
    page.shoot("guest-catalog-kept");
    for (item, title) in [
        ("bun", "Cinnamon bun"),
        ("bread", "Rye bread"),
        ("tea", "Tea"),
    ] {
        go(&mut page, &format!("item/{item}"), title);
        says(&mut page, "As of today, ");
        send(&mut page);
    }
    says(&mut page, "waits");
    check_screen(&mut page);

    // meanwhile one goes, and the price of another changes
    let shut = ["item", "state", "shop", "bread", "--state", "retired"];
    shop.desk.ok(&shut);
    let bun = [
        "item",
        "put",
        "shop",
        "bun",
        "--title",
        "Cinnamon bun",
        "--schema",
        "goods/1",
    ];
    let price = [
        "--price-kind",
        "fixed",
        "--price-currency",
        "EUR",
        "--price-min",
        "350",
    ];
    shop.desk.ok(&[&bun[..], &price].concat());
    let again = Up::start(&shop.desk, &["--offline", "--guests", &at]);
    let owner = Web::login(again.ready["web"]["login"].as_str().unwrap());
    says(&mut page, "something in it is not offered any more");
    says(&mut page, "the provider has changed some of it meanwhile");
    page.until("document.getElementById('banner').textContent.includes('An order was not sent')");
    // what still stands went out, and nothing else
    soon(|| orders(&owner, &topic).len(), |many| *many == 2);
    page.until("document.getElementById('banner').textContent.includes('Not sent yet: 2')");
    check_screen(&mut page);
    page.shoot("guest-order-stopped");
    // over a reload, too
    page.value("window.__old = true; location.reload(); true");
    page.until("!window.__old && document.querySelector('.live.open')");
    says(&mut page, "something in it is not offered any more");

    page.press("Back into the basket");
    page.until("location.hash === '#/basket'");
    says(&mut page, "This is not offered any more.");
    go(&mut page, "orders", "My orders");
    page.press("Back into the basket");
    says(&mut page, "it was €3.20 and is €3.50 now");
    page.press("That is fine with me");
    let out = "document.querySelector('main button[aria-label=\"Rye bread: Take it out\"]')";
    page.value(&format!("{out}.click(); true"));
    page.until("document.querySelectorAll('main .cards > li').length === 1");
    send(&mut page);
    soon(|| orders(&owner, &topic).len(), |many| *many == 3);
    all_sent(&mut page);
    page.until("!document.getElementById('banner').textContent");
    again.stop();
}

#[test]
fn changes_of_the_catalog_show_at_once() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    put(&shop.owner, "bun", "Cinnamon bun", 320);
    visit(&mut page, &shop);
    let button =
        "document.querySelector('main button[aria-label=\"Cinnamon bun: Into the basket\"]')";
    page.value(&format!("{button}.click(); true"));
    says(&mut page, "1 in the basket");
    let listens =
        "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/news.js'))";
    page.until(listens);
    std::thread::sleep(std::time::Duration::from_millis(500));
    // there are no keys yet, and news come all the same
    put(&shop.owner, "bun", "Cinnamon bun", 330);
    says(&mut page, "€3.30");
    go(&mut page, "basket", "Basket");
    says(&mut page, "it was €3.20 and is €3.30 now");
    page.press("That is fine with me");
    put(&shop.owner, "bun", "Cinnamon bun", 350);
    says(&mut page, "it was €3.30 and is €3.50 now");
    let paused = json!({ "item": "bun", "state": "paused" });
    provider(&shop.owner, "shop", "item.state", &paused);
    says(&mut page, "This is not offered any more.");
    check_screen(&mut page);

    // who has begun to write on the page of an item is told when it is sent
    go(&mut page, "item/bread", "Rye bread");
    page.fill("How many", "2");
    page.fill("Your name, as the provider shall see it", "Mari");
    put(&shop.owner, "bread", "Rye bread", 500);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    page.press("Look it over");
    says(&mut page, "Nothing was ordered: look at it anew first.");
    page.until("!document.querySelector('dialog')");
    check_screen(&mut page);
    page.press("Look at it anew");
    says(&mut page, "€5.00");
    let retired = json!({ "item": "bread", "state": "retired" });
    provider(&shop.owner, "shop", "item.state", &retired);
    says(&mut page, "This is not offered any more.");
    shop.up.stop();
}

#[test]
fn an_empty_day_leads_to_the_next_free_one() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    let zone = ["--zone", "Europe/Helsinki", "--capacity", "1"];
    for (slug, title) in [("oven", "Baking class"), ("tour", "Tour")] {
        let put = ["resource", "put", "shop", slug, "--title", title];
        shop.desk.ok(&[&put[..], &zone].concat());
    }
    // one day of the week, three weeks from now; and never
    let today = i64::try_from(crate::guest::now_ms()).unwrap() / 86_400_000;
    let then = today + 23;
    let rule =
        json!([{ "days": [(then + 3) % 7], "from_s": 36_000, "to_s": 43_200, "since": then }]);
    shop.desk.ok(&[
        "availability",
        "put",
        "shop",
        "oven",
        "--rules",
        &rule.to_string(),
    ]);
    visit(&mut page, &shop);
    go(&mut page, "book", "Book a time");
    says(&mut page, "Nothing is free on this day.");
    page.until("document.querySelectorAll('.days button.gone').length === 7");
    check_screen(&mut page);
    page.shoot("guest-book-empty");
    page.press("Next day with free times");
    page.until("document.querySelectorAll('ul.slots button').length > 0");
    let date = format!("new Date({then} * 86400000).toISOString().slice(0, 10)");
    page.until(&format!(
        "document.querySelector('main input[type=date]').value === {date}"
    ));
    page.until("document.querySelectorAll('.days button:not(.gone)').length === 1 && document.querySelector('.days [aria-pressed=\"true\"]:not(.gone)')");
    check_screen(&mut page);
    page.shoot("guest-book");
    page.value("(() => { const pick = document.querySelector('main select'); pick.value = 'tour'; pick.dispatchEvent(new Event('change')); return true; })()");
    says(&mut page, "Nothing is free on this day.");
    page.press("Next day with free times");
    says(&mut page, "Nothing is free within 8 weeks.");
    shop.up.stop();
}

#[test]
fn what_is_agreed_to_is_said_in_words() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    let zone = json!({ "timezoneId": "America/New_York" });
    page.call("Emulation.setTimezoneOverride", zone);
    visit_and_order(&mut page, &shop, 2);
    let topic = relation(&shop.owner);
    let found = soon(|| orders(&shop.owner, &topic), |rows| !rows.is_empty());
    let order = found[0]["columns"]["order"]["$hex"]
        .as_str()
        .unwrap()
        .to_owned();
    let money = |minor: u64| json!({ "currency": "EUR", "minor": minor });
    let quote = json!({
        "order": order, "revision": 1, "total": money(900),
        "breakup": [{ "title": "Two loaves", "amount": money(900) }],
        "legs": [
            { "leg": "x1", "amount": money(300), "trigger": "on_agree" },
            { "leg": "x2", "amount": money(600), "trigger": "date", "due": 4_070_908_800_000_u64 },
        ],
        "fulfilment": [{ "leg": "f1", "kind": "digital", "lines": [{ "line": 0, "quantity": 2 }] }],
        "terms": [{ "stage": "pending", "fee_bp": 1000 }],
        "silence_s": 259_200, "valid_until": 4_070_908_800_000_u64,
    });
    provider(&shop.owner, &topic, "order.quote", &quote);
    page.value(&format!("location.hash = '#/order/{order}'; true"));
    page.until("document.querySelector('main section.card')");
    for text in [
        "payment 1: €3.00",
        "payment 2: €6.00",
        "Over the network",
        "once it is confirmed: 10 %",
        "the provider may end it by itself 3 days after you got it",
        "Jan 1, 2099, 2:00 AM (Helsinki); by your clock Dec 31, 2098, 7:00 PM",
    ] {
        says(&mut page, text);
    }
    // whole words, since ids have any digits in them
    let is_raw = |word: &str| {
        let parts = ["x1", "x2", "f1", "leg", "fee_bp", "silence_s", "on_agree"];
        parts.contains(&word) || ["259200", "4070908800000"].contains(&word)
    };
    let has_raw = |text: &str| {
        text.split(|it: char| !it.is_alphanumeric() && it != '_')
            .any(is_raw)
    };
    assert!(has_raw("leg: f1"));
    let shown = page.value("document.querySelector('main').innerText");
    let shown = shown.as_str().unwrap().to_owned();
    assert!(!has_raw(&shown), "{shown}");
    check_screen(&mut page);
    page.shoot("guest-order-words");
    // the same in the history, where an offer is unfolded
    go(&mut page, "audit", "History");
    page.value(
        "for (const fold of document.querySelectorAll('.timeline details')) fold.open = true; true",
    );
    let offer = "[...document.querySelectorAll('.timeline > li')].find((it) => it.querySelector('.what').textContent === 'Offer')?.innerText";
    page.until(&format!("{offer}.includes('payment 2: €6.00')"));
    let told = page.value(offer);
    let told = told.as_str().unwrap();
    assert!(!has_raw(told) && !told.contains("breakup"), "{told}");

    page.value(&format!("location.hash = '#/order/{order}'; true"));
    act(&mut page, "Agree to the offer");
    says(&mut page, "agreed");
    let agreed = |rows: &Vec<Json>| rows[0]["columns"]["state"] == "agreed";
    soon(|| orders(&shop.owner, &topic), agreed);
    let of = json!({ "order": order });
    provider(&shop.owner, &topic, "order.confirm", &of);
    for state in ["available", "accessed"] {
        let step = json!({ "order": order, "leg": "f1", "state": state });
        provider(&shop.owner, &topic, "fulfil.state", &step);
    }
    // what to do, and what comes of doing nothing; nothing was said of giving it back
    says(&mut page, "All of it has come. Is all well?");
    says(
        &mut page,
        "If you say nothing, the provider may end the order by itself, but not before:",
    );
    says(&mut page, "If something is wrong, object to it:");
    let shown = page.value("document.querySelector('main section.card').innerText");
    assert!(!shown.as_str().unwrap().contains("give it back"), "{shown}");
    check_screen(&mut page);
    page.shoot("guest-order-came");
    shop.up.stop();
}

/// A picture of four times four points.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x04\0\0\0\x04\x08\x02\0\0\0&\x93\x09)\0\0\0\x10IDATx\x9cc8Q\xa1\x01G\x0c\xc4q\0SR\x16\x81\x19\xaa\x0e\xcf\0\0\0\0IEND\xaeB`\x82";

#[test]
fn pictures_that_were_shown_are_kept() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    let stored = shop
        .owner
        .ask("POST", "/blobs?topic=shop", &[], PICTURE)
        .json();
    let bun = json!({
        "item": "bun", "schema": "goods/1", "title": "Cinnamon bun", "images": [stored["reference"]],
        "price": { "kind": "fixed", "currency": "EUR", "min": 320 },
    });
    provider(&shop.owner, "shop", "item.put", &bun);
    visit(&mut page, &shop);
    await_worker(&mut page);
    let shown = "[...document.images].find((it) => it.alt === 'Cinnamon bun')";
    page.until(&format!("{shown}.naturalWidth === 4"));
    let pictures = "import(new URL('./pictures.js', document.querySelector('script').src))";
    let hash = stored["blob"].as_str().unwrap();
    page.until(&format!(
        "{pictures}.then(async ({{ kept }}) => {{ window.__kept = Boolean(await kept('{hash}')); }}), window.__kept"
    ));
    // who was seen longest ago goes first, until the others find room
    let surplus = "surplus([{ hash: 'a', size: 4, seen: 2 }, { hash: 'b', size: 4, seen: 1 }, { hash: 'c', size: 4, seen: 3 }], 8).join()";
    let surplus = page.value(&format!("{pictures}.then(({{ surplus }}) => {surplus})"));
    assert_eq!(surplus, "b");
    shop.up.stop();
    // nor does the browser's own cache have it any more
    page.call("Network.enable", json!({}));
    page.call("Network.clearBrowserCache", json!({}));
    // and what checks them comes after the catalog
    page.before_each(
        "const compile = WebAssembly.compileStreaming; WebAssembly.compileStreaming = async (...given) => { \
           const made = await compile(...given); await new Promise((done) => setTimeout(done, 1500)); return made; };",
    );
    page.open("about:blank");
    page.until("location.href === 'about:blank'");
    page.open(&shop.url);
    page.until(&format!(
        "{shown}.src.startsWith('blob:') && {shown}.naturalWidth === 4"
    ));
    check_screen(&mut page);
    // another picture under its name is not shown
    let spoil = format!(
        "new Promise((done) => {{ indexedDB.open('synlog-pictures').onsuccess = ({{ target: {{ result }} }}) => {{ \
         const writing = result.transaction('bytes', 'readwrite'); writing.objectStore('bytes').get('{hash}').onsuccess = ({{ target }}) => {{ \
         target.result[target.result.length - 1] ^= 1; writing.objectStore('bytes').put(target.result, '{hash}'); }}; \
         writing.oncomplete = () => {{ result.close(); done(true); }}; }}; }})"
    );
    page.value(&spoil);
    page.value("window.__old = true; location.reload(); true");
    page.until(&format!(
        "!window.__old && document.querySelector('.live') && {shown}?.hidden"
    ));
}

#[test]
fn another_language_is_one_press_away() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    visit(&mut page, &shop);
    for (name, tag, other) in [("Deutsch", "de", "English"), ("English", "en", "Deutsch")] {
        page.press(name);
        page.until(&format!(
            "document.documentElement.lang === '{tag}' && document.querySelector('#foot button')?.textContent === '{other}'"
        ));
        page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
        check_screen(&mut page);
    }
    shop.up.stop();
}

#[test]
fn the_catalog_is_in_an_order_that_people_expect() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    let price = json!({ "kind": "fixed", "currency": "EUR", "min": 100 });
    // the index has them by their short names
    for number in 1..=40 {
        let body = json!({
            "item": format!("a{:02}", 41 - number), "schema": "goods/1",
            "title": format!("Loaf {number}"), "price": price,
        });
        provider(&shop.owner, "shop", "item.put", &body);
    }
    for (item, title, stock) in [("x", "Äpfel", 3), ("y", "aprikosen", 3), ("z", "Ananas", 0)] {
        let body = json!({ "item": item, "schema": "goods/1", "title": title, "stock": stock, "price": price });
        provider(&shop.owner, "shop", "item.put", &body);
    }
    visit(&mut page, &shop);
    let titles = "[...document.querySelectorAll('main .cards h3')].map((it) => it.textContent)";
    page.until(&format!("{titles}.length === 30"));
    let first = page.value(&format!("{titles}.slice(0, 4).join()"));
    assert_eq!(first, "Äpfel,aprikosen,Loaf 1,Loaf 2");
    page.press("More");
    page.until(&format!("{titles}.length === 44"));
    let last = page.value(&format!("{titles}.slice(-4).join()"));
    assert_eq!(last, "Loaf 39,Loaf 40,Rye bread,Ananas");
    let loaves = page.value(&format!(
        "{titles}.filter((it) => it.startsWith('Loaf')).every((it, at) => it === `Loaf ${{at + 1}}`)"
    ));
    assert_eq!(loaves, true);
    // also of what is found
    page.value("location.hash = '#/provider/aP'; true");
    page.until(&format!("{titles}.join() === 'Äpfel,aprikosen'"));
    shop.up.stop();
}
