//! What is shown.

use synlog_reducer::{Columns, Id, Money, Rows};

use crate::booking::{self, Booking};
use crate::order::commercial::Commercial;
use crate::order::fulfilment::Stage;
use crate::order::quote::Kind;
use crate::order::{Order, returns};
use crate::relation::Relation;

/// The tables, in the manifest's order.
pub(crate) const TABLES: &[&str] = &[
    "orders",
    "lines",
    "payments",
    "fulfilments",
    "returns",
    "bookings",
    "relation",
    "messages",
    "disputes",
    "links",
];

fn id(columns: Columns, name: &'static str, id: Option<Id>) -> Columns {
    match id {
        Some(id) => columns.bytes(name, id.0),
        None => columns.null(name),
    }
}

fn int(columns: Columns, name: &'static str, value: Option<i64>) -> Columns {
    match value {
        Some(value) => columns.int(name, value),
        None => columns.null(name),
    }
}

fn text(columns: Columns, name: &'static str, value: Option<&str>) -> Columns {
    match value {
        Some(value) => columns.text(name, value),
        None => columns.null(name),
    }
}

/// A number below 100, as a text: without the formatting machinery.
fn digits(number: usize) -> String {
    let mut text = String::new();
    for digit in [number / 10 % 10, number % 10] {
        if digit > 0 || !text.is_empty() {
            text.push(char::from(b'0' + digit as u8));
        }
    }
    if text.is_empty() {
        text.push('0');
    }
    text
}

/// Whose turn it is.
pub(crate) fn next(order: &Order) -> Option<&'static str> {
    if order.disputed() {
        return Some("arbiter").filter(|_| order.arbiter().is_some());
    }
    let asked = |one: &returns::Return| one.state == returns::State::Requested;
    if order.returns.iter().any(asked) {
        return Some("provider");
    }
    match order.commercial {
        _ if order.running() && order.offered.is_some() => Some("client"),
        Commercial::Requested | Commercial::Countered | Commercial::Agreed => Some("provider"),
        Commercial::Quoted => Some("client"),
        _ if order.running() && order.all_fulfilled() => Some("client"),
        _ if order.running() => Some("provider"),
        _ => None,
    }
}

/// The stage of the leg that is the least far.
fn stage(order: &Order) -> Option<Stage> {
    order.fulfilments.iter().map(|leg| leg.stage()).min()
}

