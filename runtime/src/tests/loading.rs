//! What is no reducer is refused by name, and no bytes make the loader panic.

use proptest::prelude::*;
use synlog_log::fold::{FoldInput, MODULE_MAX, Reducer};
use synlog_log::ids::TopicId;

use super::guest::{Guest, event};
use crate::{Backend, Checks, Engine, Settings, instrument};

fn engine() -> Engine {
    let settings = Settings {
        backend: Backend::Unoptimised,
        cache: None,
    };
    Engine::new(settings).unwrap()
}

fn code_of(wasm: &[u8]) -> &'static str {
    engine()
        .load(wasm)
        .map_or_else(|error| error.code(), |_| "loaded")
}

/// The counter with something replaced in its text.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let wat = Guest::default().wat();
    assert!(wat.contains(from), "{from}");
    wat::parse_str(wat.replace(from, to)).unwrap()
}

#[test]
fn what_is_no_reducer_is_refused_by_name() {
    let memory = "(memory (export \"memory\") 80)";
    let func = "(func $skip";
    let add = |text: &str| changed(func, &format!("{text} {func}"));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("the counter", Guest::default().wasm(), "loaded"),
        ("nothing", vec![], "not_wasm"),
        ("text", b"(module)".to_vec(), "not_wasm"),
        (
            "cut",
            Guest::default().wasm()[..900].to_vec(),
            "invalid_module",
        ),
        (
            "a component",
            wat::parse_str("(component)").unwrap(),
            "component",
        ),
        ("too large", vec![0; MODULE_MAX + 1], "module_too_large"),
        (
            "an import",
            changed(memory, &format!("(import \"env\" \"now\" (func)) {memory}")),
            "has_imports",
        ),
        (
            "an imported memory",
            changed(
                memory,
                "(import \"env\" \"m\" (memory 1)) (export \"memory\" (memory 0))",
            ),
            "has_imports",
        ),
        ("a start", add("(func $s) (start $s)"), "has_start"),
        (
            "no memory",
            wat::parse_str("(module)").unwrap(),
            "no_memory",
        ),
        (
            "two memories",
            changed(memory, &format!("{memory} (memory 1)")),
            "many_memories",
        ),
        (
            "shared",
            changed(memory, "(memory (export \"memory\") 80 80 shared)"),
            "shared_memory",
        ),
        (
            "memory64",
            changed(memory, "(memory (export \"memory\") i64 80)"),
            "memory64",
        ),
        (
            "large memory",
            changed(memory, "(memory (export \"memory\") 1025)"),
            "memory_too_large",
        ),
        (
            "memory not exported",
            changed(memory, "(memory 80)"),
            "export_missing",
        ),
        (
            "memory is a function",
            changed(memory, "(memory 80) (func (export \"memory\"))"),
            "export_type",
        ),
        (
            "input missing",
            changed("(export \"input\")", ""),
            "export_missing",
        ),
        (
            "describe missing",
            changed("(export \"describe\")", ""),
            "export_missing",
        ),
        (
            "route missing",
            changed("(export \"route\")", ""),
            "export_missing",
        ),
        (
            "fold missing",
            changed("(export \"fold\")", ""),
            "export_missing",
        ),
        (
            "project missing",
            changed("(export \"project\")", ""),
            "export_missing",
        ),
        (
            "input mistyped",
            changed(
                "(export \"input\") (param i32)",
                "(export \"input\") (param i64)",
            ),
            "export_type",
        ),
        (
            "describe mistyped",
            changed("(export \"describe\")", "(export \"describe\") (param i32)"),
            "export_type",
        ),
        (
            "route mistyped",
            changed(
                "(export \"route\") (param i32)",
                "(export \"route\") (param i32 i32)",
            ),
            "export_type",
        ),
        (
            "fold mistyped",
            changed(
                "(export \"fold\") (param i32)",
                "(export \"fold\") (param f32)",
            ),
            "export_type",
        ),
        (
            "project is a global",
            changed("(export \"project\")", ""),
            "export_missing",
        ),
        (
            "an exported mutable global",
            changed(
                "(global $p (mut i32)",
                "(global $p (export \"g\") (mut i32)",
            ),
            "exported_global",
        ),
        (
            "an exported constant",
            add("(global (export \"__heap_base\") i32 (i32.const 9))"),
            "loaded",
        ),
        (
            "a counter's name",
            add("(func (export \"synlog gas\"))"),
            "loaded",
        ),
        (
            "SIMD",
            add("(func (drop (v128.const i64x2 0 0)))"),
            "invalid_module",
        ),
        ("atomics", add("(func (atomic.fence))"), "invalid_module"),
        (
            "a tail call",
            add("(func $t (return_call $t))"),
            "invalid_module",
        ),
        (
            "an exception",
            add("(tag $e) (func (throw $e))"),
            "invalid_module",
        ),
        (
            "GC",
            add("(type $s (struct (field i32)))"),
            "invalid_module",
        ),
        (
            "externref",
            add("(func (param externref))"),
            "invalid_module",
        ),
        (
            "wide arithmetic",
            add(
                "(func (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1)))",
            ),
            "invalid_module",
        ),
        (
            "an extended constant",
            add("(global i32 (i32.add (i32.const 1) (i32.const 2)))"),
            "invalid_module",
        ),
        (
            "a wrong type",
            add("(func (result i32) (i64.const 1))"),
            "invalid_module",
        ),
        (
            "many tables",
            add(
                "(table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)",
            ),
            "tables",
        ),
        ("a large table", add("(table 16385 funcref)"), "tables"),
        (
            "tables",
            add("(table 16384 funcref) (table 2 funcref)"),
            "loaded",
        ),
        (
            "multi-value",
            add("(func (result i32 i64) (i32.const 1) (i64.const 2))"),
            "loaded",
        ),
        (
            "data outside",
            add("(data (i32.const 5242879) \"ab\")"),
            "instantiate",
        ),
        (
            "elements outside",
            add("(table 1 funcref) (func $e) (elem (i32.const 1) $e)"),
            "instantiate",
        ),
        (
            "describe traps",
            Guest {
                describe: "(unreachable)",
                ..Guest::default()
            }
            .wasm(),
            "describe_trapped",
        ),
        (
            "describe burns",
            Guest {
                describe: "(loop $l (br $l))",
                ..Guest::default()
            }
            .wasm(),
            "describe_over_budget",
        ),
        (
            "describe outside",
            Guest {
                describe: "(return (i64.const -1))",
                ..Guest::default()
            }
            .wasm(),
            "describe_output",
        ),
        (
            "a bad manifest",
            Guest {
                describe: "(return (i64.const 4))",
                ..Guest::default()
            }
            .wasm(),
            "bad_manifest",
        ),
    ];
    for (what, wasm, wanted) in cases {
        assert_eq!(code_of(&wasm), wanted, "{what}");
    }
}

