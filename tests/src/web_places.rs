//! What the owner says once holds where something begins, in a real browser: places and times
//! replace no other ones, offers begin with the terms of the space, an import tells what it left
//! out.

use serde_json::{Value as Json, json};

use crate::chromium::Browser;
use crate::cli::Desk;
use crate::web_browser::{PHONE, SCREEN, browser, check_screen};
use crate::web_flows::{announced, bakery, carry, go, login};

/// Presses what stands in the card of a step, and waits until it is open.
fn unfold(page: &mut Browser, name: &str) {
    page.press(name);
    page.until(
        "[...document.querySelectorAll('details[open] form')].some((it) => it.checkVisibility())",
    );
}

/// Fills in what a place needs, and saves it.
fn put_place(page: &mut Browser, name: &str) {
    page.fill("Name", name);
    page.fill("Latitude and longitude", "60.1841,24.9508");
    page.fill("What it is", "shop/bakery");
    page.press("Save");
}

/// Waits until it is said at the field which has the focus what is wrong with it.
fn told_at_field(page: &mut Browser, value: &str, text: &str) {
    page.until(&format!(
        "document.activeElement.value === {} && document.activeElement.getAttribute('aria-invalid') === 'true' && document.querySelector('main').innerText.includes({})",
        json!(value),
        json!(text)
    ));
}

fn columns(desk: &Desk, topic: &str, view: &str) -> Vec<Json> {
    let rows = desk.ok(&["view", "list", topic, view, "--json"]);
    let rows = rows.json_lines().into_iter();
    rows.map(|row| row["columns"].clone()).collect()
}

/// Terms of cancelling from the agreement and from the packing on, of returns, and a notice.
fn policy(desk: &Desk) {
    let body = json!({
        "cancellation_terms": [{ "stage": "agreed", "fee_bp": 1_000 }, { "stage": "packed", "fee_bp": 5_000 }],
        "return_terms": { "window_s": 14 * 86_400 },
        "notice_s": 2 * 86_400,
    });
    desk.ok(&["space", "policy", "shop", "--body", &body.to_string()]);
}

