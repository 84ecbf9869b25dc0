//! From a guest's request to its answer: let in, counted, read, done, told.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::request::Parts;
use axum::http::{Method as HttpMethod, Request, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream::unfold;
use serde_json::json;

use crate::access::{Denied, bearer};
use crate::answering::{read_body, refused, text, told};
use crate::backend::BlobInfo;
use crate::blobs::{self, set};
use crate::guests::access::{self, Facts, Way};
use crate::guests::asked::{self, Does, Route};
use crate::guests::backend::{Founded, Guest, GuestBackend, told_heights};
use crate::guests::limits::Source;
use crate::guests::pages::{self, GuestPage};
use crate::guests::server::{Carried, Shared};
use crate::guests::stream;
use crate::inputs::Inputs;
use crate::keys;
use crate::pages::FOR_EVER;
use crate::places::Place;
use crate::problem::Problem;
use crate::routes::Method;
use crate::serving::{self, Ends};
use crate::stream::blocking;
use crate::uis::{self, At};

/// What may be asked of public rows by one address in a minute: a busy page asks 100 times.
const QUERIES_OF_ONE: usize = 1_200;
/// By how many questions more one for words counts: it reads some thousand rows.
const SEARCH_COSTS: usize = 9;
/// Challenges and sessions of one address in a minute: a shop's own network is one address.
const LOGINS_OF_ONE: usize = 60;
/// Pushes of one entity in a minute.
const PUSHES_OF_ONE: usize = 120;
/// Bytes that one entity may push in an hour.
const PUSHED_BYTES_OF_ONE: usize = 8 << 20;
/// A gateway that does not say who comes through it counts as so many addresses.
const BEHIND_GATEWAY: usize = 32;

/// Seconds until a pull is tried again that was one too many.
const PULL_AGAIN: u64 = 1;
/// Bytes of a pull's answer that are handed on at a time.
const PIECE: usize = 64 << 10;

/// Bytes of a gateway's word for a caller.
const CALLER_MAX: usize = 64;

/// Answers a request to a route.
pub(super) async fn answer(
    shared: Arc<Shared>,
    route: &'static Route,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    match attempt(shared, route, path, parts, body).await {
        Ok(response) => response,
        Err(problem) => refused(&problem),
    }
}

/// Answers a request to a file of the pages.
pub(super) fn page(
    shared: &Shared,
    page: &'static GuestPage,
    kept: &str,
    parts: &Parts,
) -> Response {
    match enter(shared, parts, true) {
        Ok(_) => pages::answer(page, &parts.headers, kept),
        Err(problem) => refused(&problem),
    }
}

/// Answers a request to nothing that there is.
pub(super) fn nowhere(shared: &Shared, parts: &Parts, method_is_wrong: bool) -> Response {
    if let Err(problem) = enter(shared, parts, parts.method == HttpMethod::GET) {
        return refused(&problem);
    }
    refused(&match method_is_wrong {
        true => Problem::new(405, "wrong_method", "this is not done by this method"),
        false => Problem::new(404, "no_such_page", "nothing is here"),
    })
}

/// Answers what is asked of user interfaces of apps: files that everybody may have. A sandboxed
/// page is of no origin, so where a request comes from says nothing here.
pub(super) async fn ui(shared: Arc<Shared>, request: Request<Body>, next: Next) -> Response {
    let path = request.uri().path().strip_prefix("/ui/");
    let Some((app, name)) = path.and_then(|path| path.split_once('/')) else {
        return next.run(request).await;
    };
    let (app, name) = (app.to_owned(), name.to_owned());
    let mut parts = request.into_parts().0;
    let host = text(&parts.headers, header::HOST).unwrap_or_default();
    // whoever carries it may end TLS
    let both = |place: &str| format!("http://{host}{place} https://{host}{place}");
    let at = At {
        place: both(&format!("/ui/{app}/")),
        holders: vec![both("")],
    };
    for header in ["origin", "sec-fetch-site"] {
        parts.headers.remove(header);
    }
    if let Err(problem) = enter(&shared, &parts, true) {
        return refused(&problem);
    }
    let backend = Arc::clone(&shared.backend);
    let all = blocking(move || Ok(backend.uis()))
        .await
        .unwrap_or_default();
    let package = all.into_iter().find(|it| it.manifest.app == app);
    match package {
        Some(package) if matches!(parts.method, HttpMethod::GET | HttpMethod::HEAD) => {
            uis::file(&package, &name, &at, &parts.headers)
        }
        _ => uis::nothing(),
    }
}

