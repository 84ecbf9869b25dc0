//! What the app says of itself: enough to make a command line and forms from.

use synlog_reducer::{EventKind, Field, Manifest, Table, Type};

fn event(kind: &'static str, command: &'static str, title: &'static str) -> EventKind {
    EventKind::new(kind, title).command(command)
}

fn on_order(kind: &'static str, command: &'static str, title: &'static str) -> EventKind {
    let order = Field::entry("order")
        .required()
        .title("The order: the entry of its request");
    event(kind, command, title).refs(["order"]).field(order)
}

fn on_booking(kind: &'static str, command: &'static str, title: &'static str) -> EventKind {
    let booking = Field::entry("booking")
        .required()
        .title("The booking: the entry of its request");
    event(kind, command, title).refs(["booking"]).field(booking)
}

fn reasoned(event: EventKind) -> EventKind {
    event.field(Field::text("reason").title("Why, up to 1,000 bytes"))
}

fn offered(event: EventKind) -> EventKind {
    event
        .field(Field::int("revision").required().title("Number of the offer: 1, then one more each"))
        .field(Field::list("breakup").title("Parts of the total: {title, amount {currency, minor}}"))
        .field(Field::money("total").required().title("What it costs"))
        .field(Field::list("legs").title(
            "Payments: {leg, amount, trigger: on_agree|before|on|after|date, due?, escrow?}; they add up to the total",
        ))
        .field(Field::list("fulfilment").title(
            "How it is done: {leg, kind: goods|pickup|visit|digital, lines: [{line, quantity}]}",
        ))
        .field(Field::list("terms").title("Cancellation: {stage, fee_bp (1/100 %), fee_minor}"))
        .field(Field::list("takes").title("Lines whose stock is taken at the confirm: indices from 0"))
        .field(Field::entity("arbiter").title("Who holds money and rules disputes"))
        .field(Field::instant("valid_until").required().title("Until when the client can agree"))
        .field(Field::duration("silence_s").title("After so long without a dispute the provider may complete"))
        .field(Field::duration("return_s").title("How long after a delivery the client may return"))
}

fn pay(kind: &'static str, command: &'static str, title: &'static str) -> EventKind {
    on_order(kind, command, title)
        .field(Field::text("leg").required().title("The payment leg"))
        .field(Field::money("amount").required().title("How much"))
}

fn fulfil(kind: &'static str, command: &'static str, title: &'static str) -> EventKind {
    on_order(kind, command, title).field(Field::text("leg").required().title("The fulfilment leg"))
}

fn taken(event: EventKind) -> EventKind {
    event
        .evidence(["proof:take"])
        .field(
            Field::id("take")
                .required()
                .title("The entry slot.take; its proof goes along as evidence"),
        )
        .field(
            Field::id("r")
                .required()
                .make("reveal:take")
                .title("Opens the take's commitment"),
        )
}

fn answer(kind: &'static str, command: &'static str, title: &'static str) -> EventKind {
    on_order(kind, command, title).refs(["return"]).field(
        Field::entry("return")
            .required()
            .title("The entry that asked for the return"),
    )
}

/// The manifest.
pub(crate) fn manifest() -> Manifest {
    let start = Manifest::new("relation", 1, "1.0.0")
        .title("Orders, bookings and messages of a provider and a client")
        .ordered()
        .role(
            "client",
            [
                "relation.*",
                "message.*",
                "order.*",
                "pay.*",
                "return.*",
                "dispute.*",
                "booking.*",
            ],
        )
        .role("arbiter", ["message.*", "pay.*", "dispute.*"])
        .role("deliverer", ["message.*", "fulfil.*"]);
    tables(bookings(legs(orders(relation(start)))))
}

fn relation(manifest: Manifest) -> Manifest {
    manifest
        .event(
            event("relation.open", "relation open", "Offer a lasting relation")
                .field(Field::text("kind").title("What it is: maintenance, patient, …"))
                .field(Field::instant("until").title("Until when")),
        )
        .event(event(
            "relation.accept",
            "relation accept",
            "Accept the relation",
        ))
        .event(reasoned(event(
            "relation.close",
            "relation close",
            "Close the relation",
        )))
        .event(
            event("message.post", "say", "Say something")
                .refs(["order", "booking"])
                .field(Field::text("text").title("Up to 2,000 bytes"))
                .field(Field::entry("order").title("The order that it is about"))
                .field(Field::entry("booking").title("The booking that it is about"))
                .erasable(Field::text("private").title("A text that can be erased later, instead")),
        )
}

