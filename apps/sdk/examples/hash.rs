//! Prints the BLAKE3 hash and the size of files: `hash FILE…`. `apps/build` uses it, so
//! that nobody has to install a tool for it.

fn main() -> std::io::Result<()> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let hash = synlog_reducer::hash(None, &[&bytes]);
        println!("{} {} {path}", synlog_reducer::hex(&hash), bytes.len());
    }
    Ok(())
}
