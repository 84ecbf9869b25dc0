//! The node behind the local web server: what `synlog_web` asks of it.

pub(crate) mod answers;
mod backend;
mod blobs;
mod entries;
mod hosted;
pub(crate) mod problems;
pub(crate) mod rows;
pub mod tokens;

pub use backend::NodeBackend;
