//! Prints the BLAKE3 hash and the size of what is on standard input, as `apps/PINS` has them.

use std::io::Read as _;

fn main() -> std::io::Result<()> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let hash = synlog_reducer::hex(&synlog_reducer::hash(None, &[&bytes]));
    println!("{hash} {}", bytes.len());
    Ok(())
}
