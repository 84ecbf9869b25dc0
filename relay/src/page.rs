//! Answers of the server itself: JSON, problems, and pages for people.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// What breaks off a body.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;
/// A body on its way.
pub type Body = UnsyncBoxBody<Bytes, Broken>;

/// A body that is all there.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Loads a page again after a while. A refresh by the page's head would not: to a link with
/// a `#` it only scrolls.
const AGAIN: &str = "setTimeout(() => location.reload(), document.body.dataset.again * 1000);";
/// What pages of ours may do: run [`AGAIN`], and nothing else.
const POLICY: &str = "default-src 'none'; \
    script-src 'sha256-IoXOsG2j74uCaAc5iY6BYD/8iyCZRE8WhJMKh6fVoNA='; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// An answer that only this server gives: kept by nobody, in no frame, without script.
pub fn answer(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(whole(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// JSON.
pub fn json_answer(status: StatusCode, value: &Value) -> Response<Body> {
    answer(status, "application/json", value.to_string())
}

/// A problem as programs read it.
pub fn problem(status: StatusCode, code: &str, title: &str, hint: &str) -> Response<Body> {
    let value = json!({
        "type": format!("urn:synlog:problem:{code}"),
        "title": title,
        "status": status.as_u16(),
        "code": code,
        "hint": hint,
    });
    answer(status, "application/problem+json", value.to_string())
}

/// To another place.
pub fn redirect(to: &str) -> Response<Body> {
    let mut response = answer(
        StatusCode::TEMPORARY_REDIRECT,
        "text/plain; charset=utf-8",
        to.to_owned(),
    );
    match HeaderValue::from_str(to) {
        Ok(value) => {
            response.headers_mut().insert(header::LOCATION, value);
            response
        }
        Err(_) => problem(StatusCode::BAD_REQUEST, "bad_request", "no such place", ""),
    }
}

/// Why a node's page is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// The node is not connected anywhere that we know of.
    Absent,
    /// It is there and does not let guests in through us.
    Closed,
    /// It took too long.
    Slow,
    /// It broke off before it answered.
    Broken,
    /// It is asked too much just now, or we are.
    Busy,
    /// This caller asks too much.
    TooMany,
    /// What was sent is too large.
    TooLarge,
    /// Below our domain, but no name of a node.
    NoSuchName,
}

struct Words {
    title: &'static str,
    text: &'static str,
}

impl Away {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Absent => "node_absent",
            Self::Closed => "node_closed",
            Self::Slow => "node_slow",
            Self::Broken => "node_broken",
            Self::Busy => "busy",
            Self::TooMany => "too_many",
            Self::TooLarge => "too_large",
            Self::NoSuchName => "no_such_name",
        }
    }

    /// The status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Absent | Self::Closed | Self::Broken => StatusCode::BAD_GATEWAY,
            Self::Slow => StatusCode::GATEWAY_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoSuchName => StatusCode::NOT_FOUND,
        }
    }

    /// Seconds after which it may be worth another try.
    fn again_s(self) -> Option<u32> {
        match self {
            Self::Absent | Self::Closed | Self::Slow | Self::Broken => Some(15),
            Self::Busy | Self::TooMany => Some(5),
            Self::TooLarge | Self::NoSuchName => None,
        }
    }

    fn words(self, german: bool) -> Words {
        let (title, text) = match (self, german) {
            (Self::Absent, false) => (
                "The shop is closed just now",
                "Its computer is not connected. What you wrote is kept in this browser; this page tries again by itself.",
            ),
            (Self::Absent, true) => (
                "Der Laden ist gerade geschlossen",
                "Sein Rechner ist nicht verbunden. Was Sie geschrieben haben, bleibt in diesem Browser; diese Seite versucht es von selbst wieder.",
            ),
            (Self::Closed, false) => (
                "The shop takes no guests here",
                "It is connected, but lets nobody in through this address.",
            ),
            (Self::Closed, true) => (
                "Der Laden empfängt hier keine Gäste",
                "Er ist verbunden, lässt aber über diese Adresse niemanden ein.",
            ),
            (Self::Slow, false) => (
                "The shop does not answer just now",
                "Its computer took too long; this page tries again by itself.",
            ),
            (Self::Slow, true) => (
                "Der Laden antwortet gerade nicht",
                "Sein Rechner hat zu lange gebraucht; diese Seite versucht es von selbst wieder.",
            ),
            (Self::Broken, false) => (
                "The connection to the shop broke off",
                "This page tries again by itself.",
            ),
            (Self::Broken, true) => (
                "Die Verbindung zum Laden ist abgebrochen",
                "Diese Seite versucht es von selbst wieder.",
            ),
            (Self::Busy, false) => (
                "Too many visitors just now",
                "Please try again in a moment.",
            ),
            (Self::Busy, true) => (
                "Gerade sind zu viele Besucher da",
                "Bitte versuchen Sie es gleich noch einmal.",
            ),
            (Self::TooMany, false) => ("Too many requests from here", "Please wait a moment."),
            (Self::TooMany, true) => (
                "Zu viele Anfragen von hier",
                "Bitte warten Sie einen Moment.",
            ),
            (Self::TooLarge, false) => ("This is too large", "Send something smaller."),
            (Self::TooLarge, true) => ("Das ist zu groß", "Bitte senden Sie etwas Kleineres."),
            (Self::NoSuchName, false) => (
                "There is no shop of this name",
                "Check the link: the name in front of the first dot has 52 characters.",
            ),
            (Self::NoSuchName, true) => (
                "Es gibt keinen Laden dieses Namens",
                "Bitte prüfen Sie den Link: der Name vor dem ersten Punkt hat 52 Zeichen.",
            ),
        };
        Words { title, text }
    }

    /// The answer: a page for who reads pages, a problem for programs.
    pub fn answer(self, asked: &HeaderMap) -> Response<Body> {
        let header = |name| asked.get(name).and_then(|value| value.to_str().ok());
        let wants_page = header(header::ACCEPT).is_some_and(|kinds| kinds.contains("text/html"));
        let mut response = if wants_page {
            let languages = header(header::ACCEPT_LANGUAGE).unwrap_or_default();
            let german = languages.trim_start().starts_with("de");
            let page = self.page(german);
            answer(self.status(), "text/html; charset=utf-8", page)
        } else {
            let words = self.words(false);
            problem(self.status(), self.code(), words.title, words.text)
        };
        if let Some(again) = self.again_s() {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(again));
        }
        response
    }

    fn page(self, german: bool) -> String {
        let Words { title, text } = self.words(german);
        let language = if german { "de" } else { "en" };
        let (mark, script) = match self.again_s() {
            Some(again) => (
                format!(" data-again=\"{again}\""),
                format!("<script>{AGAIN}</script>"),
            ),
            None => Default::default(),
        };
        format!(
            "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <title>{title}</title></head><body{mark}><main><h1>{title}</h1><p>{text}</p></main>\
             {script}</body></html>"
        )
    }
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;

    fn asked(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn people_get_pages_and_programs_problems() {
        let kind = |headers: &HeaderMap| {
            let response = Away::Absent.answer(headers);
            assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
            assert_eq!(response.headers()[header::RETRY_AFTER], "15");
            response.headers()[header::CONTENT_TYPE].clone()
        };
        let page = asked(&[(header::ACCEPT, "text/html,*/*;q=0.8")]);
        assert_eq!(kind(&page), "text/html; charset=utf-8");
        assert_eq!(kind(&asked(&[])), "application/problem+json");
        assert!(Away::Absent.page(true).contains("lang=\"de\""));
        assert!(!Away::TooLarge.page(false).contains("script"));
    }

    #[test]
    fn the_one_script_is_allowed_and_no_other() {
        let hash = data_encoding::BASE64.encode(&sha2::Sha256::digest(AGAIN));
        assert!(POLICY.contains(&format!("script-src 'sha256-{hash}';")));
        assert!(Away::Absent.page(false).contains(AGAIN));
    }

    #[test]
    fn nobody_breaks_a_redirect() {
        assert_eq!(
            redirect("http://a.example/\r\nx: y").status(),
            StatusCode::BAD_REQUEST
        );
        assert_eq!(
            redirect("http://a.example/").headers()[header::LOCATION],
            "http://a.example/"
        );
    }
}
