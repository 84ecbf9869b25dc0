//! How a relay gets into registries, and how nodes ask them.

use std::io::{Error, Result};

use iroh::{RelayUrl, SecretKey};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::clock::now_ms;
use super::fetch::Fetch;
use crate::limits::{CHOICE_MAX, ENLIST_AGAIN, ENLISTED_MS, PARTING};
use crate::registration::Registration;
use crate::wellknown::relay_url;

/// How a registration went.
#[derive(Debug)]
pub struct Enlisted {
    /// Where.
    pub bootstrap: RelayUrl,
    /// Until when it is registered, or why not.
    pub outcome: std::result::Result<u64, String>,
}

async fn register(
    fetch: &Fetch,
    bootstrap: &RelayUrl,
    registration: &Registration,
) -> std::result::Result<(), String> {
    let json = registration.to_json().to_string();
    let answered = fetch.post(bootstrap, "/relays", json).await;
    let (status, body) = answered.map_err(|error| error.to_string())?;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let title = problem.get("title").and_then(Value::as_str);
    Err(match title {
        Some(title) => format!("{status}: {}", title.chars().take(200).collect::<String>()),
        None => format!("it answers {status}"),
    })
}

/// Registers a relay, and keeps that up until it is told to stop; then it says that it goes.
pub(crate) async fn keep_up(
    fetch: Fetch,
    bootstrap: RelayUrl,
    key: SecretKey,
    url: RelayUrl,
    capacity: u32,
    mut stopping: watch::Receiver<bool>,
    tell: impl Fn(Enlisted) + Send,
) {
    let (mut last_ms, mut told) = (0, None);
    let sign =
        |at_ms: u64, until_ms| Registration::sign(&key, url.clone(), capacity, at_ms, until_ms);
    loop {
        last_ms = now_ms().max(last_ms + 1);
        let until_ms = last_ms + ENLISTED_MS;
        let outcome = register(&fetch, &bootstrap, &sign(last_ms, until_ms)).await;
        let wait = match &outcome {
            Ok(()) => std::time::Duration::from_millis(ENLISTED_MS / 3),
            Err(_) => ENLIST_AGAIN,
        };
        // the same is not said again and again
        let outcome = outcome.map(|()| until_ms);
        if told.as_ref() != Some(&outcome.clone().map(|_| ())) {
            told = Some(outcome.clone().map(|_| ()));
            let bootstrap = bootstrap.clone();
            tell(Enlisted { bootstrap, outcome });
        }
        let stopped = stopping.wait_for(|stopping| *stopping);
        if timeout(wait, stopped).await.is_ok() {
            break;
        }
    }
    last_ms = now_ms().max(last_ms + 1);
    let end = sign(last_ms, last_ms);
    let _ = timeout(PARTING, register(&fetch, &bootstrap, &end)).await;
}

/// Asks a registry for some relays.
pub async fn choice(fetch: &Fetch, bootstrap: &RelayUrl, count: usize) -> Result<Vec<RelayUrl>> {
    let path = format!("/relays/choice?n={}", count.min(CHOICE_MAX));
    let (status, body) = fetch.get(bootstrap, &path).await?;
    if status != 200 {
        return Err(Error::other(format!("it answers {status}")));
    }
    let value: Value = serde_json::from_slice(&body).map_err(Error::other)?;
    let relays = value.get("relays").and_then(Value::as_array);
    let relays = relays.ok_or_else(|| Error::other("this is no answer of a registry"))?;
    let urls = relays
        .iter()
        .take(CHOICE_MAX)
        .filter_map(|relay| relay_url(relay.get("url")?.as_str()?));
    Ok(urls.collect())
}
