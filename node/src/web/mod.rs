//! The node behind the local web server: what `synlog_web` asks of it.

mod answers;
mod backend;
mod blobs;
mod entries;
mod hosted;
mod problems;
mod rows;
pub mod tokens;

pub use backend::NodeBackend;
