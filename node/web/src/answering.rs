//! From a request to its answer: let in, read, done, told.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method as HttpMethod, Request, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use serde_json::{Value as Json, json};
use tokio::time::timeout;

use crate::access::{self, Door, Facts, Scope};
use crate::backend::{Ask, NewImport};
use crate::blobs::{self, set};
use crate::inputs::Inputs;
use crate::keys::{self, Login};
use crate::openapi;
use crate::pages;
use crate::problem::Problem;
use crate::requests::Route as Named;
use crate::routes::{Does, Route};
use crate::server::Shared;
use crate::several;
use crate::sites::Site;
use crate::stream::{Place, Watcher, blocking};
use crate::uis;

/// Bytes of a JSON body. An event has at most 64 KiB; written as JSON it is longer.
const BODY_MAX: usize = 256 << 10;
/// How long a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(60);
/// How long a stream is silent at most.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Answers a request to a route of the API.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    route: &'static Route,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match attempt(shared, route, path, parts, body).await {
        Ok(response) => response,
        Err(problem) => refused(&problem),
    };
    response.extensions_mut().insert(Named(route.path));
    response
}

/// Answers a request to a file of the pages.
pub(crate) fn page(
    shared: &Shared,
    page: &'static pages::Page,
    kept: &str,
    parts: &Parts,
) -> Response {
    if let Err(problem) = enter(shared, parts, Scope::Nobody, true) {
        return refused(&problem);
    }
    let mut response = pages::answer(page, &parts.headers, kept);
    if page.path == "/" {
        // frames hold user interfaces of apps, at this server alone
        let policy = pages::policy(shared.site(&parts.extensions).apps);
        set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
    }
    response.extensions_mut().insert(Named(page.path));
    response
}

/// Answers a request to nothing that there is.
pub(crate) fn nowhere(shared: &Shared, parts: &Parts, method_is_wrong: bool) -> Response {
    let is_page = parts.method == HttpMethod::GET;
    // nothing is changed, whatever the method: programs need not say from where they come
    if let Err(problem) = enter_by(shared, parts, Scope::Nobody, is_page, true) {
        return refused(&problem);
    }
    refused(&match method_is_wrong {
        true => Problem::new(405, "wrong_method", "this is not done by this method"),
        false => Problem::new(404, "no_such_page", "nothing is here")
            .hint("/api/v1/openapi.json lists what is there"),
    })
}

async fn attempt(
    shared: Arc<Shared>,
    route: &'static Route,
    path: Result<RawPathParams, RawPathParamsRejection>,
    parts: Parts,
    body: Body,
) -> Result<Response, Problem> {
    let has = enter(&shared, &parts, route.scope, false)?;
    let path = path.map_err(|_| Problem::usage("the path is not UTF-8"))?;
    let path = path
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let is_file = route.does.takes_bytes();
    let max = if is_file { shared.blob_max } else { BODY_MAX };
    let body = match route.method {
        crate::routes::Method::Get => Vec::new(),
        crate::routes::Method::Post => read_body(body, max).await?,
    };
    let json = if is_file { &[][..] } else { &body };
    let inputs = Inputs::read(route, path, parts.uri.query().unwrap_or_default(), json)?;
    let ui = uis::named(&shared, &parts.headers).await?;
    if ui.is_some() && !matches!(route.does, Does::Ask(_) | Does::Blob) {
        return Err(uis::scope::beyond());
    }
    match &route.does {
        Does::Ask(asked) => {
            let question = asked(&inputs)?;
            if let Some(ui) = &ui {
                uis::scope::hold(&shared, ui, &question).await?;
            }
            Ok(told(&ask(&shared, question).await?))
        }
        Does::Several => Ok(told(&several::answer(&shared, &inputs).await)),
        Does::Uis => Ok(told(&uis::list(&shared).await?)),
        Does::OpenApi => Ok(told(&openapi::document())),
        Does::Session => Ok(told(&json!({ "scope": has.word() }))),
        Does::Login => login(&shared, shared.site(&parts.extensions), &inputs).await,
        Does::Logout => {
            let site = shared.site(&parts.extensions);
            match (
                session_of(site, &parts.headers),
                inputs.body_flag("everywhere"),
            ) {
                (Some(session), true) if shared.is_open(session) => {
                    shared.keys.logout_all(shared.backend.now_ms());
                }
                (_, true) => return Err(access::Denied::Owner.problem()),
                (Some(session), false) => shared.keys.logout(session),
                (None, false) => {}
            }
            // it would be back after the next start
            let keeping = Arc::clone(&shared);
            blocking(move || keeping.keep_sessions()).await?;
            let mut response = told(&json!({}));
            set(&mut response, header::SET_COOKIE, &site.ended());
            Ok(response)
        }
        Does::Stream => watch(&shared, &inputs, &parts).await,
        Does::Blob => {
            if let Some(ui) = &ui {
                uis::scope::hold_blob(&shared, ui, &inputs.path("hash")).await?;
            }
            let range = text(&parts.headers, header::RANGE).map(str::to_owned);
            let all = Arc::new(blobs::All(Arc::clone(&shared.backend)));
            blobs::answer(all, inputs.path("hash"), range).await
        }
        Does::AddBlob => {
            let (backend, topic) = (Arc::clone(&shared.backend), inputs.text("topic"));
            let added = blocking(move || backend.add_blob(topic.as_deref(), &body)).await?;
            Ok(told(&added))
        }
        Does::AddImport => {
            let backend = Arc::clone(&shared.backend);
            let [topic, name] = ["topic", "name"].map(|it| inputs.text(it).unwrap_or_default());
            let new = NewImport {
                topic,
                name,
                format: inputs.text("format"),
                currency: inputs.text("currency"),
                zone: inputs.text("zone"),
            };
            let added = blocking(move || backend.add_import(&new, &body));
            Ok(told(&added.await?))
        }
    }
}

