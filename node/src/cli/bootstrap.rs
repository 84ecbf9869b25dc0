//! `synlog bootstrap`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use synlog_relay::serve::bootstrap::{Bootstrap, BootstrapOptions};
use synlog_relay::serve::{Dht, asked_to_end};
use tokio::sync::mpsc;

use crate::cli::relay::{runtime, say, tls};
use crate::cli::screen::{Tone, count};
use crate::cli::setting::Setting;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::instant::to_rfc3339;

/// Run a registry of relays: nodes get a relay from it, and learn where others are
///
/// Relays register themselves with `synlog relay --bootstrap URL`; each is reached before
/// it counts, and again every few minutes. Nodes ask with `synlog up --bootstrap URL`.
/// What it knows is in the directory bootstrap of the data directory. See docs/RELAY.md.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog bootstrap                               on this machine, to try it out
  synlog bootstrap --listen [::]:443 --cert fullchain.pem --key privkey.pem
  curl http://127.0.0.1:4490/relays")]
pub(super) struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4490")]
    listen: SocketAddr,
    /// Certificates (PEM); read again when the file changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Look nodes up in the DHT as well
    #[arg(long)]
    dht: bool,
    /// Take relays without TLS and on private addresses, too; so it is where this listens
    /// on loopback
    #[arg(long)]
    near: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let screen = &setting.screen;
    let home = setting.home()?.path().join("bootstrap");
    let mut options = BootstrapOptions::new(home, args.listen);
    options.tls = tls(&args.cert, &args.key, setting);
    options.dht = if args.dht { Dht::Public } else { Dht::Off };
    options.near |= args.near;
    let scheme = if options.tls.is_some() {
        "https"
    } else {
        "http"
    };
    runtime()?.block_on(async {
        let mut asked = std::pin::pin!(asked_to_end());
        let (words, mut said) = mpsc::unbounded_channel();
        let tell = Arc::new(move |word| {
            let _ = words.send(word);
        });
        let bootstrap = Bootstrap::start(options, tell).await?;
        let url = format!("{scheme}://{}", bootstrap.address());
        let (_, relays) = bootstrap.relays();
        if screen.is_json() {
            screen.json(&json!({
                "event": "ready",
                "time": to_rfc3339(now_ms()),
                "url": url,
                "relays": relays,
            }))?;
        } else {
            let relays = count(relays as u64, "relay", "relays");
            screen.line(format_args!("registry {url}, {relays} known"))?;
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
        bootstrap.stop().await?;
        ended
    })
}