#[test]
fn the_wrong_place_of_a_manifest_is_named() {
    let wat = Guest::default().wat().replace("ordered", "sideway");
    let mut wasm = wat::parse_str(wat).unwrap();
    // the manifest's text is escaped in the module's text, so change the bytes
    let at = wasm
        .windows(7)
        .position(|window| window == b"ordered")
        .unwrap();
    wasm[at] = b'x';
    let error = engine().load(&wasm).unwrap_err();
    assert_eq!(error.to_string(), "the manifest is wrong at mode");
}

#[test]
fn references_to_functions_survive() {
    let wasm = changed(
        "(func $skip",
        "(type $t (func (result i32)))
         (func $seven (result i32) (i32.const 7))
         (table $f 4 10 funcref) (elem (i32.const 2) $seven)
         (elem declare func $body)
         (func (result funcref) (ref.func $body))
         (func (export \"other\") (result i32)
           (drop (table.grow $f (ref.func $seven) (i32.const 2)))
           (table.fill $f (i32.const 0) (ref.null func) (i32.const 1))
           (call_indirect (type $t) (i32.const 2)))
         (func $skip",
    );
    assert_eq!(code_of(&wasm), "loaded");
}

#[test]
fn gas_is_charged_by_the_table() {
    // Each body ends a call with what is left; `gas` is what it must have used.
    let cases = [
        ("(nop)", 1),
        ("(block (nop) (nop))", 2),
        ("(drop (i32.add (i32.const 1) (i32.const 2)))", 4),
        ("(block (br 0) (nop) (nop))", 1),
        ("(if (i32.const 0) (then (nop) (nop)) (else (nop)))", 3),
        (
            "(local.set 0 (i32.const 3)) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
            17,
        ),
        (
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 9))",
            4 + 2,
        ),
        ("(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))", 4),
        ("(drop (memory.grow (i32.const 2)))", 3 + 2_000),
        ("(drop (memory.grow (i32.const -1)))", 4_294_967_295_000 + 3),
    ];
    for (body, wanted) in cases {
        let wasm = changed(
            "(export \"describe\") (result i64)",
            &format!(
                "(export \"describe\") (result i64) (local i32) {body} (return (i64.const 1))"
            ),
        );
        let used = used_gas(&wasm);
        // one for the local, two for the constant and the return
        assert_eq!(used, wanted + 3, "{body}");
    }
}

fn used_gas(wasm: &[u8]) -> i64 {
    const START: i64 = 1 << 60;
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, instrument(wasm).unwrap()).unwrap();
    let mut store = wasmi::Store::new(&engine, ());
    let linker = wasmi::Linker::new(&engine);
    let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
    let gas = instance.get_global(&store, crate::GAS).unwrap();
    let stack = instance.get_global(&store, crate::STACK).unwrap();
    gas.set(&mut store, wasmi::Val::I64(START)).unwrap();
    stack.set(&mut store, wasmi::Val::I32(1_000)).unwrap();
    let describe = instance
        .get_typed_func::<(), i64>(&store, "describe")
        .unwrap();
    describe.call(&mut store, ()).unwrap();
    // every way out gives the frames back
    assert_eq!(stack.get(&store).i32(), Some(1_000));
    START - gas.get(&store).i64().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), headed: bool) {
        let mut wasm = if headed { b"\0asm\x01\0\0\0".to_vec() } else { Vec::new() };
        wasm.extend_from_slice(&bytes);
        prop_assert!(instrument(&wasm).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn damaged_modules_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        static ENGINE: std::sync::LazyLock<Engine> = std::sync::LazyLock::new(engine);
        let mut wasm = Guest::default().wasm();
        for (at, byte) in flips {
            let at = at.index(wasm.len());
            wasm[at] = byte;
        }
        if let Ok(module) = ENGINE.load(&wasm) {
            let mut reducer = module.reducer(Checks::default());
            let event = event(0, b"a\x01\x01");
            let topic = TopicId([9; 32]);
            let input = [FoldInput { key: "k", state: None, events: vec![&event, &event] }];
            let _ = reducer.route(&topic, &[&event]);
            let _ = reducer.fold(&topic, &input);
            let _ = reducer.project(&topic, &[("k", &[0; 8])]);
        }
    }
}