/// Lets a request in, or says why not. Gives by what it is counted.
fn enter(shared: &Shared, parts: &Parts, is_page: bool) -> Result<Source, Problem> {
    let headers = &parts.headers;
    let hosts: Vec<&str> = headers
        .get_all(header::HOST)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    let (way, source) = match (
        parts.extensions.get::<Ends>(),
        parts.extensions.get::<Carried>(),
    ) {
        (Some(ends), _) => {
            let source = serving::source(ends.there.ip());
            (Way::Direct(ends.here), Source::Address(source))
        }
        // a gateway takes this header from those whom it carries, and puts in its own word
        (None, Some(Carried(name))) => {
            let caller = headers.get("synlog-caller").and_then(|it| it.to_str().ok());
            let source = match caller.filter(|caller| (1..=CALLER_MAX).contains(&caller.len())) {
                Some(caller) => Source::Caller(format!("{caller} {name}")),
                None => Source::Gateway(name.clone()),
            };
            (Way::Gateway(name.clone()), source)
        }
        (None, None) => return Err(access::told(Denied::Host)),
    };
    // a header that is there and no text is not one that is not there
    let said = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let facts = Facts {
        is_safe: matches!(parts.method, HttpMethod::GET | HttpMethod::HEAD),
        is_page,
        hosts: &hosts,
        authority: parts.uri.authority().map(|authority| authority.as_str()),
        origin: said("origin"),
        site: said("sec-fetch-site"),
        way: &way,
    };
    access::check(&facts, &shared.backend.names()).map_err(access::told)?;
    Ok(source)
}

fn too_often(seconds: u64) -> Problem {
    Problem::new(429, "too_often", "that was too often")
        .hint(format!("try again in {seconds} seconds"))
        .with("retry_after", seconds)
}

/// How many questions a source may ask in a minute.
fn queries_of(source: &Source) -> usize {
    match source {
        Source::Gateway(_) => QUERIES_OF_ONE * BEHIND_GATEWAY,
        _ => QUERIES_OF_ONE,
    }
}

/// Counts a request; a wish for a relation is counted when it is known to be one.
fn count(shared: &Shared, source: &Source, does: Does) -> Result<(), Problem> {
    let (rate, of_one) = match does {
        Does::Challenge => (&shared.challenges, LOGINS_OF_ONE),
        Does::Session => (&shared.logins, LOGINS_OF_ONE),
        _ => (&shared.queries, QUERIES_OF_ONE),
    };
    let more = matches!(source, Source::Gateway(_));
    let of_one = if more {
        of_one * BEHIND_GATEWAY
    } else {
        of_one
    };
    rate.take(source, of_one, shared.backend.now_ms())
        .map_err(too_often)
}

fn no_session() -> Problem {
    Problem::new(401, "no_session", "there is no such session (any more)")
        .hint("sign a new challenge")
}

