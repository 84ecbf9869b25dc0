//! A customer's browser and a provider's node: a real Chromium of the size of a phone, from
//! the link to the completed order; skipped, with a word, where there is no Chromium.

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::guest_order::{Shop, shop};
use crate::net_daemon::Up;
use crate::web_browser::{NASTY, PHONE, browser, check_screen};
use crate::web_client::{Web, soon};

/// The link that the provider hangs up.
fn link(shop: &Shop) -> String {
    link_at(shop, &shop.url)
}

/// The same by another way to it.
pub(crate) fn link_at(shop: &Shop, url: &str) -> String {
    let entity = shop.desk.entity();
    let url = url.split('#').next().unwrap().trim_end_matches('/');
    format!("{url}/#space={}&entity={entity}", shop.space)
}

/// Sends something as the provider, by its own API.
pub(crate) fn provider(owner: &Web, topic: &str, kind: &str, body: &Json) -> Json {
    owner.done(
        &format!("/topics/{topic}/events/{kind}"),
        &json!({ "body": body }),
    )
}

pub(crate) fn go(page: &mut Browser, name: &str, heading: &str) {
    page.value(&format!("location.hash = '#/{name}'; true"));
    page.until(&format!(
        "document.querySelector('h1')?.textContent === {}",
        json!(heading)
    ));
}

pub(crate) fn says(page: &mut Browser, text: &str) {
    page.until(&format!(
        "document.querySelector('main').innerText.includes({})",
        json!(text)
    ));
}

/// Opens the part of a page with a name, if it is a fold, and presses the main button in it.
pub(crate) fn act(page: &mut Browser, name: &str) {
    let script = format!(
        "[...document.querySelectorAll('main details, main section.card')].filter((it) => it.querySelector('summary, h3')?.textContent === {}).pop()",
        json!(name)
    );
    page.until(&script);
    page.value(&format!(
        "{script}.open = true; {script}.querySelector('button.main').click(); true"
    ));
}

/// The relation that the provider's node founded.
pub(crate) fn relation(owner: &Web) -> String {
    let found = || {
        let topics = owner.ok("/topics")["topics"].take();
        let mut topics = topics.as_array().unwrap().iter();
        let found = topics.find(|topic| topic["app"] == "relation");
        found.map(|found| found["topic"].as_str().unwrap().to_owned())
    };
    soon(found, Option::is_some).unwrap()
}

