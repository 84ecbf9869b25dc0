//! Settings of a node: one ladder. What the program brings is overruled by `config.toml` in
//! the data directory, that by the environment, and that by the command line. Pure: texts
//! and variables are handed in.

pub mod file;
pub mod filter;
pub mod keys;

#[cfg(test)]
mod tests;

use core::net::SocketAddr;
use std::fmt;
use std::path::{Path, PathBuf};

pub use keys::{Key, SPECS, Spec, Value};

/// Who says what a setting says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The program.
    Default,
    /// The file, in a line.
    File(usize),
    /// A variable.
    Environment(String),
    /// An option.
    CommandLine(String),
}

impl Origin {
    /// A word for it in answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File(_) => "file",
            Self::Environment(_) => "environment",
            Self::CommandLine(_) => "command line",
        }
    }

    /// Where exactly.
    pub fn place(&self, file: &Path) -> Option<String> {
        match self {
            Self::Default => None,
            Self::File(line) => Some(format!("{}:{line}", file.display())),
            Self::Environment(name) | Self::CommandLine(name) => Some(name.clone()),
        }
    }
}

/// A setting, settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What it says.
    pub value: Value,
    /// Who says so.
    pub origin: Origin,
}

/// What is said wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file with its line, a variable or an option.
    pub place: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.why)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// Something in the file.
    pub fn in_file(path: &Path, wrong: file::Wrong) -> Self {
        let path = path.display();
        Self {
            place: match wrong.line {
                Some(line) => format!("{path}:{line}"),
                None => path.to_string(),
            },
            why: wrong.why,
        }
    }
}

/// What an option of the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Of which setting.
    pub key: Key,
    /// What.
    pub value: Value,
    /// The option.
    pub option: String,
}

/// All settings, settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file, whether it is there or not.
    pub path: PathBuf,
    settled: Vec<Settled>,
}

/// Settles all settings.
///
/// # Errors
/// The first thing that is said wrong, by whomever, even if somebody else overrules it.
pub fn resolve(
    path: &Path,
    file: Option<&str>,
    environment: impl IntoIterator<Item = (String, String)>,
    given: &[Given],
) -> Result<Config, ConfigError> {
    let settled = SPECS.iter().map(|spec| Settled {
        value: spec.fallback(),
        origin: Origin::Default,
    });
    let mut config = Config {
        path: path.to_path_buf(),
        settled: settled.collect(),
    };
    let said = file::read(file.unwrap_or_default());
    for said in said.map_err(|wrong| ConfigError::in_file(path, wrong))? {
        config.settle(said.key, said.value, Origin::File(said.line));
    }
    for (name, text) in environment {
        if let Some((key, value)) = of_variable(&name, &text)? {
            config.settle(key, value, Origin::Environment(name));
        }
    }
    for given in given {
        let value = keys::of(given.key).checked(given.value.clone());
        let value = value.map_err(|why| ConfigError {
            place: given.option.clone(),
            why,
        })?;
        config.settle(given.key, value, Origin::CommandLine(given.option.clone()));
    }
    Ok(config)
}

/// What a variable says; nothing where it is not one of a setting, or empty.
fn of_variable(name: &str, text: &str) -> Result<Option<(Key, Value)>, ConfigError> {
    let section = keys::sections()
        .into_iter()
        .find(|section| name.starts_with(&format!("SYNLOG_{}_", section.to_uppercase())));
    let Some(section) = section else {
        return Ok(None);
    };
    let wrong = |why| ConfigError {
        place: name.to_owned(),
        why,
    };
    let Some(spec) = SPECS.iter().find(|spec| spec.variable() == name) else {
        let there = SPECS.iter().filter(|spec| spec.section() == section);
        let there: Vec<String> = there.map(Spec::variable).collect();
        return Err(wrong(format!(
            "there is no such setting; there are {}",
            there.join(", ")
        )));
    };
    if text.is_empty() {
        return Ok(None);
    }
    let value = spec.typed(&[text]).map_err(wrong)?;
    Ok(Some((spec.key, value)))
}

/// Reads `KEY=VALUE`, as an option says it.
///
/// # Errors
/// What is wrong.
pub fn assignment(text: &str, option: &str) -> Result<Given, ConfigError> {
    let wrong = |why| ConfigError {
        place: format!("{option} {text}"),
        why,
    };
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| wrong("say KEY=VALUE".to_owned()))?;
    let spec = find(name).map_err(wrong)?;
    Ok(Given {
        key: spec.key,
        value: spec.typed(&[value]).map_err(wrong)?,
        option: format!("{option} {text}"),
    })
}

/// The setting of a name.
///
/// # Errors
/// What there is instead.
pub fn find(name: &str) -> Result<&'static Spec, String> {
    let there = || {
        let names: Vec<&str> = SPECS.iter().map(|spec| spec.name).collect();
        names.join(", ")
    };
    keys::named(name).ok_or_else(|| format!("there is no setting {name}; there are {}", there()))
}

impl Config {
    fn settle(&mut self, key: Key, value: Value, origin: Origin) {
        let at = SPECS.iter().position(|spec| spec.key == key);
        if let Some(place) = at.and_then(|at| self.settled.get_mut(at)) {
            *place = Settled { value, origin };
        }
    }

    /// All settings in the order of the table.
    pub fn all(&self) -> impl Iterator<Item = (&'static Spec, &Settled)> {
        SPECS.iter().zip(&self.settled)
    }

    /// One of them.
    pub fn get(&self, key: Key) -> &Settled {
        let at = SPECS.iter().position(|spec| spec.key == key);
        &self.settled[at.unwrap_or_default()]
    }

    /// Whether a flag is set.
    pub fn flag(&self, key: Key) -> bool {
        self.get(key).value == Value::Flag(true)
    }

    /// A text, unless it is empty.
    pub fn text(&self, key: Key) -> Option<&str> {
        match &self.get(key).value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// An address, if there is one.
    pub fn address(&self, key: Key) -> Option<SocketAddr> {
        self.text(key)?.parse().ok()
    }

    /// Texts.
    pub fn texts(&self, key: Key) -> &[String] {
        match &self.get(key).value {
            Value::Texts(texts) => texts,
            _ => &[],
        }
    }

    /// Who says what a setting says, for people.
    pub fn said_by(&self, key: Key) -> String {
        let origin = &self.get(key).origin;
        let place = origin.place(&self.path);
        place.unwrap_or_else(|| origin.word().to_owned())
    }
}