pub(crate) fn order(order: &Order, rows: &mut Rows) {
    let standing = order.offered.as_ref().map(|(_, offer)| offer);
    let offer = order.agreed.as_ref().map(|agreed| &agreed.offer);
    let offer = offer.or(standing);
    let total = offer.map(|offer| &offer.total);
    let sum = |part: fn(&crate::order::payment::PaymentLeg) -> i64| -> i64 {
        order.payments.iter().map(part).sum()
    };
    let fee = order.cancelled.as_ref().map(|cancelled| cancelled.fee);
    let dispute = order.dispute.as_ref().map(|dispute| dispute.state.name());
    let reason = match &order.cancelled {
        Some(cancelled) => cancelled.reason.as_deref(),
        None => order.declined.as_deref(),
    };
    let columns = Columns::new()
        .bytes("order", order.id.0)
        .text("state", order.commercial.name())
        .bytes("client", order.client.0)
        .int("revision", order.revision)
        .int("due", order.due())
        .int("balance", order.balance())
        .int("paid", sum(|leg| leg.paid))
        .int("refunded", sum(|leg| leg.refunded))
        .int("held", sum(|leg| leg.held))
        .int("updated", order.updated_ms);
    let columns = id(columns, "provider", order.provider);
    let columns = id(columns, "quote", order.offered.as_ref().map(|(id, _)| *id));
    let columns = id(columns, "agree", order.agreed.as_ref().map(|one| one.entry));
    let columns = int(columns, "total", total.map(|total| total.minor));
    let columns = int(columns, "fee", fee);
    // what is over can't be cancelled
    let over = matches!(
        order.commercial,
        Commercial::Completed | Commercial::Declined | Commercial::Expired
    );
    let fee_now = fee.or_else(|| (!over).then(|| order.cancel_fee(&[])));
    let columns = int(columns, "fee_now", fee_now);
    let columns = int(
        columns,
        "valid_until",
        standing.map(|offer| offer.valid_until),
    );
    let columns = text(columns, "currency", total.map(|total| &total.currency[..]));
    let columns = text(columns, "stage", stage(order).map(Stage::name));
    let columns = text(columns, "next", next(order));
    let columns = text(columns, "dispute", dispute);
    let columns = text(columns, "reason", reason);
    let columns = text(columns, "place", order.place.as_deref());
    let columns = text(columns, "note", order.note.as_deref());
    rows.push("orders", "", columns);
    for (index, line) in order.lines.iter().enumerate() {
        let columns = Columns::new()
            .bytes("order", order.id.0)
            .int("line", index as i64)
            .bytes("space", line.space.0)
            .text("item", &line.item[..])
            .bytes("revision", line.revision.0)
            .int("quantity", line.quantity);
        let columns = text(columns, "title", line.title.as_deref());
        rows.push("lines", digits(index), columns);
    }
    for leg in &order.payments {
        let of = |minor| Money {
            currency: leg.terms.amount.currency.clone(),
            minor,
        };
        let columns = Columns::new()
            .bytes("order", order.id.0)
            .text("leg", &leg.terms.leg[..])
            .text("state", leg.state())
            .money("amount", &leg.terms.amount)
            .money("claimed", &of(leg.claimed))
            .money("paid", &of(leg.paid))
            .money("refunded", &of(leg.refunded))
            .money("held", &of(leg.held))
            .money("returned", &of(leg.returned))
            .bool("escrow", leg.terms.escrow);
        let columns = int(columns, "due", leg.terms.due);
        let columns = text(columns, "method", leg.method.as_deref());
        let columns = id(columns, "proof_hash", leg.proof_hash);
        rows.push("payments", &leg.terms.leg, columns);
    }
    for leg in &order.fulfilments {
        let kind = match leg.terms.kind {
            Kind::Goods => "goods",
            Kind::Pickup => "pickup",
            Kind::Visit => "visit",
            Kind::Digital => "digital",
        };
        let columns = Columns::new()
            .bytes("order", order.id.0)
            .text("leg", &leg.terms.leg[..])
            .text("kind", kind)
            .text("state", leg.stage().name())
            .bool("proved", leg.proved);
        let columns = int(columns, "done", leg.done_ms());
        rows.push("fulfilments", &leg.terms.leg, columns);
    }
    for one in &order.returns {
        let state = match one.state {
            returns::State::Requested => "requested",
            returns::State::Approved => "approved",
            returns::State::Declined => "declined",
            returns::State::Received => "received",
        };
        let columns = Columns::new()
            .bytes("order", order.id.0)
            .bytes("return", one.id.0)
            .text("leg", &one.leg[..])
            .text("state", state)
            .text("outcome", one.outcome.name());
        let columns = text(columns, "reason", one.reason.as_deref());
        rows.push("returns", one.id.hex(), columns);
    }
    if let Some(dispute) = &order.dispute {
        let columns = Columns::new()
            .bytes("order", order.id.0)
            .text("by", dispute.by.name())
            .text("state", dispute.state.name());
        let columns = text(columns, "reason", dispute.reason.as_deref());
        let columns = int(columns, "provider", dispute.split.map(|split| split.0));
        let columns = int(columns, "client", dispute.split.map(|split| split.1));
        rows.push("disputes", "", columns);
    }
    for (child, role) in &order.links {
        let columns = Columns::new()
            .bytes("order", order.id.0)
            .bytes("child", child.0)
            .text("role", &role[..]);
        rows.push("links", child.hex(), columns);
    }
}

pub(crate) fn booking(booking: &Booking, rows: &mut Rows) {
    let next = match booking.state {
        booking::State::Pending | booking::State::Held => Some("provider"),
        _ => None,
    };
    let columns = Columns::new()
        .bytes("booking", booking.id.0)
        .text("state", booking.state.name())
        .bytes("client", booking.client.0)
        .bytes("space", booking.space.0)
        .text("resource", &booking.resource[..])
        .int("start", booking.start)
        .int("end", booking.end)
        .int("seats", booking.seats)
        .bool("contested", booking.contested)
        .int("updated", booking.updated_ms);
    let columns = id(columns, "take", booking.take);
    let columns = int(columns, "held_until", booking.until);
    let columns = text(columns, "next", next);
    let columns = text(columns, "note", booking.note.as_deref());
    let columns = text(columns, "reason", booking.reason.as_deref());
    rows.push("bookings", "", columns);
}

pub(crate) fn relation(relation: &Relation, rows: &mut Rows) {
    let columns = Columns::new()
        .text("state", relation.state.name())
        .int("messages", relation.count as i64)
        .int("updated", relation.updated_ms);
    let columns = text(columns, "kind", relation.kind.as_deref());
    let columns = int(columns, "until", relation.until);
    rows.push("relation", "", columns);
    for message in &relation.messages {
        let columns = Columns::new()
            .bytes("entry", message.id.0)
            .bytes("author", message.entity.0)
            .int("at", message.at_ms);
        let columns = text(columns, "text", message.text.as_deref());
        let columns = id(columns, "order", message.order);
        let columns = id(columns, "booking", message.booking);
        rows.push("messages", message.id.hex(), columns);
    }
}
