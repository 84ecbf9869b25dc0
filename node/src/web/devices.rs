//! The entity's devices, for the owner's own browser: a new one is certified, one ends.

use serde_json::{Value as Json, json};
use synlog_web::Problem;
use synlog_web::backend::DeviceEnd;

use crate::cli::qr;
use crate::daemon::session::Service;
use crate::identity::enrolment::read_request;
use crate::web::root::line;
use crate::web::{hosted, problems};

/// A command, with a passphrase at its standard input where one is given.
pub(super) fn done(
    service: &Service,
    words: &[&str],
    passphrase: Option<&str>,
) -> Result<Json, Problem> {
    let (front, last) = words.split_at(words.len().saturating_sub(1));
    let mut arguments: Vec<&str> = front.to_vec();
    if passphrase.is_some() {
        arguments.extend(["--passphrase-file", "-"]);
    }
    arguments.push("--");
    arguments.extend(last);
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let given = match passphrase {
        Some(passphrase) => hosted::given(service, &arguments, line(passphrase)?)?,
        None => hosted::lines(service, &arguments)?,
    };
    let first = given.into_iter().next();
    first.ok_or_else(|| Problem::new(500, "system", "there was no answer"))
}

/// What a request says, and the words that tell whether it is the new machine's.
fn read(request: &str) -> Result<(String, String), Problem> {
    let read = read_request(request).map_err(|failure| problems::problem(&failure))?;
    Ok((read.0.request.name, read.1))
}

/// Looks at a request.
pub(super) fn look(request: &str) -> Result<Json, Problem> {
    let (name, check) = read(request.trim())?;
    Ok(json!({ "device_name": name, "check": check }))
}

/// Certifies a device, whose words somebody has compared.
pub(super) fn add(
    service: &Service,
    request: &str,
    compared: &str,
    passphrase: Option<&str>,
) -> Result<Json, Problem> {
    let request = request.trim();
    let (_, check) = read(request)?;
    if compared != check {
        let text = "these are not the words of the request: nothing was certified";
        return Err(Problem::new(422, "wrong_words", text)
            .hint("compare the four words with those on the new machine"));
    }
    // it decodes, so it is no name of a file
    let mut answer = done(service, &["device", "add", "--yes", request], passphrase)?;
    // an answer that names many topics is too long for a code
    let squares = answer["answer"]
        .as_str()
        .and_then(|it| qr::squares(it).ok());
    answer["qr"] = json!(squares);
    Ok(answer)
}

/// Ends one.
pub(super) fn retire(
    service: &Service,
    device: &str,
    end: DeviceEnd,
    passphrase: Option<&str>,
) -> Result<Json, Problem> {
    done(service, &["device", end.word(), device], passphrase)
}
