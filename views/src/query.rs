//! Queries: rows by key, prefix or index, page by page.

use synlog_log::cbor::Value;
use synlog_log::ids::{EntryId, TopicId};

use crate::driver::{Views, guarded};
use crate::error::ViewsError;
use crate::index_entry::{Place, holds};
use crate::store::keys::{self, Layer};
use crate::store::record::{Aggregate, StoredRow, TableInfo, columns};

/// Rows on one page.
pub const LIMIT_MAX: usize = 1_000;

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Of aggregates whose key begins so, in the order of (topic, key, sub).
    Prefix(String),
    /// Of one aggregate.
    Key(String),
    /// By an index, in the order of its columns. A row stands at the place of each item
    /// of an array, so a range over one may give a row more than once.
    Index {
        /// Its name.
        name: String,
        /// Values of its first columns.
        equal: Vec<Value>,
        /// The least value of the next column.
        from: Option<Value>,
        /// The value of the next column before which it ends.
        to: Option<Value>,
        /// From the end to the front.
        descending: bool,
    },
}

/// Which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// With tentative events on top.
    #[default]
    All,
    /// Only what the sequencer placed.
    Sequenced,
}

/// A question for rows of one table of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The app.
    pub app: String,
    /// Its major version.
    pub major: u16,
    /// The table.
    pub table: String,
    /// Only of this topic.
    pub topic: Option<TopicId>,
    /// Which rows.
    pub filter: Filter,
    /// Which state.
    pub layer: Shown,
    /// Hides rows whose `until` column is at most this instant, in UTC ms.
    pub as_of_ms: Option<u64>,
    /// At most so many rows, up to [`LIMIT_MAX`].
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<PageToken>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub Vec<u8>);

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowView {
    /// Its topic.
    pub topic: TopicId,
    /// The key of its aggregate.
    pub key: String,
    /// What tells it from others of its aggregate.
    pub sub: String,
    /// Its table.
    pub table: String,
    /// Its columns, a map.
    pub columns: Value,
    /// Whether tentative events changed its aggregate.
    pub tentative: bool,
    /// The last event that changed its aggregate.
    pub changed_by: Option<EntryId>,
    /// The commit by which its aggregate last changed.
    pub version: u64,
}

/// Rows, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<RowView>,
    /// For the next page; `None`: there is none.
    pub next: Option<PageToken>,
}

/// Rows with the tokens behind them.
type Found = Vec<(Vec<u8>, RowView)>;

impl Views {
    /// Answers a query.
    ///
    /// # Errors
    /// `Query` where no topic has such a table or index, or where the database fails.
    pub fn query(&self, query: &Query) -> Result<Page, ViewsError> {
        guarded(|| {
            let limit = query.limit.clamp(1, LIMIT_MAX);
            let mut found = match &query.filter {
                Filter::Index { .. } => self.by_index(query, limit + 1)?,
                Filter::Key(key) => self.by_key(query, key, true, limit + 1)?,
                Filter::Prefix(prefix) => self.by_key(query, prefix, false, limit + 1)?,
            };
            let more = found.len() > limit;
            found.truncate(limit);
            let last = found.last().map(|(token, _)| PageToken(token.clone()));
            Ok(Page {
                rows: found.into_iter().map(|(_, row)| row).collect(),
                next: last.filter(|_| more),
            })
        })
    }

