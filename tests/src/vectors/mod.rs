//! The vectors of `spec/vectors`: made here, checked here, and run by
//! `spec/verify.py`, which shares no code with us. `SYNLOG_BLESS=1` writes them.

mod attestations;
mod bundles;
mod encodings;
mod enrolment;
mod entries;
mod identities;
mod keys;
mod links;
mod speccheck;
mod sync;

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use synlog_log::ids::hex;
use synlog_log::refusal::Refusal;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

/// Holds cases against their file, or writes it.
fn hold(file: &str, about: &str, cases: Vec<Json>) {
    let path = folder().join(file);
    let fresh = json!({ "about": about, "cases": cases });
    if std::env::var_os("SYNLOG_BLESS").is_some() {
        let lines: Vec<String> = cases.iter().map(|case| format!("  {case}")).collect();
        let about = Json::String(about.to_owned());
        let text = format!(
            "{{\"about\": {about},\n\"cases\": [\n{}\n]}}\n",
            lines.join(",\n")
        );
        std::fs::write(&path, text).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let stored: Json = serde_json::from_str(&text).unwrap();
    let stored_cases = stored["cases"].as_array().unwrap();
    assert_eq!(stored_cases.len(), cases.len(), "{file}: number of cases");
    for (stored, fresh) in stored_cases.iter().zip(fresh["cases"].as_array().unwrap()) {
        assert_eq!(stored, fresh, "{file}");
    }
}

/// A case with its outcome: what it must give, or the code that it must be refused with.
fn case(
    name: &str,
    input: Json,
    outcome: Result<Json, Refusal>,
    expected: Result<(), Refusal>,
) -> Json {
    assert_eq!(
        outcome.as_ref().map(|_| ()).map_err(|refusal| *refusal),
        expected,
        "{name}"
    );
    let mut case = json!({ "name": name });
    let parts = [
        input,
        outcome.unwrap_or_else(|refusal| json!({ "error": refusal.code() })),
    ];
    for part in parts {
        case.as_object_mut()
            .unwrap()
            .extend(part.as_object().unwrap().clone());
    }
    case
}

fn bytes_of(bytes: &[u8]) -> Json {
    json!({ "bytes": hex(bytes) })
}
