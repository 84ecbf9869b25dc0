//! The run of a world: what happens, in order of time, and what each host makes of it.

use std::collections::BTreeMap;

use synlog_log::disk::Seeded;
use synlog_log::ids::{FeedKey, TopicId};
use synlog_log::limits::AHEAD_MAX_MS;

use super::host::Host;
use super::network::{Conditions, End, Wires};
use super::payload;
use crate::engine::{Input, Notice, Output};
use crate::message::Message;
use crate::peer::{LinkId, NodeId};

/// Something that will happen.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Happening {
    /// A message arrives.
    Arrives(End, Vec<u8>),
    /// So many bytes have left.
    Left(End, usize),
    /// A link turns out to be gone.
    Closes(End),
    /// A call arrives.
    Calls { from: (usize, u32), node: NodeId },
    /// A call comes to nothing.
    Fails { from: (usize, u32), node: NodeId },
    /// A host wanted to be woken.
    Wakes(usize, u32),
    /// The sequencer of a topic looks whether there is something to cite.
    Sequences(usize, u32, TopicId),
    /// What the story has in store.
    Deed(u32),
}

/// What a call that nobody answers takes.
const CALL_FAILS_MS: u64 = 3_000;
/// How long a sequencer waits for more before it cites.
const SEQUENCE_MS: u64 = 400;

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Things that happened.
    pub steps: u64,
    /// Nodes that were called misbehaving, by whom and why.
    pub breaches: BTreeMap<(usize, NodeId), (&'static str, u64)>,
    /// Links that were seen to be in sync.
    pub synced: u64,
    /// Hosts that said that somebody's clock differs from theirs.
    pub clock_notices: u64,
    /// How often each thing befell, by its name.
    pub befell: BTreeMap<&'static str, u64>,
    /// When each feed's height came to each host, for those who measure.
    pub arrivals: BTreeMap<(FeedKey, u64), Vec<(usize, u64)>>,
}

/// A world.
pub struct World {
    /// Milliseconds since it began.
    pub now_ms: u64,
    /// The machines.
    pub hosts: Vec<Host>,
    /// The network.
    pub conditions: Conditions,
    /// The connections.
    pub wires: Wires,
    /// Randomness of all but the engines.
    pub random: Seeded,
    /// What was counted.
    pub counts: Counts,
    /// Whether arrivals are counted.
    pub measures: bool,
    /// Whether to tell what happens.
    pub tells: bool,
    /// Bytes that must not come to a host: topics that it may not know of.
    pub secrets: Vec<TopicId>,
    trace: blake3::Hasher,
    queue: BTreeMap<(u64, u64), Happening>,
    next: u64,
}

impl World {
    /// A world without hosts.
    pub fn new(seed: u64) -> Self {
        Self {
            now_ms: 0,
            hosts: Vec::new(),
            conditions: Conditions::good(20),
            wires: Wires::default(),
            random: Seeded::new(seed),
            counts: Counts::default(),
            measures: false,
            tells: false,
            secrets: Vec::new(),
            trace: blake3::Hasher::new(),
            queue: BTreeMap::new(),
            next: 0,
        }
    }

    /// A hash over all that happened: the same for each run of a seed.
    pub fn trace(&self) -> [u8; 32] {
        *self.trace.finalize().as_bytes()
    }

    fn at(&mut self, at_ms: u64, happening: Happening) {
        self.queue.insert((at_ms, self.next), happening);
        self.next += 1;
    }

    /// Plans a deed of the story.
    pub fn plan(&mut self, at_ms: u64, deed: u32) {
        self.at(at_ms, Happening::Deed(deed));
    }

