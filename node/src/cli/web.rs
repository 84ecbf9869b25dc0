//! `synlog web`.

use serde_json::json;

use crate::cli::setting::Setting;
use crate::failure::Failure;

/// Print a link that logs a browser in at the running node's pages
///
/// Each link logs one browser in, once; the session lasts until `synlog up` ends.
/// The pages are served to this machine alone unless `web.remote` says more. See docs/WEB.md.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog web
  xdg-open \"$(synlog web)\"")]
pub(super) struct Args {
    /// A link for a browser on another machine, where web.remote is set
    #[arg(long)]
    remote: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
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
