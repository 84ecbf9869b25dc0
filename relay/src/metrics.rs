//! Counters, and how they are told (Prometheus text format).

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that others read while it changes.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds some.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes some away, of a number that goes up and down.
    pub fn sub(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// How many.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted here; what the relay itself counts comes from its own counters.
#[derive(Debug, Default)]
pub struct Counts {
    /// TCP connections.
    pub connections: Count,
    /// TCP connections that were turned away.
    pub connections_refused: Count,
    /// Nodes that are connected through the relay.
    pub clients: Count,
    /// Nodes that were turned away.
    pub clients_refused: Count,
    /// Requests to nodes.
    pub requests: Count,
    /// Those under way.
    pub requests_open: Count,
    /// Requests that got no answer of a node.
    pub requests_failed: Count,
    /// Requests that were turned away by a limit.
    pub requests_refused: Count,
    /// Bytes from browsers to nodes.
    pub body_bytes_in: Count,
    /// Bytes from nodes to browsers.
    pub body_bytes_out: Count,
    /// Bodies that stood still for too long.
    pub stalled: Count,
    /// Nodes that were dialled.
    pub dials: Count,
    /// Dials that failed.
    pub dials_failed: Count,
    /// Address records that were taken.
    pub packets_put: Count,
    /// Address records that were refused.
    pub packets_refused: Count,
    /// Address records that were given to the DHT.
    pub packets_to_dht: Count,
}

/// Metrics as text.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    fn line(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        let text = &mut self.0;
        let _ = writeln!(
            text,
            "# HELP synlog_{name} {help}\n# TYPE synlog_{name} {kind}"
        );
        let _ = writeln!(text, "synlog_{name} {value}");
    }

    /// A number that only grows.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.line(&format!("{name}_total"), "counter", help, value);
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.line(name, "gauge", help, value);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }

    /// All of what is counted here.
    pub fn counts(&mut self, counts: &Counts) {
        let c = counts;
        self.gauge("relay_connections", "TCP connections", c.connections.get());
        self.counter(
            "relay_connections_refused",
            "TCP connections turned away",
            c.connections_refused.get(),
        );
        self.gauge(
            "relay_clients",
            "nodes connected through the relay",
            c.clients.get(),
        );
        self.counter(
            "relay_clients_refused",
            "nodes turned away",
            c.clients_refused.get(),
        );
        self.counter("gateway_requests", "requests to nodes", c.requests.get());
        self.gauge(
            "gateway_requests_open",
            "requests under way",
            c.requests_open.get(),
        );
        self.counter(
            "gateway_requests_failed",
            "requests without an answer of the node",
            c.requests_failed.get(),
        );
        self.counter(
            "gateway_requests_refused",
            "requests turned away by a limit",
            c.requests_refused.get(),
        );
        self.counter(
            "gateway_body_bytes_in",
            "bytes of bodies from browsers to nodes",
            c.body_bytes_in.get(),
        );
        self.counter(
            "gateway_body_bytes_out",
            "bytes of bodies from nodes to browsers",
            c.body_bytes_out.get(),
        );
        self.counter(
            "gateway_stalled",
            "bodies that stood still for too long",
            c.stalled.get(),
        );
        self.counter("gateway_dials", "nodes dialled", c.dials.get());
        self.counter(
            "gateway_dials_failed",
            "dials that failed",
            c.dials_failed.get(),
        );
        self.counter("pkarr_put", "address records taken", c.packets_put.get());
        self.counter(
            "pkarr_refused",
            "address records refused",
            c.packets_refused.get(),
        );
        self.counter(
            "pkarr_to_dht",
            "address records given to the DHT",
            c.packets_to_dht.get(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let counts = Counts::default();
        counts.requests.add(3);
        let mut text = Text::default();
        text.counts(&counts);
        let text = text.into_text();
        assert!(text.contains(
            "# TYPE synlog_gateway_requests_total counter\nsynlog_gateway_requests_total 3\n"
        ));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once(' ').expect("a name and a value");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            );
            assert!(value.parse::<u64>().is_ok());
        }
    }
}
