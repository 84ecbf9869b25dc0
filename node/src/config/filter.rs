//! What is logged, as it is typed.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Crates of ours begin so.
const OURS: &str = "synlog";

/// Reads a filter: a level, or parts like `iroh=debug` with commas between, of which one
/// may be a level for all the rest. A level alone is for this program; of the libraries it
/// has errors are told. `None`: it is none.
pub fn read(text: &str) -> Option<Targets> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if let [level] = parts[..]
        && let Some(level) = level_of(level)
    {
        let others = level.min(LevelFilter::ERROR);
        return Some(Targets::new().with_default(others).with_target(OURS, level));
    }
    let mut targets = Targets::new();
    for part in parts {
        targets = match part.split_once('=') {
            // a mistyped level would else be taken for the name of a library
            None => targets.with_default(level_of(part)?),
            Some((target, level)) if is_target(target) => {
                targets.with_target(target, level_of(level)?)
            }
            Some(_) => return None,
        };
    }
    Some(targets)
}

fn level_of(word: &str) -> Option<LevelFilter> {
    Some(match word {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return None,
    })
}

fn is_target(word: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    !word.is_empty() && word.bytes().all(right)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tracing_subscriber::filter::LevelFilter as Level;

    #[test]
    fn filters_are_read() {
        let table: &[(&str, &[(&str, Level)])] = &[
            (
                "warn",
                &[("synlog_node", Level::WARN), ("iroh", Level::ERROR)],
            ),
            (
                "trace",
                &[("synlog_web", Level::TRACE), ("iroh", Level::ERROR)],
            ),
            ("off", &[("synlog_web", Level::OFF), ("iroh", Level::OFF)]),
            (
                "info,iroh=debug",
                &[
                    ("synlog_node", Level::INFO),
                    ("iroh::x", Level::DEBUG),
                    ("rustls", Level::INFO),
                ],
            ),
            (
                "synlog_net=trace",
                &[("synlog_net::link", Level::TRACE), ("iroh", Level::OFF)],
            ),
        ];
        for (text, levels) in table {
            let targets = read(text).unwrap();
            for (target, level) in *levels {
                let most = [
                    tracing::Level::ERROR,
                    tracing::Level::WARN,
                    tracing::Level::INFO,
                    tracing::Level::DEBUG,
                    tracing::Level::TRACE,
                ];
                let most = most
                    .into_iter()
                    .rfind(|level| targets.would_enable(target, level));
                let most = most.map_or(Level::OFF, Level::from_level);
                assert_eq!(most, *level, "{text}: {target}");
            }
        }
        for wrong in [
            "",
            "inof",
            "Warn",
            "iroh=",
            "=debug",
            "iroh=loud",
            "warn,",
            "a b=info",
            "1",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
