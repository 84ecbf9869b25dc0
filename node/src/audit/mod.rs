//! The audit of a topic: its whole history as a file that a third person can read
//! and check, made of nothing but entries and the reducer that the topic names.

mod html;
mod json;
mod model;
mod story;
mod text;

pub use html::to_html;
pub use json::to_json;
pub use model::{Audit, Completeness, Event, Outcome, Party, ReducerUsed, ShownRow};
pub use story::{Material, tell};
pub use synlog_values::wording::columns;
pub use text::to_text;

use synlog_values::wording;
