//! The engine that compiles and runs modules, and how it is set up.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures,
};

use crate::cache::CacheDirectory;
use crate::features::{MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::instrument::INSTRUMENT_VERSION;
use crate::refusal::LoadError;

/// What turns a module into something that runs. All give the same results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// Machine code, optimised.
    #[default]
    Optimised,
    /// Machine code, compiled quickly.
    Unoptimised,
    /// wasmtime's interpreter; needs its feature `pulley`.
    Pulley,
}

/// How an engine is set up.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What runs the modules.
    pub backend: Backend,
    /// Where compiled modules are kept; without one they are compiled at each start.
    pub cache: Option<CacheDirectory>,
}

/// Machine stack that a guest may use, in bytes. A unit of stack (10.4) stands for at
/// most 8 instructions, each of which leaves at most two values of 16 bytes in a frame,
/// and a frame of 8 units for what is saved on entry: under 256 bytes a unit, and
/// 65,536 units are 16 MiB. Twice that, so that the charged limit always comes first.
pub(crate) const WASM_STACK: usize = 32 << 20;

/// Machine stack of a thread that runs guests, in bytes: theirs, and the host's share.
pub(crate) const THREAD_STACK: usize = WASM_STACK + (4 << 20);

/// Instances that can live at one time: each reducer that is at work has up to three.
const INSTANCES_MAX: u32 = 192;
/// Bytes of an instance's memory that are reset by copying instead of by unmapping.
const KEEP_RESIDENT: usize = 512 << 10;

/// Compiles and runs modules. Cheap to clone; shared by modules.
#[derive(Clone)]
pub struct Engine {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) cache: Option<Arc<CacheDirectory>>,
    /// What compiled modules depend on beside their bytes.
    pub(crate) fingerprint: [u8; 32],
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// How instances get their memory, best first.
#[derive(Clone, Copy)]
enum Allocation {
    PoolWithScan,
    Pool,
    OnDemand,
}

impl Engine {
    /// Sets an engine up. Where the machine has no `PAGEMAP_SCAN` or no room for a pool
    /// of address space it goes on without; only speed differs.
    ///
    /// # Errors
    /// `host` where the machine has no such back end.
    pub fn new(settings: Settings) -> Result<Self, LoadError> {
        let mut last = None;
        for allocation in [
            Allocation::PoolWithScan,
            Allocation::Pool,
            Allocation::OnDemand,
        ] {
            match wasmtime::Engine::new(&config(settings.backend, allocation)?) {
                Ok(wasmtime) => {
                    let mut hasher = Fingerprint(blake3::Hasher::new());
                    wasmtime.precompile_compatibility_hash().hash(&mut hasher);
                    hasher.write_u32(INSTRUMENT_VERSION);
                    return Ok(Self {
                        fingerprint: *hasher.0.finalize().as_bytes(),
                        cache: settings.cache.map(Arc::new),
                        wasmtime,
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(LoadError::Host(
            last.map_or_else(String::new, |error| format!("{error:#}")),
        ))
    }
}

fn config(backend: Backend, allocation: Allocation) -> Result<Config, LoadError> {
    let mut config = Config::new();
    for off in [
        WasmFeatures::SIMD,
        WasmFeatures::RELAXED_SIMD,
        WasmFeatures::THREADS,
    ] {
        config.wasm_features(off, false);
    }
    for off in [
        WasmFeatures::MULTI_MEMORY,
        WasmFeatures::MEMORY64,
        WasmFeatures::TAIL_CALL,
    ] {
        config.wasm_features(off, false);
    }
    // Modules make their NaNs canonical themselves (`instrument`).
    config
        .max_wasm_stack(WASM_STACK)
        // None is made; it only must not be smaller.
        .async_stack_size(THREAD_STACK)
        .memory_init_cow(true)
        .cranelift_opt_level(match backend {
            Backend::Optimised => OptLevel::Speed,
            _ => OptLevel::None,
        });
    if backend == Backend::Pulley {
        let host = |error| LoadError::Host(format!("{error:#}"));
        config.target("pulley64").map_err(host)?;
    }
    if matches!(allocation, Allocation::OnDemand) {
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        return Ok(config);
    }
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(INSTANCES_MAX)
        .total_memories(INSTANCES_MAX)
        .total_tables(INSTANCES_MAX * TABLES_MAX as u32)
        .max_memories_per_module(1)
        .max_tables_per_module(TABLES_MAX as u32)
        .table_elements(TABLE_ELEMENTS_MAX as usize)
        .max_memory_size((MEMORY_PAGES_MAX as usize) << 16)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10);
    if matches!(allocation, Allocation::PoolWithScan) {
        pool.pagemap_scan(Enabled::Auto);
    }
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(config)
}

/// Hashes what an engine says of itself. Only compared on one machine, so the byte
/// order of numbers does not matter.
struct Fingerprint(blake3::Hasher);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