async fn attempt(
    shared: Arc<Shared>,
    route: &'static Route,
    path: Result<RawPathParams, RawPathParamsRejection>,
    parts: Parts,
    body: Body,
) -> Result<Response, Problem> {
    let source = enter(&shared, &parts, false)?;
    count(&shared, &source, route.does)?;
    let token = text(&parts.headers, header::AUTHORIZATION).and_then(bearer);
    let guest = match (route.session, token) {
        (false, _) => None,
        (true, None) => return Err(no_session()),
        (true, Some(token)) => {
            let now_ms = shared.backend.now_ms();
            let found = shared.sessions.find(token, now_ms);
            Some(found.ok_or_else(no_session)?)
        }
    };
    let path = path.map_err(|_| Problem::usage("the path is not UTF-8"))?;
    let path = path
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let body = match route.method {
        Method::Get => Vec::new(),
        Method::Post => read_body(body, route.body_max()).await?,
    };
    let query = parts.uri.query().unwrap_or_default();
    let inputs = Inputs::of(route.query, route.body, path, query, &body)?;
    match guest {
        None => outside(&shared, &source, route.does, &inputs, &parts).await,
        Some(guest) => {
            let token = token.unwrap_or_default().to_owned();
            inside(&shared, route.does, &inputs, body, (guest, token, source)).await
        }
    }
}

/// What everybody may ask.
async fn outside(
    shared: &Arc<Shared>,
    source: &Source,
    does: Does,
    inputs: &Inputs,
    parts: &Parts,
) -> Result<Response, Problem> {
    let backend = Arc::clone(&shared.backend);
    let json = match does {
        Does::Here => blocking(move || backend.here()).await?,
        Does::Uis => json!({ "uis": uis::told(blocking(move || Ok(backend.uis())).await?) }),
        Does::Rows => {
            let rows = asked::rows(inputs, None)?;
            let (sorted, words) = (inputs.flag("sorted")?, inputs.text("words"));
            if sorted && (rows.view != "items" || rows.index.is_some() || !rows.prefix.is_empty()) {
                return Err(Problem::usage(
                    "sorted is for items, without an index or a prefix",
                ));
            }
            if words.is_some() {
                let now_ms = shared.backend.now_ms();
                let rate = &shared.queries;
                let more = rate.take_some(source, SEARCH_COSTS, queries_of(source), now_ms);
                more.map_err(too_often)?;
            }
            blocking(move || match (sorted, words) {
                (true, words) => backend.catalog(&rows, words.as_deref()),
                (false, Some(words)) => backend.search(&rows, &words),
                (false, None) => backend.rows(&rows),
            })
            .await?
        }
        Does::Row => {
            let rows = asked::rows(inputs, Some(inputs.path("key")))?;
            blocking(move || backend.rows(&rows)).await?
        }
        Does::Manifest => {
            let space = inputs.path("topic");
            blocking(move || backend.manifest(&space)).await?
        }
        Does::Image => {
            let range = text(&parts.headers, header::RANGE).map(str::to_owned);
            return blobs::answer(Arc::new(Images(backend)), inputs.path("hash"), range).await;
        }
        Does::Module => {
            let hash = inputs.path("hash");
            let module = blocking(move || backend.module(&hash)).await?;
            let mut response = Response::new(Body::from(module));
            set(&mut response, header::CONTENT_TYPE, "application/wasm");
            set(&mut response, header::CACHE_CONTROL, FOR_EVER);
            return Ok(response);
        }
        Does::News => {
            let space = inputs.path("topic");
            let topic = blocking(move || backend.space(&space)).await?;
            return stream::news(shared, source.clone(), topic);
        }
        Does::Challenge => {
            let challenge = backend.random()?;
            shared.sessions.expect(&challenge, backend.now_ms());
            json!({ "challenge": keys::text(&challenge), "node": keys::text(&backend.node()) })
        }
        _ => {
            let proof = asked::proof(inputs)?;
            if !shared.sessions.answer(&proof.challenge, backend.now_ms()) {
                let text = "this challenge is not good (any more)";
                return Err(Problem::new(403, "bad_challenge", text).hint("ask for a new one"));
            }
            let proven = blocking(move || backend.prove(&proof)).await?;
            let token = keys::text(&shared.backend.random()?);
            let entity = proven.guest.entity.clone();
            let now_ms = shared.backend.now_ms();
            let expires_ms = shared.sessions.open(&token, proven.guest, now_ms);
            json!({
                "token": token,
                "entity": entity,
                "relations": proven.relations,
                "expires_ms": expires_ms,
            })
        }
    };
    Ok(told(&json))
}

