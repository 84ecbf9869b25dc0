//! Private topics on this node: the entity's encryption key, sealing what is written,
//! epochs that begin and members that come, and opening what is read. The rules are in
//! `spec/07-sealed.md`; what stays visible to whom is in `docs/PRIVACY.md`.

pub mod disclosing;
mod epochs;
mod keys;
mod sealing;

pub(crate) use sealing::add_sealed;
pub use synlog_log::sealed::opening::{self, opened};