/// A header that is there once, as text.
pub(crate) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn session_of<'a>(site: &Site, headers: &'a HeaderMap) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut cookies = cookies.filter_map(|value| value.to_str().ok());
    cookies.find_map(|cookies| access::cookie(cookies, &site.cookie))
}

/// Lets a request in, or says why not.
pub(crate) fn enter(
    shared: &Shared,
    parts: &Parts,
    wants: Scope,
    is_page: bool,
) -> Result<Scope, Problem> {
    let is_safe = matches!(parts.method, HttpMethod::GET | HttpMethod::HEAD);
    enter_by(shared, parts, wants, is_page, is_safe)
}

/// The same, where the method alone does not say whether something is changed.
fn enter_by(
    shared: &Shared,
    parts: &Parts,
    wants: Scope,
    is_page: bool,
    is_safe: bool,
) -> Result<Scope, Problem> {
    let (headers, site) = (&parts.headers, shared.site(&parts.extensions));
    let hosts: Vec<&str> = headers
        .get_all(header::HOST)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    let authorization = text(headers, header::AUTHORIZATION);
    // a header that is there and no text is not one that is not there
    let unreadable = |name: &str| {
        headers
            .get(name)
            .is_some_and(|value| value.to_str().is_err())
    };
    let origin = if unreadable("origin") {
        Some("")
    } else {
        text(headers, header::ORIGIN)
    };
    let facts = Facts {
        is_safe,
        is_page,
        hosts: &hosts,
        authority: parts.uri.authority().map(|authority| authority.as_str()),
        origin,
        site: headers
            .get("sec-fetch-site")
            .map(|value| value.to_str().unwrap_or_default()),
        session: session_of(site, headers),
        bearer: authorization.and_then(access::bearer),
    };
    let door = Door {
        hosts: &site.hosts,
        scheme: site.scheme(),
        is_remote: site.is_remote,
        session: &|session| shared.is_open(session),
        token: &|token| shared.backend.token(token),
    };
    access::authorise(&facts, &door, wants).map_err(access::Denied::problem)
}

/// A body up to a limit; it grows with what comes, whatever was claimed.
pub(crate) async fn read_body(body: Body, max: usize) -> Result<Vec<u8>, Problem> {
    match timeout(BODY_PATIENCE, to_bytes(body, max)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Err(_) => Err(Problem::new(408, "too_slow", "the body took too long")),
        Ok(Err(_)) => Err(Problem::new(
            413,
            "too_large",
            format!("the body broke off, or has more than {max} bytes"),
        )),
    }
}

/// The answer to a question.
pub(crate) async fn ask(shared: &Shared, question: Ask) -> Result<Json, Problem> {
    match question {
        Ask::Rows(rows) => shared.reader.ask(rows).await,
        question => {
            let backend = Arc::clone(&shared.backend);
            blocking(move || backend.answer(&question)).await
        }
    }
}

async fn login(shared: &Arc<Shared>, site: &Site, inputs: &Inputs) -> Result<Response, Problem> {
    let token = inputs.body_text("token").unwrap_or_default();
    let session = keys::text(&shared.backend.random()?);
    match shared.keys.login(&token, &session, shared.backend.now_ms()) {
        Login::Opened => {
            // a full disk keeps nobody out
            let noting = Arc::clone(shared);
            blocking(move || {
                noting.note_sessions();
                Ok(())
            })
            .await?;
            let mut response = told(&json!({ "scope": Scope::Owner.word() }));
            set(&mut response, header::SET_COOKIE, &site.opened(&session));
            Ok(response)
        }
        Login::Wrong => Err(Problem::new(
            401,
            "wrong_login",
            "this link does not log in, was used before, or is older than ten minutes",
        )
        .hint("`synlog web` prints a new one")),
        Login::TooMany(seconds) => {
            Err(
                Problem::new(429, "too_many_logins", "too many wrong logins")
                    .hint(format!("try again in {seconds} seconds"))
                    .with("retry_after", seconds),
            )
        }
    }
}

