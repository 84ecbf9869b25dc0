//! A running node as its guests see it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use synlog_log::identity::IdentityLog;
use synlog_log::ids::{DeviceId, EntityId, TopicId};
use synlog_log::keys::{admit, verify};
use synlog_web::Problem;
use synlog_web::backend::{BlobInfo, Rows};
use synlog_web::guests::backend::{Heights, told_heights};
use synlog_web::guests::{Founded, Guest, GuestBackend, Proof, Proven, Pulled};
use synlog_web::uis::Package;

use crate::clock::now_ms;
use crate::daemon::files;
use crate::daemon::session::Service;
use crate::entropy::random;
use crate::failure::Failure;
use crate::guests::catalog;
use crate::guests::exchange::{self, Member};
use crate::guests::founding::{self, RELATION};
use crate::guests::identity::{certified, read};
use crate::guests::returning;
use crate::guests::search;
use crate::guests::spaces::{self, problem};
use crate::node::Node;
use crate::uis::Shelf;

/// What a device signs begins so.
const PURPOSE: &[u8] = b"synlog guest session v1\0";

/// A running node as its guests see it.
pub struct GuestsBackend(Service, Shelf);

impl GuestsBackend {
    /// What a running node serves to guests.
    pub fn new(service: Service) -> Self {
        Self(service, Shelf::default())
    }

    /// Runs something with the node, as soon as nobody else uses it.
    fn with<T>(&self, run: impl FnOnce(&mut Node) -> Result<T, Problem>) -> Result<T, Problem> {
        let told = |failure: Failure| problem(&failure);
        let mut node = self.0.desk.lend().map_err(told)?;
        let done = run(&mut node);
        node.close().map_err(told)?;
        done
    }

    /// Who asks; the owner may have shut it out meanwhile, its entity revoked the device.
    fn member(&self, node: &Node, guest: &Guest) -> Result<Member, Problem> {
        let entity: EntityId = guest.entity.parse().map_err(|_| spaces::nothing())?;
        let device = guest.device.parse().map_err(|_| spaces::nothing())?;
        self.let_in(&entity)?;
        if let Some(log) = node.identities.get(&entity) {
            certified(log, &device)?;
        }
        Ok(Member { entity, device })
    }

    fn let_in(&self, entity: &EntityId) -> Result<(), Problem> {
        match self.0.guests.read(|book| book.blocked.contains(entity)) {
            true => Err(blocked()),
            false => Ok(()),
        }
    }
}

fn blocked() -> Problem {
    Problem::new(403, "blocked", "you are not served here")
}

/// The log of a device's entity, among those that are known here.
fn known<'a>(node: &'a Node, device: &DeviceId) -> Option<&'a IdentityLog> {
    let mut logs = node.identities.values();
    logs.find(|log| log.certificate(device).is_some())
}

/// Checks the signature of a proof.
fn check_signature(proof: &Proof, node: &[u8; 32], entity: &EntityId) -> Result<(), Problem> {
    let wrong = || {
        let text = "the signature is not the device's over this challenge";
        Problem::new(403, "bad_signature", text)
    };
    let device: DeviceId = proof.device.parse().map_err(|_| wrong())?;
    admit(&device.0).map_err(|_| wrong())?;
    let signed = [PURPOSE, &proof.challenge, node, &entity.0].concat();
    let signature = proof.signature[..].try_into().map_err(|_| wrong())?;
    verify(&device.0, &signed, signature).map_err(|_| wrong())
}

impl GuestBackend for GuestsBackend {
    fn here(&self) -> Result<Json, Problem> {
        let id = self.node();
        self.with(|node| {
            let here = spaces::here(node, &self.0.guests, &id, now_ms());
            here.map_err(|failure| problem(&failure))
        })
    }

    fn rows(&self, rows: &Rows) -> Result<Json, Problem> {
        self.with(|node| spaces::query(node, &self.0.guests, rows))
    }

    fn search(&self, rows: &Rows, words: &str) -> Result<Json, Problem> {
        self.with(|node| search::search(node, &self.0.guests, rows, words))
    }

    fn catalog(&self, rows: &Rows, words: Option<&str>) -> Result<Json, Problem> {
        self.with(|node| catalog::page(node, &self.0.guests, rows, words))
    }

    fn space(&self, space: &str) -> Result<String, Problem> {
        let topic = self.with(|node| spaces::space(node, &self.0.guests, space))?;
        Ok(topic.to_string())
    }

    fn manifest(&self, space: &str) -> Result<Json, Problem> {
        self.with(|node| spaces::manifest(node, &self.0.guests, space))
    }

    fn uis(&self) -> Vec<Arc<Package>> {
        let mut all = self.1.all(&self.0.home);
        all.retain(|package| package.manifest.guests);
        all
    }

    fn image(&self, hash: &str) -> Result<BlobInfo, Problem> {
        self.with(|node| spaces::image(node, &self.0.guests, hash))
    }

    fn image_bytes(&self, hash: &str, range: Range<u64>) -> Result<Vec<u8>, Problem> {
        self.with(|node| spaces::image_bytes(node, hash, range))
    }

    fn module(&self, hash: &str) -> Result<Vec<u8>, Problem> {
        self.with(|node| spaces::module(node, &self.0.guests, hash))
    }

