//! What each instruction costs, and where the straight pieces of code end.

use wasm_encoder::{BlockType, Function, Ieee32, Ieee64, Instruction};
use wasmparser::Operator;

/// Gas of one instruction. What only marks the structure of the code is free: it is
/// not executed, and no loop goes round without a branch.
pub(crate) fn cost(operator: &Operator<'_>) -> u64 {
    use Operator::{Block, Else, End, Loop};
    match operator {
        Block { .. } | Loop { .. } | Else | End => 0,
        _ => 1,
    }
}

/// Follows the nesting of blocks and says where straight pieces end.
#[derive(Default)]
pub(crate) struct Pieces {
    /// For each open block whether it is a loop.
    open: Vec<bool>,
}

impl Pieces {
    /// How many blocks are open, that of the function's body not counted.
    pub(crate) fn depth(&self) -> u32 {
        self.open.len() as u32
    }

    /// Takes the next instruction; whether a piece ends with it. Control can come to
    /// the code after it from elsewhere, or go elsewhere with it. (The end of a loop
    /// is no target: branches to a loop go to its beginning.)
    pub(crate) fn ends_with(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. } => {
                self.open.push(false);
                false
            }
            Operator::If { .. } => {
                self.open.push(false);
                true
            }
            Operator::Loop { .. } => {
                self.open.push(true);
                true
            }
            Operator::End => !self.open.pop().unwrap_or(false),
            Operator::Else
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable => true,
            _ => false,
        }
    }
}

/// Writes the code that charges a piece.
pub(crate) fn charge(out: &mut Function, gas: u32, cost: u64) {
    if cost == 0 {
        return;
    }
    let cost = i64::try_from(cost).unwrap_or(i64::MAX);
    out.instruction(&Instruction::GlobalGet(gas))
        .instruction(&Instruction::I64Const(cost))
        .instruction(&Instruction::I64Sub)
        .instruction(&Instruction::GlobalSet(gas))
        .instruction(&Instruction::GlobalGet(gas))
        .instruction(&Instruction::I64Const(0))
        .instruction(&Instruction::I64LtS)
        .instruction(&Instruction::If(BlockType::Empty))
        .instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End);
}

/// Instructions whose run time grows with a number on top of the stack: for how many
/// of it one more gas is charged.
pub(crate) fn unit_of(operator: &Operator<'_>) -> Option<u32> {
    match operator {
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. } => {
            Some(8)
        }
        Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. }
        | Operator::TableGrow { .. } => Some(1),
        _ => None,
    }
}

/// Writes the code that charges such an instruction, before it.
pub(crate) fn charge_length(out: &mut Function, scratch: u32, charge: u32, unit: u32) {
    out.instruction(&Instruction::LocalTee(scratch))
        .instruction(&Instruction::LocalGet(scratch))
        .instruction(&Instruction::I64ExtendI32U);
    if unit > 1 {
        out.instruction(&Instruction::I64Const(i64::from(unit) - 1))
            .instruction(&Instruction::I64Add)
            .instruction(&Instruction::I64Const(i64::from(unit)))
            .instruction(&Instruction::I64DivU);
    }
    out.instruction(&Instruction::Call(charge));
}

/// The width of a float.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

/// Whether an instruction can make a NaN whose bits the machine chooses.
pub(crate) fn makes_nan(operator: &Operator<'_>) -> Option<Float> {
    use Operator as O;
    match operator {
        O::F32Ceil
        | O::F32Floor
        | O::F32Trunc
        | O::F32Nearest
        | O::F32Sqrt
        | O::F32Add
        | O::F32Sub
        | O::F32Mul
        | O::F32Div
        | O::F32Min
        | O::F32Max
        | O::F32DemoteF64 => Some(Float::F32),
        O::F64Ceil
        | O::F64Floor
        | O::F64Trunc
        | O::F64Nearest
        | O::F64Sqrt
        | O::F64Add
        | O::F64Sub
        | O::F64Mul
        | O::F64Div
        | O::F64Min
        | O::F64Max
        | O::F64PromoteF32 => Some(Float::F64),
        _ => None,
    }
}

/// Writes the code that puts the canonical NaN in the place of any other, after it.
pub(crate) fn canonical_nan(out: &mut Function, width: Float, scratch: u32) {
    out.instruction(&Instruction::LocalTee(scratch));
    out.instruction(&match width {
        Float::F32 => Instruction::F32Const(Ieee32::new(0x7fc0_0000)),
        Float::F64 => Instruction::F64Const(Ieee64::new(0x7ff8_0000_0000_0000)),
    });
    out.instruction(&Instruction::LocalGet(scratch))
        .instruction(&Instruction::LocalGet(scratch))
        .instruction(&match width {
            Float::F32 => Instruction::F32Eq,
            Float::F64 => Instruction::F64Eq,
        })
        .instruction(&Instruction::Select);
}