fn orders(manifest: Manifest) -> Manifest {
    manifest
        .event(
            event(
                "order.request",
                "order request",
                "Ask for goods or a service",
            )
            .field(
                Field::list("lines")
                    .required()
                    .title("What: {space, item, revision, quantity, title?, options?}"),
            )
            .field(Field::text("place").title("Where to"))
            .field(Field::map("window").title("When: {start, end}, UTC ms"))
            .field(Field::text("note").title("For people"))
            .field(
                Field::id("handover_hash")
                    .make("secret:handover")
                    .title("Hash of a secret that you give at the door"),
            )
            .erasable(Field::text("address").title("The address; can be erased later")),
        )
        .event(offered(on_order(
            "order.quote",
            "order quote",
            "Offer a price",
        )))
        .event(
            on_order("order.counter", "order counter", "Ask for another offer")
                .refs(["quote"])
                .field(
                    Field::entry("quote")
                        .required()
                        .make("row:orders:order/{order}:quote")
                        .title("The entry of the offer"),
                )
                .field(Field::text("note").title("What you want"))
                .field(Field::money("total").title("What you would pay")),
        )
        .event(
            on_order("order.agree", "order agree", "Agree to an offer")
                .refs(["quote"])
                .field(
                    Field::entry("quote")
                        .required()
                        .make("row:orders:order/{order}:quote")
                        .title("The entry of the offer"),
                )
                .field(
                    Field::id("holder")
                        .required()
                        .make("holder")
                        .title("Who may review"),
                )
                .field(
                    Field::bytes("tag")
                        .required()
                        .make("random16")
                        .title("Random"),
                ),
        )
        .event(
            on_order(
                "order.reserve",
                "order reserve",
                "Show that stock was taken, up to 4 lines at once",
            )
            .field(
                Field::list("takes")
                    .required()
                    .title("{line, take}; the takes go along as evidence"),
            )
            .field(Field::id("takes[].r").make("reveal:take"))
            .evidence(["proof:takes[].take"]),
        )
        .event(
            on_order("order.confirm", "order confirm", "Confirm what was agreed")
                .refs(["agree"])
                .field(
                    Field::entry("agree")
                        .required()
                        .make("row:orders:order/{order}:agree")
                        .title("The entry order.agree"),
                )
                .field(Field::list("takes").title("{line, take}; the takes go along as evidence"))
                .field(Field::id("takes[].r").make("reveal:take"))
                .evidence(["proof:takes[].take", "grant:agree"]),
        )
        .event(reasoned(on_order(
            "order.decline",
            "order decline",
            "Decline the order",
        )))
        .event(offered(on_order(
            "order.revise",
            "order revise",
            "Offer other terms after the agreement",
        )))
        .event(on_order(
            "order.expire",
            "order expire",
            "Say that the offer's time has passed",
        ))
        .event(on_order(
            "order.complete",
            "order complete",
            "Say that all is done",
        ))
        .event(reasoned(on_order(
            "order.cancel",
            "order cancel",
            "Cancel; see fee_now for what it costs",
        )))
        .event(
            on_order(
                "order.receipt",
                "order receipt",
                "Show when the provider had the cancel",
            )
            .refs(["cancel"])
            .field(
                Field::entry("cancel")
                    .required()
                    .title("The entry order.cancel; its receipt and proof go along as evidence"),
            )
            .evidence(["receipt:cancel", "proof:cancel"]),
        )
        .event(
            on_order(
                "order.link",
                "order link",
                "Link an order that belongs to this one",
            )
            .field(Field::id("child").required().title("The other order"))
            .field(Field::text("role").required().title("delivery, period, …")),
        )
}

