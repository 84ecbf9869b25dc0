//! The node behind the local web server: what `synlog_web` asks of it.

pub(crate) mod answers;
mod backend;
mod backups;
mod blobs;
mod clients;
mod devices;
mod entries;
mod hosted;
mod imports;
pub(crate) mod problems;
mod root;
pub(crate) mod rows;
pub mod sessions;
mod steps;
pub mod tokens;
pub mod waiting;

pub use backend::NodeBackend;
