//! What somebody types while a page looks again stays, also where the answer was on its way
//! when the first letter came.

use serde_json::json;

use crate::chromium::Browser;
use crate::guest_order::shop;
use crate::web_browser::{PHONE, SCREEN, browser};
use crate::web_flows::{announced, bakery, carry, go, login, press_in};
use crate::web_moves::visit;
use crate::web_stale::{agreed, topic};

/// Keeps answers for rows back while `__hold` says so.
const HOLD: &str = "const ask = window.fetch; window.__held = []; \
    window.fetch = async (...given) => { const answer = await ask(...given); \
      if (window.__hold && /\\/(rows|views|several)\\b/.test(String(given[0]))) await new Promise((go) => window.__held.push(go)); \
      return answer; };";

/// Looks again, and types into a field before the answer comes. A field that nobody types into
/// is another one then.
fn type_meanwhile(page: &mut Browser, look: &str, field: &str, label: &str) {
    for typed in [None, Some("7")] {
        page.until(field);
        page.value(&format!(
            "{field}.__same = window.__hold = true; {look}; true"
        ));
        page.until("window.__held.length");
        if let Some(text) = typed {
            page.fill(label, text);
        }
        page.value("window.__hold = false; window.__held.splice(0).forEach((go) => go()); true");
        match typed {
            None => page.until(&format!("!{field}.__same")),
            Some(text) => {
                page.value("new Promise((done) => setTimeout(done, 300))");
                assert_eq!(page.value(&format!("{field}.__same")), true);
                assert_eq!(page.value(&format!("{field}.value")), text);
            }
        }
    }
}

#[test]
fn a_customers_number_stays() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    page.before_each(HOLD);
    let shop = shop(&[]);
    visit(&mut page, &shop);
    page.press("Rye bread");
    page.until("document.querySelector('h1')?.textContent === 'Rye bread'");
    type_meanwhile(
        &mut page,
        "document.dispatchEvent(new Event('catalog'))",
        "document.querySelector('main input[type=number]')",
        "How many",
    );
    shop.up.stop();
}

/// What somebody types stays, and so do the keys that they press while the screen is drawn anew
/// around it, by news or by what was done on it: the form goes over as it is.
#[test]
fn what_is_typed_goes_over_as_it_is() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    page.before_each(HOLD);
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/space", "Kallion leipä");
    let app = "import(new URL('./app.js', document.querySelector('script').src))";
    // one form whose draft is kept, and one of which nothing is kept
    for (fold, label) in [("Add a place", "Name"), ("Change", "Ways of payment")] {
        let field = format!(
            "[...document.querySelectorAll('label')].filter((it) => it.checkVisibility() && it.textContent === '{label}').map((it) => document.getElementById(it.htmlFor)).pop()"
        );
        if label == "Name" {
            page.press(fold);
        } else {
            page.value("[...document.querySelectorAll('main section')].find((it) => it.ariaLabel === 'Ways of payment').querySelector('summary').click()");
        }
        page.fill(label, "Kal");
        for done in [true, false] {
            page.value(&format!(
                "{field}.__same = true; document.querySelector('main h1').__old = true; window.__hold = {done}"
            ));
            // news wait until nobody types
            page.value(&format!("{app}.then(({{ refresh }}) => refresh({done}))"));
            if done {
                page.until("window.__held.length");
                page.value("document.execCommand('insertText', false, 'lio')");
            } else {
                assert_eq!(page.value("document.querySelector('main h1').__old"), true);
            }
            page.value(
                "window.__hold = false; window.__held.splice(0).forEach((go) => go()); true",
            );
            page.until("!document.querySelector('main h1').__old");
            let left = format!(
                "[{field}.__same, {field}.value, {field} === document.activeElement, {field}.selectionStart]"
            );
            assert_eq!(page.value(&left), json!([true, "Kallio", true, 6]));
        }
    }
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

