//! Code put into a module at load, so that budgets and NaNs are the same in every
//! engine (`spec/10-reducer.md` 10.4).
//!
//! Functions, globals and types are only added at the end, so no index of the module
//! changes. Each body is put into a block of its own: a `return` becomes a branch to
//! that block, and a branch to the body's label already is one, so every way out comes
//! by the code after it, which gives the frame back. Exports that are not of the
//! interface are dropped, so the counters' names are free.

mod coarse;
mod gas;
mod stack;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, Instruction,
    MemorySection, Module, TableSection, TypeSection, ValType,
};
use wasmparser::{
    CompositeInnerType, FuncToValidate, FuncType, FunctionBody, Operator, Parser, Payload,
    ValidPayload, Validator, ValidatorResources,
};

use crate::features::{
    FEATURES, FUNCTIONS, MEMORY_PAGES_MAX, TABLE_ELEMENTS_MAX, check_outline, invalid,
};
use crate::refusal::LoadError;
use stack::Frame;

/// Name under which the gas that is left is exported (i64). Below zero: used up.
pub const GAS: &str = "synlog gas";
/// Name under which the stack units that are left are exported (i32). Below zero: used up.
pub const STACK: &str = "synlog stack";
/// Name under which it is exported (i32) that the engine, not the module, failed: it
/// could not give memory that the module may have.
pub const FAULT: &str = "synlog fault";
/// Name of an exported function (length i32, gas i64, stack i32) → i32 that sets both
/// budgets and calls `input`: one step over the border instead of three.
pub(crate) const BEGIN: &str = "synlog begin";

/// Version of the inserted code: compiled modules of another one are not used.
pub(crate) const INSTRUMENT_VERSION: u32 = 2;

const GAS_PER_PAGE: i64 = 1_000;

/// Locals of a function. Engines take 50,000; up to three are put in.
const LOCALS_MAX: u64 = 49_000;
/// Bytes of a function's body with what is put in. Engines take 7,654,321.
const BODY_BYTES_MAX: usize = 7_500_000;

/// How gas is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Metering {
    /// As the protocol says.
    #[default]
    Exact,
    /// At least that much, with less to do: on entry of a function and at the head of a
    /// loop as much as the longest way from there costs. What ends within a budget so
    /// counted ends within it; what does not says nothing.
    AtLeast,
}

/// Validates a module as a reducer and puts the counters in.
///
/// # Errors
/// Everything that [`LoadError`] names but what comes of running `describe`.
pub fn instrument(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    instrument_as(bytes, Metering::Exact)
}

/// [`instrument`], with gas counted one way or the other.
pub(crate) fn instrument_as(bytes: &[u8], metering: Metering) -> Result<Vec<u8>, LoadError> {
    check_outline(bytes)?;
    let mut rewriter = Rewriter {
        metering,
        ..Rewriter::default()
    };
    let mut validator = Validator::new_with_features(FEATURES);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        let valid = validator.payload(&payload).map_err(invalid)?;
        match valid {
            ValidPayload::Func(function, body) => rewriter.body(function, &body)?,
            _ => rewriter.section(payload)?,
        }
    }
    Ok(rewriter.finish())
}

#[derive(Default)]
struct Rewriter {
    metering: Metering,
    /// Index of `input`.
    input: u32,
    types: TypeSection,
    signatures: Vec<FuncType>,
    /// Type of each function.
    functions: Vec<u32>,
    function_section: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    elements: ElementSection,
    data_count: Option<u32>,
    code: CodeSection,
    data: DataSection,
    bodies: usize,
    /// Pages that the memory can have at most.
    maximum: u64,
}

