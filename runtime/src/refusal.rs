//! Why a module is not taken as a reducer.

use synlog_log::fold::MODULE_MAX;

use crate::features::{MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// Why a module was not loaded. Nothing of it has been run but, at most, `describe`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a WebAssembly module.
    #[error("these bytes are no WebAssembly module; give the .wasm file of a reducer")]
    NotWasm,
    /// A component instead of a core module.
    #[error(
        "this is a component; build the reducer as a core module (target wasm32-unknown-unknown)"
    )]
    Component,
    /// More bytes than a reducer may have.
    #[error("the module has {0} bytes, more than {MODULE_MAX}; build it for size and strip it")]
    TooLarge(usize),
    /// It imports something.
    #[error("the module imports {0}; a reducer imports nothing (no WASI, no host functions)")]
    Import(String),
    /// It has a start section.
    #[error("the module has a start section; a reducer starts with its first call")]
    Start,
    /// An export of the interface is not there.
    #[error("the module does not export `{0}`; use the reducer kit or export it by hand")]
    ExportMissing(&'static str),
    /// An export of the interface is something else than it should be.
    #[error("the export `{name}` must be {wanted}")]
    ExportType {
        /// Its name.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// A global that can change is exported.
    #[error("the module exports the mutable global `{0}`; keep it inside")]
    ExportedGlobal(String),
    /// It has no memory.
    #[error("the module has no memory; a reducer has one, exported as `memory`")]
    NoMemory,
    /// It has several memories.
    #[error("the module has several memories; a reducer has one")]
    ManyMemories,
    /// Its memory is shared between threads.
    #[error("the memory is shared; build without threads and atomics")]
    SharedMemory,
    /// Its memory has 64-bit addresses.
    #[error("the memory has 64-bit addresses; build for wasm32")]
    Memory64,
    /// Its memory starts too large.
    #[error("the memory starts with {0} pages, more than {MEMORY_PAGES_MAX}")]
    MemoryTooLarge(u64),
    /// Too many tables, or too large ones.
    #[error(
        "the module has more than {TABLES_MAX} tables, or one of more than {TABLE_ELEMENTS_MAX} elements"
    )]
    Tables,
    /// It uses instructions or types that reducers don't have, or is invalid.
    #[error(
        "the module is not valid with the features of reducers (no SIMD, threads, tail calls, exceptions, GC): {0}"
    )]
    Invalid(String),
    /// Its first instance could not be made: its data or elements lie outside.
    #[error("the module cannot be instantiated: {0}")]
    Instantiate(String),
    /// `describe` trapped.
    #[error("`describe` trapped")]
    DescribeTrapped,
    /// `describe` used up its gas or stack.
    #[error("`describe` used up its budget")]
    DescribeOverBudget,
    /// What `describe` gave back lies outside the memory.
    #[error("what `describe` gives back lies outside the memory")]
    DescribeOutput,
    /// The manifest breaks its rules.
    #[error("the manifest is wrong at {0}")]
    Manifest(String),
    /// The machine failed, not the module.
    #[error("the module could not be compiled or run on this machine: {0}")]
    Host(String),
}

impl LoadError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotWasm => "not_wasm",
            Self::Component => "component",
            Self::TooLarge(_) => "module_too_large",
            Self::Import(_) => "has_imports",
            Self::Start => "has_start",
            Self::ExportMissing(_) => "export_missing",
            Self::ExportType { .. } => "export_type",
            Self::ExportedGlobal(_) => "exported_global",
            Self::NoMemory => "no_memory",
            Self::ManyMemories => "many_memories",
            Self::SharedMemory => "shared_memory",
            Self::Memory64 => "memory64",
            Self::MemoryTooLarge(_) => "memory_too_large",
            Self::Tables => "tables",
            Self::Invalid(_) => "invalid_module",
            Self::Instantiate(_) => "instantiate",
            Self::DescribeTrapped => "describe_trapped",
            Self::DescribeOverBudget => "describe_over_budget",
            Self::DescribeOutput => "describe_output",
            Self::Manifest(_) => "bad_manifest",
            Self::Host(_) => "host",
        }
    }
}
