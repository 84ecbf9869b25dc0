//! `synlog token …`.

use clap::Subcommand;
use serde_json::json;
use synlog_web::access::Scope;

use crate::cli::screen::plain;
use crate::cli::setting::Setting;
use crate::failure::Failure;
use crate::instant::to_text;
use crate::web::tokens;

/// Tokens with which programs use the local API: make, list, revoke them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(NewArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make a token and print its secret, which is kept nowhere else
///
/// Programs send it as `Authorization: Bearer SECRET`. Without --write it may only look.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog token new dashboard
  synlog token new till --write
  curl -H \"Authorization: Bearer $(synlog token new once)\" http://127.0.0.1:PORT/api/v1/topics")]
struct NewArgs {
    /// What you call it
    name: String,
    /// It may write events, begin topics and store blobs, too
    #[arg(long)]
    write: bool,
}

/// List the tokens, without their secrets
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog token list
  synlog token list --json | jq '.tokens[].name'")]
struct ListArgs {}

/// Revoke a token; it opens nothing from then on
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog token revoke dashboard")]
struct RevokeArgs {
    /// Its name
    name: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    // only somebody with a node has use for tokens; and one at a time changes them
    let node = setting.open()?;
    let done = match &args.command {
        Command::New(args) => new(args, setting),
        Command::List(_) => list(setting),
        Command::Revoke(args) => revoke(args, setting),
    };
    node.close()?;
    done
}

fn new(args: &NewArgs, setting: &Setting) -> Result<(), Failure> {
    let scope = if args.write {
        Scope::Write
    } else {
        Scope::Read
    };
    let secret = tokens::make(&setting.home()?, &args.name, scope)?;
    let screen = &setting.screen;
    if screen.is_json() {
        return screen.json(&json!({ "name": args.name, "scope": scope.word(), "token": secret }));
    }
    screen.line(secret)
}

fn list(setting: &Setting) -> Result<(), Failure> {
    let all = tokens::all(&setting.home()?)?;
    let screen = &setting.screen;
    if screen.is_json() {
        let tokens = all.iter().map(tokens::Token::json);
        return screen.json(&json!({ "tokens": tokens.collect::<Vec<_>>() }));
    }
    if all.is_empty() {
        screen.note("no tokens");
    }
    for token in all {
        let (scope, made) = (token.scope.word(), to_text(token.made_ms));
        screen.line(format_args!("{scope:<6} {made}  {}", plain(&token.name)))?;
    }
    Ok(())
}

fn revoke(args: &RevokeArgs, setting: &Setting) -> Result<(), Failure> {
    if !tokens::revoke(&setting.home()?, &args.name)? {
        return Err(Failure::Findings(format!(
            "there is no token {:?}",
            args.name
        )));
    }
    let screen = &setting.screen;
    match screen.is_json() {
        true => screen.json(&json!({ "name": args.name, "revoked": true })),
        false => screen.line(format_args!("revoked {}", plain(&args.name))),
    }
}
