//! Many nodes that all write.

use crate::world::Gathering;

/// Fifty nodes that each write once a second.
pub(super) const FIFTY: Gathering = Gathering {
    nodes: 50,
    calls: 4,
    warm_up_ms: 4_000,
    measured_ms: 4_000,
    pause_ms: 1_000,
    latency_ms: 25,
    seed: 1,
};

#[test]
fn fifty_nodes_hear_of_all_within_four_hops_and_seldom_twice() {
    let spreading = FIFTY.hold();
    println!("{spreading:?}");
    assert!(spreading.entries >= 190, "{spreading:?}");
    assert_eq!(spreading.everywhere, spreading.entries, "{spreading:?}");
    assert!(spreading.worst_hops <= 4.0, "{spreading:?}");
    assert!(spreading.received_for_each_new <= 1.5, "{spreading:?}");
}
