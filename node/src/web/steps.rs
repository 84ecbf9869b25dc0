//! How far the first run is: what the owner did or left out, where the log does not tell.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value as Json, json};
use synlog_web::Problem;

use crate::daemon::files;
use crate::failure::Failure;
use crate::home::Home;
use crate::web::problems;

/// The steps, in their order; `all` is the whole of it.
const STEPS: &[&str] = &["space", "words", "key", "catalog", "hours", "share", "all"];
/// What a step may be.
const STATES: &[&str] = &["done", "skipped", "open"];

/// Two that are noted at once must not lose each other's.
static NOTING: Mutex<()> = Mutex::new(());

fn path(home: &Home) -> std::path::PathBuf {
    home.path().join("first-run.json")
}

fn read(home: &Home) -> Result<BTreeMap<String, String>, Failure> {
    let bytes = files::bytes_of(&path(home))?.unwrap_or_default();
    // what is damaged is asked for again; nothing depends on it
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// What is known of each step.
pub(super) fn all(home: &Home) -> Result<Json, Problem> {
    let known = read(home).map_err(|failure| problems::problem(&failure))?;
    let state = |step: &str| known.get(step).map_or("open", String::as_str);
    let steps: serde_json::Map<String, Json> = STEPS
        .iter()
        .map(|step| ((*step).to_owned(), json!(state(step))))
        .collect();
    Ok(json!({ "steps": steps }))
}

/// Notes what somebody says of a step. That the words are written down follows from their
/// check alone.
pub(super) fn say(home: &Home, step: &str, state: &str) -> Result<Json, Problem> {
    if step == "words" && state == "done" {
        let text = "the words are written down when three of them are right";
        return Err(Problem::usage(text).hint("POST /root/check does it"));
    }
    set(home, step, state)
}

/// Notes the state of a step.
pub(super) fn set(home: &Home, step: &str, state: &str) -> Result<Json, Problem> {
    if !STEPS.contains(&step) || !STATES.contains(&state) {
        let (steps, states) = (STEPS.join(", "), STATES.join(", "));
        return Err(
            Problem::usage(format!("there is no step {step:?} that is {state:?}"))
                .hint(format!("steps: {steps}; states: {states}")),
        );
    }
    let write = || {
        let _turn = NOTING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = read(home)?;
        known.insert(step.to_owned(), state.to_owned());
        let text = json!(known).to_string();
        files::save(home, path(home), text.as_bytes())
    };
    write().map_err(|failure| problems::problem(&failure))?;
    all(home)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn steps_are_kept_and_damage_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        assert_eq!(all(&home).unwrap()["steps"]["words"], "open");
        say(&home, "hours", "skipped").unwrap();
        assert!(say(&home, "words", "done").is_err());
        set(&home, "words", "done").unwrap();
        let steps = all(&home).unwrap()["steps"].clone();
        assert_eq!(
            (&steps["hours"], &steps["words"]),
            (&json!("skipped"), &json!("done"))
        );
        assert!(say(&home, "rule", "done").is_err());
        assert!(say(&home, "hours", "perhaps").is_err());
        std::fs::write(path(&home), "{").unwrap();
        assert_eq!(all(&home).unwrap()["steps"]["hours"], "open");
    }

    #[test]
    fn steps_that_are_noted_at_once_are_all_there() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::thread::scope(|scope| {
            for step in STEPS {
                scope.spawn(|| (0..20).for_each(|_| _ = set(&home, step, "done").unwrap()));
            }
        });
        let steps = all(&home).unwrap()["steps"].clone();
        assert!(STEPS.iter().all(|step| steps[*step] == "done"), "{steps}");
    }
}
