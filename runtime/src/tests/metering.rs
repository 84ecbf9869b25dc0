//! Gas counted at least is never less than gas counted exactly.

use wasmi::{Engine, Instance, Linker, Module, Store, Val};

use crate::instance::{GAS_MAX, STACK_MAX};
use crate::instrument::{GAS, Metering, STACK, instrument_as};

/// `route` goes other ways through branches, tables and loops for each number.
const WAYS: &str = r#"(module (memory (export "memory") 1)
  (func (export "input") (param i32) (result i32) (i32.const 0))
  (func (export "describe") (result i64) (i64.const 0))
  (func (export "fold") (param i32) (result i64) (i64.const 0))
  (func (export "project") (param i32) (result i64) (i64.const 0))
  (func $leaf (param i32) (result i32)
    (if (i32.and (local.get 0) (i32.const 1))
      (then (return (i32.mul (local.get 0) (i32.const 3)))))
    (i32.add (local.get 0) (i32.const 1)))
  (func (export "route") (param $n i32) (result i64) (local $i i32) (local $sum i32)
    (block $out
      (loop $again
        (br_if $out (i32.gt_u (local.get $i) (local.get $n)))
        (block $three (block $two (block $one
          (br_table $one $two $three $again
            (i32.rem_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
          (local.set $sum (call $leaf (i32.add (local.get $sum) (i32.const 7))))
          (br $three))
          (loop $inner
            (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
            (br_if $out (i32.eq (local.get $sum) (i32.const 1000)))
            (br_if $inner (i32.and (local.get $sum) (i32.const 7)))))
        (if (i32.and (local.get $i) (i32.const 2))
          (then (local.set $sum (i32.xor (local.get $sum) (local.get $i))) (br $again))
          (else (local.set $sum (call $leaf (local.get $sum)))))
        (br $again)))
    (i64.extend_i32_u (local.get $sum))))"#;

fn run(metering: Metering, number: i32) -> (i64, i64) {
    let wasm = instrument_as(&wat::parse_str(WAYS).unwrap(), metering).unwrap();
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).unwrap();
    let mut store = Store::new(&engine, ());
    let instance: Instance = Linker::new(&engine)
        .instantiate_and_start(&mut store, &module)
        .unwrap();
    let gas = instance.get_global(&store, GAS).unwrap();
    let stack = instance.get_global(&store, STACK).unwrap();
    gas.set(&mut store, Val::I64(GAS_MAX)).unwrap();
    stack.set(&mut store, Val::I32(STACK_MAX)).unwrap();
    let route = instance
        .get_typed_func::<i32, i64>(&store, "route")
        .unwrap();
    let result = route.call(&mut store, number).unwrap();
    (result, GAS_MAX - gas.get(&store).i64().unwrap())
}

#[test]
fn what_is_counted_at_least_is_not_less() {
    let mut more = 0;
    for number in 0..60 {
        let (exact, least) = (run(Metering::Exact, number), run(Metering::AtLeast, number));
        assert_eq!(exact.0, least.0, "{number}");
        assert!(least.1 >= exact.1, "{number}: {} < {}", least.1, exact.1);
        // the longest way, not all ways together
        assert!(least.1 <= 4 * exact.1, "{number}: {}", least.1);
        more += i32::from(least.1 > exact.1);
    }
    assert!(more > 0);
}