    /// The topics that a query is about, with the number and definition of its table.
    fn tables<'a>(
        &'a self,
        query: &'a Query,
    ) -> impl Iterator<Item = (&'a TopicId, usize, &'a TableInfo)> {
        let topics = self.topics.iter().filter(|(topic, state)| {
            query.topic.is_none_or(|wanted| wanted == **topic)
                && state.record.app == query.app
                && state.record.major == query.major
                && !state.record.clearing
        });
        topics.filter_map(|(topic, state)| {
            let (number, table) = state.record.table(&query.table)?;
            Some((topic, number, table))
        })
    }

    /// An aggregate as it is shown, and whether tentative events changed it.
    pub(crate) fn shown(
        &self,
        topic: &TopicId,
        key: &str,
        layer: Shown,
    ) -> Result<Option<(Aggregate, bool)>, ViewsError> {
        let overlaid = |topic| {
            self.topics
                .get(topic)
                .is_some_and(|it| it.record.overlaid > 0)
        };
        if layer == Shown::All
            && overlaid(topic)
            && let Some((_, payload)) =
                self.store
                    .get(&keys::aggregate(Layer::Overlay, topic, key))?
        {
            return Ok(Some((Aggregate::decode(&payload)?, true)));
        }
        let found = self.store.get(&keys::aggregate(Layer::Base, topic, key))?;
        let decode = |(_, payload): (_, Vec<u8>)| Ok((Aggregate::decode(&payload)?, false));
        found.map(decode).transpose()
    }

    fn by_key(
        &self,
        query: &Query,
        prefix: &str,
        exact: bool,
        limit: usize,
    ) -> Result<Found, ViewsError> {
        let after = match &query.after {
            None => None,
            Some(token) => Some(
                read_token(&token.0)
                    .ok_or_else(|| ViewsError::Query("the page token is wrong".into()))?,
            ),
        };
        let mut found = Found::new();
        for (topic, number, table) in self.tables(query) {
            let behind = after.as_ref().filter(|after| after.0 == *topic);
            if after.as_ref().is_some_and(|after| after.0 > *topic) {
                continue;
            }
            let start = behind.map_or(prefix, |after| after.1.max(prefix));
            for item in self.aggregates(topic, query.layer, prefix, start) {
                let (key, aggregate, tentative) = item?;
                if exact && key != prefix {
                    break;
                }
                let sub = behind.filter(|after| after.1 == key).map(|after| after.2);
                let rows = aggregate.showing.rows().iter();
                let rows = rows.filter(|row| {
                    row.table == number && sub.is_none_or(|sub| row.sub.as_str() > sub)
                });
                for row in rows {
                    let view = view(topic, &key, &aggregate, tentative, row, table)?;
                    if !is_over(&view, table, query) {
                        found.push((token(topic, &key, &row.sub), view));
                    }
                    if found.len() == limit {
                        return Ok(found);
                    }
                }
            }
        }
        let known = self.tables(query).next().is_some() || !self.has_app(query);
        match known {
            true => Ok(found),
            false => Err(ViewsError::Query(format!(
                "{} has no table {}",
                query.app, query.table
            ))),
        }
    }

    fn has_app(&self, query: &Query) -> bool {
        self.topics.iter().any(|(topic, state)| {
            query.topic.is_none_or(|wanted| wanted == *topic)
                && (&state.record.app, state.record.major) == (&query.app, query.major)
        })
    }

    /// Aggregates whose keys begin so, from one key on, in the order of keys.
    fn aggregates<'a>(
        &'a self,
        topic: &'a TopicId,
        layer: Shown,
        prefix: &str,
        start: &str,
    ) -> impl Iterator<Item = Result<(String, Aggregate, bool), ViewsError>> + 'a {
        let scan = |layer| {
            let end = keys::after(&keys::aggregate(layer, topic, prefix));
            let start = keys::aggregate(layer, topic, start);
            self.store.range(start, end).map(|item| {
                let (key, (_, payload)) = item?;
                let key = keys::aggregate_key(&key)
                    .ok_or_else(|| ViewsError::Damaged("the key of an aggregate".into()))?;
                Ok((key.to_owned(), payload))
            })
        };
        let mut base = scan(Layer::Base).peekable();
        let over = scan(Layer::Overlay);
        let mut over = over.take_while(move |_| layer == Shown::All).peekable();
        std::iter::from_fn(move || {
            let of = |item: Option<&Result<(String, Vec<u8>), ViewsError>>| {
                item.map(|item| {
                    item.as_ref()
                        .map(|(key, _)| key.clone())
                        .unwrap_or_default()
                })
            };
            let (in_base, in_over) = (of(base.peek()), of(over.peek()));
            let tentative = match (&in_base, &in_over) {
                (None, None) => return None,
                (Some(base), Some(over)) => over <= base,
                (base, _) => base.is_none(),
            };
            if in_base == in_over {
                base.next();
            }
            let item = if tentative { over.next() } else { base.next() };
            item.map(|item| {
                let (key, payload) = item?;
                Ok((key, Aggregate::decode(&payload)?, tentative))
            })
        })
    }

    fn by_index(&self, query: &Query, limit: usize) -> Result<Found, ViewsError> {
        let Filter::Index {
            name,
            equal,
            from,
            to,
            descending,
        } = &query.filter
        else {
            return Ok(Found::new());
        };
        let ranged = usize::from(from.is_some() || to.is_some());
        let mut spaces: Vec<([u8; 8], &Vec<String>)> = Vec::new();
        for (_, _, table) in self.tables(query) {
            let indexes = table.indexes.iter().filter(|index| index.name == *name);
            for index in indexes.filter(|index| equal.len() + ranged <= index.columns.len()) {
                if spaces.iter().all(|(space, _)| *space != index.space) {
                    spaces.push((index.space, &index.columns));
                }
            }
        }
        if spaces.is_empty() {
            return match self.has_app(query) {
                true => Err(ViewsError::Query(format!(
                    "{} has no index {name} of so many columns",
                    query.table
                ))),
                false => Ok(Found::new()),
            };
        }
        let mut found = Found::new();
        for (space, columns) in &spaces {
            found.extend(self.in_space(query, space, columns, limit)?);
        }
        if spaces.len() > 1 {
            found.sort_by(|a, b| a.0.cmp(&b.0));
            if *descending {
                found.reverse();
            }
            found.truncate(limit);
        }
        Ok(found)
    }

    /// Rows by the entries of one definition of an index. The token is the entry without its space.
    fn in_space(
        &self,
        query: &Query,
        space: &[u8; 8],
        names: &[String],
        limit: usize,
    ) -> Result<Found, ViewsError> {
        let Filter::Index {
            equal,
            from,
            to,
            descending,
            ..
        } = &query.filter
        else {
            return Ok(Found::new());
        };
        let front = keys::index(space);
        let mut prefix = front.clone();
        equal
            .iter()
            .for_each(|value| keys::put_value(&mut prefix, value));
        let bound = |value: &Value| {
            let mut bound = prefix.clone();
            keys::put_value(&mut bound, value);
            bound
        };
        let mut low = from.as_ref().map_or_else(|| prefix.clone(), bound);
        // values that are cut in the index stand at the bound itself; they are compared below
        let mut high = match to {
            Some(to) => keys::after(&bound(to)),
            None => keys::after(&prefix),
        };
        if let Some(PageToken(after)) = &query.after {
            let at = [&front[..], after].concat();
            match descending {
                true => high = Some(high.map_or(at.clone(), |high| high.min(at))),
                false => low = low.max([&at[..], &[0]].concat()),
            }
        }
        let mut entries: Box<dyn Iterator<Item = _>> = Box::new(self.store.range(low, high));
        if *descending {
            // sled 0.34.7 now and then loops and panics on the way back ("tree traversal
            // next_back"), so the entries are gathered on the way forth: reads all of the range
            let gathered: Vec<_> = entries.collect();
            entries = Box::new(gathered.into_iter().rev());
        }
        let mut found = Found::new();
        while found.len() < limit {
            let Some(entry) = entries.next() else { break };
            let (entry, (_, end)) = entry?;
            let Some((values, place)) = Place::read(&entry, &end) else {
                return Err(ViewsError::Damaged("an entry of an index".into()));
            };
            if query.topic.is_some_and(|topic| topic != place.topic) {
                continue;
            }
            let Some((number, table)) = self
                .topics
                .get(&place.topic)
                .filter(|state| !state.record.clearing)
                .and_then(|state| state.record.table(&query.table))
            else {
                continue;
            };
            let shown = self.shown(&place.topic, place.key, query.layer)?;
            let Some((aggregate, tentative)) = shown.filter(|(_, it)| *it == place.tentative)
            else {
                continue;
            };
            let rows = aggregate.showing.rows().iter();
            let Some(row) = rows
                .filter(|row| row.table == number)
                .find(|row| row.sub == place.sub)
            else {
                continue;
            };
            let view = view(&place.topic, place.key, &aggregate, tentative, row, table)?;
            // an entry that the topic was begun with may be of an earlier row
            let places = keys::places(names, &view.columns);
            let stands = places
                .iter()
                .any(|place| Some(&place[..]) == values.get(front.len()..));
            if stands
                && holds(&view.columns, names, equal, from, to)
                && !is_over(&view, table, query)
            {
                found.push((entry[front.len()..].to_vec(), view));
            }
        }
        Ok(found)
    }
}