    /// Goes on until the next deed, or until a time. Gives the deed.
    pub fn run_until(&mut self, until_ms: u64) -> Option<u32> {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until_ms {
                break;
            }
            let ((at_ms, _), happening) = entry.remove_entry();
            self.now_ms = self.now_ms.max(at_ms);
            self.counts.steps += 1;
            if let Happening::Deed(deed) = happening {
                return Some(deed);
            }
            self.happens(happening);
        }
        self.now_ms = self.now_ms.max(until_ms);
        None
    }

    fn is_up(&self, host: usize, start: u32) -> bool {
        self.hosts[host].life.is_some() && self.hosts[host].start == start
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives(to, bytes) => {
                if self.wires.other(to.link).is_some() && self.is_up(to.host, to.start) {
                    self.check_secrets(to.host, &bytes);
                    self.feed(
                        to.host,
                        Input::Message {
                            link: to.link,
                            bytes,
                        },
                    );
                }
            }
            Happening::Left(from, bytes) => {
                if self.wires.other(from.link).is_some() && self.is_up(from.host, from.start) {
                    self.feed(
                        from.host,
                        Input::Sent {
                            link: from.link,
                            bytes,
                        },
                    );
                }
            }
            Happening::Closes(end) => {
                if self.is_up(end.host, end.start) {
                    self.feed(end.host, Input::Closed { link: end.link });
                }
            }
            Happening::Calls { from, node } => self.call_arrives(from, node),
            Happening::Fails { from, node } => {
                if self.is_up(from.0, from.1) {
                    self.feed(from.0, Input::DialFailed { node });
                }
            }
            Happening::Wakes(host, start) => {
                if self.is_up(host, start) {
                    self.hosts[host].wakes_ms = None;
                    self.feed(host, Input::Tick);
                }
            }
            Happening::Sequences(host, start, topic) => {
                if self.is_up(host, start) {
                    self.sequence(host, topic);
                }
            }
            Happening::Deed(_) => {}
        }
    }

    fn call_arrives(&mut self, from: (usize, u32), node: NodeId) {
        if !self.is_up(from.0, from.1) {
            return;
        }
        let to = self.hosts.iter().position(|host| host.node == node);
        let to = to.filter(|to| {
            *to != from.0 && self.hosts[*to].life.is_some() && self.conditions.reaches(from.0, *to)
        });
        let Some(to) = to else {
            let at_ms = self.now_ms + CALL_FAILS_MS;
            return self.at(at_ms, Happening::Fails { from, node });
        };
        let ends = self.wires.connect([from, (to, self.hosts[to].start)]);
        for (end, dialed) in [(ends[1], false), (ends[0], true)] {
            let other = if dialed { to } else { from.0 };
            let peer = self.hosts[other].peer();
            // who takes the call may have closed it already
            if self.wires.other(end.link).is_some() {
                let link = end.link;
                self.feed(end.host, Input::Connected { link, peer, dialed });
            }
        }
    }

    /// Gives a host's engine an input and does what it asks for.
    pub fn feed(&mut self, host: usize, input: Input) {
        let now = self.hosts[host].now(self.now_ms);
        self.note(host, &input);
        let Some(life) = &mut self.hosts[host].life else {
            return;
        };
        let mut out = Vec::new();
        let Ok(()) = life.engine.handle(input, now, &mut life.repo, &mut out);
        let guarded = life.repo.own_seen_outside;
        for output in out {
            self.does(host, output);
        }
        if guarded && self.hosts[host].lies.is_none() && !self.hosts[host].retired {
            self.replace_device(host);
        }
    }

    /// The device's key is in use elsewhere, or was: it is never used here again.
    fn replace_device(&mut self, host: usize) {
        self.stop(host, true);
        if !self.hosts[host].take_next_device() {
            self.tell(host, || "has no device left".to_owned());
            self.hosts[host].retired = true;
        }
        self.start(host);
    }

    fn note(&mut self, host: usize, input: &Input) {
        self.trace.update(&self.now_ms.to_le_bytes());
        self.trace.update(&[host as u8]);
        match input {
            Input::Message { link, bytes } => {
                self.trace
                    .update(b"m")
                    .update(&link.0.to_le_bytes())
                    .update(bytes);
            }
            other => {
                self.trace.update(format!("{other:?}").as_bytes());
            }
        }
        if self.tells {
            match input {
                Input::Message { link, bytes } => {
                    println!(
                        "{:>8} {host} <- {} {} bytes, {:?}",
                        self.now_ms,
                        link.0,
                        bytes.len(),
                        bytes.first()
                    );
                }
                Input::Sent { .. } | Input::Tick => {}
                other => println!("{:>8} {host} <- {other:?}", self.now_ms),
            }
        }
    }

    fn tell(&self, host: usize, what: impl Fn() -> String) {
        if self.tells {
            println!("{:>8} {host} -- {}", self.now_ms, what());
        }
    }

    fn does(&mut self, host: usize, output: Output) {
        let start = self.hosts[host].start;
        match output {
            Output::Send { link, bytes } => self.send(host, link, bytes),
            Output::Close { link, why } => {
                self.tell(host, || format!("closes {} ({why})", link.0));
                self.cut(link, Some(host));
            }
            Output::Dial { node } => {
                let at_ms = self.now_ms + self.conditions.latency_ms;
                let from = (host, start);
                self.at(at_ms, Happening::Calls { from, node });
            }
            Output::WakeAt { monotonic_ms } => {
                let at_ms = monotonic_ms.max(self.now_ms + 1);
                let sooner = self.hosts[host]
                    .wakes_ms
                    .is_none_or(|before| at_ms < before);
                if sooner {
                    self.hosts[host].wakes_ms = Some(at_ms);
                    self.at(at_ms, Happening::Wakes(host, start));
                }
            }
            Output::Advanced { topic } => self.advanced(host, topic),
            Output::Synced { .. } => self.counts.synced += 1,
            Output::Blob { .. } => {}
            Output::Notice(notice) => {
                self.tell(host, || format!("{notice:?}"));
                match notice {
                    Notice::Misbehaved { node, why } => {
                        let count = self.counts.breaches.entry((host, node)).or_insert((why, 0));
                        count.1 += 1;
                    }
                    Notice::ClockOffset { .. } => self.counts.clock_notices += 1,
                    Notice::Forked { .. }
                    | Notice::OwnFromOutside { .. }
                    | Notice::Letter { .. } => {}
                }
            }
        }
    }

    fn advanced(&mut self, host: usize, topic: TopicId) {
        let at_ms = self.now_ms + SEQUENCE_MS;
        let start = self.hosts[host].start;
        self.at(at_ms, Happening::Sequences(host, start, topic));
        if self.measures
            && let Some(life) = &self.hosts[host].life
        {
            for row in life.repo.rows_of(&topic) {
                let arrivals = &mut self.counts.arrivals;
                arrivals.entry((row.feed, row.height)).or_default();
                // what came with a later one came with it
                let lower = arrivals.range_mut((row.feed, 0)..=(row.feed, row.height));
                for (_, arrivals) in lower.rev() {
                    if arrivals.iter().any(|(other, _)| *other == host) {
                        break;
                    }
                    arrivals.push((host, self.now_ms));
                }
            }
        }
    }

    fn send(&mut self, host: usize, link: LinkId, bytes: Vec<u8>) {
        let messages = match &mut self.hosts[host].lies {
            None => vec![bytes],
            Some(lies) => lies.garble(bytes, &mut self.random),
        };
        for bytes in messages {
            let cut = self.conditions.cut_one_in;
            if cut > 0 && self.random.one_in(cut) {
                self.tell(host, || format!("loses {}", link.0));
                self.befalls("loss");
                return self.cut(link, None);
            }
            let len = bytes.len();
            let random = &mut self.random;
            let passage = self
                .wires
                .send(link, len, self.now_ms, &self.conditions, random);
            let Some(passage) = passage else {
                return;
            };
            let from = End {
                host,
                start: self.hosts[host].start,
                link,
            };
            self.at(passage.left_ms, Happening::Left(from, len));
            self.at(passage.arrives_ms, Happening::Arrives(passage.to, bytes));
        }
    }

    /// Counts something that befell.
    pub fn befalls(&mut self, what: &'static str) {
        *self.counts.befell.entry(what).or_default() += 1;
    }

    /// Takes a connection away; both ends hear of it, aside from the one that closed it.
    pub fn cut(&mut self, link: LinkId, by: Option<usize>) {
        for end in self.wires.cut(link).into_iter().flatten() {
            if Some(end.host) != by {
                let at_ms = self.now_ms + self.conditions.latency_ms;
                self.at(at_ms, Happening::Closes(end));
            }
        }
    }

    /// Starts a host: it hears of the nodes that it knows.
    pub fn start(&mut self, host: usize) {
        self.tell(host, || "starts".to_owned());
        self.hosts[host].start(&mut self.random);
        for (node, source) in self.hosts[host].heard.clone() {
            self.feed(host, Input::Heard { node, source });
        }
        self.feed(host, Input::Tick);
        if let Some(life) = &self.hosts[host].life {
            for topic in life.repo.topic_ids() {
                self.advanced(host, topic);
            }
        }
    }

    /// Stops a host at once.
    pub fn stop(&mut self, host: usize, keeps_memories: bool) {
        self.tell(host, || "stops".to_owned());
        self.hosts[host].crash(keeps_memories);
        let of_it = self
            .wires
            .links_where(|ends| ends.iter().any(|end| end.host == host));
        for link in of_it {
            self.cut(link, Some(host));
        }
    }

    /// Parts the network as it says now: links between parts are cut.
    pub fn part(&mut self) {
        let conditions = self.conditions.clone();
        let cut = self
            .wires
            .links_where(|[a, b]| !conditions.reaches(a.host, b.host));
        for link in cut {
            self.cut(link, None);
        }
    }

    /// A person at a host writes something, if the node lets them.
    pub fn write(&mut self, host: usize, topic: TopicId, extra_bytes: usize) {
        let number = self.hosts[host].written;
        let body = payload("test.note", number, extra_bytes);
        self.write_payload(host, topic, &body);
    }

    pub(super) fn write_payload(&mut self, host: usize, topic: TopicId, body: &[u8]) {
        let now = self.hosts[host].now(self.now_ms);
        let retired = self.hosts[host].retired;
        let Some(life) = &mut self.hosts[host].life else {
            return;
        };
        if retired || life.engine.clock().may_sign().is_err() {
            self.hosts[host].refused_to_sign += 1;
            return;
        }
        if !life.repo.has_topic(&topic) {
            return;
        }
        let written = life.repo.write(topic, body, now.utc_ms);
        let clock_is_right = self.hosts[host].clock_ms.unsigned_abs() < AHEAD_MAX_MS;
        if written.is_err() && clock_is_right {
            // the feed ran ahead while the clock was wrong: it is closed
            self.replace_device(host);
        }
        if let Ok(Some(feed)) = written {
            self.hosts[host].written += 1;
            self.tell(host, || format!("writes in {}", topic.short()));
            self.feed(host, Input::Stored { feeds: vec![feed] });
            self.advanced(host, topic);
        }
    }

    /// As [`World::write`], but what is written cites nothing of others.
    pub fn write_uncited(&mut self, host: usize, topic: TopicId) {
        let now = self.hosts[host].now(self.now_ms);
        let body = payload("test.note", self.hosts[host].written, 0);
        let Some(life) = &mut self.hosts[host].life else {
            return;
        };
        let tip = life.repo.tip(&life.repo.own_feed(topic));
        let signed = life.repo.sign_entry(topic, tip, &[], &body, now.utc_ms);
        if let Ok(Some(run)) = signed
            && let Some(feed) = life.repo.publish(run, now.utc_ms)
        {
            self.hosts[host].written += 1;
            self.feed(host, Input::Stored { feeds: vec![feed] });
        }
    }

    fn sequence(&mut self, host: usize, topic: TopicId) {
        let Some(life) = &mut self.hosts[host].life else {
            return;
        };
        if life.repo.has_to_sequence(&topic) {
            self.write_payload(host, topic, &payload("topic.ack", 0, 0));
        }
    }

    /// No topic that a host may not know of may stand in what it receives.
    fn check_secrets(&self, host: usize, bytes: &[u8]) {
        let audiences = &self.hosts[host].audiences;
        for secret in self.secrets.iter().filter(|it| !audiences.contains_key(it)) {
            let told = bytes.windows(32).any(|window| window == secret.0);
            let message = Message::decode(bytes);
            let kind = message.map_or("garbage", |message| message.name());
            assert!(
                !told,
                "host {host} is told of a topic that is not for it, by {kind}"
            );
        }
    }
}
