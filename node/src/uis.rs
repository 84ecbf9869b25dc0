//! User interfaces of apps: those that come with synlog, and those that somebody here
//! installed, each in a file `uis/<app>.ui`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use synlog_log::fold::Manifest;
use synlog_web::uis::{Package, Wrong};

use crate::daemon::files::{self, Stamp};
use crate::failure::Failure;
use crate::home::Home;

static BUILT_IN: LazyLock<Vec<Arc<Package>>> = LazyLock::new(|| {
    let package = |files: &[synlog_apps::uis::File]| {
        let files = files.iter();
        let files = files.map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        let mut package = Package::of(files.collect()).ok()?;
        package.comes_along = true;
        Some(Arc::new(package))
    };
    // a test holds that all of them are right
    synlog_apps::uis::UIS
        .iter()
        .filter_map(|(_, files)| package(files))
        .collect()
});

/// Those that come with synlog.
pub fn built_in() -> &'static [Arc<Package>] {
    &BUILT_IN
}

/// Whether one comes with synlog for an app.
pub fn comes_along(app: &str) -> bool {
    built_in().iter().any(|it| it.manifest.app == app)
}

/// Reads one that is installed.
pub fn read(path: &Path) -> Result<Package, Failure> {
    let bytes = files::bytes_of(path)?.unwrap_or_default();
    Package::unpack(&bytes).map_err(|wrong| match wrong {
        Wrong::Newer(version) => Failure::Newer {
            path: path.to_path_buf(),
            version,
        },
        wrong => Failure::System(format!(
            "{} is damaged ({wrong}): remove it and install it again",
            path.display()
        )),
    })
}

/// All that are installed, by their apps; the first that can't be read is an error.
pub fn installed(home: &Home) -> Result<Vec<Package>, Failure> {
    let files = files::ui_files(home)?;
    files.iter().map(|(path, _)| read(path)).collect()
}

/// Refuses names that the app does not have, as far as the app is known.
pub fn check_names(package: &Package, app: &Manifest) -> Result<(), Failure> {
    let manifest = &package.manifest;
    let wrong = |what: &str, name: &str| {
        let text = format!("the app {} has no {what} {name}", manifest.app);
        Err(Failure::BadUi(Wrong::Manifest(text)))
    };
    let no_table = |name: &&String| !app.tables.iter().any(|table| table.name == **name);
    if let Some(name) = manifest.reads.iter().find(no_table) {
        return wrong("table", name);
    }
    let no_kind = |name: &&String| !app.events.iter().any(|event| event.kind == **name);
    match manifest.writes.iter().find(no_kind) {
        Some(name) => wrong("kind of event", name),
        None => Ok(()),
    }
}

/// What is installed, as a running node serves it: a file is read again when it is another one.
#[derive(Default)]
pub struct Shelf(Mutex<BTreeMap<String, Held>>);

/// What was read of a file, and which file that was.
type Held = (Stamp, Option<Arc<Package>>);

impl Shelf {
    /// All user interfaces. One that can't be read is left out, and the log says so.
    pub fn all(&self, home: &Home) -> Vec<Arc<Package>> {
        let mut all = built_in().to_vec();
        let files = files::ui_files(home).unwrap_or_default();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = BTreeMap::new();
        for (path, stamp) in files {
            let name = path.display().to_string();
            let held = known.remove(&name).filter(|(of, _)| *of == stamp);
            let package = match held {
                Some((_, package)) => package,
                None => match read(&path) {
                    Ok(package) => Some(Arc::new(package)),
                    Err(failure) => {
                        tracing::warn!(%failure, "a user interface is left out");
                        None
                    }
                },
            };
            // a file that was put there by hand is not that of another app
            let right = |it: &Arc<Package>| {
                path.file_stem()
                    .is_some_and(|stem| *stem == *it.manifest.app)
                    && !comes_along(&it.manifest.app)
            };
            all.extend(package.clone().filter(right));
            now.insert(name, (stamp, package));
        }
        *known = now;
        all
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeMap;

    fn package(app: &str, title: &str) -> Package {
        let json = format!(r#"{{"format":1,"app":"{app}","major":1,"title":{{"en":"{title}"}}}}"#);
        let files = [("ui.json", json), ("index.html", String::new())];
        let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes()));
        Package::of(BTreeMap::from(files)).unwrap()
    }

    #[test]
    fn those_that_come_along_name_what_is_there() {
        assert_eq!(built_in().len(), synlog_apps::uis::UIS.len());
        for package in built_in() {
            let manifest = &package.manifest;
            let app = crate::apps::find(&manifest.app, manifest.major).unwrap();
            check_names(package, &app.manifest).unwrap();
            assert!(manifest.title.iter().any(|(tag, _)| tag == "de"));
        }
    }

    #[test]
    fn a_shelf_follows_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let shelf = Shelf::default();
        let more = |shelf: &Shelf| -> Vec<String> {
            let all = shelf.all(&home).into_iter().skip(built_in().len());
            all.map(|it| it.manifest.english().to_owned()).collect()
        };
        assert!(more(&shelf).is_empty());
        files::save_ui(&home, "errands", &package("errands", "One").packed()).unwrap();
        assert_eq!(more(&shelf), ["One"]);
        files::save_ui(&home, "errands", &package("errands", "Another").packed()).unwrap();
        assert_eq!(more(&shelf), ["Another"]);
        // neither damage, nor a name that is not its own, nor one that comes along
        files::save_ui(&home, "broken", b"SYNLOGUI").unwrap();
        files::save_ui(&home, "other", &package("space", "Space").packed()).unwrap();
        files::save_ui(&home, "tally", &package("tally", "Tally").packed()).unwrap();
        assert_eq!(more(&shelf), ["Another"]);
        assert!(installed(&home).is_err());
        for app in ["errands", "broken", "other"] {
            assert!(files::remove_ui(&home, app).unwrap());
        }
        assert!(!files::remove_ui(&home, "errands").unwrap());
        assert!(more(&shelf).is_empty());
    }

    #[test]
    fn names_are_those_of_the_app() {
        let tally = crate::apps::find("tally", 1).unwrap();
        let with = |reads: &str, writes: &str| {
            let json = format!(
                r#"{{"format":1,"app":"tally","major":1,"title":{{"en":"T"}},"reads":{reads},"writes":{writes}}}"#
            );
            let files = [("ui.json", json), ("index.html", String::new())];
            let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes()));
            let package = Package::of(BTreeMap::from(files)).unwrap();
            check_names(&package, &tally.manifest)
        };
        assert!(with(r#"["tallies"]"#, r#"["tally.add"]"#).is_ok());
        assert!(with(r#"["orders"]"#, "[]").is_err());
        assert!(with("[]", r#"["order.request"]"#).is_err());
    }
}
