//! What customers see is what counts: what they sign stands on their screen, a key that they
//! forget is forgotten in all tabs, and what the provider says of itself late is said all the
//! same.

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::guest_order::{Shop, open, shop};
use crate::web_browser::{PHONE, browser, check_screen};
use crate::web_client::soon;
use crate::web_guest::{go, provider, relation, says};
use crate::web_moves::{all_sent, order_bread, visit, visit_and_order};

/// The state of the only order that the shop has.
fn state(shop: &Shop, topic: &str) -> Json {
    let rows = shop.owner.ok(&format!("/topics/{topic}/views/orders"));
    rows["rows"][0]["columns"]["state"].clone()
}

/// The only order that the shop has, once it is there.
pub(crate) fn the_order(shop: &Shop, topic: &str) -> String {
    let path = format!("/topics/{topic}/views/orders");
    let ask = || shop.owner.ok(&path)["rows"][0]["columns"]["order"]["$hex"].take();
    soon(ask, Json::is_string).as_str().unwrap().to_owned()
}

/// Offers a loaf for so much, to be paid once it is there.
pub(crate) fn quote_bread(shop: &Shop, topic: &str, order: &str, revision: u64, minor: u64) {
    let amount = json!({ "currency": "EUR", "minor": minor });
    let body = json!({
        "order": order, "revision": revision, "total": amount, "valid_until": 4_070_908_800_000_u64,
        "breakup": [{ "title": "Rye bread", "amount": amount }],
        "legs": [{ "leg": "all", "amount": amount, "trigger": "on" }],
        "fulfilment": [{ "leg": "go", "kind": "pickup", "lines": [{ "line": 0, "quantity": 1 }] }],
    });
    provider(&shop.owner, topic, "order.quote", &body);
}

/// What the page knows of itself.
fn of_page(page: &mut Browser, expression: &str) -> Json {
    page.value(&format!(
        "import(new URL('./app.js', document.querySelector('script').src)).then(({{ app }}) => {expression})"
    ))
}

/// Waits for something that the page knows of itself; it may be loaded anew meanwhile.
fn page_knows(page: &mut Browser, expression: &str) {
    page.until(&format!(
        "import(new URL('./app.js', document.querySelector('script').src)).then(({{ app }}) => {{ window.__known = {expression}; }}), window.__known"
    ));
}

#[test]
fn what_is_agreed_to_is_what_stands_there() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    visit_and_order(&mut page, &shop, 1);
    let topic = relation(&shop.owner);
    let order = the_order(&shop, &topic);
    let quote = |revision: u64, minor: u64| quote_bread(&shop, &topic, &order, revision, minor);
    quote(1, 1_000);
    says(&mut page, "quoted");
    page.value(&format!("location.hash = '#/order/{order}'; true"));
    let card = "[...document.querySelectorAll('main section.card')].find((it) => it.querySelector('h3')?.textContent === 'Agree to the offer')";
    page.until(&format!("{card}.innerText.includes('€10.00')"));
    // somebody writes: the screen stays as it is, and another offer comes
    page.press("Ask for another offer");
    page.fill("What you would pay", "8.00");
    quote(2, 9_900);
    page_knows(
        &mut page,
        "(app.link.rows().tables.orders[0].columns.total.minor ?? app.link.rows().tables.orders[0].columns.total) === 9900",
    );
    page.value("new Promise((done) => setTimeout(done, 500))");
    assert_eq!(
        page.value(&format!("{card}.innerText.includes('€99.00')")),
        json!(false)
    );
    page.value(&format!("{card}.querySelector('button.main').click()"));
    page.until(&format!(
        "{card}.querySelector('[role=alert]')?.innerText.includes('There is a newer offer')"
    ));
    check_screen(&mut page);
    all_sent(&mut page);
    assert_eq!(state(&shop, &topic), "quoted");
    // a wish is about the offer that is seen, too
    page.value("document.querySelector('details[open] button.main').click()");
    page.until("document.querySelector('details[open] [role=alert]')?.innerText.includes('There is a newer offer')");
    all_sent(&mut page);
    assert_eq!(state(&shop, &topic), "quoted");
    page.press("Show the newer offer");
    page.until(&format!("{card}.innerText.includes('€99.00')"));
    page.value(&format!("{card}.querySelector('button.main').click()"));
    soon(|| state(&shop, &topic), |now| now == "agreed");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    shop.up.stop();
}

