//! Loading a module: checked, counted, compiled or taken from the cache, and asked
//! for its manifest.

use std::sync::{Arc, OnceLock};

use synlog_log::fold::Manifest;
use wasmtime::{InstancePre, Linker};

use crate::engine::{Engine, THREAD_STACK};
use crate::instance::{Failure, Instance};
use crate::instrument::{Metering, instrument_as};
use crate::probation::Checks;
use crate::reducer::WasmReducer;
use crate::refusal::LoadError;

/// A module that is ready to make reducers. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(crate) pre: InstancePre<()>,
    pub(crate) hash: [u8; 32],
    pub(crate) manifest: Arc<Manifest>,
    hasty: Arc<Hasty>,
}

/// The same module with gas counted at least, for calls that several events share.
/// Made when it is first wanted: whoever folds little never pays for it.
struct Hasty {
    engine: Engine,
    wasm: Vec<u8>,
    pre: OnceLock<Option<InstancePre<()>>>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module")
            .field("manifest", &self.manifest)
            .finish_non_exhaustive()
    }
}

fn host(error: impl std::fmt::Display) -> LoadError {
    LoadError::Host(format!("{error:#}"))
}

impl Engine {
    /// Loads a module: validates it, puts the counters in, compiles it (or takes it from
    /// the cache) and runs `describe`.
    ///
    /// # Errors
    /// Each variant of [`LoadError`].
    pub fn load(&self, bytes: &[u8]) -> Result<Module, LoadError> {
        let hash = *blake3::hash(bytes).as_bytes();
        let pre = self.compiled(bytes, &hash, Metering::Exact)?;
        // On a thread of its own, for the guest needs its stack.
        let manifest = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("reducer describe".to_owned())
                .stack_size(THREAD_STACK)
                .spawn_scoped(scope, || describe(&pre))
                .map_err(host)?
                .join()
                .unwrap_or_else(|_| Err(host("the thread of `describe` ended")))
        })?;
        Ok(Module {
            pre,
            hash,
            manifest: Arc::new(manifest),
            hasty: Arc::new(Hasty {
                engine: self.clone(),
                wasm: bytes.to_vec(),
                pre: OnceLock::new(),
            }),
        })
    }

    /// Machine code for a module, from the cache if it is there.
    fn compiled(
        &self,
        bytes: &[u8],
        name: &[u8; 32],
        metering: Metering,
    ) -> Result<InstancePre<()>, LoadError> {
        let cached = self.cache.as_ref();
        let module = match cached.and_then(|cache| cache.read(self, name)) {
            Some(module) => module,
            None => {
                let counted = instrument_as(bytes, metering)?;
                let module = wasmtime::Module::new(&self.wasmtime, counted).map_err(host)?;
                if let Some(cache) = &self.cache {
                    cache.write(self, name, &module);
                }
                module
            }
        };
        Linker::new(&self.wasmtime)
            .instantiate_pre(&module)
            .map_err(host)
    }
}

impl Hasty {
    /// Under what it is cached.
    fn name(hash: &[u8; 32]) -> [u8; 32] {
        blake3::derive_key("synlog v1 module with gas counted at least", hash)
    }
}

fn describe(pre: &InstancePre<()>) -> Result<Manifest, LoadError> {
    let mut instance = Instance::new(pre).map_err(|failure| match failure {
        Failure::Host(text) => LoadError::Host(text),
        _ => LoadError::Instantiate("its data or elements lie outside".to_owned()),
    })?;
    let bytes = instance.describe().map_err(|failure| match failure {
        Failure::Trapped => LoadError::DescribeTrapped,
        Failure::OverBudget => LoadError::DescribeOverBudget,
        Failure::BadOutput => LoadError::DescribeOutput,
        Failure::Host(text) => LoadError::Host(text),
    })?;
    Manifest::decode(bytes).map_err(|error| LoadError::Manifest(error.place))
}

impl Module {
    /// The module with gas counted at least; none where it can't be made.
    pub(crate) fn hasty(&self) -> Option<&InstancePre<()>> {
        let Hasty { engine, wasm, pre } = &*self.hasty;
        let make = || engine.compiled(wasm, &Hasty::name(&self.hash), Metering::AtLeast);
        pre.get_or_init(|| make().ok()).as_ref()
    }

    /// What the module says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Hash of the module's bytes, which is its name.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// A reducer of this module, on probation at first.
    pub fn reducer(&self, checks: Checks) -> WasmReducer {
        WasmReducer::new(self.clone(), checks)
    }
}
