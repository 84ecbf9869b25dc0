//! What a module may be made of (`spec/10-reducer.md` 10.3).

use wasmparser::{
    Chunk, Encoding, ExternalKind, FuncType, MemoryType, Parser, Payload, TypeRef, ValType,
    WasmFeatures,
};

use crate::refusal::LoadError;
use synlog_log::fold::MODULE_MAX;

/// Pages of 64 KiB that a call's memory can have: 64 MiB, which a phone can spare.
pub const MEMORY_PAGES_MAX: u64 = 1_024;
/// Tables of functions in a module. Compilers make one.
pub const TABLES_MAX: usize = 4;
/// Elements of a table: more than a module of 1 MiB can fill with functions of some use.
pub const TABLE_ELEMENTS_MAX: u64 = 16_384;

/// The exported functions: name, parameters, results.
pub(crate) const FUNCTIONS: [(&str, &[ValType], &[ValType], &str); 5] = [
    (
        "input",
        &[ValType::I32],
        &[ValType::I32],
        "a function (i32) -> i32",
    ),
    ("describe", &[], &[ValType::I64], "a function () -> i64"),
    (
        "route",
        &[ValType::I32],
        &[ValType::I64],
        "a function (i32) -> i64",
    ),
    (
        "fold",
        &[ValType::I32],
        &[ValType::I64],
        "a function (i32) -> i64",
    ),
    (
        "project",
        &[ValType::I32],
        &[ValType::I64],
        "a function (i32) -> i64",
    ),
];

/// The instructions and types of reducers. The set is fixed: a newer validator must
/// not let in what an older one refuses.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::FLOATS);

pub(crate) fn invalid(error: impl std::fmt::Display) -> LoadError {
    LoadError::Invalid(error.to_string())
}

#[derive(Default)]
struct Seen {
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    memories: Vec<MemoryType>,
    globals: Vec<bool>,
    exports: Vec<(String, ExternalKind, u32)>,
}

/// Refuses what is no reducer by its outline, with a reason of its own for each case.
/// Validation of the code comes after.
pub(crate) fn check_outline(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > MODULE_MAX {
        return Err(LoadError::TooLarge(bytes.len()));
    }
    check_header(bytes)?;
    let mut seen = Seen::default();
    for payload in Parser::new(0).parse_all(bytes) {
        seen.take(payload.map_err(invalid)?)?;
    }
    seen.check_memory()?;
    seen.check_exports()
}

fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    match Parser::new(0).parse(bytes, true) {
        Ok(Chunk::Parsed {
            payload: Payload::Version { encoding, .. },
            ..
        }) => match encoding {
            Encoding::Module => Ok(()),
            Encoding::Component => Err(LoadError::Component),
        },
        _ => Err(LoadError::NotWasm),
    }
}

impl Seen {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for (_, sub) in group.map_err(invalid)?.into_types_and_offsets() {
                        self.types.push(match sub.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                if let Some(import) = section.into_imports().next() {
                    let import = import.map_err(invalid)?;
                    let what = match import.ty {
                        TypeRef::Memory(_) => "the memory ",
                        TypeRef::Table(_) => "the table ",
                        TypeRef::Global(_) => "the global ",
                        _ => "",
                    };
                    return Err(LoadError::Import(format!(
                        "{what}`{}` from `{}`",
                        import.name, import.module
                    )));
                }
            }
            Payload::FunctionSection(section) => {
                for function in section {
                    self.functions.push(function.map_err(invalid)?);
                }
            }
            Payload::TableSection(section) => {
                if section.count() as usize > TABLES_MAX {
                    return Err(LoadError::Tables);
                }
                for table in section {
                    if table.map_err(invalid)?.ty.initial > TABLE_ELEMENTS_MAX {
                        return Err(LoadError::Tables);
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory.map_err(invalid)?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global.map_err(invalid)?.ty.mutable);
                }
            }
            Payload::StartSection { .. } => return Err(LoadError::Start),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    let name = export.name.to_owned();
                    self.exports.push((name, export.kind, export.index));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check_memory(&self) -> Result<(), LoadError> {
        let memory = match &self.memories[..] {
            [] => return Err(LoadError::NoMemory),
            [memory] => memory,
            _ => return Err(LoadError::ManyMemories),
        };
        if memory.shared {
            return Err(LoadError::SharedMemory);
        }
        if memory.memory64 {
            return Err(LoadError::Memory64);
        }
        if memory.initial > MEMORY_PAGES_MAX {
            return Err(LoadError::MemoryTooLarge(memory.initial));
        }
        Ok(())
    }

    fn check_exports(&self) -> Result<(), LoadError> {
        for (name, kind, index) in &self.exports {
            let mutable = self.globals.get(*index as usize) == Some(&true);
            if *kind == ExternalKind::Global && mutable {
                return Err(LoadError::ExportedGlobal(name.clone()));
            }
        }
        let find = |name| self.exports.iter().find(|(exported, ..)| exported == name);
        match find("memory") {
            None => return Err(LoadError::ExportMissing("memory")),
            Some((_, ExternalKind::Memory, _)) => {}
            Some(_) => {
                return Err(LoadError::ExportType {
                    name: "memory",
                    wanted: "the memory",
                });
            }
        }
        for (name, params, results, wanted) in FUNCTIONS {
            let (_, kind, index) = find(name).ok_or(LoadError::ExportMissing(name))?;
            let function = (*kind == ExternalKind::Func)
                .then(|| self.functions.get(*index as usize))
                .flatten()
                .and_then(|type_index| self.types.get(*type_index as usize))
                .and_then(Option::as_ref);
            if !function.is_some_and(|f| f.params() == params && f.results() == results) {
                return Err(LoadError::ExportType { name, wanted });
            }
        }
        Ok(())
    }
}
