//! Another engine, run by the letter of the specification: each event in a fresh
//! instance. It shares the inserted code and nothing of how calls are put together.

use synlog_log::fold::{BAD_OUTPUT, Folded, OVER_BUDGET, Projected, Routed, TRAPPED};
use synlog_log::wire::Writer;
use wasmi::{Config, Engine, Instance, Linker, Module, Store, Val};

use crate::call::{put_fold_head, put_project, read_fold, read_project, read_route};
use crate::instance::{GAS_MAX, STACK_MAX};
use crate::instrument::{GAS, STACK, instrument};

pub(super) struct Second {
    engine: Engine,
    module: Module,
}

impl Second {
    pub(super) fn new(wasm: &[u8]) -> Self {
        let mut config = Config::default();
        config
            .set_max_recursion_depth(20_000)
            .set_max_stack_height(64 << 20);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, instrument(wasm).unwrap()).unwrap();
        Self { engine, module }
    }

    fn call(&self, function: &str, input: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut store = Store::new(&self.engine, ());
        let instance: Instance = Linker::new(&self.engine)
            .instantiate_and_start(&mut store, &self.module)
            .unwrap();
        let gas = instance.get_global(&store, GAS).unwrap();
        let stack = instance.get_global(&store, STACK).unwrap();
        gas.set(&mut store, Val::I64(GAS_MAX)).unwrap();
        stack.set(&mut store, Val::I32(STACK_MAX)).unwrap();
        let give = instance
            .get_typed_func::<i32, i32>(&store, "input")
            .unwrap();
        let run = instance
            .get_typed_func::<i32, i64>(&store, function)
            .unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        let failed = |store: &Store<()>, error: wasmi::Error| {
            let left = (
                gas.get(store).i64().unwrap(),
                stack.get(store).i32().unwrap(),
            );
            let code = error.as_trap_code();
            let code = code.unwrap_or_else(|| panic!("the engine failed: {error}"));
            assert_ne!(code, wasmi::TrapCode::StackOverflow);
            if left.0 < 0 || left.1 < 0 {
                OVER_BUDGET
            } else {
                TRAPPED
            }
        };
        let length = input.len() as i32;
        let address = match give.call(&mut store, length) {
            Ok(address) => address as u32 as usize,
            Err(error) => return Err(failed(&store, error)),
        };
        memory
            .write(&mut store, address, input)
            .map_err(|_| BAD_OUTPUT)?;
        match run.call(&mut store, length) {
            Ok(packed) => {
                let (address, length) = ((packed as u64 >> 32) as usize, packed as u32 as usize);
                let bytes = memory.data(&store).get(address..).ok_or(BAD_OUTPUT)?;
                Ok(bytes.get(..length).ok_or(BAD_OUTPUT)?.to_vec())
            }
            Err(error) => Err(failed(&store, error)),
        }
    }

    pub(super) fn route(&self, event: &[u8]) -> Routed {
        let mut input = vec![9; 32];
        input.put_bytes(event);
        let routed = self
            .call("route", &input)
            .and_then(|output| read_route(&output));
        routed.unwrap_or_else(|code| Err(code.to_owned()))
    }

    pub(super) fn fold(&self, key: &str, events: &[&[u8]]) -> Folded {
        let mut folded = Folded::default();
        for (index, event) in events.iter().enumerate() {
            let (mut input, mut head) = (vec![9; 32], Vec::new());
            put_fold_head(&mut head, key.as_bytes(), folded.state.as_deref(), 1);
            input.extend_from_slice(&head);
            input.put_bytes(event);
            let output = self
                .call("fold", &input)
                .and_then(|output| read_fold(&output, 1));
            match output {
                Ok(output) if output.rejections.is_empty() => folded.state = output.state,
                Ok(output) => folded
                    .rejections
                    .push((index, output.rejections[0].1.clone())),
                Err(code) => folded.rejections.push((index, code.to_owned())),
            }
        }
        folded
    }

    pub(super) fn project(&self, key: &str, state: &[u8]) -> Projected {
        let (mut input, mut rest) = (vec![9; 32], Vec::new());
        put_project(&mut rest, key.as_bytes(), state);
        input.extend_from_slice(&rest);
        let rows = self
            .call("project", &input)
            .and_then(|output| read_project(&output, 1));
        rows.map_err(str::to_owned)
    }
}
