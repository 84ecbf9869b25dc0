//! `synlog relay`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use synlog_relay::name;
use synlog_relay::serve::enlist::Enlisted;
use synlog_relay::serve::relay::{Relay, RelayOptions, Word};
use synlog_relay::serve::{Dht, asked_to_end};
use synlog_relay::wellknown::relay_url;
use tokio::sync::mpsc;

use crate::cli::screen::Tone;
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::instant::to_rfc3339;

/// Run a relay: nodes that can't reach each other meet there, browsers reach nodes
///
/// It needs no node and no entity, and runs until Ctrl-C or SIGTERM. Nodes use it with
/// `synlog up --relay URL`; what they say to each other stays between them. A browser
/// reaches a node that allows it under the node's own name below the domain. Its key is
/// in the directory relay of the data directory. See docs/RELAY.md.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog relay                                   on this machine, to try it out
  synlog relay --listen [::]:443 --domain relay.example.org \\
      --cert fullchain.pem --key privkey.pem     for everybody
  synlog relay --bootstrap http://127.0.0.1:4490 found by nodes through a registry")]
pub(super) struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4480")]
    listen: SocketAddr,
    /// Certificates for the domain and all names below it (PEM); read again when the file
    /// changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Domain of the relay; each node's name is one label below it
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    domain: String,
    /// How nodes reach this relay, where something before it serves TLS
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Register at this registry of relays, and keep that up; may be repeated
    #[arg(long, value_name = "URL")]
    bootstrap: Vec<String>,
    /// Publish address records of nodes in the DHT, and look nodes up there
    #[arg(long)]
    dht: bool,
    /// Nodes that are connected at once, at most
    #[arg(long, value_name = "COUNT", default_value_t = 4_096,
        value_parser = clap::value_parser!(u32).range(1..=4_096))]
    clients: u32,
    /// KiB a second that each node may send
    #[arg(long, value_name = "KIB", default_value_t = 16_384,
        value_parser = clap::value_parser!(u32).range(16..=1_048_576))]
    client_rate: u32,
    /// Connections of one address at once, at most
    #[arg(long, value_name = "COUNT", default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..=8_192))]
    per_address: u32,
}

/// Certificate and key, as paths of the caller.
pub(super) fn tls(
    cert: &Option<PathBuf>,
    key: &Option<PathBuf>,
    setting: &Setting,
) -> Option<(PathBuf, PathBuf)> {
    let (cert, key) = (cert.as_ref()?, key.as_ref()?);
    Some((setting.path(cert), setting.path(key)))
}

/// A runtime for a server.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    raise_descriptors();
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("synlog-relay")
        .enable_all()
        .build()
        .map_err(|error| Failure::System(format!("no threads: {error}")))
}

/// Each connection takes a file descriptor, and shells give few.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // with fewer it serves fewer
    let _ = setrlimit(Resource::Nofile, raised);
}

/// A URL that was typed.
pub(super) fn server_url(text: &str) -> Result<synlog_relay::serve::Url, Failure> {
    relay_url(text).ok_or_else(|| {
        Failure::Usage(format!(
            "{text:?} is no URL of a server: it is written as in https://relay.example.org"
        ))
    })
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let mut options = RelayOptions::new(setting.home()?.path().join("relay"), args.listen);
    options.tls = tls(&args.cert, &args.key, setting);
    options.domain.clone_from(&args.domain);
    options.url.clone_from(&args.url);
    let bootstraps = args.bootstrap.iter().map(|url| server_url(url));
    options.bootstraps = bootstraps.collect::<Result<_, _>>()?;
    options.dht = if args.dht { Dht::Public } else { Dht::Off };
    options.clients_max = args.clients;
    options.client_rate = args.client_rate.saturating_mul(1_024);
    options.per_caller = usize::try_from(args.per_address).unwrap_or(usize::MAX);
    runtime()?.block_on(async {
        let mut asked = std::pin::pin!(asked_to_end());
        let (words, mut said) = mpsc::unbounded_channel();
        let tell = Arc::new(move |word| {
            let _ = words.send(word);
        });
        let relay = Relay::start(options, tell).await?;
        let known = relay.known();
        let discovery = relay.discovery().map(|address| address.to_string());
        if screen.is_json() {
            screen.json(&json!({
                "event": "ready",
                "time": to_rfc3339(now_ms()),
                "endpoint": name::hex(&known.endpoint),
                "relay": known.relay.as_str(),
                "domain": known.domain,
                "listens": relay.address().to_string(),
                "discovery": discovery,
                "gateway": known.page_of(&known.endpoint),
            }))?;
        } else {
            let page = known.page_of(&known.endpoint);
            let pattern = page.replace(&name::label(&known.endpoint), "NODE");
            screen.line(format_args!("relay    {}", known.relay))?;
            screen.line(format_args!("endpoint {}", name::hex(&known.endpoint)))?;
            screen.line(format_args!("listens  {}", relay.address()))?;
            screen.line(format_args!("gateway  {pattern}"))?;
            screen.line(screen.tone(Tone::Good, "ready; Ctrl-C stops it"))?;
        }
        screen.flush()?;
        let ended = loop {
            tokio::select! {
                () = &mut asked => break Ok(()),
                Some(word) = said.recv() => {
                    if let Err(failure) = say(word, setting) {
                        break Err(failure);
                    }
                }
            }
        };
        relay.stop().await;
        ended
    })
}

/// Says what happened.
pub(super) fn say(word: Word, setting: &Setting) -> Result<(), Failure> {
    let (event, text, fields) = match word {
        Word::Certificate(Ok(())) => (
            "certificate",
            "the certificate was read again".to_owned(),
            json!({ "ok": true }),
        ),
        Word::Certificate(Err(error)) => (
            "certificate",
            format!("! the certificate is as it was: {error}"),
            json!({ "ok": false, "why": error.to_string() }),
        ),
        Word::Enlisted(Enlisted { bootstrap, outcome }) => {
            let text = match &outcome {
                Ok(_) => format!("registered at {bootstrap}"),
                Err(why) => format!("! not registered at {bootstrap}: {why}"),
            };
            let (until_ms, why) = (outcome.as_ref().ok(), outcome.as_ref().err());
            let fields = json!({
                "bootstrap": bootstrap.as_str(),
                "until_ms": until_ms,
                "why": why,
            });
            ("registered", text, fields)
        }
    };
    let screen = &setting.screen;
    if screen.is_json() {
        let mut line = json!({ "event": event, "time": to_rfc3339(now_ms()) });
        if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
            line.extend(fields.clone());
        }
        screen.json(&line)?;
    } else {
        screen.line(text)?;
    }
    screen.flush()
}
