//! What the app says of itself: events with their fields, tables with their columns.
//! Commands, forms and help texts of tools are made from it.

use synlog_reducer::{EventKind, Field, Manifest};

mod tables;

/// Names of the tables, in the manifest's order.
pub(crate) const TABLES: [&str; 9] = [
    "space",
    "managers",
    "places",
    "items",
    "revisions",
    "takes",
    "resources",
    "slots",
    "ads",
];

/// Kinds that a manager may write; what it may do with them is up to its capabilities.
/// What only the owner may write is not among them.
const MANAGER: [&str; 9] = [
    "space.brand",
    "space.policy",
    "space.payment_types",
    "place.*",
    "item.*",
    "resource.*",
    "availability.*",
    "slot.*",
    "ad.*",
];

/// The manifest.
pub(crate) fn manifest() -> Manifest {
    let app = Manifest::new("space", 1, "1.0.0")
        .title("Space: what a provider offers, where and when")
        .ordered()
        .role("manager", MANAGER)
        .role("visitor", [])
        .open("visitor");
    let events = [
        profile(),
        places(),
        items(),
        takes(),
        resources(),
        slots(),
        ads(),
    ];
    let app = events.into_iter().flatten().fold(app, Manifest::event);
    tables::tables().into_iter().fold(app, Manifest::table)
}

const STAGES_HELP: &str = "Fees of cancelling: {stage, fee_bp, fee_minor?}; stages are requested, agreed, confirmed, assigned, packed, picked_up, out_for_delivery, in_transit, at_location, started; fee_bp in 1/10,000 of the total, fee_minor in minor units on top";

fn profile() -> Vec<EventKind> {
    vec![
        EventKind::new("space.create", "Create the space")
            .command("space create")
            .field(Field::text("name").required().title("What people call it"))
            .field(Field::text("category").title("What it is, as in shop/bakery"))
            .field(Field::text("about").title("What it does, in a few sentences"))
            .field(
                Field::text("zone")
                    .required()
                    .title("IANA time zone, as in Europe/Helsinki"),
            )
            .field(
                Field::text("currency")
                    .title("Currency of its prices: ISO 4217, or a ledger's id in hex"),
            ),
        EventKind::new(
            "space.brand",
            "Change how the space shows itself; what is left out stays",
        )
        .command("space brand")
        .field(Field::text("name").title("What people call it"))
        .field(Field::text("about").title("What it does, in a few sentences"))
        .field(Field::text("colour").title("Colour, as #rrggbb"))
        .field(Field::id("logo").title("Hash of a picture"))
        .field(Field::text("website").title("Web address")),
        EventKind::new(
            "space.policy",
            "Set the terms that hold where an item has none of its own",
        )
        .command("space policy")
        .field(Field::list("cancellation_terms").title(STAGES_HELP))
        .field(
            Field::duration("return_terms.window_s")
                .title("Seconds after delivery within which goods may be returned"),
        )
        .field(Field::int("return_terms.fee_bp").title("Fee of a return, in 1/10,000"))
        .field(Field::duration("notice_s").title("Seconds of notice that the provider asks for")),
        EventKind::new("space.payment_types", "Say how one can pay")
            .command("space payment-types")
            .field(
                Field::list("types")
                    .required()
                    .title("Such as cash, card, invoice; these replace those before"),
            ),
        EventKind::new("space.grant", "Let a manager do something (owner only)")
            .command("space grant")
            .field(
                Field::entity("subject")
                    .required()
                    .title("Who; must be a member of the topic with the role manager"),
            )
            .field(
                Field::text("capability")
                    .required()
                    .title("catalog, stock, booking or all"),
            )
            .field(Field::instant("until").title("Until when; left out: until it is revoked")),
        EventKind::new("space.revoke", "Take a capability back (owner only)")
            .command("space revoke")
            .field(Field::entity("subject").required().title("Who"))
            .field(
                Field::text("capability")
                    .required()
                    .title("catalog, stock, booking or all"),
            ),
    ]
}

