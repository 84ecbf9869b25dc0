//! `synlog config …`.

use clap::Subcommand;
use serde_json::{Value as Json, json};

use crate::cli::screen::{Tone, plain};
use crate::cli::setting::Setting;
use crate::config::{self, Config, ConfigError, Given, Spec, Value, file};
use crate::failure::Failure;
use crate::home::Home;

/// Settings of the node: see what counts and who says so, and change the file
///
/// What the program brings is overruled by the file config.toml in the data
/// directory, that by variables as in SYNLOG_NET_RELAY, and that by options of
/// the command line. See docs/OPERATION.md.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
    Set(SetArgs),
    Unset(UnsetArgs),
    Path(PathArgs),
}

/// Show all settings, or one
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog config show
  synlog config show net.relay
  synlog config show --origin                     who says so
  synlog config show --json | jq '.settings[] | select(.origin != \"default\")'")]
struct ShowArgs {
    /// Only this one, as in net.relay
    key: Option<String>,
    /// Say who says so: the program, the file with its line, a variable
    #[arg(long)]
    origin: bool,
}

/// Change a setting in the file; it counts when the node is started again
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog config set net.relay https://relay.example.org
  synlog config set log.filter info
  synlog config set net.neighbours /home/ana/.local/share/synlog")]
struct SetArgs {
    /// The setting, as in net.relay
    key: String,
    /// What it says; a list takes several
    #[arg(required = true)]
    value: Vec<String>,
}

/// Take a setting out of the file
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  synlog config unset net.relay")]
struct UnsetArgs {
    /// The setting
    key: String,
}

/// Print where the file is, whether it is there or not
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
EXAMPLES
  \"$EDITOR\" \"$(synlog config path)\"")]
struct PathArgs {}

/// Runs the command.
pub(super) fn run(args: &Args, setting: &Setting) -> Result<(), Failure> {
    let home = setting.home()?;
    match &args.command {
        Command::Show(args) => show(args, &home, setting),
        Command::Set(args) => set(args, &home, setting),
        Command::Unset(args) => unset(args, &home, setting),
        Command::Path(_) => {
            let (screen, path) = (&setting.screen, home.config_path());
            match screen.is_json() {
                true => screen.json(&json!({ "path": path, "exists": path.exists() })),
                false => screen.line(path.display()),
            }
        }
    }
}

/// The settings of a data directory, with what options of this command say.
pub(super) fn settle(home: &Home, given: &[Given]) -> Result<Config, Failure> {
    let path = home.config_path();
    let text = home.read_secret(&path)?;
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let settled = config::resolve(&path, text.as_deref(), variables, given);
    settled.map_err(Failure::Config)
}

fn find(name: &str) -> Result<&'static Spec, Failure> {
    config::find(name).map_err(Failure::Usage)
}

fn value(value: &Value) -> Json {
    match value {
        Value::Flag(flag) => json!(flag),
        Value::Text(text) => json!(text),
        Value::Texts(texts) => json!(texts),
    }
}

fn show(args: &ShowArgs, home: &Home, setting: &Setting) -> Result<(), Failure> {
    let only = args.key.as_deref().map(find).transpose()?;
    let config = settle(home, &[])?;
    let wanted = |spec: &Spec| only.is_none_or(|only| only.key == spec.key);
    let screen = &setting.screen;
    if screen.is_json() {
        let settings = config.all().filter(|(spec, _)| wanted(spec));
        let settings = settings.map(|(spec, settled)| {
            json!({
                "key": spec.name,
                "value": value(&settled.value),
                "origin": settled.origin.word(),
                "place": settled.origin.place(&config.path),
                "default": value(&spec.fallback()),
                "allowed": spec.allowed(),
                "variable": spec.variable(),
            })
        });
        let settings: Vec<Json> = settings.collect();
        return screen.json(&json!({ "path": config.path, "settings": settings }));
    }
    for (spec, settled) in config.all().filter(|(spec, _)| wanted(spec)) {
        let value = plain(&settled.value.to_string());
        let front = format!("{:<16} {value}", spec.name);
        if !args.origin {
            screen.line(front)?;
            continue;
        }
        let origin = match settled.origin.place(&config.path) {
            Some(place) => format!("{}, {}", settled.origin.word(), plain(&place)),
            None => settled.origin.word().to_owned(),
        };
        let origin = screen.tone(Tone::Dim, origin);
        screen.line(format_args!("{front:<44} {origin}"))?;
    }
    Ok(())
}

fn text_of(home: &Home) -> Result<String, Failure> {
    if !home.path().is_dir() {
        return Err(Failure::NoHome(home.path().to_path_buf()));
    }
    Ok(home.read_secret(&home.config_path())?.unwrap_or_default())
}

fn save(home: &Home, text: &str) -> Result<(), Failure> {
    home.write_secret(&home.config_path(), text.as_bytes())
}

fn in_file(home: &Home) -> impl FnOnce(file::Wrong) -> Failure {
    let path = home.config_path();
    move |wrong| Failure::Config(ConfigError::in_file(&path, wrong))
}

fn set(args: &SetArgs, home: &Home, setting: &Setting) -> Result<(), Failure> {
    let spec = find(&args.key)?;
    let texts: Vec<&str> = args.value.iter().map(String::as_str).collect();
    let new = match &spec.fallback() {
        // here each is said by itself, so a colon means nothing
        Value::Texts(_) => Value::Texts(args.value.clone()),
        _ => spec.typed(&texts).map_err(Failure::Usage)?,
    };
    let text = file::set(&text_of(home)?, spec, &new).map_err(in_file(home))?;
    save(home, &text)?;
    told(setting, home, spec.name, &value(&new))
}

fn unset(args: &UnsetArgs, home: &Home, setting: &Setting) -> Result<(), Failure> {
    let text = file::unset(&text_of(home)?, &args.key).map_err(in_file(home))?;
    let Some(text) = text else {
        return Err(Failure::Findings(format!(
            "{} does not say {}",
            home.config_path().display(),
            args.key
        )));
    };
    save(home, &text)?;
    told(setting, home, &args.key, &Json::Null)
}

/// What the file says now, and whether that counts.
fn told(setting: &Setting, home: &Home, key: &str, said: &Json) -> Result<(), Failure> {
    let screen = &setting.screen;
    // the file may say something else wrong, and then nothing starts
    let config = settle(home, &[]);
    let counts = config.as_ref().ok().and_then(|config| {
        let spec = config::keys::named(key)?;
        Some(config.get(spec.key).clone())
    });
    if let Err(failure) = &config {
        screen.warn(failure);
    }
    if screen.is_json() {
        return screen.json(&json!({
            "key": key,
            "said": said,
            "value": counts.as_ref().map(|settled| value(&settled.value)),
            "origin": counts.as_ref().map(|settled| settled.origin.word()),
        }));
    }
    if let Some(settled) = counts {
        if let config::Origin::Environment(variable) = &settled.origin {
            screen.warn(format_args!("{variable} says something else, and is heard"));
        }
        screen.note(format_args!(
            "{key} is {}",
            plain(&settled.value.to_string())
        ));
    }
    screen.note("it counts when the node is started again");
    Ok(())
}
