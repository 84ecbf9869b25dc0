//! What a frame costs, and the code that charges it.

use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::Operator;

/// Units of a frame whatever it holds: its return address and what is saved.
const FRAME: u64 = 8;
/// So many instructions cost one unit. A compiler may keep the value of any
/// instruction in the frame, so a frame is bounded only with them counted.
const INSTRUCTIONS_PER_UNIT: u64 = 8;
/// Units of a leaf that need not be looked at where only a quarter of the budget may be
/// used: together they stay far below the whole.
const SMALL_LEAF: i32 = 1_024;

/// What is known of a function's body once it is validated.
pub(crate) struct Frame {
    /// Parameters and locals.
    pub(crate) locals: u64,
    /// The greatest height of the operand stack.
    pub(crate) operands: u64,
    /// Instructions that cost gas.
    pub(crate) instructions: u64,
    /// Whether it calls nothing.
    pub(crate) leaf: bool,
}

impl Frame {
    /// Units of stack that the frame takes.
    pub(crate) fn units(&self) -> i32 {
        let units = FRAME + self.locals + self.operands + self.instructions / INSTRUCTIONS_PER_UNIT;
        i32::try_from(units).unwrap_or(i32::MAX)
    }

    /// Whether it calls nothing and is small.
    pub(crate) fn is_small_leaf(&self) -> bool {
        self.leaf && self.units() <= SMALL_LEAF
    }
}

/// Whether an instruction enters another frame.
pub(crate) fn calls(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. } | Operator::CallIndirect { .. }
    )
}

/// Writes the code that charges a frame. A leaf only looks whether there is room, for
/// nothing is charged below it; where there is none, the counter goes under zero too.
pub(crate) fn enter(out: &mut Function, stack: u32, frame: &Frame) {
    let units = frame.units();
    out.instruction(&Instruction::GlobalGet(stack))
        .instruction(&Instruction::I32Const(units));
    if frame.leaf {
        out.instruction(&Instruction::I32LtS)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::I32Const(-1))
            .instruction(&Instruction::GlobalSet(stack));
    } else {
        out.instruction(&Instruction::I32Sub)
            .instruction(&Instruction::GlobalSet(stack))
            .instruction(&Instruction::GlobalGet(stack))
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::I32LtS)
            .instruction(&Instruction::If(BlockType::Empty));
    }
    out.instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End);
}

/// Writes the code that gives the frame back.
pub(crate) fn leave(out: &mut Function, stack: u32, frame: &Frame) {
    if !frame.leaf {
        out.instruction(&Instruction::GlobalGet(stack))
            .instruction(&Instruction::I32Const(frame.units()))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::GlobalSet(stack));
    }
}