fn legs(manifest: Manifest) -> Manifest {
    manifest
        .event(
            pay("pay.claim", "pay claim", "Say that you have paid")
                .field(Field::text("method").title("How: cash, iban, card, …"))
                .field(Field::id("proof_hash").title("Hash of a proof that you keep")),
        )
        .event(pay("pay.ack", "pay ack", "Say that the money came"))
        .event(pay("pay.refund", "pay refund", "Say that you gave money back"))
        .event(pay("pay.hold", "pay hold", "Say that you hold the money (arbiter)"))
        .event(pay("pay.release", "pay release", "Give held money to the provider (arbiter)"))
        .event(
            on_order("pay.split", "pay split", "Divide held money (arbiter)")
                .field(Field::text("leg").required().title("The payment leg"))
                .field(Field::money("provider").required().title("What the provider gets"))
                .field(Field::money("client").required().title("What the client gets back")),
        )
        .event(
            fulfil("fulfil.state", "fulfil state", "Say how far the work is")
                .field(Field::text("state").required().title(
                    "assigned packed picked_up out_for_delivery delivered | in_transit at_location started completed | available accessed | failed returned",
                )),
        )
        .event(
            fulfil("fulfil.proof", "fulfil proof", "Show the secret given at the door")
                .field(Field::id("preimage").required().title("The secret")),
        )
        .event(reasoned(
            fulfil("return.request", "return request", "Ask to return")
                .field(Field::list("lines").required().title("{line, quantity}"))
                .field(Field::text("outcome").required().title("refund, replace or refund_only")),
        ))
        .event(answer("return.approve", "return approve", "Approve a return"))
        .event(answer("return.decline", "return decline", "Decline a return"))
        .event(answer("return.received", "return received", "Say that it came back"))
        .event(reasoned(on_order("dispute.open", "dispute open", "Open a dispute")))
        .event(
            on_order("dispute.rule", "dispute rule", "Rule: divide all that is held (arbiter)")
                .field(Field::money("provider").required().title("What the provider gets"))
                .field(Field::money("client").required().title("What the client gets back")),
        )
        .event(on_order("dispute.accept", "dispute accept", "Give in, or withdraw your dispute"))
}

fn bookings(manifest: Manifest) -> Manifest {
    manifest
        .event(
            event("booking.request", "book request", "Ask for a time")
                .field(Field::id("space").required().title("The space's topic"))
                .field(
                    Field::text("resource")
                        .required()
                        .title("What to book there"),
                )
                .field(Field::instant("start").required().title("From"))
                .field(Field::instant("end").required().title("To"))
                .field(
                    Field::int("seats")
                        .required()
                        .make("default:1")
                        .title("Seats"),
                )
                .field(Field::text("note").title("For people")),
        )
        .event(
            on_booking("booking.hold", "book hold", "Hold the time for a while")
                .field(Field::instant("until").required().title("Until when")),
        )
        .event(taken(on_booking(
            "booking.confirm",
            "book confirm",
            "Confirm a booking",
        )))
        .event(reasoned(on_booking(
            "booking.decline",
            "book decline",
            "Decline a booking",
        )))
        .event(taken(
            on_booking("booking.reschedule", "book reschedule", "Move a booking")
                .field(Field::instant("start").required().title("From"))
                .field(Field::instant("end").required().title("To")),
        ))
        .event(reasoned(on_booking(
            "booking.release",
            "book release",
            "End a hold",
        )))
        .event(reasoned(on_booking(
            "booking.cancel",
            "book cancel",
            "Cancel a booking",
        )))
        .event(reasoned(on_booking(
            "booking.attended",
            "book attended",
            "Say that the client came",
        )))
        .event(reasoned(on_booking(
            "booking.no_show",
            "book no-show",
            "Say that nobody came",
        )))
        .event(reasoned(on_booking(
            "booking.contest",
            "book contest",
            "Contest what is said of your coming",
        )))
}

