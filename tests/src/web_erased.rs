//! What can be erased is, by a button, in a real browser: the customer's message by the
//! customer, the address by the provider; on both sides, and in what is stored.

use serde_json::json;

use crate::chromium::Browser;
use crate::guest_order::shop;
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_client::soon;
use crate::web_guest::{go, relation, says};
use crate::web_moves::{all_sent, log_in_again, show, visit};

const CODE: &str = "the door code is 17";
const ADDRESS: &str = "Vaasankatu 10";

fn gone(page: &mut Browser, text: &str) {
    page.until(&format!(
        "!document.body.innerText.includes({})",
        json!(text)
    ));
}

/// Presses the only button to erase something, and says whether it is meant.
fn erase(page: &mut Browser, is_meant: bool) {
    let buttons = "[...document.querySelectorAll('main button')].filter((it) => it.checkVisibility() && it.textContent === 'Erase')";
    page.until(&format!("{buttons}.length === 1"));
    page.value(&format!("{buttons}[0].click(); true"));
    page.until("document.querySelector('dialog[open]')?.innerText.includes('a copy that somebody has made stays')");
    check_screen(page);
    page.value(&format!(
        "[...document.querySelectorAll('dialog[open] button')].find((it) => it.matches('.main') === {is_meant}).click(); true"
    ));
    page.until("!document.querySelector('dialog')");
}

#[test]
fn what_can_be_erased_has_a_button_that_erases_it() {
    let (Some(mut page), Some(mut owner)) = (browser(PHONE), browser(SCREEN)) else {
        return;
    };
    let shop = shop(&[]);
    visit(&mut page, &shop);
    go(&mut page, "item/bread", "Rye bread");
    page.press("Where, when, a note");
    page.fill("Address", ADDRESS);
    page.fill("Your name, as the provider shall see it", "Mari");
    page.press("Look it over");
    page.until("document.querySelector('dialog[open]')");
    page.press("Send the order");
    page.until("location.hash === '#/orders'");
    all_sent(&mut page);
    let topic = relation(&shop.owner);
    go(&mut page, "chat", "Messages");
    for (text, erasable) in [("this stays", false), (CODE, true)] {
        page.fill("Message", text);
        if erasable {
            page.value("document.querySelector('main input[type=checkbox]').click(); true");
        }
        page.press("Send");
        page.until(&format!(
            "document.querySelector('main ol.talk')?.innerText.includes({})",
            json!(text)
        ));
    }
    all_sent(&mut page);

    // the provider reads it, and says something that can be erased
    log_in_again(&mut owner, &shop.desk);
    show(&mut owner, &format!("#/chat/{topic}"), "Mari");
    says(&mut owner, CODE);
    check_screen(&mut owner);

    // the customer erases it, after a second thought; a tick is kept with what is typed
    page.fill("Message", "half a secret");
    page.value("document.querySelector('main input[type=checkbox]').click(); true");
    erase(&mut page, false);
    says(&mut page, CODE);
    erase(&mut page, true);
    let typed = "JSON.stringify([document.querySelector('main textarea')?.value, document.querySelector('main input[type=checkbox]')?.checked])";
    for _ in 0..2 {
        page.until(&format!("{typed} === '[\"half a secret\",true]'"));
        page.value("location.reload(); true");
        page.until("document.querySelector('nav a')");
    }
    page.until(&format!("{typed} === '[\"half a secret\",true]'"));
    page.value("document.querySelector('main input[type=checkbox]').click(); true");
    page.fill("Message", "");
    page.value("document.querySelector('main textarea').dispatchEvent(new Event('input', { bubbles: true })); true");
    gone(&mut page, CODE);
    says(&mut page, "was erased");
    says(&mut page, "this stays");
    check_screen(&mut page);
    gone(&mut owner, CODE);
    says(&mut owner, "erased");
    show(&mut owner, "#/clients", "Clients");
    says(&mut owner, "erased");
    // it is asked once whether somebody is to be shut out, however often the button is pressed
    owner.value("(() => { const button = [...document.querySelectorAll('main button')].find((it) => it.textContent === 'Shut out'); button.click(); button.click(); })()");
    owner.until("document.querySelector('dialog[open]')");
    assert_eq!(owner.value("document.querySelectorAll('dialog').length"), 1);
    check_screen(&mut owner);
    owner.press("Cancel");
    owner.until("!document.querySelector('dialog')");
    assert_eq!(
        owner.value("document.querySelector('main').innerText.includes('Let in again')"),
        false
    );

    // the provider has no need of the address any more
    let path = format!("/topics/{topic}/views/orders");
    let orders = shop.owner.ok(&path);
    let order = orders["rows"][0]["columns"]["order"]["$hex"].clone();
    let order = order.as_str().unwrap();
    show(
        &mut owner,
        &format!("#/order/{topic}/orders/order%2F{order}"),
        "",
    );
    says(&mut owner, ADDRESS);
    check_screen(&mut owner);
    erase(&mut owner, true);
    gone(&mut owner, ADDRESS);
    says(&mut owner, "erased");
    go(&mut page, "orders", "My orders");
    page.press("1 × Rye bread");
    says(&mut page, "was erased");
    gone(&mut page, ADDRESS);

    // what the provider says, too
    show(&mut owner, &format!("#/chat/{topic}"), "Mari");
    owner.fill("Message", "my own number is 5");
    owner.value("document.querySelector('main form input[type=checkbox]').click(); true");
    owner.press("Send");
    says(&mut owner, "my own number is 5");
    go(&mut page, "chat", "Messages");
    says(&mut page, "my own number is 5");
    erase(&mut owner, true);
    gone(&mut owner, "my own number is 5");
    gone(&mut page, "my own number is 5");

    // it is in no answer any more
    let entries = format!("/topics/{topic}/entries");
    let erased = soon(
        || shop.owner.ok(&entries),
        |told| {
            let all = told["entries"].as_array().unwrap().iter();
            all.filter(|it| it["erased"] == true).count() == 3
        },
    );
    assert!(!erased.to_string().contains(ADDRESS) && !erased.to_string().contains(CODE));
    let troubles = [page.troubles.clone(), owner.troubles.clone()];
    assert!(troubles.iter().all(Vec::is_empty), "{troubles:?}");
    shop.up.stop();
}
