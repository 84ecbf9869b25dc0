//! Our relay beside the bare one of iroh, each in a process of its own, in turns.
//!
//! The same endpoints send the same bytes through the one and the other: pairs of them,
//! without any way but the relay. What is compared is bytes a second of a clock, for two
//! processes are at work, and CPU time of the relay's process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use synlog_relay::serve::load;

use super::Stage;
use super::meter::median;
use super::table::Row;
use crate::failure::Failure;

const ROUNDS: usize = 7;
/// Pairs of endpoints that send at once.
const PAIRS: usize = 2;

/// A relay in a process of its own.
struct Served {
    child: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::System(format!("the relay of the bench: {what}"))
}

/// Starts one; its first line says where it is.
fn start(arguments: &[&str], stage: &Stage) -> Result<Served, Failure> {
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(arguments);
    command.arg("--home").arg(stage.dir.join("relay-home"));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let out = child.stdout.take().ok_or_else(|| failed("no output"))?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).map_err(failed)?;
    let value: serde_json::Value = serde_json::from_str(&line).map_err(failed)?;
    let url = value.get("relay").and_then(serde_json::Value::as_str);
    let url = url
        .ok_or_else(|| failed("it does not say where it is"))?
        .to_owned();
    Ok(Served { child, url })
}

/// CPU time that a process has used, in seconds.
fn cpu_of_process(child: &Child) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    // behind the name, which may hold anything
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    // Linux tells them in hundredths
    ticks / 100.0
}

/// Runs the bare relay until somebody ends the process.
pub fn bare() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(failed)?.block_on(async {
        let (_server, url) = load::bare().await.map_err(failed)?;
        println!("{}", serde_json::json!({ "relay": url }));
        std::future::pending().await
    })
}

/// What goes through ours, beside the bare one.
pub(super) fn throughput(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let bytes = stage.scaled(96 << 20) / PAIRS;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(failed)?;
    let no_limit = ["--client-rate", "1048576"];
    let ours = ["relay", "--json", "--listen", "127.0.0.1:0"];
    let ours = start(&[&ours[..], &no_limit[..]].concat(), stage)?;
    let bare = start(&["bench", "--bare-relay"], stage)?;
    let measure = |served: &Served| -> Result<(f64, f64), Failure> {
        let before = cpu_of_process(&served.child);
        let begun = Instant::now();
        let sent = runtime.block_on(load::send(&served.url, PAIRS, bytes));
        sent.map_err(failed)?;
        let rate = (bytes * PAIRS) as f64 / begun.elapsed().as_secs_f64() / 1e6;
        let cpu = cpu_of_process(&served.child) - before;
        Ok((rate, cpu / ((bytes * PAIRS) as f64 / 1e9)))
    };
    // caches and routes are warm in both
    measure(&ours)?;
    measure(&bare)?;
    let (mut rates, mut floors, mut ratios) = (vec![], vec![], vec![]);
    let (mut costs, mut floor_costs, mut cost_ratios) = (vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        let (one, other) = match round % 2 {
            0 => (measure(&ours)?, measure(&bare)?),
            _ => {
                let bare = measure(&bare)?;
                (measure(&ours)?, bare)
            }
        };
        rates.push(one.0);
        floors.push(other.0);
        ratios.push(one.0 / other.0);
        costs.push(one.1);
        floor_costs.push(other.1);
        cost_ratios.push(other.1 / one.1);
    }
    Ok(vec![
        Row::new("relay, all of its process", median(rates), "MB/s")
            .beside("the bare relay of iroh", median(floors), median(ratios))
            .ratio_at_least(0.8),
        Row::new("relay, CPU of its process", median(costs), "s/GB").beside(
            "the bare relay of iroh",
            median(floor_costs),
            median(cost_ratios),
        ),
    ])
}