#[test]
fn a_customer_orders_from_a_phone() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&["--guests-open", "yes"]);
    provider(
        &shop.owner,
        "shop",
        "item.put",
        &json!({
            "item": "cake", "schema": "goods/1", "title": NASTY[0], "description": NASTY[1],
            "price": { "kind": "fixed", "currency": "EUR", "min": 900 },
        }),
    );
    page.open(&link(&shop));
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    says(&mut page, "Rye bread");
    says(&mut page, "€4.50");
    // the shop has a colour of its own, also when it chooses it while somebody looks
    let band = |colour: &str| {
        format!(
            "getComputedStyle(document.querySelector('header')).boxShadow.startsWith('{colour}')"
        )
    };
    page.until(&band("rgba(0, 0, 0, 0)"));
    let colour = json!({ "colour": "#1f7a4d" });
    provider(&shop.owner, "shop", "space.brand", &colour);
    page.until(&band("rgb(31, 122, 77)"));
    check_screen(&mut page);
    page.shoot("guest-catalog");
    // looking costs nobody anything: there are no keys yet
    go(&mut page, "key", "My key");
    says(&mut page, "You have no key here yet");
    go(&mut page, "provider", "Kallion leipä");
    page.press("Rye bread");
    page.until("document.querySelector('h1')?.textContent === 'Rye bread'");
    check_screen(&mut page);
    page.shoot("guest-item");
    page.fill("How many", "99");
    page.fill("Your name, as the provider shall see it", "Mari");
    page.press("Look it over");
    page.until(
        "document.querySelector('dialog[open]')?.innerText.includes('99 × €4.50 = €445.50')",
    );
    page.until("document.querySelector('dialog .warn').textContent.includes('Only 5 are left')");
    // a phone's Back says no, and leaves nothing behind that could be sent
    page.value("history.back(); true");
    page.until("document.querySelector('h1')?.textContent === 'Kallion leipä'");
    page.until("!document.querySelector('dialog')");
    page.press("Rye bread");
    page.until("document.querySelector('h1')?.textContent === 'Rye bread'");
    page.fill("How many", "2");
    page.press("Where, when, a note");
    page.fill("Address", "Vaasankatu 10");
    // blanks are no name
    page.fill("Your name, as the provider shall see it", "   ");
    page.press("Look it over");
    page.until("document.activeElement.validationMessage === 'Write something here.'");
    page.fill("Your name, as the provider shall see it", "Mari");
    page.press("Look it over");
    page.until("document.querySelector('dialog[open]')?.innerText.includes('Vaasankatu 10')");
    page.shoot("guest-confirm");
    page.press("Send the order");
    page.until("location.hash === '#/orders'");
    says(&mut page, "2 × Rye bread");
    let topic = relation(&shop.owner);
    page.until("!document.getElementById('banner').textContent");
    check_screen(&mut page);
    page.shoot("guest-orders");

    // the provider offers, and the page shows it without being asked
    let path = format!("/topics/{topic}/views/orders");
    let ordered = |orders: &Json| orders["rows"].as_array().is_some_and(|it| !it.is_empty());
    let orders = soon(|| shop.owner.ok(&path), ordered);
    let order = orders["rows"][0]["columns"]["order"]["$hex"]
        .as_str()
        .unwrap()
        .to_owned();
    let quote = |revision: u64, minor: u64| {
        provider(
            &shop.owner,
            &topic,
            "order.quote",
            &json!({
                "order": order, "revision": revision, "total": { "currency": "EUR", "minor": minor },
                "breakup": [{ "title": NASTY[0], "amount": { "currency": "EUR", "minor": minor } }],
                "legs": [{ "leg": "all", "amount": { "currency": "EUR", "minor": minor }, "trigger": "after" }],
                "fulfilment": [{ "leg": "go", "kind": "pickup", "lines": [{ "line": 0, "quantity": 2 }] }],
                "valid_until": 4_070_908_800_000_u64,
            }),
        )
    };
    quote(1, 900);
    says(&mut page, "quoted");
    page.value(&format!("location.hash = '#/order/{order}'; true"));
    page.until("document.querySelector('table')");
    says(&mut page, "€9.00");
    // what is agreed to is said before: the first thing that can be done
    page.until(
        "document.querySelector('main section.card')?.innerText.includes('€9.00 after you got it')",
    );
    says(&mut page, "You pick it up");
    says(&mut page, "Vaasankatu 10");
    check_screen(&mut page);
    page.shoot("guest-order-quoted");
    let confirmed = |state: &str| {
        soon(
            || shop.owner.ok(&path)["rows"][0]["columns"]["state"].take(),
            |now| now == state,
        );
    };
    // negotiating
    page.press("Ask for another offer");
    page.fill("What you would pay", "8.00");
    page.value("document.querySelector('details[open] button.main').click()");
    says(&mut page, "your wish");
    confirmed("countered");
    quote(2, 850);
    says(&mut page, "€8.50");
    says(&mut page, "+ €0.50");
    act(&mut page, "Agree to the offer");
    says(&mut page, "agreed");
    confirmed("agreed");
    provider(
        &shop.owner,
        &topic,
        "order.confirm",
        &json!({ "order": order }),
    );
    says(&mut page, "confirmed");
    // the code for the door is that to which the order is committed
    page.press("Code for the door");
    let code = page.value("document.querySelector('.code').textContent.replaceAll(' ', '')");
    provider(
        &shop.owner,
        &topic,
        "fulfil.proof",
        &json!({ "order": order, "leg": "go", "preimage": code }),
    );
    for state in ["packed", "delivered"] {
        let step = json!({ "order": order, "leg": "go", "state": state });
        provider(&shop.owner, &topic, "fulfil.state", &step);
    }
    says(&mut page, "delivered");
    act(&mut page, "I have paid €8.50 (all)");
    says(&mut page, "claimed");
    let here = page.value("location.hash.slice(2)");
    go(&mut page, "orders", "My orders");
    says(
        &mut page,
        "the provider has not confirmed yet that you paid",
    );
    page.value(&format!("location.hash = '#/' + {here}; true"));
    says(&mut page, "claimed");
    let ack =
        json!({ "order": order, "leg": "all", "amount": { "currency": "EUR", "minor": 850 } });
    let acked = soon(
        || {
            let path = format!("/topics/{topic}/events/pay.ack");
            shop.owner.post(&path, &json!({ "body": ack }).to_string())
        },
        |answer| answer.status == 200,
    );
    assert!(acked.json()["id"].is_string());
    says(&mut page, "paid");
    act(&mut page, "Say that all is done");
    says(&mut page, "completed");
    confirmed("completed");
    page.shoot("guest-order-completed");

    // a message, and the history with every signature checked here
    go(&mut page, "chat", "Messages");
    page.fill("Message", NASTY[3]);
    page.press("Send");
    says(&mut page, NASTY[3]);
    provider(
        &shop.owner,
        &topic,
        "message.post",
        &json!({ "text": "thank you" }),
    );
    says(&mut page, "thank you");
    // what can be erased is read by who it is for
    page.fill("Message", "the door code is 17");
    page.value("document.querySelector('main input[type=checkbox]').click(); true");
    page.press("Send");
    says(&mut page, "the door code is 17");
    page.until("!document.querySelector('form[data-busy]')");
    check_screen(&mut page);
    go(&mut page, "audit", "History");
    let told = page.value("document.querySelector('main p.good').textContent");
    let told = told.as_str().unwrap();
    let numbers: Vec<&str> = told
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|it| !it.is_empty())
        .collect();
    assert!(
        numbers[0] == numbers[1] && numbers[0].parse::<u64>().unwrap() > 15,
        "{told}"
    );
    // there are fewer signatures than entries, and it says why
    let signatures = numbers[2].parse::<u64>().unwrap();
    assert!(signatures > 0 && signatures <= numbers[0].parse::<u64>().unwrap());
    assert!(
        told.contains("What was written at once has one signature"),
        "{told}"
    );
    // what the message of a moment ago still brings is on its way
    let digests = || {
        let here = page.value("document.querySelectorAll('dd code')[1].textContent");
        (
            here,
            shop.owner.ok(&format!("/topics/{topic}"))["rows"].clone(),
        )
    };
    soon(digests, |(here, theirs)| here == theirs);
    check_screen(&mut page);
    page.shoot("guest-audit");

    // the node goes away: what is written is kept, over a reload too, and goes out later
    let (desk, url) = (&shop.desk, shop.url.clone());
    let port = url
        .split(':')
        .next_back()
        .unwrap()
        .trim_matches('/')
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    go(&mut page, "chat", "Messages");
    shop.up.stop();
    page.until("document.getElementById('banner').textContent.includes('not reached')");
    page.fill("Message", "while you were away");
    page.press("Send");
    says(&mut page, "while you were away");
    page.until("document.getElementById('banner').textContent.includes('Not sent yet: 1')");
    page.shoot("guest-offline");
    let again = Up::start(
        desk,
        &["--offline", "--guests", &format!("127.0.0.1:{port}")],
    );
    page.value("location.reload(); true");
    page.until("document.querySelector('.live.open')");
    go(&mut page, "chat", "Messages");
    says(&mut page, "while you were away");
    page.until("!document.getElementById('banner').textContent");
    let messages = desk_messages(&again, &topic);
    assert!(messages.contains("while you were away"), "{messages}");

    // the words, and the way to a node
    go(&mut page, "key", "My key");
    page.press("Show the words");
    let words = page
        .value("[...document.querySelectorAll('.words li')].map((it) => it.textContent).join(' ')");
    assert_eq!(words.as_str().unwrap().split(' ').count(), 24);
    check_screen(&mut page);
    page.shoot("guest-key");
    let ran = page.value("window.__ran ?? null");
    assert!(ran.is_null());
    let expected = |trouble: &String| {
        trouble.contains("ERR_CONNECTION_REFUSED")
            || trouble.contains("ERR_INCOMPLETE_CHUNKED")
            || trouble.contains("net::ERR")
            // a node that was started again knows none of the sessions before
            || trouble.contains("status of 401")
    };
    let troubles: Vec<&String> = page.troubles.iter().filter(|it| !expected(it)).collect();
    assert!(troubles.is_empty(), "{troubles:?}");
}

fn desk_messages(up: &Up, topic: &str) -> String {
    let owner = Web::login(up.ready["web"]["login"].as_str().unwrap());
    let path = format!("/topics/{topic}/views/messages");
    let arrived = |rows: &String| rows.contains("while you were away");
    soon(|| owner.ok(&path).to_string(), arrived)
}
