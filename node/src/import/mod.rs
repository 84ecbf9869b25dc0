//! What is known elsewhere (maps, web pages, tables) as events of the app `space`:
//! one reader per format, all of them pure. Each gives [`listing::Listing`]s, or
//! says why it refuses one; who writes them is the command line's business.

mod gauge;
pub mod held;
pub mod hours;
pub mod json_ld;
pub mod listing;
pub mod osm;
pub mod pbf;
pub mod report;
pub mod schema_hours;
pub mod schema_offers;
pub mod schema_org;
pub mod schema_types;
pub mod slug;
pub mod table;
pub mod tags;
pub mod wire;

pub use synlog_values::{amount as money, decimal};
