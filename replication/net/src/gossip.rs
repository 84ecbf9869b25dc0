//! Gossip in topics: small payloads that reach everybody who listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use iroh::EndpointId;
use iroh_gossip::api::{Event as Heard, GossipSender};
use iroh_gossip::net::Gossip;
use iroh_gossip::proto::TopicId;
use n0_future::StreamExt;
use synlog_replication::peer::NodeId;
use tokio::task::AbortHandle;

use crate::event::{Event, GossipTopic};
use crate::shared::Shared;

/// Bytes of a message of gossip, the same on all nodes.
pub(crate) const PAYLOAD_ROOM: usize = 4_096;
/// Bytes of a payload. One that is near the room is taken by the library and then silently
/// stops everything that is sent to a neighbour, so larger ones are refused here.
pub const PAYLOAD_MAX: usize = PAYLOAD_ROOM - 64;

/// The topics to which this node listens.
#[derive(Default)]
pub(crate) struct Topics {
    joined: BTreeMap<GossipTopic, Joined>,
}

struct Joined {
    sender: GossipSender,
    reading: AbortHandle,
    unheard: Arc<Mutex<Unheard>>,
}

/// What was said while nobody was near: the library would let it fall.
#[derive(Default)]
struct Unheard {
    neighbours: usize,
    last: Option<Vec<u8>>,
}

fn locked<T>(unheard: &Mutex<Unheard>, act: impl FnOnce(&mut Unheard) -> T) -> T {
    act(&mut unheard.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Topics {
    /// Listens to a topic, or tells the library of more nodes that do.
    pub(crate) async fn join(
        &mut self,
        shared: &Arc<Shared>,
        gossip: &Gossip,
        topic: GossipTopic,
        nodes: &[NodeId],
    ) {
        let nodes = nodes.iter();
        let nodes: Vec<EndpointId> = nodes
            .filter_map(|node| EndpointId::from_bytes(&node.0).ok())
            .collect();
        // one that broke off is begun again
        self.joined
            .retain(|_, joined| !joined.reading.is_finished());
        if let Some(joined) = self.joined.get(&topic) {
            let _ = joined.sender.join_peers(nodes).await;
            return;
        }
        // the first who listens has nobody to wait for
        let Ok(subscribed) = gossip.subscribe(TopicId::from_bytes(topic.0), nodes).await else {
            return;
        };
        let (sender, mut receiver) = subscribed.split();
        let shared = Arc::clone(shared);
        let unheard = Arc::<Mutex<Unheard>>::default();
        let (kept, again) = (Arc::clone(&unheard), sender.clone());
        let reading = tokio::spawn(async move {
            while let Some(Ok(heard)) = receiver.next().await {
                let event = match heard {
                    Heard::Received(message) => Event::Gossip {
                        topic,
                        bytes: message.content.to_vec(),
                    },
                    Heard::Lagged => Event::GossipLagged { topic },
                    Heard::NeighborUp(_) => {
                        let said = locked(&kept, |unheard| {
                            unheard.neighbours += 1;
                            unheard.last.take()
                        });
                        if let Some(bytes) = said {
                            let _ = again.broadcast(bytes.into()).await;
                        }
                        continue;
                    }
                    Heard::NeighborDown(_) => {
                        locked(&kept, |unheard| {
                            unheard.neighbours = unheard.neighbours.saturating_sub(1);
                        });
                        continue;
                    }
                };
                if shared.events.send(event).await.is_err() {
                    return;
                }
            }
        });
        let reading = reading.abort_handle();
        let joined = Joined {
            sender,
            reading,
            unheard,
        };
        self.joined.insert(topic, joined);
    }

    /// Stops listening.
    pub(crate) fn leave(&mut self, topic: &GossipTopic) {
        self.joined.remove(topic);
    }

    /// Says something to all who listen. What is too long is not said. Where nobody is near
    /// yet, the last word is kept for the first who comes.
    pub(crate) async fn broadcast(&self, topic: &GossipTopic, bytes: Vec<u8>) -> bool {
        match self.joined.get(topic) {
            Some(joined) if bytes.len() <= PAYLOAD_MAX => {
                locked(&joined.unheard, |unheard| {
                    if unheard.neighbours == 0 {
                        unheard.last = Some(bytes.clone());
                    }
                });
                joined.sender.broadcast(bytes.into()).await.is_ok()
            }
            _ => false,
        }
    }
}
