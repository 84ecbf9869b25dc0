//! Who may do what: a pure function of a request's line and headers.
//!
//! The server listens on loopback, and elsewhere only where its owner says so and with TLS,
//! yet any page in the owner's browser can send requests
//! there, and any name can be made to resolve to it. So the Host must be one of ours (no
//! rebinding), a request that another page made is refused whatever it carries, and only
//! a session's cookie or a program's token opens anything.

use crate::problem::Problem;

/// What a route wants of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Anybody who speaks to the right host: the login page and its files.
    Nobody,
    /// To look.
    Read,
    /// To change something.
    Write,
    /// To see and keep the root key: the owner's own browser, and no program.
    Owner,
}

impl Scope {
    /// Its name in tokens and documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Read => "read",
            Self::Write => "write",
            Self::Owner => "owner",
        }
    }

    /// The scope of a program's token by its name; none has that of the owner.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            _ => None,
        }
    }
}

/// What of a request matters here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Whether the method changes nothing (GET, HEAD).
    pub is_safe: bool,
    /// Whether it is for a page, which other pages may link to.
    pub is_page: bool,
    /// The Host header, all of them.
    pub hosts: &'a [&'a str],
    /// The authority of the request line, where it has one.
    pub authority: Option<&'a str>,
    /// The Origin header.
    pub origin: Option<&'a str>,
    /// The Sec-Fetch-Site header.
    pub site: Option<&'a str>,
    /// The session of the cookie.
    pub session: Option<&'a str>,
    /// The token of the Authorization header.
    pub bearer: Option<&'a str>,
}

/// Which hosts are this server, and who is known.
pub struct Door<'a> {
    /// Values that Host may have.
    pub hosts: &'a [String],
    /// What stands before them in the origin of a page.
    pub scheme: &'a str,
    /// Whether others than this machine come by it.
    pub is_remote: bool,
    /// Whether a session is open.
    pub session: &'a dyn Fn(&str) -> bool,
    /// What a program's token allows; `None`: it is none.
    pub token: &'a dyn Fn(&str) -> Option<Scope>,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The Host is not this server.
    Host,
    /// Another page sent it.
    Origin,
    /// Nobody says who asks.
    NotLoggedIn,
    /// The session or token is not known.
    Unknown,
    /// The token does not allow it.
    Scope,
    /// No token allows it.
    Owner,
    /// Nobody may do it from elsewhere.
    Elsewhere,
}

impl Denied {
    /// As it is told.
    pub fn problem(self) -> Problem {
        match self {
            Self::Host => Problem::new(403, "wrong_host", "this server has another name")
                .hint("open the address that `synlog up` printed"),
            Self::Origin => Problem::new(403, "foreign_origin", "another page sent this request"),
            Self::NotLoggedIn => Problem::new(401, "not_logged_in", "nobody is logged in")
                .hint("`synlog web` prints a link that logs a browser in; programs send a token of `synlog token new` as \"Authorization: Bearer …\""),
            Self::Unknown => Problem::new(401, "unknown_login", "this session or token is not known (any more)")
                .hint("`synlog web` prints a link that logs a browser in; `synlog token list` shows the tokens of programs"),
            Self::Scope => Problem::new(403, "scope", "this token may only read")
                .hint("`synlog token new NAME --write` makes one that may write"),
            Self::Elsewhere => Problem::new(403, "only_at_the_machine", "this is done at the machine of the node alone")
                .hint("its pages, opened there, do it, and so does the command line"),
            Self::Owner => Problem::new(403, "owner_only", "no program may do this")
                .hint("`synlog web` prints a link that logs a browser in; the command line does it, too"),
        }
    }
}

/// Whether a request may have what it asks for. Gives what its caller may do.
///
/// # Errors
/// The first reason why not.
pub fn authorise(facts: &Facts<'_>, door: &Door<'_>, wants: Scope) -> Result<Scope, Denied> {
    let [host] = facts.hosts else {
        return Err(Denied::Host);
    };
    let is_ours = |host: &str| {
        door.hosts
            .iter()
            .any(|ours| ours.eq_ignore_ascii_case(host))
    };
    if !is_ours(host)
        || facts
            .authority
            .is_some_and(|it| !it.eq_ignore_ascii_case(host))
    {
        return Err(Denied::Host);
    }
    // a page is same-origin only under the very name it was asked for by
    let same = |origin: &str| {
        let named = origin.strip_prefix(door.scheme);
        named.is_some_and(|named| named.eq_ignore_ascii_case(host))
    };
    if facts.origin.is_some_and(|origin| !same(origin)) {
        return Err(Denied::Origin);
    }
    // cookies do not know ports: a page of another local server is "same-site"
    let from_elsewhere = facts
        .site
        .is_some_and(|site| !matches!(site, "same-origin" | "none"));
    if from_elsewhere && !(facts.is_page && facts.is_safe) {
        return Err(Denied::Origin);
    }
    if wants == Scope::Nobody {
        // a login changes something: it must come from our page
        return match facts.is_safe || facts.origin.is_some() {
            true => Ok(Scope::Nobody),
            false => Err(Denied::Origin),
        };
    }
    let has = match (facts.bearer, facts.session) {
        (Some(token), _) => (door.token)(token).ok_or(Denied::Unknown)?,
        (None, Some(session)) => {
            if !(door.session)(session) {
                return Err(Denied::Unknown);
            }
            if !facts.is_safe && facts.origin.is_none() {
                return Err(Denied::Origin);
            }
            Scope::Owner
        }
        (None, None) => return Err(Denied::NotLoggedIn),
    };
    match has >= wants {
        true if wants == Scope::Owner && door.is_remote => Err(Denied::Elsewhere),
        true => Ok(has),
        false if wants == Scope::Owner => Err(Denied::Owner),
        false => Err(Denied::Scope),
    }
}

/// The value of a cookie.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// The token of an Authorization header.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
