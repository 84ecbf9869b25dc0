//! Limits, each with its reason.

use std::time::Duration;

/// TCP connections at once: with 128 KiB of buffers each they stay below 1 GiB.
pub const CONNECTIONS_MAX: usize = 8_192;
/// TCP connections of one address (IPv4) or one network (IPv6, /64): a household or an
/// office behind one address, with some browsers and nodes each.
pub const CONNECTIONS_PER_CALLER: usize = 256;
/// Nodes that are connected through the relay at once.
pub const CLIENTS_MAX: usize = 4_096;
/// Bytes a second that one node may send through the relay: what a home's uplink gives.
pub const CLIENT_RATE: u32 = 16 << 20;
/// What it may send at once before it is slowed down.
pub const CLIENT_BURST: u32 = 4 << 20;
/// How long the TLS handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a node may take to prove to the relay who it is.
pub const PROOF: Duration = Duration::from_secs(10);
/// How long a request's head may take, and how long a connection may wait for its next one.
pub const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request's head, and of what waits to be written to one caller.
pub const BUFFER_BYTES: usize = 64 << 10;
/// Requests at once through the gateway; each may hold [`STREAM_WINDOW`] and two buffers.
pub const REQUESTS_MAX: usize = 2_048;
/// Requests at once to one node, so that one shop's rush leaves room for the others.
pub const REQUESTS_PER_NODE: usize = 256;
/// Requests at once of one address: pages, pictures and a live stream in some browsers.
pub const REQUESTS_PER_CALLER: usize = 128;
/// Requests at once of one address to one node: four addresses can't take all ways to it.
pub const REQUESTS_PER_CALLER_AND_NODE: usize = 64;
/// Requests of one address that pass without waiting: a page with its parts, some times.
pub const REQUEST_BURST: u32 = 400;
/// Requests a second of one address from then on.
pub const REQUESTS_PER_SECOND: u32 = 40;
/// Bytes of one request's body: more than a node's guests may send (1 MiB), with some room.
pub const BODY_BYTES: u64 = 4 << 20;
/// Bytes on the way from a node on one stream, and so what a slow reader costs at most.
pub const STREAM_WINDOW: u32 = 128 << 10;
/// Bytes on the way from one node on all streams.
pub const NODE_WINDOW: u32 = 4 << 20;
/// How long reaching a node may take: somebody looks at an empty page meanwhile.
pub const DIAL: Duration = Duration::from_secs(8);
/// How long a node that was not reached is not tried again.
pub const DIAL_AGAIN: Duration = Duration::from_secs(3);
/// Nodes that are being reached at once, through this relay.
pub const DIALS_MAX: usize = 64;
/// Nodes that are being reached at once elsewhere: strangers' records say where, and may name
/// relays that answer nobody.
pub const FAR_DIALS_MAX: usize = 64;
/// Nodes to which connections are kept.
pub const NODES_MAX: usize = 1_024;
/// How long a node may take to begin its answer.
pub const ANSWER: Duration = Duration::from_secs(30);
/// How long an answer or a request's body may stand still: live streams say something each
/// 15 seconds.
pub const STILL: Duration = Duration::from_secs(60);
/// How long a connection to a node is kept that nobody uses.
pub const UNUSED: Duration = Duration::from_secs(120);
/// How long those who are being served have when the process ends.
pub const PARTING: Duration = Duration::from_secs(3);
/// Address records (pkarr) that are kept; each has 1,104 bytes at most.
pub const PACKETS_MAX: usize = 16_384;
/// How long a record is kept that is not published again; nodes do it each five minutes.
pub const PACKET_KEPT_MS: u64 = 2 * 60 * 60 * 1_000;
/// How far ahead of our clock a record may be: one from the future could never be replaced
/// by a right one.
pub const PACKET_AHEAD_MS: u64 = 10 * 60 * 1_000;
/// Records of one address that are taken without waiting, and a second from then on.
pub const PUBLISH_BURST: u32 = 60;
/// See [`PUBLISH_BURST`].
pub const PUBLISHES_PER_SECOND: u32 = 2;
/// How often an unchanged record is given to the DHT, which keeps it for two hours.
pub const DHT_AGAIN_MS: u64 = 45 * 60 * 1_000;
/// How long a look-up in the DHT may take.
pub const DHT_PATIENCE: Duration = Duration::from_secs(4);
/// Look-ups in the DHT, and records on their way to it, at once.
pub const DHT_MAX: usize = 32;
/// Addresses of which it is remembered how much they asked for.
pub const CALLERS_MAX: usize = 16_384;
/// Bytes of an answer that we ask others for.
pub const FETCHED_BYTES: usize = 64 << 10;
/// How long one of our own requests may take.
pub const FETCH: Duration = Duration::from_secs(10);

/// Relays in a registry.
pub const RELAYS_MAX: usize = 4_096;
/// Relays in a registry that were never reached: what strangers can make it try.
pub const UNPROVEN_MAX: usize = 128;
/// Registrations of one address without waiting, and how long until the next.
pub const REGISTER_BURST: u32 = 12;
/// Seconds until one more.
pub const REGISTER_SECONDS: u32 = 20;
/// Bytes of a relay's URL.
pub const URL_BYTES: usize = 256;
/// The most that a relay's word on its capacity counts: it is not checked.
pub const CAPACITY_MAX: u32 = 10_000;
/// How far ahead a registration may reach, so that what is gone is forgotten.
pub const REGISTERED_MS: u64 = 24 * 60 * 60 * 1_000;
/// How far the time of a registration may be off our clock, and how long its maker's newest
/// is remembered when the relay is gone: older ones are no use to anybody by then.
pub const REGISTER_SKEW_MS: u64 = 10 * 60 * 1_000;
/// How often a relay is checked, give or take a fifth.
pub const CHECK_MS: u64 = 5 * 60 * 1_000;
/// How soon a relay is checked again that failed; doubled each time, up to [`CHECK_MS`].
pub const RECHECK_MS: u64 = 30 * 1_000;
/// Failed checks in a row after which it is no longer chosen.
pub const FAILS_MAX: u32 = 3;
/// How long a relay that fails is kept.
pub const FAILING_MS: u64 = 6 * 60 * 60 * 1_000;
/// Questions of one address where nodes are, without waiting; each may cost us some of our own.
pub const QUESTION_BURST: u32 = 40;
/// Such questions a second from then on.
pub const QUESTIONS_PER_SECOND: u32 = 2;
/// Bytes of a request to a registry: a registration has some 500.
pub const REGISTER_BYTES: usize = 4 << 10;
/// How often a registry looks what is due.
pub const TICK: Duration = Duration::from_secs(2);
/// Checks at once.
pub const CHECKS_MAX: usize = 16;
/// Relays that one question is answered with.
pub const CHOICE_MAX: usize = 8;
/// Relays that are asked where a node is.
pub const ASKED_MAX: usize = 8;
/// How long a relay registers itself for; it does it anew at each third of that.
pub const ENLISTED_MS: u64 = 60 * 60 * 1_000;
/// How soon it tries again where that failed.
pub const ENLIST_AGAIN: Duration = Duration::from_secs(20);
