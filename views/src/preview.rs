//! What would become of an event if it were placed next.

use synlog_log::cbor::Value;
use synlog_log::fold::{FoldEvent, FoldInput, Halt, Reducer};
use synlog_log::ids::EntryId;
use synlog_log::order::TopicOrder;

use crate::driver::{Views, guarded};
use crate::error::{SourceError, ViewsError};
use crate::query::Shown;
use crate::routing::{self, EventView, Route};

/// What would become of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// It would be accepted.
    Accepted,
    /// It would be rejected.
    Rejected {
        /// The code.
        code: String,
        /// The aggregate that rejects it; `None`: it comes to none.
        key: Option<String>,
        /// The last event that changed that aggregate.
        met: Option<EntryId>,
    },
}

impl Views {
    /// Folds one more event on top of what is shown, without keeping anything. Its
    /// references may lead to all that the order holds, since a new entry can cite it.
    ///
    /// # Errors
    /// `Halted` where the reducer can't go on, or where the database fails.
    pub fn preview(
        &self,
        order: &TopicOrder,
        reducer: &mut dyn Reducer,
        event: &FoldEvent,
    ) -> Result<Preview, ViewsError> {
        guarded(|| {
            let topic = order.topic();
            let bytes = event.encode();
            let view = EventView::of(&bytes, &event.id)?;
            if Value::decode_map(&event.body).is_err() {
                return Err(SourceError("the body is no map".into()).into());
            }
            let is_ancestor = |_: usize, reference: &EntryId| order.contains(reference);
            let routes = routing::route(&topic, reducer, &[view], &is_ancestor)?;
            let keys = match routes.into_iter().next() {
                Some(Route::Keys(keys)) => keys,
                Some(Route::Rejected(code)) => {
                    return Ok(Preview::Rejected {
                        code,
                        key: None,
                        met: None,
                    });
                }
                Some(Route::Kernel) | None => return Ok(Preview::Accepted),
            };
            for key in keys {
                let shown = self.shown(&topic, &key, Shown::All)?;
                let (state, met) = shown.map_or((None, None), |(it, _)| (it.state, it.last));
                let input = FoldInput {
                    key: &key,
                    state: state.as_deref(),
                    events: vec![&bytes],
                };
                let folded = reducer.fold(&topic, &[input])?;
                let folded = folded.into_iter().next();
                let folded =
                    folded.ok_or_else(|| Halt::Host("too few results of a fold".into()))?;
                if let Some((_, code)) = folded.rejections.into_iter().next() {
                    return Ok(Preview::Rejected {
                        code,
                        key: Some(key),
                        met,
                    });
                }
            }
            Ok(Preview::Accepted)
        })
    }
}