#[test]
fn a_second_place_and_a_second_time_replace_nothing() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, _) = bakery();
    // who sits elsewhere keeps a shop here
    let zone = json!({ "timezoneId": "America/New_York" });
    page.call("Emulation.setTimezoneOverride", zone);
    let up = login(&mut page, &desk);
    let places = |desk: &Desk| columns(desk, "shop", "places");
    go(&mut page, "#/begin/hours", "First steps");
    unfold(&mut page, "A place with opening hours");
    check_screen(&mut page);
    put_place(&mut page, "Kallio");
    announced(&mut page, "Place saved.");
    // the terms stand on the same step, and what was saved is shown to be changed
    page.until("[...document.querySelectorAll('summary')].some((it) => it.textContent === 'Change “Kallio”')");
    assert_eq!(page.value("location.hash"), "#/begin/hours");
    let first = places(&desk);
    assert_eq!(
        (first.len(), &first[0]["place"], &first[0]["zone"]),
        (1, &json!("kallio"), &json!("Europe/Helsinki"))
    );
    unfold(&mut page, "Add a place");
    put_place(&mut page, "Kallio");
    page.until("[...document.querySelectorAll('summary')].filter((it) => it.textContent === 'Change “Kallio”').length === 2");
    unfold(&mut page, "Add a place");
    page.press("More fields");
    page.fill("Short name", "kallio");
    put_place(&mut page, "Another one");
    let taken = "There is a place with this short name already";
    told_at_field(&mut page, "kallio", taken);
    check_screen(&mut page);
    let mut slugs: Vec<Json> = places(&desk).iter().map(|it| it["place"].clone()).collect();
    slugs.sort_by_key(Json::to_string);
    assert_eq!(slugs, ["kallio", "kallio-2"]);
    assert_eq!(places(&desk)[0], first[0]);

    // terms are said here, too, and the step is done when its owner goes on
    unfold(&mut page, "Terms");
    page.fill("Hours of notice", "48");
    page.press("Save");
    announced(&mut page, "Terms changed.");
    assert_eq!(page.value("location.hash"), "#/begin/hours");
    page.press("Next");
    page.until("location.hash === '#/begin/share'");

    // what can be booked: one of a name that is there is refused, others begin with the notice
    go(&mut page, "#/hours", "Hours");
    unfold(&mut page, "Add what can be booked");
    page.fill("Short name (a-z, 0-9, -)", "oven");
    page.fill("Title", "Another class");
    page.press("Save");
    let taken = "There is something bookable with this short name already";
    told_at_field(&mut page, "oven", taken);
    check_screen(&mut page);
    let resources = columns(&desk, "shop", "resources");
    assert_eq!(
        (resources.len(), &resources[0]["title"]),
        (1, &json!("Baking class"))
    );
    page.fill("Short name (a-z, 0-9, -)", "chair");
    page.press("Save");
    page.until("location.hash.endsWith('/chair')");
    let resources = columns(&desk, "shop", "resources");
    let chair = resources.iter().find(|it| it["resource"] == "chair");
    assert_eq!(chair.unwrap()["notice_s"], 48 * 3_600);

    // a place is gone after a second thought
    go(&mut page, "#/space", "Kallion leipä");
    for (is_meant, left) in [(false, 2), (true, 1)] {
        page.press("Remove");
        page.until(
            "document.querySelector('dialog[open]')?.textContent.includes('Remove “Kallio”?')",
        );
        check_screen(&mut page);
        page.value(&format!(
            "[...document.querySelectorAll('dialog[open] button')].find((it) => it.matches('.main') === {is_meant}).click(); true"
        ));
        page.until(
            "!document.querySelector('dialog') && !document.querySelector('form[data-busy]')",
        );
        page.until(&format!(
            "!document.querySelector('dialog') && [...document.querySelectorAll('main li.card h3')].filter((it) => it.textContent === 'Kallio').length === {left}"
        ));
        assert_eq!(places(&desk).len(), left);
    }
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn an_offer_begins_with_the_terms_of_the_space() {
    let Some(mut page) = browser(SCREEN) else {
        return;
    };
    let (desk, [client, _]) = bakery();
    policy(&desk);
    let shop = desk.ok(&["topic", "show", "shop", "--json"]).json()["topic"].clone();
    let line = format!("space={},item=bread,quantity=2", shop.as_str().unwrap());
    // 10 to 11 on a summer's day in Helsinki
    let window = "start=1783666800000,end=1783670400000";
    let words = ["order", "request", "aino", "--line", &line];
    let order = client.ok(&[&words[..], &["--window", window]].concat());
    let order = order.word();
    carry(&client, &desk, &["aino"]);
    let zone = json!({ "timezoneId": "America/New_York" });
    page.call("Emulation.setTimezoneOverride", zone);
    let up = login(&mut page, &desk);
    let topic = desk.ok(&["topic", "show", "aino", "--json"]).json()["topic"].clone();
    let topic = topic.as_str().unwrap();
    let hash = format!("#/order/{topic}/orders/order%2F{order}");
    go(&mut page, &hash, "2 × ");
    page.until("document.querySelector('.sums-line')?.textContent.includes('It adds up')");
    // nothing is sent that the owner does not see
    page.until("document.querySelector('main').innerText.includes('Cancelling costs, of the total: from “confirmed” on 10 %; from “packed” on 50 %.')");
    page.press("What cancelling costs");
    page.fill("packed", "25");
    page.until("document.querySelector('main').innerText.includes('from “packed” on 25 %.')");
    check_screen(&mut page);
    page.press("Send the offer");
    page.until("document.querySelector('main .badge')?.textContent === 'quoted'");
    let offer = desk.ok(&["tail", "aino", "--json"]).json_lines();
    let offer = offer.iter().find(|it| it["kind"] == "order.quote");
    let body = offer.unwrap()["body"].clone();
    let terms =
        json!([{ "stage": "pending", "fee_bp": 1_000 }, { "stage": "packed", "fee_bp": 2_500 }]);
    assert_eq!(
        (&body["terms"], &body["return_s"]),
        (&terms, &json!(14 * 86_400))
    );

    // on paper there is the clock of the place alone
    let hash = format!("#/invoice/{topic}/order%2F{order}/order");
    go(&mut page, &hash, "Order");
    let text = page.value("document.querySelector('main').innerText");
    let text = text.as_str().unwrap();
    assert!(text.contains("(Europe/Helsinki)"), "{text}");
    assert!(!text.contains("America/New_York"), "{text}");
    page.forgive_absence();
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}

#[test]
fn an_import_tells_what_it_leaves_out() {
    let Some(mut page) = browser(PHONE) else {
        return;
    };
    let (desk, _) = bakery();
    let up = login(&mut page, &desk);
    go(&mut page, "#/import", "Import");
    let drop = |page: &mut Browser, name: &str, text: &str| {
        page.value(&format!(
            "(() => {{ const all = new DataTransfer(); all.items.add(new File([{}], {})); \
             document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {{ dataTransfer: all, bubbles: true, cancelable: true }})); return true; }})()",
            json!(text),
            json!(name)
        ));
    };
    let says = |text: &str| {
        format!(
            "document.querySelector('main').innerText.includes({})",
            json!(text)
        )
    };
    drop(&mut page, "stock.xlsx", "PK");
    page.until(&says("save it as CSV, and give that file here"));
    drop(
        &mut page,
        "stock.csv",
        "id,title,price,currency,shelf\n7,Bun,1.50,EUR,left\n",
    );
    page.until(&says(
        "Left out, because they are no fields: id, shelf. Say below",
    ));
    check_screen(&mut page);
    drop(&mut page, "names.csv", "Artikel,price\nBun,1.50\n");
    page.until(&says("No column is called title, item or name"));
    assert_eq!(page.value(&says("--map")), false);
    assert_eq!(page.value(&says("-: line")), false);
    page.fill("Other headers, one COLUMN=FIELD a line", "Artikel=title");
    page.press("Look again");
    page.until("document.querySelectorAll('main .badge').length === 2 && [...document.querySelectorAll('main .badge')].every((it) => it.textContent === 'nothing written yet')");
    check_screen(&mut page);
    assert!(page.troubles.is_empty(), "{:?}", page.troubles);
    up.stop();
}
