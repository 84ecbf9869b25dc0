//! `synlog web`.

use serde_json::json;

use crate::cli::screen::count;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::web::sessions;

/// Print a link that logs a browser in at the running node's pages
///
/// Each link logs one browser in, once; it stays logged in, also when the node starts
/// again, until it logs out, for 14 days without use, and for 90 at most.
/// The pages are served to this machine alone unless `web.remote` says more. See docs/WEB.md.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog web
  synlog web --log-out
  xdg-open \"$(synlog web)\"")]
pub(super) struct Args {
    /// A link for a browser on another machine, where web.remote is set
    #[arg(long)]
    remote: bool,
    /// Log all browsers out instead, and take back the links that were not used
    #[arg(long, conflicts_with = "remote")]
    log_out: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    if args.log_out {
        return log_out(setting);
    }
    let service = setting.running().ok_or(Failure::NoWeb("no node runs"))?;
    let desk = service.web.get();
    let desk = desk.ok_or(Failure::NoWeb("the node runs without its pages"))?;
    let link = desk
        .link()
        .map_err(|problem| Failure::System(problem.message))?;
    let remote = desk
        .remote_link()
        .map_err(|problem| Failure::System(problem.message))?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({
            "url": desk.url(), "login": link,
            "remote": desk.remote_url().map(|url| json!({ "url": url, "login": remote })),
        }));
    }
    if args.remote {
        return match remote {
            Some(link) => screen.line(link),
            None => Err(Failure::Usage(
                "the pages are served to this machine alone: docs/WEB.md, \"From another machine\""
                    .to_owned(),
            )),
        };
    }
    screen.line(link)
}

fn log_out(setting: &Setting) -> Result<(), Failure> {
    let desk = setting.running().and_then(|service| service.web.get());
    let ended = match desk {
        Some(desk) => desk
            .log_all_out()
            .map_err(|problem| Failure::System(problem.message))?,
        None => sessions::forget(&setting.home()?)?,
    };
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({ "logged_out": ended }));
    }
    let ended = count(ended as u64, "browser", "browsers");
    screen.line(format!("{ended} logged out"))
}
