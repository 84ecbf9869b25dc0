//! The node behind the local web server: what `synlog_web` asks of it.

mod answers;
mod backend;
mod blobs;
mod entries;
mod hosted;
mod imports;
mod manifest;
mod problems;
mod root;
mod rows;
mod steps;
pub mod tokens;
pub mod waiting;

pub use backend::NodeBackend;