/// Forgets in one tab what another one works with, `hidden` being what browsers may lack.
fn forget_beside(page: &mut Browser, hidden: Option<&str>) {
    let shop = shop(&[]);
    if let Some(script) = hidden {
        page.before_each(script);
    }
    visit_and_order(page, &shop, 1);
    let one = page.another();
    if let Some(script) = hidden {
        page.before_each(script);
    }
    visit(page, &shop);
    page.until("document.querySelector('.live.open')");
    go(page, "chat", "Messages");
    let other = page.turn_to(one);
    go(page, "key", "My key");
    page.press("Forget this browser");
    page.value("document.querySelector('details[open] input[type=checkbox]').click()");
    page.value("document.querySelector('details[open] button.main').click()");
    page.until("location.hash === '#/provider' && document.querySelector('nav a') && !document.querySelector('details[open]')");
    page_knows(page, "app.link?.me === null");
    let one = page.turn_to(other);
    if hidden.is_some() {
        // nobody told it, until it writes
        page.value("document.querySelector('main textarea').value = 'by a key that is gone'");
        page.press("Send");
    }
    page_knows(page, "app.link?.me === null");
    let left = "(async () => { const db = await new Promise((done) => { const asked = indexedDB.open('synlog-guest'); asked.onsuccess = () => done(asked.result); }); \
        const keys = async (name) => new Promise((done) => { const asked = db.transaction(name).objectStore(name).getAllKeys(); asked.onsuccess = () => done(asked.result); }); \
        const left = [...await keys('records'), ...(await keys('meta')).filter((name) => ['keys', 'relation', 'sent', 'drafts'].includes(name))]; db.close(); return left; })()";
    assert_eq!(page.value(left), json!([]));
    // another key is another customer, in both
    let other = page.turn_to(one);
    page.open("about:blank");
    visit(page, &shop);
    order_bread(page, 2);
    all_sent(page);
    let entity = of_page(page, "app.link.me.entity");
    page.turn_to(other);
    page.open("about:blank");
    visit(page, &shop);
    page_knows(page, &format!("app.link?.me?.entity === {entity}"));
    let topics = shop.owner.ok("/topics")["topics"].take();
    let relations = topics.as_array().unwrap().iter();
    assert_eq!(relations.filter(|it| it["app"] == "relation").count(), 2);
    shop.up.stop();
}

#[test]
fn a_key_that_is_forgotten_is_forgotten_in_all_tabs() {
    for hidden in [None, Some("delete window.BroadcastChannel")] {
        let Some(mut page) = browser(PHONE) else {
            return;
        };
        forget_beside(&mut page, hidden);
    }
}

#[test]
fn who_gets_no_stream_asks_less_and_less() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    page.before_each(
        "const ask = window.fetch; window.__asked = 0; window.fetch = async (...given) => { \
           if (!/relations\\/\\w+\\/stream/.test(String(given[0]))) return ask(...given); \
           window.__asked += 1; \
           return new Response(JSON.stringify({ code: 'too_many_watchers', title: 'too many streams are open' }), { status: 503, headers: { 'Content-Type': 'application/problem+json' } }); };",
    );
    let shop = shop(&[]);
    visit_and_order(&mut page, &shop, 1);
    page.value("window.__asked = 0; new Promise((done) => setTimeout(done, 6000))");
    let asked = page.value("window.__asked").as_u64().unwrap();
    // at least 250, 500, 1,000 and 2,000 ms between them
    assert!(asked <= 7, "{asked}");
    // what it asks for is answered, so it is connected
    page.until("document.querySelector('.live.open')");
    shop.up.stop();
    // and who has never written learns that nobody is there
    page.until("!document.querySelector('.live.open')");
}

#[test]
fn a_provider_that_is_away_is_seen_by_who_only_looks() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    page.before_each("document.addEventListener('listening', () => { window.__listens = true; });");
    visit(&mut page, &shop);
    page.until("document.querySelector('.live.open')");
    // the page has read all its parts
    page_knows(&mut page, "document.querySelectorAll('li.card').length > 0");
    page.until("window.__listens");
    shop.up.stop();
    page.until("document.getElementById('banner').textContent.includes('The provider is not reached right now')");
}

#[test]
fn a_shop_that_takes_nobody_today_says_so() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = open(&[
        "--offline",
        "--guests",
        "127.0.0.1:0",
        "--guests-limit",
        "day=0",
    ]);
    visit(&mut page, &shop);
    go(&mut page, "item/bread", "Rye bread");
    page.fill("Your name, as the provider shall see it", "Mari");
    page.press("Look it over");
    page.until("document.querySelector('dialog[open]')");
    page.press("Send the order");
    page.until("document.getElementById('banner').textContent.includes('The provider takes no more customers today')");
    check_screen(&mut page);
    shop.up.stop();
}

#[test]
fn another_provider_at_an_address_is_told_also_late() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    page.before_each(
        "const ask = window.fetch; window.fetch = async (...given) => { const answer = await ask(...given); \
           if (!localStorage.getItem('another') || !/guest\\/v1\\/here/.test(String(given[0]))) return answer; \
           await new Promise((done) => setTimeout(done, 4000)); \
           return new Response(JSON.stringify({ ...await answer.json(), entity: 'ab'.repeat(32) }), { status: 200, headers: { 'Content-Type': 'application/json' } }); };",
    );
    let shop = shop(&[]);
    visit(&mut page, &shop);
    // what is kept is written when the screen stands
    page.value("new Promise((done) => setTimeout(done, 1000))");
    page.value("localStorage.setItem('another', 'yes'); location.reload(); true");
    page.until("document.getElementById('banner')?.textContent.includes('another provider than the one your link names')");
    shop.up.stop();
}
