//! Where the log goes: standard error, in lines for people or for programs.
//!
//! Nothing secret is logged: no token, no key, no bytes of entries, no arguments. A test
//! looks for them (`tests/src/node_log.rs`).

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt};

use crate::cli::setting::Setting;
use crate::config::{Config, Given, Key, Value, filter};

/// What a command that runs for long logs, and how.
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// Log this to standard error: off, error, warn, info, debug, trace, or parts as in
    /// info,iroh=debug [default: warn]
    #[arg(long = "log", value_name = "FILTER")]
    filter: Option<String>,
    /// Write the log as text or json
    #[arg(long = "log-format", value_name = "FORMAT")]
    format: Option<String>,
}

impl LogArgs {
    /// What they say, as settings.
    pub(super) fn given(&self) -> Vec<Given> {
        let said = [
            (Key::LogFilter, &self.filter, "--log"),
            (Key::LogFormat, &self.format, "--log-format"),
        ];
        let said = said.into_iter().filter_map(|(key, text, option)| {
            Some(Given {
                key,
                value: Value::Text(text.clone()?),
                option: option.to_owned(),
            })
        });
        said.collect()
    }
}

/// Begins to log. Once for a process; what is logged by commands that run in a running
/// node is its own.
pub(super) fn begin(config: &Config, setting: &Setting) {
    let Some(targets) = config.text(Key::LogFilter).and_then(filter::read) else {
        return;
    };
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // a log that can't be written is no reason to fall over
        .log_internal_errors(false);
    let json = config.text(Key::LogFormat) == Some("json");
    let layer = match json {
        true => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
        false => layer.boxed(),
    };
    // not what libraries say by the older `log`: at its most talkative the compiler of
    // reducers writes gigabytes there
    let log = tracing_subscriber::registry().with(layer.with_filter(targets));
    if tracing::subscriber::set_global_default(log).is_err() {
        setting.screen.warn("there is a log already");
    }
}
