//! Several things in one order: a basket in a real browser of the size of a phone, with two
//! tabs, a price that changes and an item that goes; and what the shop sees of it.

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::guest_order::{Shop, shop};
use crate::web_browser::{PHONE, browser, check_screen};
use crate::web_client::soon;
use crate::web_guest::{go, provider, relation, says};
use crate::web_moves::{log_in_again, visit};

/// Puts an item, or other terms of it.
fn put(shop: &Shop, item: &str, title: &str, more: &Json) {
    let mut body = json!({ "item": item, "schema": "goods/1", "title": title });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    provider(&shop.owner, "shop", "item.put", &body);
}

/// Waits until the browser has stored a text under a name.
pub(crate) fn kept(page: &mut Browser, name: &str, text: &str) {
    page.until(&format!(
        "import(new URL('./app.js', document.querySelector('script').src)).then(async ({{ app }}) => {{ window.__kept = JSON.stringify(await app.storage.get({name})); }}), \
         window.__kept?.includes({})",
        json!(text)
    ));
}

fn price(minor: u64) -> Json {
    json!({ "kind": "fixed", "currency": "EUR", "min": minor })
}

/// A shop with bread, buns, coffee in sizes, and cakes whose price is asked for.
fn with_menu() -> Shop {
    let shop = shop(&[]);
    put(
        &shop,
        "bun",
        "Cinnamon bun",
        &json!({ "price": price(320) }),
    );
    let size = json!({ "name": "Size", "min": 1, "max": 1, "choices": [
        { "name": "small" }, { "name": "large", "add_minor": 80 },
    ] });
    let coffee = json!({ "price": price(300), "options": [size] });
    put(&shop, "coffee", "Coffee", &coffee);
    let cake = json!({ "schema": "service/1", "price": { "kind": "quote" } });
    put(&shop, "cake", "Birthday cake", &cake);
    shop
}

/// Puts one of an item into the basket from the catalog.
fn take(page: &mut Browser, title: &str) {
    go(page, "provider", "Kallion leipä");
    let button =
        format!("document.querySelector('main button[aria-label=\"{title}: Into the basket\"]')");
    page.until(&button);
    page.value(&format!("{button}.click(); true"));
    page.until(&format!(
        "{button}.parentElement.innerText.includes('in the basket')"
    ));
}

fn lines(page: &mut Browser, many: usize) {
    page.until(&format!(
        "document.querySelectorAll('main .cards > li').length === {many}"
    ));
}