/// So does a form that was made only when it was opened, with what is open in it.
#[test]
fn a_form_that_was_unfolded_goes_over_as_it_is() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/catalog", "Kallion leipä");
    press_in(&mut page, "Rye bread", "Duplicate");
    page.fill("Title", "Oat bread");
    page.press("More fields");
    page.fill("Price for one …", "loa");
    page.value("document.activeElement.__same = document.querySelector('main h1').__old = true");
    let app = "import(new URL('./app.js', document.querySelector('script').src))";
    page.value(&format!(
        "{app}.then(({{ refresh }}) => refresh(true)); true"
    ));
    page.until("!document.querySelector('main h1').__old");
    page.value("document.execCommand('insertText', false, 'f')");
    assert_eq!(
        page.value("[document.activeElement.__same, document.activeElement.value, document.activeElement.checkVisibility()]"),
        json!([true, "loaf", true])
    );
    page.press("Save");
    page.until("document.querySelectorAll('main li.card').length === 2");
    page.until("[...document.querySelectorAll('main li.card')].some((it) => it.textContent.includes('Oat bread') && it.textContent.includes('/ loaf'))");
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

/// What was typed and has no place in the new screen keeps that away, until it is taken back.
#[test]
fn what_would_be_lost_stays() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    let order = agreed(&desk, &client);
    let up = login(&mut page, &desk);
    let hash = format!("#/order/{}/orders/order%2F{order}", topic(&desk, "aino"));
    page.value(&format!("location.hash = '{hash}'"));
    page.press("Cancel the order");
    page.fill("Reason", "no flour");
    let field = "[...document.querySelectorAll('label')].filter((it) => it.checkVisibility() && it.textContent === 'Reason').map((it) => document.getElementById(it.htmlFor)).pop()";
    let state = "document.querySelector('main .badge')?.textContent";
    carry(&desk, &client, &["aino", "shop"]);
    client.ok(&["order", "cancel", "aino", &order]);
    carry(&client, &desk, &["aino"]);
    announced(&mut page, "There is something new.");
    // longer than it takes until news are looked at
    page.value("new Promise((done) => setTimeout(done, 4000))");
    assert_eq!(page.value(&format!("{field}.value")), "no flour");
    assert_eq!(page.value(state), "agreed");
    page.value(&format!(
        "{field}.value = ''; {field}.dispatchEvent(new Event('input', {{ bubbles: true }})); true"
    ));
    page.until(&format!("{state} === 'cancelled'"));
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

/// What somebody has chosen in a field is what the next letter replaces, also after a look.
#[test]
fn what_is_chosen_stays_chosen() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/catalog", "Kallion leipä");
    let field = "document.querySelector('main [type=search]')";
    page.fill("Find items", "rye");
    page.key("Enter");
    page.until(&format!("{field}.defaultValue === 'rye'"));
    page.value(&format!(
        "{field}.focus(); {field}.setSelectionRange(0, 2); {field}.__same = true"
    ));
    page.value("import(new URL('./app.js', document.querySelector('script').src)).then(({ refresh }) => refresh())");
    page.until(&format!("!{field}.__same"));
    page.value("document.execCommand('insertText', false, 'b')");
    assert_eq!(page.value(&format!("{field}.value")), "be");
    up.stop();
}

/// Words to look for that are not sent yet are there after a look, and go on where they were.
#[test]
fn a_customers_words_stay() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let shop = shop(&[]);
    visit(&mut page, &shop);
    let field = "document.querySelector('main [type=search]')";
    page.fill("Search the catalog", "re");
    page.value(&format!(
        "{field}.setSelectionRange(1, 2); {field}.__same = true"
    ));
    page.value("document.dispatchEvent(new Event('catalog'))");
    page.until(&format!("{field} && !{field}.__same"));
    page.value("document.execCommand('insertText', false, 'ye')");
    assert_eq!(page.value(&format!("{field}.value")), "rye");
    shop.up.stop();
}

#[test]
fn the_owners_words_stay() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    page.before_each(HOLD);
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/catalog", "Kallion leipä");
    type_meanwhile(
        &mut page,
        "import(new URL('./app.js', document.querySelector('script').src)).then(({ refresh }) => refresh())",
        "document.querySelector('main [type=search]')",
        "Find items",
    );
    up.stop();
}