fn places() -> Vec<EventKind> {
    vec![
        EventKind::new("place.put", "Put a place, or all of it anew")
            .command("place put")
            .field(
                Field::text("place")
                    .required()
                    .title("Slug: a-z, 0-9, '.', '_', '-'"),
            )
            .field(Field::text("name").required().title("What people call it"))
            .field(
                Field::text("category")
                    .required()
                    .title("What it is, as in shop/bakery"),
            )
            .field(
                Field::geo("geo")
                    .required()
                    .title("Where it is: lat and lon in 1e-7 degrees"),
            )
            .field(Field::text("address").title("Street, number, town"))
            .field(
                Field::text("opening_hours")
                    .title("As in OpenStreetMap: Mo-Fr 09:00-17:00; PH off"),
            )
            .field(Field::text("zone").required().title("IANA time zone"))
            .field(Field::text("phone").title("Telephone number"))
            .field(Field::text("website").title("Web address"))
            .field(Field::text("email").title("Mail address"))
            .field(
                Field::int("radius_m")
                    .title("Metres around it within which the provider comes to the client"),
            )
            .field(
                Field::text("source").title("Where this is known from, and under which licence"),
            ),
        EventKind::new("place.remove", "Remove a place")
            .command("place remove")
            .field(Field::text("place").required().title("Slug")),
    ]
}

fn items() -> Vec<EventKind> {
    vec![
        EventKind::new("item.put", "Put an item, or a new revision of it")
            .command("item put")
            .field(
                Field::text("item")
                    .required()
                    .title("Slug: a-z, 0-9, '.', '_', '-'"),
            )
            .field(
                Field::text("schema")
                    .required()
                    .title("goods/1, service/1 or osm/KEY=VALUE"),
            )
            .field(Field::text("title").required().title("What people call it"))
            .field(Field::text("description").title("What it is"))
            .field(Field::text("place").title("Slug of the place where it is offered"))
            .field(Field::blobs("images").title("Pictures: JPEG, PNG, WebP or AVIF"))
            .field(
                Field::text("price.kind")
                    .required()
                    .title("fixed, range, hourly or quote; goods have fixed or range"),
            )
            .field(Field::text("price.currency").title("ISO 4217, or a ledger's id in hex"))
            .field(Field::int("price.min").title("The price, or the least, in minor units"))
            .field(Field::int("price.max").title("The most, in minor units"))
            .field(Field::text("price.per_unit").title("What it is for: piece, kg, h"))
            .field(
                Field::list("options").title(
                    "What the client chooses: {name, min, max, choices: [{name, add_minor}]}",
                ),
            )
            .field(
                Field::int("stock").title(
                    "How many there are, where stock is not counted yet; later use item stock",
                ),
            )
            .field(
                Field::map("attributes")
                    .title("By the schema: texts, whole numbers, yes or no, lists of texts"),
            )
            .field(Field::list("cancellation_terms").title(STAGES_HELP))
            .field(
                Field::duration("return_terms.window_s")
                    .title("Seconds after delivery within which it may be returned"),
            )
            .field(Field::int("return_terms.fee_bp").title("Fee of a return, in 1/10,000"))
            .field(Field::list("fulfilment").title("pickup, delivery, visit, digital"))
            .field(Field::list("payment").title("Ways of payment, if other than the space's"))
            .field(
                Field::text("state").title("draft or active, in the first put; active if left out"),
            ),
        EventKind::new("item.stock", "Count stock: so many more, or fewer")
            .command("item stock")
            .field(Field::text("item").required().title("Slug"))
            .field(
                Field::int("delta")
                    .required()
                    .title("How many more; negative: fewer"),
            ),
        EventKind::new("item.state", "Offer, pause or retire an item")
            .command("item state")
            .field(Field::text("item").required().title("Slug"))
            .field(
                Field::text("state")
                    .required()
                    .title("active, paused or retired (for good)"),
            ),
    ]
}