#[test]
fn several_things_are_one_order() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = with_menu();
    visit(&mut page, &shop);
    take(&mut page, "Cinnamon bun");
    take(&mut page, "Birthday cake");
    check_screen(&mut page);
    // what has to be chosen is chosen on the item's own page
    page.value("document.querySelector('a[aria-label=\"Coffee: Choose\"]').click(); true");
    page.until("document.querySelector('h1')?.textContent === 'Coffee'");
    page.press("Into the basket");
    says(&mut page, "Size: choose 1 to 1");
    page.value("[...document.querySelectorAll('.choice')].find((it) => it.textContent.startsWith('large')).click(); true");
    page.fill("How many", "2");
    page.press("Into the basket");
    says(&mut page, "In the basket: 2 × Coffee.");
    check_screen(&mut page);
    // another tab puts more in: neither loses anything
    let one = page.another();
    visit(&mut page, &shop);
    take(&mut page, "Rye bread");
    take(&mut page, "Rye bread");
    let two = page.turn_to(one);
    page.press("Go to the basket");
    lines(&mut page, 4);
    says(&mut page, "2 × €3.80 = €7.60");
    says(&mut page, "Together €19.80 by the list");
    says(&mut page, "and 1 with a price on request");
    check_screen(&mut page);
    page.shoot("guest-basket");
    // it lasts, with what is wished for besides
    page.press("Where, when, a note");
    page.fill("Note", "for the office");
    page.value("document.activeElement.blur(); true");
    kept(&mut page, "app.basketAt()", "for the office");
    page.value("location.reload(); true");
    page.until("document.querySelector('.live.open')");
    lines(&mut page, 4);
    page.until("document.querySelector('main textarea').value === 'for the office'");
    let badge = "document.querySelector('nav .badge').textContent === '4'";
    page.until(badge);

    // the price of one changes, and another one goes
    put(
        &shop,
        "bun",
        "Cinnamon bun",
        &json!({ "price": price(350) }),
    );
    let paused = json!({ "item": "bread", "state": "paused" });
    provider(&shop.owner, "shop", "item.state", &paused);
    page.fill("Your name, as the provider shall see it", "Mari");
    page.press("Look it over");
    says(&mut page, "it was €3.20 and is €3.50 now");
    says(&mut page, "This is not offered any more.");
    page.until("!document.querySelector('dialog')");
    says(&mut page, "Something has changed since you put it in");
    check_screen(&mut page);
    page.shoot("guest-basket-changed");
    page.press("That is fine with me");
    says(&mut page, "1 × €3.50 = €3.50");
    let out = "document.querySelector('main button[aria-label=\"Rye bread: Take it out\"]')";
    page.value(&format!("{out}.click(); true"));
    lines(&mut page, 3);
    // what one tab changes the other one shows
    let one = page.turn_to(two);
    go(&mut page, "basket", "Basket");
    lines(&mut page, 3);
    let two = page.turn_to(one);
    page.press("Look it over");
    page.until(
        "document.querySelector('dialog[open]')?.innerText.includes('2 × Coffee (Size: large)')",
    );
    page.until("document.querySelector('dialog').innerText.includes('for the office')");
    check_screen(&mut page);
    page.press("Send the order");
    page.until("location.hash === '#/orders'");
    says(&mut page, "1 × Cinnamon bun, 1 × Birthday cake and 1 more");
    page.until(
        "!document.querySelector('nav .badge') && !document.getElementById('banner').textContent",
    );
    // in the other tab the basket is empty, too
    let one = page.turn_to(two);
    says(&mut page, "There is nothing in your basket yet.");
    page.turn_to(one);

    let topic = relation(&shop.owner);
    let rows = |view: &str| {
        let path = format!("/topics/{topic}/views/{view}");
        let there = |rows: &Json| rows["rows"].as_array().is_some_and(|it| !it.is_empty());
        soon(|| shop.owner.ok(&path), there)["rows"].take()
    };
    let orders = rows("orders");
    assert_eq!(orders.as_array().unwrap().len(), 1);
    assert_eq!(orders[0]["columns"]["note"], "for the office");
    let order = orders[0]["columns"]["order"]["$hex"].as_str().unwrap();
    let told: Vec<(String, u64)> = rows("lines")
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let columns = &row["columns"];
            let title = columns["title"].as_str().unwrap().to_owned();
            (title, columns["quantity"].as_u64().unwrap())
        })
        .collect();
    let expected = [("Cinnamon bun", 1), ("Birthday cake", 1), ("Coffee", 2)];
    assert_eq!(
        told,
        expected
            .map(|(title, many)| (title.to_owned(), many))
            .to_vec()
    );
    page.value(&format!("location.hash = '#/order/{order}'; true"));
    says(&mut page, "Size: large");
    check_screen(&mut page);

    // the shop sees all of it, with what was chosen, on the screen and on paper
    log_in_again(&mut page, &shop.desk);
    let key = orders[0]["key"].as_str().unwrap();
    for (screen, inner) in [("order", "orders/"), ("invoice", "")] {
        let after = if inner.is_empty() { "/order" } else { "" };
        page.value(&format!(
            "location.hash = '#/{screen}/{topic}/{inner}' + encodeURIComponent('{key}') + '{after}'; true"
        ));
        for text in ["Cinnamon bun", "Birthday cake", "Coffee: Size: large"] {
            says(&mut page, text);
        }
    }
    shop.up.stop();
}

#[test]
fn two_tabs_that_send_one_basket_order_once() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = with_menu();
    visit(&mut page, &shop);
    take(&mut page, "Cinnamon bun");
    let one = page.another();
    visit(&mut page, &shop);
    let mut other = one;
    for _ in 0..2 {
        go(&mut page, "basket", "Basket");
        lines(&mut page, 1);
        // a tab that is not in front takes no keys
        page.value("document.querySelector('main input[autocomplete=name]').value = 'Mari'; true");
        page.press("Look it over");
        page.until("document.querySelector('dialog[open]')");
        other = page.turn_to(other);
    }
    page.press("Send the order");
    page.until("location.hash === '#/orders'");
    other = page.turn_to(other);
    page.press("Send the order");
    page.until("document.body.innerText.includes('changed or sent in another window')");
    says(&mut page, "There is nothing in your basket yet.");
    page.turn_to(other);
    page.until("!document.getElementById('banner').textContent");
    let path = format!("/topics/{}/views/orders", relation(&shop.owner));
    let there = |rows: &Json| rows["rows"].as_array().is_some_and(|it| !it.is_empty());
    let orders = soon(|| shop.owner.ok(&path), there);
    assert_eq!(orders["rows"].as_array().unwrap().len(), 1);
    shop.up.stop();
}