/// What a guest may ask whose device signed.
async fn inside(
    shared: &Arc<Shared>,
    does: Does,
    inputs: &Inputs,
    body: Vec<u8>,
    (guest, token, source): (Guest, String, Source),
) -> Result<Response, Problem> {
    let (backend, topic) = (Arc::clone(&shared.backend), inputs.path("topic"));
    let now_ms = backend.now_ms();
    match does {
        Does::Found => {
            let of_one = backend.hourly();
            let more = matches!(source, Source::Gateway(_));
            let of_one = if more {
                of_one * BEHIND_GATEWAY
            } else {
                of_one
            };
            // who has one already asks for nothing new, and who waits only asks again
            if guest.profile.is_some() && !backend.waits(&guest) {
                let wish = shared.wishes.take(&source, of_one, now_ms);
                wish.map_err(too_often)?;
            }
            let space = inputs.body_text("space").unwrap_or_default();
            let entity = guest.entity.clone();
            match blocking(move || backend.found(&guest, &space)).await? {
                Founded::Topic(topic) => {
                    shared.sessions.settle(&entity);
                    Ok(told(&json!({ "topic": topic })))
                }
                Founded::Asked => {
                    let mut response = told(&json!({ "state": "asked" }));
                    *response.status_mut() = StatusCode::ACCEPTED;
                    Ok(response)
                }
            }
        }
        Does::Pull => {
            let have = asked::have(&body)?;
            let place = shared.pulling.take(guest.entity.clone());
            let place = place.ok_or_else(|| too_often(PULL_AGAIN))?;
            let pulled = blocking(move || backend.pull(&guest, &topic, &have)).await?;
            let length = pulled.bundle.len().to_string();
            let mut response = Response::new(held(pulled.bundle, place));
            set(&mut response, header::CONTENT_LENGTH, &length);
            let media_type = "application/vnd.synlog.bundle";
            set(&mut response, header::CONTENT_TYPE, media_type);
            set(&mut response, header::CACHE_CONTROL, "no-store");
            if pulled.more {
                let more = header::HeaderName::from_static("synlog-more");
                set(&mut response, more, "1");
            }
            Ok(response)
        }
        Does::Push => {
            let who = Source::Entity(guest.entity.clone());
            let pushes = shared.pushes.take(&who, PUSHES_OF_ONE, now_ms);
            pushes.map_err(too_often)?;
            let bytes = &shared.pushed_bytes;
            let bytes = bytes.take_some(&who, body.len(), PUSHED_BYTES_OF_ONE, now_ms);
            bytes.map_err(too_often)?;
            let (took, heights) = blocking(move || {
                let took = backend.push(&guest, &topic, &body)?;
                Ok((took, backend.heights(&guest, &topic)?))
            })
            .await?;
            Ok(told(
                &json!({ "took": took, "heights": told_heights(&heights) }),
            ))
        }
        _ => stream::answer(shared, guest, token, topic).await,
    }
}

/// A body in pieces; its place is free once the last one was taken.
fn held(bytes: Vec<u8>, place: Place<String>) -> Body {
    let pieces = unfold((0, bytes, place), |(at, bytes, place)| async move {
        let end = bytes.len().min(at + PIECE);
        let piece = bytes.get(at..end).filter(|piece| !piece.is_empty())?;
        let piece = Bytes::copy_from_slice(piece);
        Some((Ok::<_, Infallible>(piece), (end, bytes, place)))
    });
    Body::from_stream(pieces)
}

/// The images of offered spaces.
struct Images(Arc<dyn GuestBackend>);

impl blobs::Source for Images {
    fn info(&self, hash: &str) -> Result<BlobInfo, Problem> {
        self.0.image(hash)
    }

    fn bytes(&self, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Problem> {
        self.0.image_bytes(hash, range)
    }
}
