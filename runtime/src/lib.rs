//! The reducer engine (`spec/10-reducer.md`): loads WASM modules that fold events,
//! puts the counters of their budgets in, and runs them so that the result is the
//! same on every machine and however events are put together.

mod cache;
mod call;
mod engine;
mod features;
mod instance;
mod instrument;
mod module;
mod probation;
mod reducer;
mod refusal;
mod runner;
#[cfg(test)]
mod tests;

pub use cache::{CacheDirectory, CacheError};
pub use engine::{Backend, Engine, Settings};
pub use features::{MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
pub use instrument::{FAULT, GAS, STACK, instrument};
pub use module::Module;
pub use probation::Checks;
pub use reducer::WasmReducer;
pub use refusal::LoadError;
