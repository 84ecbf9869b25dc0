//! Failures as problems: the same code and hint, and an HTTP status.

use synlog_web::Problem;

use crate::failure::{Exit, Failure};

/// A failure as a problem.
pub(crate) fn problem(failure: &Failure) -> Problem {
    let mut problem = told(
        failure.exit() as u8,
        failure.code(),
        failure.with_causes(),
        failure.hint(),
    );
    if let Failure::AgainstRules { code, met, .. } = failure {
        problem = problem.with("rule", code.clone());
        if let Some(met) = met {
            problem = problem.with("met", met.to_string());
        }
    }
    problem
}

/// What a command said on standard error, with the code that it ended with.
pub(crate) fn told(exit: u8, code: &str, message: String, hint: Option<String>) -> Problem {
    let status = match exit {
        code if code == Exit::Usage as u8 => 400,
        code if code == Exit::Findings as u8 => 404,
        code if code == Exit::Refused as u8 => 422,
        code if code == Exit::Guarded as u8 => 409,
        code if code == Exit::Locked as u8 => 503,
        _ => 500,
    };
    // of a name that is typed, it is wrong; of one in a path, nothing is there
    let status = match code {
        "node_stopped" => 503,
        "bad_name" => 404,
        _ => status,
    };
    let mut problem = Problem::new(status, code, message);
    problem.hint = hint;
    problem
}