async fn watch(shared: &Arc<Shared>, inputs: &Inputs, parts: &Parts) -> Result<Response, Problem> {
    let strange = |id: &str| {
        Problem::usage(format!("{id:?} is not the id of an event"))
            .hint("begin without one, and ask for all rows again")
    };
    let last = match parts.headers.get("last-event-id") {
        None => None,
        // who names a place that nobody can read has seen something
        Some(id) => match id.to_str() {
            Ok(id) => Some(id.to_owned()),
            Err(_) => return Err(strange(&String::from_utf8_lossy(id.as_bytes()))),
        },
    };
    let last = last.filter(|id| !id.is_empty());
    let from = match last.or_else(|| inputs.text("from")) {
        None => None,
        Some(id) => Some(Place::read(&id).ok_or_else(|| strange(&id))?),
    };
    let topic = match inputs.text("topic") {
        None => None,
        Some(name) => {
            let backend = Arc::clone(&shared.backend);
            Some(blocking(move || backend.topic_id(&name)).await?)
        }
    };
    let seat = Arc::clone(&shared.seats).try_acquire_owned();
    let seat =
        seat.map_err(|_| Problem::new(503, "too_many_watchers", "too many streams are open"))?;
    let watcher = Watcher::new(&shared.hub, topic, from, shared.stop.subscribe());
    let events = events(watcher, Asker::of(shared, parts), HEARTBEAT, seat);
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT))
        .into_response();
    set(&mut response, header::CACHE_CONTROL, "no-store");
    Ok(response)
}

/// What somebody is told who watches, as long as they may look: that is looked at before each
/// event, and now and then where none comes. What is held is held as long.
pub(crate) fn events<T>(
    watcher: Watcher,
    asker: Asker,
    now_and_then: Duration,
    held: T,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let state = (watcher, asker, held);
    stream::unfold(state, move |(watcher, asker, held)| async move {
        let mut next = pin!(watcher.step());
        let next = loop {
            match timeout(now_and_then, &mut next).await {
                Ok(next) => break next,
                Err(_) if asker.may_look() => {}
                Err(_) => return None,
            }
        };
        let (event, watcher) = next?;
        // a session may have ended meanwhile, a token may have been revoked
        asker.may_look().then_some((event, (watcher, asker, held)))
    })
}

/// Who watches.
pub(crate) struct Asker {
    shared: Arc<Shared>,
    bearer: Option<String>,
    session: Option<String>,
}

impl Asker {
    pub(crate) fn of(shared: &Arc<Shared>, parts: &Parts) -> Self {
        let (headers, site) = (&parts.headers, shared.site(&parts.extensions));
        let authorization = text(headers, header::AUTHORIZATION);
        Self {
            shared: Arc::clone(shared),
            bearer: authorization.and_then(access::bearer).map(str::to_owned),
            session: session_of(site, headers).map(str::to_owned),
        }
    }

    fn may_look(&self) -> bool {
        match (&self.bearer, &self.session) {
            (Some(token), _) => self.shared.backend.token(token).is_some(),
            // that a page stands open somewhere is no use of it
            (None, Some(session)) => self.shared.is_known(session),
            (None, None) => false,
        }
    }
}

/// An answer as JSON.
pub(crate) fn told(json: &Json) -> Response {
    let mut response = Response::new(Body::from(json.to_string()));
    set(&mut response, header::CONTENT_TYPE, "application/json");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// A problem as an answer.
pub(crate) fn refused(problem: &Problem) -> Response {
    let mut response = Response::new(Body::from(problem.json().to_string()));
    let status = StatusCode::from_u16(problem.status);
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(
        &mut response,
        header::CONTENT_TYPE,
        "application/problem+json",
    );
    set(&mut response, header::CACHE_CONTROL, "no-store");
    let mut more = problem.more.iter();
    if let Some((_, seconds)) = more.find(|(name, _)| *name == "retry_after") {
        set(&mut response, header::RETRY_AFTER, &seconds.to_string());
    }
    if problem.status == 401 {
        set(
            &mut response,
            header::WWW_AUTHENTICATE,
            "Bearer realm=\"synlog\"",
        );
    }
    response
}

/// Headers that all answers have.
pub(crate) async fn dressed(mut response: Response) -> Response {
    for (name, value) in pages::HEADERS {
        let name = header::HeaderName::from_static(name);
        // a blob has a stricter policy of its own
        if !response.headers().contains_key(&name) {
            set(&mut response, name, value);
        }
    }
    response
}
