//! Values as people and programs write and read them: JSON and CBOR, money, instants,
//! recovery words, the fields of an event, and what they say in words.
//!
//! Pure, and without an engine, a disk or a network: a node uses it, and so does a
//! customer's browser.

pub mod amount;
pub mod codes;
pub mod decimal;
pub mod filling;
pub mod instant;
pub mod json;
pub mod manifest;
pub mod money;
pub mod paths;
pub mod secrets;
pub mod typed;
pub mod wording;
pub mod words;