fn columns(table: Table, kind: Type, names: &[&'static str]) -> Table {
    names
        .iter()
        .fold(table, |table, name| table.column(name, kind))
}

fn tables(manifest: Manifest) -> Manifest {
    let mut orders = Table::new("orders").title("Orders; amounts in minor units of the currency");
    orders = columns(orders, Type::Entry, &["order", "quote", "agree"]);
    orders = columns(
        orders,
        Type::Text,
        &[
            "state", "currency", "stage", "next", "dispute", "reason", "place", "note",
        ],
    );
    orders = columns(orders, Type::Entity, &["client", "provider"]);
    orders = columns(
        orders,
        Type::Money,
        &[
            "total", "due", "balance", "paid", "refunded", "held", "fee", "fee_now",
        ],
    )
    .column("revision", Type::Int);
    orders = columns(orders, Type::Instant, &["updated", "valid_until"])
        .index("by_state", ["state", "updated"])
        .index("by_next", ["next", "updated"]);
    let mut lines = Table::new("lines")
        .title("What was ordered")
        .column("order", Type::Entry);
    lines = columns(lines, Type::Int, &["line", "quantity"]);
    lines = columns(lines, Type::Id, &["space", "revision"]);
    lines = columns(lines, Type::Text, &["item", "title"]).index("by_order", ["order", "line"]);
    let mut payments = Table::new("payments")
        .title("Payment legs")
        .column("order", Type::Entry);
    payments = columns(payments, Type::Text, &["leg", "state", "method"]);
    payments = columns(
        payments,
        Type::Money,
        &["amount", "claimed", "paid", "refunded", "held", "returned"],
    )
    .column("proof_hash", Type::Id)
    .column("escrow", Type::Bool)
    .column("due", Type::Instant)
    .index("by_state", ["state"])
    .index("by_due", ["due"]);
    let mut fulfilments = Table::new("fulfilments")
        .title("Fulfilment legs")
        .column("order", Type::Entry);
    fulfilments = columns(fulfilments, Type::Text, &["leg", "kind", "state"])
        .column("proved", Type::Bool)
        .column("done", Type::Instant)
        .index("by_state", ["state"]);
    let mut returns = Table::new("returns").title("Returns");
    returns = columns(returns, Type::Entry, &["order", "return"]);
    returns = columns(returns, Type::Text, &["leg", "state", "outcome", "reason"])
        .index("by_state", ["state"]);
    let mut bookings = Table::new("bookings")
        .title("Bookings")
        .column("booking", Type::Entry);
    bookings = columns(
        bookings,
        Type::Text,
        &["state", "resource", "next", "note", "reason"],
    );
    bookings = columns(bookings, Type::Id, &["space", "take"]);
    bookings = columns(
        bookings,
        Type::Instant,
        &["start", "end", "held_until", "updated"],
    )
    .column("client", Type::Entity)
    .column("seats", Type::Int)
    .column("contested", Type::Bool)
    .index("by_state", ["state", "start"])
    .index("by_start", ["start"])
    .index("by_next", ["next", "start"]);
    let mut pair = Table::new("relation")
        .title("The relation")
        .column("messages", Type::Int);
    pair = columns(pair, Type::Text, &["state", "kind"]);
    pair = columns(pair, Type::Instant, &["until", "updated"]);
    let mut messages = Table::new("messages").title("The last 50 messages");
    messages = columns(messages, Type::Entry, &["entry", "order", "booking"])
        .column("author", Type::Entity)
        .column("at", Type::Instant)
        .column("text", Type::Text)
        .index("by_at", ["at"])
        .index("by_order", ["order", "at"]);
    let mut disputes = Table::new("disputes")
        .title("The last dispute of each order; shares in minor units of its currency")
        .column("order", Type::Entry);
    disputes = columns(disputes, Type::Text, &["by", "state", "reason"]);
    disputes = columns(disputes, Type::Int, &["provider", "client"]).index("by_state", ["state"]);
    let links = Table::new("links")
        .title("Orders that belong to another")
        .column("order", Type::Entry)
        .column("child", Type::Id)
        .column("role", Type::Text)
        .index("by_order", ["order"]);
    let all = [
        orders,
        lines,
        payments,
        fulfilments,
        returns,
        bookings,
        pair,
        messages,
        disputes,
        links,
    ];
    all.into_iter().fold(manifest, Manifest::table)
}