impl Rewriter {
    fn section(&mut self, payload: Payload<'_>) -> Result<(), LoadError> {
        let same = &mut RoundtripReencoder;
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for (_, sub) in group.map_err(invalid)?.into_types_and_offsets() {
                        if let CompositeInnerType::Func(function) = sub.composite_type.inner {
                            self.signatures.push(function);
                        }
                    }
                }
                same.parse_type_section(&mut self.types, section)
                    .map_err(invalid)?;
            }
            Payload::FunctionSection(section) => {
                for function in section {
                    let function = function.map_err(invalid)?;
                    self.functions.push(function);
                    self.function_section.function(function);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let mut table = same
                        .table_type(table.map_err(invalid)?.ty)
                        .map_err(invalid)?;
                    let max = table.maximum.unwrap_or(TABLE_ELEMENTS_MAX);
                    table.maximum = Some(max.min(TABLE_ELEMENTS_MAX));
                    self.tables.table(table);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let mut memory = same
                        .memory_type(memory.map_err(invalid)?)
                        .map_err(invalid)?;
                    let max = memory.maximum.unwrap_or(MEMORY_PAGES_MAX);
                    self.maximum = max.min(MEMORY_PAGES_MAX);
                    memory.maximum = Some(self.maximum);
                    self.memories.memory(memory);
                }
            }
            Payload::GlobalSection(section) => {
                same.parse_global_section(&mut self.globals, section)
                    .map_err(invalid)?;
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(invalid)?;
                    if export.name == "input" {
                        self.input = export.index;
                    }
                    let kept = export.name == "memory"
                        || FUNCTIONS.iter().any(|(name, ..)| *name == export.name);
                    if kept {
                        same.parse_export(&mut self.exports, export)
                            .map_err(invalid)?;
                    } else if export.kind == wasmparser::ExternalKind::Func {
                        // An export also lets `ref.func` name the function.
                        let name = format!("synlog kept {}", self.exports.len());
                        self.exports.export(&name, ExportKind::Func, export.index);
                    }
                }
            }
            Payload::ElementSection(section) => {
                same.parse_element_section(&mut self.elements, section)
                    .map_err(invalid)?;
            }
            Payload::DataCountSection { count, .. } => self.data_count = Some(count),
            Payload::DataSection(section) => {
                same.parse_data_section(&mut self.data, section)
                    .map_err(invalid)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn gas(&self) -> u32 {
        self.globals.len()
    }

    fn stack(&self) -> u32 {
        self.globals.len() + 1
    }

    fn fault(&self) -> u32 {
        self.globals.len() + 2
    }

    fn charge(&self) -> u32 {
        self.functions.len() as u32
    }

    fn grow(&self) -> u32 {
        self.functions.len() as u32 + 1
    }

    fn body(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<(), LoadError> {
        let type_index = self.functions.get(self.bodies).copied();
        self.bodies += 1;
        let signature = type_index
            .and_then(|index| self.signatures.get(index as usize))
            .ok_or_else(|| invalid("a function without a type"))?
            .clone();
        let measured = measure(function, body, self.metering)?;
        if measured.frame.locals > LOCALS_MAX {
            return Err(invalid("a function has more than 49,000 locals"));
        }
        let params = signature.params().len() as u32;

        let mut locals = Vec::new();
        let mut count = params;
        for group in body.get_locals_reader().map_err(invalid)? {
            let (n, local) = group.map_err(invalid)?;
            count = count.saturating_add(n);
            locals.push((n, RoundtripReencoder.val_type(local).map_err(invalid)?));
        }
        let mut scratch = |needed: bool, kind: ValType| {
            let index = count;
            if needed {
                locals.push((1, kind));
                count += 1;
            }
            index
        };
        let length = scratch(measured.lengths, ValType::I32);
        let f32 = scratch(measured.f32, ValType::F32);
        let f64 = scratch(measured.f64, ValType::F64);

        let mut out = Function::new(locals);
        let exact = self.metering == Metering::Exact;
        let checked = exact || !measured.frame.is_small_leaf();
        if checked {
            stack::enter(&mut out, self.stack(), &measured.frame);
        }
        let block = match signature.results() {
            [] => BlockType::Empty,
            [result] => BlockType::Result(RoundtripReencoder.val_type(*result).map_err(invalid)?),
            results => {
                let mut kinds = Vec::with_capacity(results.len());
                for result in results {
                    kinds.push(RoundtripReencoder.val_type(*result).map_err(invalid)?);
                }
                let index = self.types.len();
                self.types.ty().function([], kinds);
                BlockType::FunctionType(index)
            }
        };
        out.instruction(&Instruction::Block(block));
        let mut costs = measured.costs.iter();
        let mut charge_next = |out: &mut Function| {
            gas::charge(out, self.gas(), costs.next().copied().unwrap_or(0));
        };
        charge_next(&mut out);
        let mut pieces = gas::Pieces::default();
        let mut operators = body.get_operators_reader().map_err(invalid)?;
        while !operators.eof() {
            let operator = operators.read().map_err(invalid)?;
            let depth = pieces.depth();
            let ends = pieces.ends_with(&operator);
            if let Some(unit) = gas::unit_of(&operator) {
                gas::charge_length(&mut out, length, self.charge(), unit);
            }
            let ends = match self.metering {
                Metering::Exact => ends,
                Metering::AtLeast => matches!(operator, Operator::Loop { .. }),
            };
            let nan = gas::makes_nan(&operator);
            let instruction = match operator {
                Operator::Return => Instruction::Br(depth),
                Operator::MemoryGrow { .. } => Instruction::Call(self.grow()),
                operator => RoundtripReencoder.instruction(operator).map_err(invalid)?,
            };
            out.instruction(&instruction);
            if let Some(width) = nan {
                let scratch = if width == gas::Float::F32 { f32 } else { f64 };
                gas::canonical_nan(&mut out, width, scratch);
            }
            if ends {
                charge_next(&mut out);
            }
        }
        stack::leave(&mut out, self.stack(), &measured.frame);
        out.instruction(&Instruction::End);
        if out.byte_len() > BODY_BYTES_MAX {
            return Err(invalid("a function is too long to be charged"));
        }
        self.code.function(&out);
        Ok(())
    }

    /// `charge(gas)`: for what is known only when it runs.
    fn charge_function(&self) -> Function {
        let mut out = Function::new([]);
        out.instruction(&Instruction::GlobalGet(self.gas()))
            .instruction(&Instruction::LocalGet(0))
            .instruction(&Instruction::I64Sub)
            .instruction(&Instruction::GlobalSet(self.gas()))
            .instruction(&Instruction::GlobalGet(self.gas()))
            .instruction(&Instruction::I64Const(0))
            .instruction(&Instruction::I64LtS)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::Unreachable)
            .instruction(&Instruction::End)
            .instruction(&Instruction::End);
        out
    }

    /// `grow(pages)`: charges, grows, and tells a limit of the module, at which it
    /// gives −1, from an engine that has no memory left.
    fn grow_function(&self, maximum: u64) -> Function {
        let mut out = Function::new([(1, ValType::I32)]);
        out.instruction(&Instruction::LocalGet(0))
            .instruction(&Instruction::I64ExtendI32U)
            .instruction(&Instruction::I64Const(GAS_PER_PAGE))
            .instruction(&Instruction::I64Mul)
            .instruction(&Instruction::Call(self.charge()))
            .instruction(&Instruction::LocalGet(0))
            .instruction(&Instruction::MemoryGrow(0))
            .instruction(&Instruction::LocalTee(1))
            .instruction(&Instruction::I32Const(-1))
            .instruction(&Instruction::I32Eq)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::MemorySize(0))
            .instruction(&Instruction::I64ExtendI32U)
            .instruction(&Instruction::LocalGet(0))
            .instruction(&Instruction::I64ExtendI32U)
            .instruction(&Instruction::I64Add)
            .instruction(&Instruction::I64Const(i64::try_from(maximum).unwrap_or(0)))
            .instruction(&Instruction::I64LeU)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::I32Const(1))
            .instruction(&Instruction::GlobalSet(self.fault()))
            .instruction(&Instruction::Unreachable)
            .instruction(&Instruction::End)
            .instruction(&Instruction::End)
            .instruction(&Instruction::LocalGet(1))
            .instruction(&Instruction::End);
        out
    }

    /// `begin(length, gas, stack)`: sets the budgets and calls `input`.
    fn begin_function(&self) -> Function {
        let mut out = Function::new([]);
        out.instruction(&Instruction::LocalGet(1))
            .instruction(&Instruction::GlobalSet(self.gas()))
            .instruction(&Instruction::LocalGet(2))
            .instruction(&Instruction::GlobalSet(self.stack()))
            .instruction(&Instruction::LocalGet(0))
            .instruction(&Instruction::Call(self.input))
            .instruction(&Instruction::End);
        out
    }

    fn finish(mut self) -> Vec<u8> {
        let (charge, grow) = (self.charge_function(), self.grow_function(self.maximum));
        let begin = self.begin_function();
        self.code.function(&charge).function(&grow).function(&begin);
        let types = self.types.len();
        self.types.ty().function([ValType::I64], []);
        self.types.ty().function([ValType::I32], [ValType::I32]);
        let begin = [ValType::I32, ValType::I64, ValType::I32];
        self.types.ty().function(begin, [ValType::I32]);
        for added in 0..3 {
            self.function_section.function(types + added);
        }
        let begin = self.functions.len() as u32 + 2;
        self.exports.export(BEGIN, ExportKind::Func, begin);
        let counters = [
            (GAS, self.gas(), ValType::I64, ConstExpr::i64_const(0)),
            (STACK, self.stack(), ValType::I32, ConstExpr::i32_const(0)),
            (FAULT, self.fault(), ValType::I32, ConstExpr::i32_const(0)),
        ];
        for (name, index, val_type, zero) in counters {
            let counter = GlobalType {
                val_type,
                mutable: true,
                shared: false,
            };
            self.globals.global(counter, &zero);
            self.exports.export(name, ExportKind::Global, index);
        }
        let mut module = Module::new();
        module.section(&self.types).section(&self.function_section);
        if !self.tables.is_empty() {
            module.section(&self.tables);
        }
        module
            .section(&self.memories)
            .section(&self.globals)
            .section(&self.exports);
        if !self.elements.is_empty() {
            module.section(&self.elements);
        }
        if let Some(count) = self.data_count {
            module.section(&DataCountSection { count });
        }
        module.section(&self.code);
        if !self.data.is_empty() {
            module.section(&self.data);
        }
        module.finish()
    }
}

