//! What came to nothing: what was taken for it is free again, and nobody is told to pay for it.

use serde_json::{Value as Json, json};

use crate::guest_order::shop;
use crate::web_basket::kept;
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_client::soon;
use crate::web_flows::{bakery, carry, go, login};
use crate::web_guest::{self, act, provider, relation, says};
use crate::web_moves::{all_sent, visit, visit_and_order};
use crate::web_shown::{quote_bread, the_order};
use crate::web_stale::{DAY_MS, agreed, booked, first};

#[test]
fn what_a_customer_cancels_is_free_again() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, bert]) = bakery();
    let rows = |table: &str| {
        desk.ok(&["view", "list", "shop", table, "--json"])
            .json_lines()
            .len()
    };
    let stock = || first(&desk, "items")["stock"].clone();
    // a booking that was confirmed, and that its customer cancels
    let booking = booked(&desk, &bert, crate::guest::now_ms() / DAY_MS + 9);
    carry(&desk, &bert, &["bert", "shop"]);
    bert.ok(&["book", "cancel", "bert", &booking]);
    carry(&bert, &desk, &["bert"]);
    // and an order, whose stock is taken
    let order = agreed(&desk, &client);
    let before = stock();
    let up = login(&mut page, &desk);
    assert_eq!(rows("slots"), 1);
    // another week is shown: the time is freed all the same
    go(&mut page, "#/calendar", "Calendar");
    soon(|| rows("slots"), |many| *many == 0);
    // and at once where a page is open, whatever it shows
    go(&mut page, "#/today", "Today");
    let booking = booked(&desk, &bert, crate::guest::now_ms() / DAY_MS + 10);
    assert_eq!(rows("slots"), 1);
    carry(&desk, &bert, &["bert", "shop"]);
    bert.ok(&["book", "cancel", "bert", &booking]);
    carry(&bert, &desk, &["bert"]);
    soon(|| rows("slots"), |many| *many == 0);

    go(&mut page, "#/orders/agreed", "Orders");
    page.until("document.querySelector('main li.card a')");
    page.value("document.querySelector('main li.card a').click(); true");
    page.press("Confirm the order");
    page.until("document.querySelector('main .badge')?.textContent === 'confirmed'");
    assert_ne!(stock(), before);
    carry(&desk, &client, &["aino", "shop"]);
    client.ok(&["order", "cancel", "aino", &order]);
    carry(&client, &desk, &["aino"]);
    page.until("document.querySelector('main .badge')?.textContent === 'cancelled'");
    page.until("document.querySelector('main').innerText.includes('this was taken out of the stock for this order')");
    // nothing is owed for it
    assert_eq!(
        page.value("document.querySelector('main').innerText.includes('Say that the money came')"),
        json!(false)
    );
    check_screen(&mut page);
    page.press("Put it back into the stock");
    soon(stock, |now| *now == before);
    page.until(
        "!document.querySelector('main').innerText.includes('this was taken out of the stock')",
    );
    assert_eq!(rows("takes"), 0);
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn nobody_pays_for_what_was_cancelled_and_what_is_typed_stays() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    visit(&mut page, &shop);
    // what is typed stays when the page is loaded anew, and goes into the basket with the item
    web_guest::go(&mut page, "item/bread", "Rye bread");
    page.fill("How many", "3");
    page.press("Where, when, a note");
    page.fill("Address", "Vaasankatu 10");
    kept(
        &mut page,
        "`typed/${app.space}/item/bread`",
        "Vaasankatu 10",
    );
    page.value("location.reload(); true");
    page.until("document.querySelector('nav a') && document.querySelector('details[open] input[autocomplete=street-address]')?.value === 'Vaasankatu 10'");
    page.until("document.querySelector('main input[type=number]')?.value === '3'");
    page.press("Into the basket");
    says(&mut page, "Rye bread");
    page.press("Go to the basket");
    page.until("document.querySelector('main [data-line]') && document.querySelector('details[open] input[autocomplete=street-address]')?.value === 'Vaasankatu 10'");
    web_guest::go(&mut page, "item/bread", "Rye bread");
    page.until("document.querySelector('main input[type=number]:not([data-line])')?.value === '1'");

    visit_and_order(&mut page, &shop, 1);
    let topic = relation(&shop.owner);
    let orders = format!("/topics/{topic}/views/orders");
    let order = the_order(&shop, &topic);
    // a message that is half written, too; news are shown all the same
    web_guest::go(&mut page, "chat", "Messages");
    page.fill("Message", "Could you");
    page.value("new Promise((done) => setTimeout(done, 300))");
    page.value("location.reload(); true");
    page.until("document.querySelector('nav a') && document.querySelector('main textarea')?.value === 'Could you'");
    let told = json!({ "text": "It is in the oven." });
    provider(&shop.owner, &topic, "message.post", &told);
    says(&mut page, "It is in the oven.");
    page.until("document.querySelector('main textarea')?.value === 'Could you'");
    page.fill("Message", "Could you wait?");
    page.press("Send");
    says(&mut page, "Could you wait?");
    page.until("document.querySelector('main textarea')?.value === ''");

    quote_bread(&shop, &topic, &order, 1, 900);
    page.value(&format!("location.hash = '#/order/{order}'; true"));
    act(&mut page, "Agree to the offer");
    says(&mut page, "agreed");
    says(&mut page, "I have paid €9.00");
    act(&mut page, "Cancel");
    says(&mut page, "cancelled");
    all_sent(&mut page);
    page.until("!document.querySelector('main').innerText.includes('I have paid')");
    let text = page.value("document.querySelector('main').innerText");
    assert!(!text.as_str().unwrap().contains("due"), "{text}");
    let state = || shop.owner.ok(&orders)["rows"][0]["columns"]["state"].take();
    soon(state, |now: &Json| now == "cancelled");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    shop.up.stop();
}
