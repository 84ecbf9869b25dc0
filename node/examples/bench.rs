//! Runs the bench without the rest of the command line:
//! `cargo run --release -p synlog-node --example bench -- [--quick] [--json] [--only NAME] [--dir DIR]`.

use std::process::ExitCode;

use synlog_node::bench::{BenchOptions, run};

fn options() -> Result<BenchOptions, String> {
    let mut options = BenchOptions::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "bench" => {}
            "--quick" => options.quick = true,
            "--json" => options.json = true,
            "--only" => options.only = Some(value()?),
            "--dir" => options.dir = Some(value()?.into()),
            "--case" => options.case = Some(value()?),
            other => return Err(format!("there is no {other}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let done = options().and_then(|options| {
        run(&options, &mut std::io::stdout()).map_err(|failure| failure.to_string())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