/// What one look over a body gives.
struct Measured {
    frame: Frame,
    /// Gas of each straight piece; counted at least: of the body, and of each loop in turn.
    costs: Vec<u64>,
    lengths: bool,
    f32: bool,
    f64: bool,
}

fn measure(
    function: FuncToValidate<ValidatorResources>,
    body: &FunctionBody<'_>,
    metering: Metering,
) -> Result<Measured, LoadError> {
    let mut validator = function.into_validator(Default::default());
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader).map_err(invalid)?;
    let locals = u64::from(validator.len_locals());
    let mut frame = Frame {
        locals,
        operands: 0,
        instructions: 0,
        leaf: true,
    };
    // Locals are set to zero on entry, which takes its time.
    let mut piece = locals;
    let mut ways = coarse::Ways::new(locals);
    let mut measured_costs = Vec::new();
    let (mut lengths, mut f32, mut f64) = (false, false, false);
    let mut pieces = gas::Pieces::default();
    let mut operators = body.get_operators_reader().map_err(invalid)?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset().map_err(invalid)?;
        validator.op(offset, &operator).map_err(invalid)?;
        frame.operands = frame
            .operands
            .max(u64::from(validator.operand_stack_height()));
        frame.leaf &= !stack::calls(&operator);
        let cost = gas::cost(&operator);
        frame.instructions += cost;
        piece += cost;
        ways.take(&operator, cost).map_err(invalid)?;
        lengths |= gas::unit_of(&operator).is_some();
        match gas::makes_nan(&operator) {
            Some(gas::Float::F32) => f32 = true,
            Some(gas::Float::F64) => f64 = true,
            None => {}
        }
        if pieces.ends_with(&operator) {
            measured_costs.push(std::mem::take(&mut piece));
        }
    }
    operators.finish().map_err(invalid)?;
    Ok(Measured {
        frame,
        costs: match metering {
            Metering::Exact => measured_costs,
            Metering::AtLeast => ways.finish(),
        },
        lengths,
        f32,
        f64,
    })
}