    fn prove(&self, proof: &Proof) -> Result<Proven, Problem> {
        let device: DeviceId = proof.device.parse().map_err(|_| spaces::nothing())?;
        // judged without the store, which others need
        let said = proof.bundle.as_deref().map(read).transpose()?;
        if let Some(said) = &said {
            certified(&said.log, &device)?;
        }
        let entity = self.with(|node| match (&said, known(node, &device)) {
            (Some(said), _) => {
                if let Some(log) = node.identities.get(&said.entity)
                    && log.is_revoked(&device)
                {
                    certified(log, &device)?;
                }
                Ok(said.entity)
            }
            (None, Some(log)) => certified(log, &device).map(|()| log.entity()),
            (None, None) => {
                Err(
                    Problem::new(403, "not_certified", "this device is not known here")
                        .hint("send a bundle with the identity statements of the entity"),
                )
            }
        })?;
        check_signature(proof, &self.node(), &entity)?;
        self.let_in(&entity)?;
        let interests = files::interests(&self.0.home);
        if interests.is_ok_and(|interests| interests.blocked.contains(&entity)) {
            return Err(blocked());
        }
        let guests = &self.0.guests;
        let relation = self.with(|node| {
            let told = |failure: Failure| problem(&failure);
            let known = guests.read(|book| book.relations.get(&entity)?.topic);
            let topic = match known {
                Some(topic) => Some(topic),
                // a book that was lost with the disk is written anew
                None => founding::look(node, guests, &entity).map_err(told)?,
            };
            let heights = topic.map(|topic| exchange::heights(node, &topic));
            Ok(topic.zip(heights.transpose().map_err(told)?))
        })?;
        let topic = relation.as_ref().map(|(topic, _)| *topic);
        let relations = relation.map(|(topic, heights)| {
            json!({ "topic": topic.to_string(), "app": RELATION, "heights": told_heights(&heights) })
        });
        let bundle = proof.bundle.clone().unwrap_or_default();
        Ok(Proven {
            guest: Guest {
                entity: entity.to_string(),
                device: device.to_string(),
                profile: topic.is_none().then(|| Arc::from(bundle)),
            },
            relations: Json::Array(relations.into_iter().collect()),
        })
    }

    fn found(&self, guest: &Guest, space: &str) -> Result<Founded, Problem> {
        let guests = &self.0.guests;
        let founded = self.with(|node| {
            let entity = self.member(node, guest)?.entity;
            let space = spaces::space(node, guests, space)?;
            let profile = guest.profile.clone();
            founding::wish(node, guests, &entity, profile, space, now_ms())
        });
        self.0.poke.poke();
        founded
    }

    fn pull(&self, guest: &Guest, topic: &str, have: &Heights) -> Result<Pulled, Problem> {
        self.with(|node| {
            let topic = self.own(node, guest, topic)?.1;
            exchange::pull(node, &topic, have, exchange::PULL_MAX)
                .map_err(|failure| problem(&failure))
        })
    }

    fn push(&self, guest: &Guest, topic: &str, bundle: &[u8]) -> Result<u64, Problem> {
        self.with(|node| {
            let guests = &self.0.guests;
            let member = self.member(node, guest)?;
            let known = guests.read(|book| book.relations.contains_key(&member.entity));
            if !known {
                return returning::bring_back(node, guests, &member, topic, bundle, now_ms());
            }
            let (member, topic) = self.own(node, guest, topic)?;
            let pushed = exchange::read(bundle)?;
            exchange::take(node, &member, &topic, pushed, now_ms())
        })
    }

    fn heights(&self, guest: &Guest, topic: &str) -> Result<Heights, Problem> {
        self.with(|node| {
            let topic = self.own(node, guest, topic)?.1;
            exchange::heights(node, &topic).map_err(|failure| problem(&failure))
        })
    }

    fn grown(&self, after: u64) -> Result<(Vec<String>, u64), Problem> {
        self.with(|node| {
            let told = |failure: Failure| problem(&failure);
            node.arrivals.catch_up(&node.store).map_err(told)?;
            let topics = node
                .arrivals
                .since(after)
                .map(|(_, feed)| feed.topic.to_string());
            Ok((topics.collect(), node.store.end()))
        })
    }

    fn end(&self) -> u64 {
        self.0.desk.end()
    }

    fn wait(&self, seen: u64, patience: Duration) {
        self.0.desk.wait_for_growth(seen, patience);
    }

    fn node(&self) -> [u8; 32] {
        self.0.net.node().0
    }

    fn names(&self) -> Vec<String> {
        let bare = |name: &String| {
            let bare = name.split_once("://").map_or(&name[..], |(_, host)| host);
            bare.trim_end_matches('/').to_owned()
        };
        self.0
            .guests
            .read(|book| book.settings.names.iter().map(bare).collect())
    }

    fn waits(&self, guest: &Guest) -> bool {
        let Ok(entity) = guest.entity.parse() else {
            return false;
        };
        let guests = &self.0.guests;
        guests.asked().contains_key(&entity) || guests.is_declined(&entity)
    }

    fn hourly(&self) -> usize {
        self.0.guests.read(|book| book.settings.limits.hour)
    }

    fn random(&self) -> Result<[u8; 32], Problem> {
        random().map_err(|failure| problem(&failure))
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

impl GuestsBackend {
    /// A guest and its relation, which it may fetch.
    fn own(
        &self,
        node: &mut Node,
        guest: &Guest,
        topic: &str,
    ) -> Result<(Member, TopicId), Problem> {
        let member = self.member(node, guest)?;
        let topic = founding::own(&self.0.guests, &member.entity, topic)?;
        exchange::may_fetch(node, &member, &topic)?;
        Ok((member, topic))
    }
}
