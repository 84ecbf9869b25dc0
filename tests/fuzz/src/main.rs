//! The first byte picks the decoder, the rest is its input. `tests/fuzz/run`
//! builds and runs this.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| {
    if let Some((which, bytes)) = data.split_first() {
        let (_, decode) = targets::DECODERS[usize::from(*which) % targets::DECODERS.len()];
        decode(bytes);
    }
});
