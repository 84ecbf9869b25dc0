//! One instance of a module and the calls into it.

use wasmtime::{Global, InstancePre, Memory, Store, Trap, TypedFunc, Val};

use crate::instrument::{BEGIN, FAULT, GAS, STACK};

/// Gas of a call (10.4).
pub(crate) const GAS_MAX: i64 = 10_000_000;
/// Stack units of a call (10.4).
pub(crate) const STACK_MAX: i32 = 65_536;
/// The part of a budget that events together may use. So what is decided together
/// would have been within the budget of one event, whatever it is that differs.
const SHARE: i64 = 4;

/// What a call may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    gas: i64,
    stack: i32,
}

impl Budget {
    /// That of one event.
    pub(crate) const WHOLE: Self = Self {
        gas: GAS_MAX,
        stack: STACK_MAX,
    };
    /// That of several events together.
    pub(crate) const SHARED: Self = Self {
        gas: GAS_MAX / SHARE,
        stack: STACK_MAX / SHARE as i32,
    };
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The guest trapped.
    Trapped,
    /// It used up gas or stack.
    OverBudget,
    /// What it gave lies outside its memory.
    BadOutput,
    /// The machine failed.
    Host(String),
}

/// A function of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Route,
    Fold,
    Project,
}

/// An instance. After a failure nothing more is called in it.
pub(crate) struct Instance {
    store: Store<()>,
    memory: Memory,
    gas: Global,
    stack: Global,
    fault: Global,
    /// Sets both budgets and calls `input`.
    begin: TypedFunc<(i32, i64, i32), i32>,
    functions: [TypedFunc<i32, i64>; 3],
    describe: TypedFunc<(), i64>,
    /// Pages that it had at first.
    first_pages: u64,
}

fn host(error: impl std::fmt::Display) -> Failure {
    Failure::Host(format!("{error:#}"))
}

impl Instance {
    /// A fresh one. It traps where data or elements lie outside; `load` refuses that.
    pub(crate) fn new(module: &InstancePre<()>) -> Result<Self, Failure> {
        let mut store = Store::new(module.module().engine(), ());
        let instance =
            module
                .instantiate(&mut store)
                .map_err(|error| match error.downcast_ref::<Trap>() {
                    Some(_) => Failure::Trapped,
                    None => host(error),
                })?;
        let missing = |name: &str| Failure::Host(format!("`{name}` is gone"));
        let mut global = |name: &str| {
            let global = instance.get_global(&mut store, name);
            global.ok_or_else(|| missing(name))
        };
        let (gas, stack, fault) = (global(GAS)?, global(STACK)?, global(FAULT)?);
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| missing("memory"))?;
        let begin = instance.get_typed_func(&mut store, BEGIN).map_err(host)?;
        let describe = instance
            .get_typed_func(&mut store, "describe")
            .map_err(host)?;
        let mut function = |name| instance.get_typed_func(&mut store, name).map_err(host);
        let functions = [function("route")?, function("fold")?, function("project")?];
        let first_pages = memory.size(&store);
        Ok(Self {
            store,
            memory,
            gas,
            stack,
            fault,
            begin,
            functions,
            describe,
            first_pages,
        })
    }

    /// Pages of memory beyond those that it had at first.
    pub(crate) fn grown_pages(&self) -> u64 {
        self.memory.size(&self.store) - self.first_pages
    }

    fn arm(&mut self, budget: Budget) -> Result<(), Failure> {
        self.gas
            .set(&mut self.store, Val::I64(budget.gas))
            .map_err(host)?;
        self.stack
            .set(&mut self.store, Val::I32(budget.stack))
            .map_err(host)
    }

    fn failure(&mut self, error: &wasmtime::Error) -> Failure {
        let counter = |global: &Global, store: &mut Store<()>| match global.get(store) {
            Val::I64(value) => value,
            Val::I32(value) => i64::from(value),
            _ => 0,
        };
        if counter(&self.fault, &mut self.store) != 0 {
            return Failure::Host("no memory left for a reducer".to_owned());
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::UnreachableCodeReached)
                if counter(&self.gas, &mut self.store) < 0
                    || counter(&self.stack, &mut self.store) < 0 =>
            {
                Failure::OverBudget
            }
            // The charged stack must end first: this is a fault of ours.
            Some(Trap::StackOverflow) => Failure::Host("the machine's stack ran out".to_owned()),
            Some(Trap::Interrupt) => Failure::Host("interrupted".to_owned()),
            Some(_) => Failure::Trapped,
            None => host(error),
        }
    }

    fn output(&self, packed: i64) -> Result<&[u8], Failure> {
        let packed = packed as u64;
        let (address, length) = ((packed >> 32) as usize, (packed & 0xffff_ffff) as usize);
        let memory = self.memory.data(&self.store);
        let rest = memory.get(address..).ok_or(Failure::BadOutput)?;
        rest.get(..length).ok_or(Failure::BadOutput)
    }

    /// Gives a function its input, one piece after the other, and runs it.
    pub(crate) fn call(
        &mut self,
        function: Function,
        budget: Budget,
        pieces: &[&[u8]],
    ) -> Result<&[u8], Failure> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let length = i32::try_from(length).map_err(host)?;
        let address = match self
            .begin
            .call(&mut self.store, (length, budget.gas, budget.stack))
        {
            Ok(address) => address as u32 as usize,
            Err(error) => return Err(self.failure(&error)),
        };
        let memory = self.memory.data_mut(&mut self.store);
        let room = memory
            .get_mut(address..)
            .and_then(|rest| rest.get_mut(..length as usize));
        let mut room = room.ok_or(Failure::BadOutput)?;
        for piece in pieces {
            let (here, rest) = room.split_at_mut(piece.len());
            here.copy_from_slice(piece);
            room = rest;
        }
        let called = match function {
            Function::Route => &self.functions[0],
            Function::Fold => &self.functions[1],
            Function::Project => &self.functions[2],
        };
        match called.call(&mut self.store, length) {
            Ok(packed) => self.output(packed),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Runs `describe`.
    pub(crate) fn describe(&mut self) -> Result<&[u8], Failure> {
        self.arm(Budget::WHOLE)?;
        match self.describe.call(&mut self.store, ()) {
            Ok(packed) => self.output(packed),
            Err(error) => Err(self.failure(&error)),
        }
    }
}
