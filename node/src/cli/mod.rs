//! The command line: one file per command, whose doc comments are its help.

mod app;
mod append;
mod audit;
mod backup;
mod bench;
mod blob;
mod bundle;
mod completions;
pub(crate) mod daily;
mod demo;
mod device;
mod doctor;
mod doctor_net;
mod entry;
mod erase;
mod explain;
mod follow;
mod guests;
mod import;
mod inbox;
mod init;
pub(crate) mod input;
mod invite;
mod join;
mod man;
mod passphrase;
mod peers;
mod profile;
mod progress;
pub(crate) mod qr;
mod recover;
mod restore;
mod root;
pub(crate) mod rows;
mod screen;
mod setting;
mod sync;
mod tail;
mod token;
mod topic;
mod up;
mod up_guests;
mod verify;
pub(crate) mod view;
mod web;
mod whoami;
mod words;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{LazyLock, Mutex, PoisonError};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::daemon::client;
use crate::failure::{Exit, Failure};
pub use screen::Looks;
use screen::Screen;
pub use setting::Host;
use setting::Setting;

/// Signed logs for trade and services between neighbours.
///
/// Everything that happens is a signed entry in somebody's feed; a topic is a
/// shared place where feeds meet; a bundle carries topics from hand to hand,
/// and whoever gets one can check every signature in it without any server.
#[derive(Debug, Parser)]
#[command(
    name = "synlog",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_long_help = "\
EXAMPLES
  synlog init --name laptop                       make your keys
  synlog topic new orders --app relation          begin a topic
  synlog tail orders                              see what happened
  synlog bundle write orders.synlog orders        take it elsewhere
  synlog verify orders.synlog                     check it, with nothing else

EXIT STATUS
  0  done                        4  another process holds the store
  1  a check found something,    5  this device must not sign any more
     or it is not there          6  disk, files, system
  2  what was typed is wrong
  3  the rules refuse it

Ids may be shortened as long as they fit only one; topics may be named.")]
pub struct Cli {
    /// Data directory [default: $SYNLOG_HOME, or synlog in your user data directory]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print JSON for programs, errors too (on standard error)
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Up(up::Args),
    Web(web::Args),
    Token(token::Args),
    Recover(recover::Args),
    Whoami(whoami::Args),
    Root(root::Args),
    Device(device::Args),
    Profile(profile::Args),
    Topic(topic::Args),
    Append(append::Args),
    App(app::Args),
    Erase(erase::Args),
    Import(import::Args),
    Tail(tail::Args),
    Entry(entry::Args),
    View(rows::Args),
    Explain(explain::Args),
    Audit(audit::Args),
    Bundle(bundle::Args),
    Blob(blob::Args),
    Verify(verify::Args),
    Peers(peers::Args),
    Sync(sync::Args),
    Invite(invite::Args),
    Join(join::Args),
    Inbox(inbox::Args),
    Guests(guests::Args),
    Follow(follow::FollowArgs),
    Unfollow(follow::UnfollowArgs),
    Block(follow::BlockArgs),
    Unblock(follow::UnblockArgs),
    Pin(follow::PinArgs),
    Unpin(follow::UnpinArgs),
    Backup(backup::Args),
    Restore(restore::Args),
    Doctor(doctor::Args),
    Demo(demo::Args),
    Bench(bench::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The command line as data.
pub use clap::Command as Parsed;

/// The whole command line, with the commands of apps: for parsing, help pages and
/// completions.
pub fn command() -> clap::Command {
    let own = Cli::command();
    let taken: Vec<String> = own
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    own.subcommands(daily::commands(&taken))
}

/// Parses a command line. Building what all commands take takes longer than most commands
/// do, and a running node is asked many times: the commands of apps are built only where
/// none of its own is meant, and its own only once.
pub(crate) fn parse(arguments: &[OsString]) -> Result<ArgMatches, clap::Error> {
    static OWN: LazyLock<Mutex<clap::Command>> = LazyLock::new(|| Mutex::new(Cli::command()));
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    match own.try_get_matches_from_mut(arguments) {
        Ok(matches) if matches.subcommand().is_some() => Ok(matches),
        // it may be a command of an app; and help and errors name all there are
        _ => command().try_get_matches_from(arguments),
    }
}

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Always in the process of its caller: it needs no store, or one of its own.
    Caller,
    /// In the running node, if one runs.
    Node,
    /// In the process of its caller, with the store to itself: it changes keys, or asks
    /// for what only its caller's terminal may see. A running node steps aside for it.
    Alone,
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let matches = match parse(&arguments) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, &arguments),
    };
    let home = matches.get_one::<PathBuf>("home").cloned();
    let setting = Setting::new(home, Screen::new(matches.get_flag("json")));
    let code = called(&matches, &arguments, &setting).unwrap_or_else(|failure| {
        setting.screen.failure(&failure);
        failure.exit() as u8
    });
    ExitCode::from(code)
}

/// Runs a command where it belongs. Gives its exit code.
fn called(matches: &ArgMatches, arguments: &[OsString], setting: &Setting) -> Result<u8, Failure> {
    let own = Cli::from_arg_matches(matches).ok();
    // the commands of apps all want the store
    match own.map_or(Place::Node, |cli| cli.command.place()) {
        Place::Caller => Ok(execute(matches, setting)),
        Place::Node => match client::call(&setting.home()?, arguments)? {
            Some(code) => Ok(code),
            None => Ok(execute(matches, setting)),
        },
        Place::Alone => {
            let _borrowed = client::borrow(&setting.home()?)?;
            Ok(execute(matches, setting))
        }
    }
}

