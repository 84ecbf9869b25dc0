//! Rows for whoever asks: queries, changes, explanations, digests, the audit.

use std::collections::{BTreeSet, HashMap};

use synlog_log::ids::{EntryId, TopicId};
use synlog_views::{
    Changes, Cursor, Digest, Explained, Filter, Query, RowView, Shown, WatchFilter,
};

use crate::audit::{Audit, Material, ReducerUsed, tell};
use crate::failure::Failure;
use crate::folding::views_failure;
use crate::node::Node;
use crate::replay;

/// Rejections of a topic that are looked at.
const REJECTED_MAX: usize = 10_000;

impl Node {
    /// Rows up to date, for whoever only reads: what can't be folded stays as it was.
    pub fn rows(&mut self, query: &Query) -> Result<synlog_views::Page, Failure> {
        let folding = self.take_folding()?;
        let page = folding.views.query(query).map_err(views_failure);
        self.folding = Some(folding);
        page
    }

    /// The first row of an aggregate in a table of a topic, up to date.
    pub fn row_of(
        &mut self,
        topic: &TopicId,
        table: &str,
        key: &str,
    ) -> Result<Option<RowView>, Failure> {
        let Some((app, major)) = self
            .order(topic)?
            .genesis()
            .map(|genesis| (genesis.app.clone(), genesis.major))
        else {
            return Ok(None);
        };
        self.fold(topic, &mut |_| true)?;
        let page = self.rows(&Query {
            app,
            major,
            table: table.to_owned(),
            topic: Some(*topic),
            filter: Filter::Key(key.to_owned()),
            layer: Shown::All,
            as_of_ms: None,
            limit: 1,
            after: None,
        })?;
        Ok(page.rows.into_iter().next())
    }

    /// What changed in rows since a cursor.
    pub fn changes(
        &mut self,
        cursor: Option<&Cursor>,
        filter: &WatchFilter,
        limit: usize,
    ) -> Result<Changes, Failure> {
        let folding = self.take_folding()?;
        let changes = folding.views.watch(cursor, filter, limit);
        self.folding = Some(folding);
        changes.map_err(views_failure)
    }

    /// The one key of a topic's aggregates that is this, or begins with it.
    pub fn find_key(&mut self, topic: &TopicId, front: &str) -> Result<String, Failure> {
        let manifest = self.manifest(topic)?;
        let manifest = manifest
            .ok_or_else(|| Failure::Usage("the topic has no reducer that is here".to_owned()))?;
        let mut keys = BTreeSet::new();
        for table in &manifest.tables {
            let page = self.rows(&Query {
                app: manifest.app.clone(),
                major: manifest.major,
                table: table.name.clone(),
                topic: Some(*topic),
                filter: Filter::Prefix(front.to_owned()),
                layer: Shown::All,
                as_of_ms: None,
                limit: 8,
                after: None,
            })?;
            keys.extend(page.rows.into_iter().map(|row| row.key));
        }
        if keys.contains(front) || keys.is_empty() {
            return Ok(front.to_owned());
        }
        match keys.len() {
            1 => Ok(keys.pop_first().unwrap_or_default()),
            _ => {
                let shown: Vec<String> = keys.into_iter().take(8).collect();
                Err(Failure::BadName(format!(
                    "several keys begin with {front:?}: {}",
                    shown.join(", ")
                )))
            }
        }
    }

    /// The entries that made an aggregate, and those that were rejected beside.
    pub fn explain(&mut self, topic: &TopicId, key: &str) -> Result<Vec<Explained>, Failure> {
        self.with_reducer(topic, |views, order, source, reducer| {
            views.explain(order, source, reducer, key)
        })
    }

    /// What the app's rules refused in a topic, with their codes: the first 10,000.
    pub(crate) fn rejected(
        &mut self,
        topic: &TopicId,
    ) -> Result<HashMap<EntryId, String>, Failure> {
        let folding = self.take_folding()?;
        let (mut codes, mut after) = (HashMap::new(), None::<Vec<u8>>);
        let told = loop {
            let page = folding.views.rejections(topic, after.as_deref(), 1_000);
            let page = match page {
                Ok(page) => page,
                Err(error) => break Err(views_failure(error)),
            };
            let listed = page.items.into_iter();
            codes.extend(listed.map(|(rejection, _)| (rejection.event, rejection.code)));
            after = page.next;
            if after.is_none() || codes.len() >= REJECTED_MAX {
                break Ok(codes);
            }
        };
        self.folding = Some(folding);
        told
    }

    /// The digest of a topic's rows, up to date; `None` where there is no reducer here.
    pub fn rows_digest(&mut self, topic: &TopicId) -> Result<Option<Digest>, Failure> {
        match self.fold(topic, &mut |_| true) {
            Ok(Some(_)) => {}
            Ok(None) | Err(Failure::NoReducer(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        }
        self.with_reducer(topic, |views, _, _, _| views.digest(topic))
            .map(Some)
    }

    /// The audit of a topic.
    pub fn audit(&mut self, topic: &TopicId, erasable: bool) -> Result<Audit, Failure> {
        let runs: Vec<Vec<u8>> = self
            .runs_of_topic(topic)?
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect();
        // a history without rows is still a history
        let (digest, problem) = match self.fold(topic, &mut |_| true) {
            Ok(Some(update)) => {
                let digest = self.with_reducer(topic, |views, _, _, _| views.digest(topic))?;
                (Some(digest), replay::stopped(update.waits_for))
            }
            Ok(None) => (None, None),
            Err(
                failure @ (Failure::NoReducer(_) | Failure::Halted(_) | Failure::BadReducer { .. }),
            ) => (None, Some(failure.to_string())),
            Err(failure) => return Err(failure),
        };
        let chosen = self.chosen_reducer(topic)?.filter(|_| digest.is_some());
        let manifest = match &digest {
            Some(_) => self.manifest(topic)?,
            None => None,
        };
        let (mut rows, mut rejections) = (Vec::new(), Vec::new());
        if let (Some(_), Some(manifest)) = (&digest, &manifest) {
            let folding = self.take_folding()?;
            let read = replay::all_rows(&folding.views, topic, manifest)
                .and_then(|rows| Ok((rows, replay::all_rejections(&folding.views, topic)?)));
            self.folding = Some(folding);
            (rows, rejections) = read?;
        }
        let receipts = self.receipts(topic).to_vec();
        let order = self.order(topic)?;
        let version = manifest.as_ref().map(|manifest| manifest.version.clone());
        Ok(tell(Material {
            order,
            runs: &runs,
            reducer: chosen.zip(version).map(|(chosen, version)| ReducerUsed {
                hash: chosen.hash,
                version,
                pinned_by_topic: chosen.by_topic,
            }),
            manifest: manifest.as_deref(),
            rejections: &rejections,
            rows: &rows,
            roots: digest.map(|digest| (digest.sequenced, digest.tentative)),
            receipts,
            problem,
            erasable,
        }))
    }
}
