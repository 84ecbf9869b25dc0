//! Links come and go: who may stay, and which of two to the same node.

use crate::engine::{Engine, Line, MEMORIES_MAX, Now, Output};
use crate::peer::{LinkId, NodeId, Peer};
use crate::policy::{Act, Standing, authorise};
use crate::repo::{Access, Repo};
use crate::schedule::Cost;
use crate::session::{Session, Setup};

impl Engine {
    pub(super) fn connected<R: Repo>(
        &mut self,
        link: LinkId,
        peer: Peer,
        dialed: bool,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        let standing = self.standing(&peer, repo);
        self.scheduler
            .set_standing(peer.node, standing, now.monotonic_ms);
        if let Err(why) = self.may_stay(&peer, standing, dialed, now, out) {
            if dialed {
                // not to be called again at once
                let random = self.random.number();
                self.scheduler.failed(&peer.node, now.monotonic_ms, random);
            }
            out.push(Output::Close { link, why });
            return Ok(());
        }
        if !self.wins(link, &peer, dialed, now, out) {
            out.push(Output::Close {
                link,
                why: "another link to the same node",
            });
            return Ok(());
        }
        self.scheduler
            .linked(peer.node, link, dialed, now.monotonic_ms);
        let setup = Setup {
            link,
            peer,
            dialed,
            random: self.random.bytes(),
            memory: self.memories.remove(&peer.node),
            limits: self.limits,
        };
        let line = Line {
            peer,
            standing,
            dialed,
            session: Session::new(setup),
        };
        self.lines.insert(link, line);
        self.with_session(link, now, repo, out, |session, context, events| {
            session.start(context, events)
        })
    }

    /// How a peer stands to this node now.
    pub(super) fn standing<R: Repo>(&self, peer: &Peer, repo: &R) -> Standing {
        let here = repo.topics();
        let private = |topic| matches!(repo.access(topic, peer), Access::Member | Access::Keeper);
        let shares_private = here.iter().any(private) || self.interests.topics.iter().any(private);
        let interests = &self.interests;
        self.circle
            .of_peer(peer, &self.own, interests, shares_private, false)
    }

    fn may_stay(
        &mut self,
        peer: &Peer,
        standing: Standing,
        dialed: bool,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), &'static str> {
        if peer.node == self.node {
            return Err("this is the node itself");
        }
        let act = if dialed { Act::Dial } else { Act::Connect };
        if !authorise(self.interests.mode, standing, act).may() {
            return Err("not for you");
        }
        if self.scheduler.is_shunned(&peer.node, now.monotonic_ms) {
            return Err("left alone after what happened");
        }
        if dialed {
            return Ok(());
        }
        let now_ms = now.monotonic_ms;
        if !self
            .costs
            .take(peer.node, standing, Cost::Connection, 1, now_ms)
        {
            return Err("too many connections");
        }
        let evicted = self.scheduler.room_for(standing).map_err(|()| "no room")?;
        if let Some(evicted) = evicted {
            self.close(evicted, "room for somebody nearer", now, out);
        }
        Ok(())
    }

    /// Of two links to one node both ends must keep the same one: that which the node
    /// with the smaller key opened; of two by the same the later, since whoever calls
    /// again has lost the earlier. The other one is closed.
    fn wins(
        &mut self,
        link: LinkId,
        peer: &Peer,
        dialed: bool,
        now: Now,
        out: &mut Vec<Output>,
    ) -> bool {
        let caller = |dialed: bool| if dialed { self.node } else { peer.node };
        let others = self
            .lines
            .iter()
            .filter(|(_, line)| line.peer.node == peer.node);
        let others: Vec<(LinkId, NodeId)> = others
            .map(|(link, line)| (*link, caller(line.dialed)))
            .collect();
        let new = caller(dialed);
        if others
            .iter()
            .any(|(other, old)| *other != link && *old < new)
        {
            return false;
        }
        for (other, _) in others {
            self.close(other, "another link to the same node", now, out);
        }
        true
    }

    /// Closes a link.
    pub(super) fn close(
        &mut self,
        link: LinkId,
        why: &'static str,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        if self.lines.contains_key(&link) {
            out.push(Output::Close { link, why });
            self.closed(link, now);
        }
    }

    /// A link is gone.
    pub(super) fn closed(&mut self, link: LinkId, now: Now) {
        let Some(line) = self.lines.remove(&link) else {
            return;
        };
        self.trees.closed(link);
        self.blobs.closed(link);
        self.untold.remove(&link);
        self.said.retain(|(from, _)| *from != link);
        let random = self.random.number();
        self.scheduler.closed(link, now.monotonic_ms, random);
        if let Some(memory) = line.session.memory() {
            self.memories.insert(line.peer.node, memory);
            if self.memories.len() > MEMORIES_MAX {
                let known = |node: &NodeId| self.scheduler.contacts().get(node).is_some();
                let stranger = self.memories.keys().find(|node| !known(node));
                let least = stranger.or(self.memories.keys().next()).copied();
                least.map(|node| self.memories.remove(&node));
            }
        }
    }
}
