//! The tables: what a space shows.

use synlog_reducer::{Table, Type};

/// A table with columns; the types stand as in the manifest.
fn table(name: &'static str, title: &'static str, columns: &[(&'static str, Type)]) -> Table {
    let table = Table::new(name).title(title);
    columns
        .iter()
        .fold(table, |table, (name, kind)| table.column(name, *kind))
}

/// The tables, in the order of [`super::TABLES`].
pub(super) fn tables() -> Vec<Table> {
    use Type::{Blobs, Duration, Entity, Entry, Geo, Id, Instant, Int, List, Map, Money, Text};
    vec![
        table(
            "space",
            "The provider",
            &[
                ("name", Text),
                ("category", Text),
                ("about", Text),
                ("zone", Text),
                ("currency", Text),
                ("colour", Text),
                ("logo", Id),
                ("website", Text),
                ("cancellation_terms", List),
                ("return_terms", Map),
                ("notice_s", Duration),
                ("payment_types", List),
            ],
        ),
        table(
            "managers",
            "Who may do what",
            &[
                ("subject", Entity),
                ("capability", Text),
                ("until", Instant),
            ],
        )
        .index("by_subject", ["subject", "capability"])
        .until("until"),
        table(
            "places",
            "Where it is",
            &[
                ("place", Text),
                ("name", Text),
                ("category", Text),
                ("geo", Geo),
                ("cell", Text),
                ("address", Text),
                ("opening_hours", Text),
                ("zone", Text),
                ("phone", Text),
                ("website", Text),
                ("email", Text),
                ("radius_m", Int),
                ("source", Text),
            ],
        )
        .index("by_category", ["category"])
        .index("by_name", ["name"])
        .index("by_cell", ["cell"]),
        table(
            "items",
            "What it offers",
            &[
                ("item", Text),
                ("state", Text),
                ("title", Text),
                ("schema", Text),
                ("description", Text),
                ("place", Text),
                ("images", Blobs),
                ("price_kind", Text),
                ("min", Money),
                ("max", Money),
                ("currency", Text),
                ("per_unit", Text),
                ("options", List),
                ("attributes", Map),
                ("stock", Int),
                ("taken", Int),
                ("revision", Entry),
                ("revision_count", Int),
                ("fulfilment", List),
                ("payment", List),
                ("cancellation_terms", List),
                ("return_terms", Map),
            ],
        )
        .index("by_state", ["state", "schema"])
        .index("by_place", ["place"])
        .index("by_title", ["title"]),
        table(
            "revisions",
            "What items said before: their last revisions",
            &[
                ("item", Text),
                ("revision", Entry),
                ("at", Instant),
                ("title", Text),
                ("price_kind", Text),
                ("min", Money),
                ("max", Money),
                ("currency", Text),
                ("per_unit", Text),
            ],
        )
        .index("by_revision", ["revision"]),
        table(
            "takes",
            "What is kept for orders",
            &[
                ("item", Text),
                ("revision", Entry),
                ("quantity", Int),
                ("c", Id),
                ("at", Instant),
            ],
        )
        .index("by_c", ["c"])
        .index("by_item", ["item", "at"]),
        table(
            "resources",
            "What can be booked",
            &[
                ("resource", Text),
                ("title", Text),
                ("zone", Text),
                ("capacity", Int),
                ("buffer_s", Duration),
                ("notice_s", Duration),
                ("offsets", List),
                ("rules", List),
                ("except", List),
                ("booked", Int),
            ],
        ),
        table(
            "slots",
            "What is booked",
            &[
                ("resource", Text),
                ("start", Instant),
                ("end", Instant),
                ("seats", Int),
                ("c", Id),
                ("at", Instant),
            ],
        )
        .index("by_start", ["resource", "start"])
        .index("by_c", ["c"]),
        table(
            "ads",
            "Ads",
            &[
                ("ad", Text),
                ("terms", Text),
                ("text", Text),
                ("item", Text),
                ("geo", Geo),
                ("cell", Text),
                ("from", Instant),
                ("until", Instant),
            ],
        )
        .index("by_cell", ["cell"])
        .until("until"),
    ]
}
