//! Why an aggregate is as it is, and what was rejected.

use std::collections::HashMap;

use synlog_log::fold::Reducer;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::order::{Line, Status, TopicOrder};

use crate::driver::{Views, guarded};
use crate::error::{SourceError, ViewsError};
use crate::routing::{self, EventView, Route};
use crate::source::{EventSource, Events, FoldLine};
use crate::store::keys::{self, Layer};
pub use crate::store::record::Rejection;

/// Lines that are routed at a time.
const CHUNK: usize = 4_096;

/// An event that touched an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The entry.
    pub id: EntryId,
    /// Where it stands.
    pub status: Status,
    /// Why it changed nothing; `None`: it was accepted.
    pub rejection: Option<Rejection>,
}

/// Rejections, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejections {
    /// In the order of the fold, sequenced ones first. The flag: it is tentative.
    pub items: Vec<(Rejection, bool)>,
    /// For the next page; `None`: there is none.
    pub next: Option<Vec<u8>>,
}

impl Views {
    /// The accepted entries that touch an aggregate, in their order, with what became of
    /// each. Routes all of the topic anew, so it takes its time. What the views have not
    /// folded yet is not there.
    ///
    /// # Errors
    /// `UnknownTopic`; where the source, the reducer or the database fails.
    pub fn explain(
        &self,
        order: &TopicOrder,
        source: &mut dyn EventSource,
        reducer: &mut dyn Reducer,
        key: &str,
    ) -> Result<Vec<Explained>, ViewsError> {
        guarded(|| {
            let topic = order.topic();
            let state = self.topics.get(&topic).ok_or(ViewsError::UnknownTopic)?;
            let mut rejections = HashMap::new();
            for layer in [Layer::Base, Layer::Overlay] {
                for item in self.store.scan(&keys::rejection(layer, &topic, &[])) {
                    let rejection = Rejection::decode(&item?.1.1)?;
                    rejections.insert(rejection.event, rejection);
                }
            }
            let sequenced = order.prefix_from(0).take(state.record.lines as usize);
            let lines: Vec<Line> = sequenced
                .chain(order.tentative())
                .filter(|line| line.status.is_accepted())
                .collect();
            let mut explained = Vec::new();
            for chunk in lines.chunks(CHUNK) {
                let wanted: Vec<FoldLine> = chunk
                    .iter()
                    .map(|line| FoldLine {
                        id: line.id,
                        sequenced: !order.is_causal()
                            && matches!(line.status, Status::Sequenced(_)),
                        role: order.role(&line.id).unwrap_or_default(),
                    })
                    .collect();
                let mut loaded = Events::default();
                source.load(&topic, &wanted, &mut loaded)?;
                if loaded.len() != wanted.len() {
                    return Err(
                        SourceError("another number of events than asked for".into()).into(),
                    );
                }
                let views = loaded.until_gap().zip(&wanted);
                let views: Vec<EventView<'_>> = views
                    .map(|(bytes, line)| EventView::of(bytes, &line.id))
                    .collect::<Result<_, _>>()?;
                let is_ancestor = routing::ancestors(order, &views);
                let routes = routing::route(&topic, reducer, &views, &is_ancestor)?;
                for (line, route) in chunk.iter().zip(routes) {
                    let Route::Keys(keys) = route else { continue };
                    if keys.iter().any(|touched| touched == key) {
                        explained.push(Explained {
                            id: line.id,
                            status: line.status,
                            rejection: rejections.get(&line.id).cloned(),
                        });
                    }
                }
                if loaded.gap().is_some() {
                    break;
                }
            }
            Ok(explained)
        })
    }

    /// What was rejected in a topic, at most `limit` from where the page before ended.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn rejections(
        &self,
        topic: &TopicId,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Rejections, ViewsError> {
        guarded(|| {
            let limit = limit.clamp(1, crate::query::LIMIT_MAX);
            let base = keys::rejection(Layer::Base, topic, &[]);
            let front = &base[..base.len() - 1];
            let start = after.map_or_else(|| front.to_vec(), |after| [front, after, &[0]].concat());
            let mut items = Vec::new();
            let mut last = None;
            for item in self.store.range(start, keys::after(front)) {
                let (key, (_, payload)) = item?;
                if items.len() == limit {
                    return Ok(Rejections { items, next: last });
                }
                let tentative = key.get(front.len()) == Some(&(Layer::Overlay as u8));
                items.push((Rejection::decode(&payload)?, tentative));
                last = Some(key[front.len()..].to_vec());
            }
            Ok(Rejections { items, next: None })
        })
    }
}