fn takes() -> Vec<EventKind> {
    vec![
        EventKind::new("item.take", "Keep a quantity of an item for an order")
            .command("item take")
            .refs(["revision"])
            .field(Field::text("item").required().title("Slug"))
            .field(
                Field::entry("revision")
                    .required()
                    .make("row:items:item/{item}:revision")
                    .title("Its current revision: the entry of its last item.put"),
            )
            .field(
                Field::int("quantity")
                    .required()
                    .title("How many")
                    .make("default:1"),
            )
            .field(
                Field::id("c")
                    .required()
                    .make("commit:take")
                    .title("Commitment: hash of a secret, the relation and the order"),
            ),
        EventKind::new(
            "item.free",
            "Give back what was taken of an item, or a part",
        )
        .command("item free")
        .refs(["take"])
        .field(Field::text("item").required().title("Slug"))
        .field(Field::entry("take").required().title("The entry that took"))
        .field(
            Field::int("quantity")
                .required()
                .title("How many")
                .make("default:1"),
        ),
    ]
}

fn resources() -> Vec<EventKind> {
    vec![
        EventKind::new("resource.put", "Put what can be booked, or other terms for it")
            .command("resource put")
            .field(Field::text("resource").required().title("Slug: a-z, 0-9, '.', '_', '-'"))
            .field(Field::text("title").required().title("What people call it"))
            .field(Field::text("zone").required().title("IANA time zone"))
            .field(Field::int("capacity").required().title("Seats").make("default:1"))
            .field(Field::duration("buffer_s").title("Seconds that its seats rest after a slot"))
            .field(Field::duration("notice_s").title("Seconds from the booking to the start, at least"))
            .field(Field::list("offsets").required().make("offsets:zone").title("Offsets of the zone over the years to come: [from in UTC ms, seconds ahead of UTC]")),
        EventKind::new("availability.put", "Say when a resource is available; replaces what was")
            .command("availability put")
            .field(Field::text("resource").required().title("Slug"))
            .field(Field::list("rules").required().title("{days: [0 Monday to 6 Sunday], from_s, to_s, since?, until?}: local seconds of the day, past midnight if to_s is not above from_s; days since 1970-01-01"))
            .field(Field::list("except").title("{start, end} in UTC ms: holidays, other work")),
    ]
}

fn slots() -> Vec<EventKind> {
    vec![
        EventKind::new("slot.take", "Keep a slot of a resource for a booking")
            .command("slot take")
            .refs(["replaces"])
            .field(Field::text("resource").required().title("Slug"))
            .field(Field::instant("start").required().title("First instant"))
            .field(
                Field::instant("end")
                    .required()
                    .title("Instant from when on it is over"),
            )
            .field(
                Field::int("seats")
                    .required()
                    .title("Seats")
                    .make("default:1"),
            )
            .field(
                Field::id("c")
                    .required()
                    .make("commit:take")
                    .title("Commitment: hash of a secret, the relation and the booking"),
            )
            .field(
                Field::entry("replaces")
                    .title("A slot of the same resource that is given up for it: both or neither"),
            ),
        EventKind::new("slot.free", "Give up a slot")
            .command("slot free")
            .refs(["take"])
            .field(Field::text("resource").required().title("Slug"))
            .field(Field::entry("take").required().title("The entry that took")),
    ]
}

fn ads() -> Vec<EventKind> {
    vec![
        EventKind::new("ad.put", "Put an ad")
            .command("ad put")
            .field(
                Field::text("ad")
                    .required()
                    .title("Slug: a-z, 0-9, '.', '_', '-'"),
            )
            .field(
                Field::text("terms")
                    .required()
                    .title("The words that it is found under"),
            )
            .field(Field::text("text").title("What it says"))
            .field(Field::text("item").title("Slug of the item that it is for"))
            .field(Field::geo("geo").title("Where it is meant for"))
            .field(
                Field::instant("from")
                    .required()
                    .title("First instant")
                    .make("now"),
            )
            .field(
                Field::instant("until")
                    .required()
                    .title("Instant from when on it is not shown"),
            ),
        EventKind::new("ad.remove", "Remove an ad")
            .command("ad remove")
            .field(Field::text("ad").required().title("Slug")),
    ]
}