fn is_over(row: &RowView, table: &TableInfo, query: &Query) -> bool {
    let until = table
        .until
        .as_ref()
        .and_then(|name| row.columns.get(name)?.as_int());
    match (until, query.as_of_ms) {
        (Some(until), Some(as_of)) => {
            u64::try_from(until).is_ok_and(|until| until <= as_of) || until < 0
        }
        _ => false,
    }
}

/// A row as it is given out.
pub(crate) fn view(
    topic: &TopicId,
    key: &str,
    aggregate: &Aggregate,
    tentative: bool,
    row: &StoredRow,
    table: &TableInfo,
) -> Result<RowView, ViewsError> {
    Ok(RowView {
        topic: *topic,
        key: key.to_owned(),
        sub: row.sub.clone(),
        table: table.name.clone(),
        columns: columns(row)?,
        tentative,
        changed_by: aggregate.last,
        version: aggregate.version,
    })
}

fn token(topic: &TopicId, key: &str, sub: &str) -> Vec<u8> {
    let mut out = topic.0.to_vec();
    keys::put_key(&mut out, key);
    out.extend_from_slice(sub.as_bytes());
    out
}

fn read_token(token: &[u8]) -> Option<(TopicId, &str, &str)> {
    let (topic, rest) = token.split_at_checked(32)?;
    let (len, rest) = rest.split_first()?;
    let (key, sub) = rest.split_at_checked(usize::from(*len))?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some((TopicId(topic.try_into().ok()?), text(key)?, text(sub)?))
}
