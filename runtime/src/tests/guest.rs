//! Guests written by hand: a counter that speaks the interface, with places where
//! tests put other behaviour in.

use synlog_log::cbor::Value;
use synlog_log::fold::FoldEvent;
use synlog_log::ids::{DeviceId, EntityId, EntryId};

/// What a test changes of the counter.
#[derive(Clone, Copy, Default)]
pub(super) struct Guest {
    /// Put before the first function: globals, functions.
    pub(super) extra: &'static str,
    /// Run for each event; `$body` is the address of its body, `$sum` the state.
    pub(super) event: &'static str,
    /// Run at the beginning of `describe`, `route` and `project`.
    pub(super) describe: &'static str,
    pub(super) route: &'static str,
    pub(super) project: &'static str,
    /// Run at the end of `input`; leaves an address.
    pub(super) input: &'static str,
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn manifest() -> Value {
    let event = |kind| Value::map([("kind", text(kind)), ("title", text("Add"))]);
    let column = Value::map([("name", text("sum")), ("type", text("int"))]);
    Value::map([
        ("abi", Value::Int(1)),
        ("app", text("counter")),
        ("major", Value::Int(1)),
        ("version", text("1.0.0")),
        ("title", text("Counts")),
        ("mode", text("ordered")),
        (
            "events",
            Value::Array(vec![event("count.add"), event("count.odd")]),
        ),
        (
            "tables",
            Value::Array(vec![Value::map([
                ("name", text("counts")),
                ("columns", Value::Array(vec![column])),
            ])]),
        ),
    ])
}

/// An event whose body says what the counter does: `a` and a byte to add it, other
/// letters as in [`COUNTER`]. The last byte chooses the aggregate.
pub(super) fn event(number: u32, body: &[u8]) -> Vec<u8> {
    FoldEvent {
        id: EntryId(*blake3::hash(&number.to_le_bytes()).as_bytes()),
        author: DeviceId([2; 32]),
        entity: EntityId([3; 32]),
        seq: u64::from(number),
        hlc: 1 << 40,
        sequenced: true,
        role: "client".to_owned(),
        kind: if number.is_multiple_of(2) {
            "count.add"
        } else {
            "count.odd"
        }
        .to_owned(),
        body: body.to_vec(),
        erasable_hash: None,
        facts: Vec::new(),
    }
    .encode()
}

impl Guest {
    /// The module's text.
    pub(super) fn wat(&self) -> String {
        let manifest: String = manifest()
            .encode()
            .iter()
            .map(|b| format!("\\{b:02x}"))
            .collect();
        let length = manifest.len() / 3;
        let input = if self.input.is_empty() {
            "(i32.const 65536)"
        } else {
            self.input
        };
        COUNTER
            .replace("{{extra}}", self.extra)
            .replace("{{event}}", self.event)
            .replace("{{describe}}", self.describe)
            .replace("{{route}}", self.route)
            .replace("{{project}}", self.project)
            .replace("{{input}}", input)
            .replace("{{manifest}}", &manifest)
            .replace("{{length}}", &length.to_string())
    }