/// Runs a command in this process, which is a running node, on behalf of a caller.
/// Gives the exit code.
pub(crate) fn hosted(
    arguments: &[OsString],
    host: Box<dyn Host>,
    looks: Looks,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
) -> u8 {
    match parse(arguments) {
        Ok(matches) => {
            let screen = Screen::on(matches.get_flag("json"), looks, out, err);
            execute(&matches, &Setting::hosted(host, screen))
        }
        // the caller has parsed the same arguments before
        Err(_) => Exit::Usage as u8,
    }
}

/// Runs a command here. Gives the exit code.
fn execute(matches: &ArgMatches, setting: &Setting) -> u8 {
    let daily = matches
        .subcommand()
        .and_then(|(name, matches)| daily::run(name, matches, setting));
    let outcome = match daily {
        Some(outcome) => outcome,
        None => match Cli::from_arg_matches(matches) {
            Ok(cli) => run(cli.command, setting),
            Err(error) => Err(Failure::Usage(error.to_string())),
        },
    };
    let outcome = outcome.and_then(|()| setting.screen.flush());
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            // what was found before it failed is part of the answer
            let _ = setting.screen.flush();
            setting.screen.failure(&failure);
            failure.exit() as u8
        }
    }
}

impl Command {
    /// Where it runs.
    fn place(&self) -> Place {
        match self {
            Self::Init(_)
            | Self::Up(_)
            | Self::Demo(_)
            | Self::Bench(_)
            | Self::Completions(_)
            | Self::Man(_) => Place::Caller,
            // modules are files of the caller's
            Self::App(args) if !args.is_of_topic() => Place::Caller,
            Self::Verify(args) if !args.unseals() => Place::Caller,
            Self::Recover(_) | Self::Restore(_) => Place::Caller,
            Self::Device(args) if args.is_of_new_device() => Place::Caller,
            Self::Audit(args) if args.is_of_bundle() => Place::Caller,
            Self::Entry(args) if args.is_of_file() => Place::Caller,
            // they may ask for a passphrase at the caller's terminal, or in its environment
            Self::Root(_) | Self::Backup(_) | Self::Device(_) => Place::Alone,
            Self::Whoami(_)
            | Self::Profile(_)
            | Self::Topic(_)
            | Self::App(_)
            | Self::Append(_)
            | Self::Erase(_)
            | Self::Import(_)
            | Self::Tail(_)
            | Self::Web(_)
            | Self::Token(_)
            | Self::Entry(_)
            | Self::View(_)
            | Self::Explain(_)
            | Self::Audit(_)
            | Self::Verify(_)
            | Self::Bundle(_)
            | Self::Blob(_)
            | Self::Peers(_)
            | Self::Sync(_)
            | Self::Invite(_)
            | Self::Join(_)
            | Self::Inbox(_)
            | Self::Guests(_)
            | Self::Follow(_)
            | Self::Unfollow(_)
            | Self::Block(_)
            | Self::Unblock(_)
            | Self::Pin(_)
            | Self::Unpin(_)
            | Self::Doctor(_) => Place::Node,
        }
    }
}

fn run(command: Command, setting: &Setting) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::run(&args, setting),
        Command::Up(args) => up::run(&args, setting),
        Command::Web(args) => web::run(&args, setting),
        Command::Token(args) => token::run(&args, setting),
        Command::Recover(args) => recover::run(&args, setting),
        Command::Whoami(args) => whoami::run(&args, setting),
        Command::Root(args) => root::run(&args, setting),
        Command::Device(args) => device::run(&args, setting),
        Command::Profile(args) => profile::run(&args, setting),
        Command::Topic(args) => topic::run(&args, setting),
        Command::Append(args) => append::run(&args, setting),
        Command::App(args) => app::run(&args, setting),
        Command::Erase(args) => erase::run(&args, setting),
        Command::Import(args) => import::run(&args, setting),
        Command::Tail(args) => tail::run(&args, setting),
        Command::Entry(args) => entry::run(&args, setting),
        Command::View(args) => rows::run(&args, setting),
        Command::Explain(args) => explain::run(&args, setting),
        Command::Audit(args) => audit::run(&args, setting),
        Command::Bundle(args) => bundle::run(&args, setting),
        Command::Blob(args) => blob::run(&args, setting),
        Command::Verify(args) => verify::run(&args, setting),
        Command::Peers(args) => peers::run(&args, setting),
        Command::Sync(args) => sync::run(&args, setting),
        Command::Invite(args) => invite::run(&args, setting),
        Command::Join(args) => join::run(&args, setting),
        Command::Inbox(args) => inbox::run(&args, setting),
        Command::Guests(args) => guests::run(&args, setting),
        Command::Follow(args) => follow::follow(&args, setting),
        Command::Unfollow(args) => follow::unfollow(&args, setting),
        Command::Block(args) => follow::block(&args, setting),
        Command::Unblock(args) => follow::unblock(&args, setting),
        Command::Pin(args) => follow::pin(&args, setting),
        Command::Unpin(args) => follow::unpin(&args, setting),
        Command::Backup(args) => backup::run(&args, setting),
        Command::Restore(args) => restore::run(&args, setting),
        Command::Doctor(args) => doctor::run(&args, setting),
        Command::Demo(args) => demo::run(&args, setting),
        Command::Bench(args) => bench::run(&args, setting),
        Command::Completions(args) => completions::run(&args, setting),
        Command::Man(args) => man::run(&args, setting),
    }
}

/// Help and version go to standard output; anything else was typed wrongly.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let json = arguments.iter().any(|argument| argument == "--json");
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if json {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
        Screen::new(true).failure(&Failure::Usage(message));
    } else {
        let _ = error.print();
    }
    ExitCode::from(Exit::Usage as u8)
}
