//! The next backup, where the owner made the last one: no place is named over the web.

use serde_json::Value as Json;
use synlog_web::Problem;

use crate::backup::Last;
use crate::daemon::session::Service;
use crate::web::devices::done;
use crate::web::problems;

/// Makes it as the last one was made: with keys if that has them, and as many are kept.
pub(super) fn again(service: &Service, passphrase: Option<&str>) -> Result<Json, Problem> {
    let last = Last::of(&service.home).map_err(|failure| problems::problem(&failure))?;
    let Some(last) = last else {
        let text = "no backup was made of this store yet";
        return Err(Problem::new(409, "no_backup", text)
            .hint("make the first one with `synlog backup PLACE`"));
    };
    let keep = format!("--keep={}", last.keep);
    match (last.keys, passphrase) {
        (true, None) => Err(Problem::usage(
            "the last backup has keys: passphrase is missing",
        )),
        (true, Some(_)) => {
            let words = ["backup", "--with-keys", &keep, &last.place];
            done(service, &words, passphrase)
        }
        (false, _) => done(service, &["backup", &keep, &last.place], None),
    }
}