    pub(super) fn wasm(&self) -> Vec<u8> {
        wat::parse_str(self.wat()).unwrap()
    }
}

/// State: the sum, 8 bytes, and any number of zeros. Input at 64 KiB, output at 3 MiB.
const COUNTER: &str = r#"
(module
  (memory (export "memory") 80)
  (data (i32.const 1024) "{{manifest}}")
  (global $p (mut i32) (i32.const 0))
  (global $o (mut i32) (i32.const 0))
  (global $address (mut i32) (i32.const 0))
  {{extra}}
  (func $varint (result i32) (local $v i32) (local $s i32) (local $b i32)
    (loop $l
      (local.set $b (i32.load8_u (global.get $p)))
      (global.set $p (i32.add (global.get $p) (i32.const 1)))
      (local.set $v (i32.or (local.get $v)
        (i32.shl (i32.and (local.get $b) (i32.const 127)) (local.get $s))))
      (local.set $s (i32.add (local.get $s) (i32.const 7)))
      (br_if $l (i32.and (local.get $b) (i32.const 128))))
    (local.get $v))
  (func $skip (local $n i32)
    (local.set $n (call $varint))
    (global.set $p (i32.add (global.get $p) (local.get $n))))
  (func $put (param $b i32)
    (i32.store8 (global.get $o) (local.get $b))
    (global.set $o (i32.add (global.get $o) (i32.const 1))))
  (func $putvar (param $v i32)
    (loop $l
      (if (i32.ge_u (local.get $v) (i32.const 128)) (then
        (call $put (i32.or (i32.and (local.get $v) (i32.const 127)) (i32.const 128)))
        (local.set $v (i32.shr_u (local.get $v) (i32.const 7)))
        (br $l))))
    (call $put (local.get $v)))
  ;; leaves the address of the event's body
  (func $body (param $e i32) (result i32)
    (global.set $p (i32.add (local.get $e) (i32.const 96)))
    (drop (call $varint)) (drop (call $varint))
    (global.set $p (i32.add (global.get $p) (i32.const 1)))
    (call $skip) (call $skip)
    (drop (call $varint))
    (global.get $p))
  (func $deep (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
      (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))))
  (func $deep_big (param i32) (result i32)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (local.set 1 (i64.extend_i32_u (local.get 0)))
    (local.set 2 (i64.mul (local.get 1) (i64.const 3)))
    (local.set 3 (i64.mul (local.get 2) (i64.const 5)))
    (local.set 4 (i64.xor (local.get 3) (i64.const 7)))
    (local.set 5 (i64.add (local.get 4) (local.get 2)))
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (local.set 6 (i64.extend_i32_u (call $deep_big (i32.sub (local.get 0) (i32.const 1)))))
    (i32.wrap_i64 (i64.add (i64.add (local.get 5) (local.get 4))
      (i64.add (local.get 3) (i64.add (local.get 2) (local.get 6))))))
  (func (export "input") (param i32) (result i32)
    {{input}})
  (func (export "describe") (result i64)
    {{describe}}
    (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const {{length}})))
  (func (export "route") (param i32) (result i64) (local $body i32)
    (global.set $p (i32.const 65568))
    (drop (call $varint))
    (local.set $body (call $body (global.get $p)))
    {{route}}
    (global.set $o (i32.const 3145728))
    (if (i32.eq (i32.load8_u (local.get $body)) (i32.const 88)) ;; X: rejected
      (then (call $put (i32.const 1)) (call $put (i32.const 2))
            (call $put (i32.const 110)) (call $put (i32.const 111)))
      (else (call $put (i32.const 0)) (call $put (i32.const 1)) (call $put (i32.const 1))
            (call $put (i32.or (i32.const 96)
              (i32.and (i32.load8_u (i32.add (local.get $body) (i32.const 2))) (i32.const 15))))))
    (call $result))
  (func $result (result i64)
    (i64.or (i64.shl (i64.const 3145728) (i64.const 32))
      (i64.extend_i32_u (i32.sub (global.get $o) (i32.const 3145728)))))
  (func (export "fold") (param i32) (result i64)
    (local $sum i64) (local $pad i32) (local $n i32) (local $count i32) (local $i i32)
    (local $next i32) (local $body i32) (local $letter i32) (local $rejected i32)
    (local $reject i32) (local $before i64)
    (global.set $p (i32.const 65568))
    (global.set $address (i32.const 3145728))
    (call $skip)
    (local.set $n (i32.load8_u (global.get $p)))
    (global.set $p (i32.add (global.get $p) (i32.const 1)))
    (if (local.get $n) (then
      (local.set $n (call $varint))
      (local.set $sum (i64.load (global.get $p)))
      (local.set $pad (i32.sub (local.get $n) (i32.const 8)))
      (global.set $p (i32.add (global.get $p) (local.get $n)))))
    (local.set $count (call $varint))
    ;; rejections are written at 2 KiB before they are copied
    (global.set $o (i32.const 2048))
    (block $done (loop $events
      (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
      (local.set $n (call $varint))
      (local.set $next (i32.add (global.get $p) (local.get $n)))
      (local.set $body (call $body (global.get $p)))
      (local.set $letter (i32.load8_u (local.get $body)))
      (local.set $reject (i32.const 0))
      (local.set $before (local.get $sum))
      (local.set $sum (i64.add (local.get $sum)
        (i64.extend_i32_u (i32.load8_u (i32.add (local.get $body) (i32.const 1))))))
      {{event}}
      ;; r: rejected, and yet the sum that is given back has changed
      (if (i32.eq (local.get $letter) (i32.const 114)) (then (local.set $reject (i32.const 1))))
      (if (i32.eq (local.get $letter) (i32.const 116)) (then (unreachable)))
      (if (i32.eq (local.get $letter) (i32.const 122))
        (then (drop (i32.div_u (local.get $letter) (i32.const 0)))))
      (if (i32.eq (local.get $letter) (i32.const 103)) (then (loop $l (br $l))))
      ;; f: a quarter of a megabyte more
      (if (i32.eq (local.get $letter) (i32.const 102))
        (then (local.set $pad (i32.add (local.get $pad) (i32.const 262144)))))
      (if (i32.eq (local.get $letter) (i32.const 115))
        (then (drop (call $deep (i32.const 100000)))))
      (if (i32.eq (local.get $letter) (i32.const 98))
        (then (drop (call $deep_big (i32.const 100000)))))
      ;; d: deep, but within the budget of one event
      (if (i32.eq (local.get $letter) (i32.const 100))
        (then (local.set $sum (i64.add (local.get $sum)
          (i64.extend_i32_u (call $deep (i32.const 3000)))))))
      ;; w: much gas, but within the budget of one event
      (if (i32.eq (local.get $letter) (i32.const 119))
        (then (local.set $n (i32.const 600000))
          (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
      ;; m: a page more, and more than there can be
      (if (i32.eq (local.get $letter) (i32.const 109))
        (then (drop (memory.grow (i32.const 1)))
          (local.set $sum (i64.sub (local.get $sum)
            (i64.extend_i32_s (memory.grow (i32.const 2000)))))))
      ;; n: the bits of a NaN with a payload, and of those that arithmetic makes
      (if (i32.eq (local.get $letter) (i32.const 110)) (then
        (local.set $sum (i64.xor (local.get $sum) (i64.reinterpret_f64
          (f64.add (f64.const -nan:0x4000000000123) (f64.const 1)))))
        (local.set $sum (i64.xor (local.get $sum) (i64.reinterpret_f64
          (f64.div (f64.convert_i32_u (i32.sub (local.get $letter) (i32.const 110)))
            (f64.const 0)))))
        (local.set $sum (i64.xor (local.get $sum) (i64.extend_i32_u (i32.reinterpret_f32
          (f32.sqrt (f32.convert_i32_s (i32.sub (i32.const 0) (local.get $letter))))))))))
      ;; outputs that are none: behind the memory, longer than it, over its end, around it
      (if (i32.eq (local.get $letter) (i32.const 49)) (then (global.set $address (i32.const -1))))
      (if (i32.eq (local.get $letter) (i32.const 50)) (then (global.set $address (i32.const 5242880))))
      (if (i32.eq (local.get $letter) (i32.const 51)) (then (global.set $address (i32.const 5242879))))
      (if (i32.eq (local.get $letter) (i32.const 52)) (then (global.set $address (i32.const 65536))))
      (if (local.get $reject)
        (then
          (call $putvar (local.get $i))
          (call $put (i32.const 3))
          (call $put (i32.const 98)) (call $put (i32.const 97)) (call $put (i32.const 100))
          (local.set $rejected (i32.add (local.get $rejected) (i32.const 1)))))
      (global.set $p (local.get $next))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $events)))
    (local.set $n (i32.sub (global.get $o) (i32.const 2048)))
    (global.set $o (i32.const 3145728))
    (call $put (i32.const 1))
    (call $putvar (i32.add (local.get $pad) (i32.const 8)))
    (i64.store (global.get $o) (local.get $sum))
    (memory.fill (i32.add (global.get $o) (i32.const 8)) (i32.const 0) (local.get $pad))
    (global.set $o (i32.add (global.get $o) (i32.add (local.get $pad) (i32.const 8))))
    (call $putvar (local.get $rejected))
    (memory.copy (global.get $o) (i32.const 2048) (local.get $n))
    (global.set $o (i32.add (global.get $o) (local.get $n)))
    (i64.or (i64.shl (i64.extend_i32_u (global.get $address)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (global.get $o) (i32.const 3145728)))))
  (func (export "project") (param i32) (result i64)
    (global.set $p (i32.const 65568))
    (call $skip)
    (drop (call $varint))
    {{project}}
    (global.set $o (i32.const 3145728))
    (call $put (i32.const 1)) (call $put (i32.const 0)) (call $put (i32.const 0))
    ;; {"sum": u64}
    (call $put (i32.const 7))
    (call $put (i32.const 161)) (call $put (i32.const 99))
    (call $put (i32.const 115)) (call $put (i32.const 117)) (call $put (i32.const 109))
    (call $put (i32.const 24))
    (call $put (i32.or (i32.const 128) (i32.load8_u (global.get $p))))
    (call $result))
)
"#;
