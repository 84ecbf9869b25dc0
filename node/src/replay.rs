//! Replaying topics in a directory that goes away: what `verify` and `audit` do with a
//! bundle, by the reducers that it carries, without a node.

use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io::{BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use synlog_log::bundle::{BundleReader, RecordKind, Report, verify_with};
use synlog_log::cbor::Value;
use synlog_log::fold::{Manifest, Reducer};
use synlog_log::ids::{EntryId, TopicId, hex};
use synlog_log::order::TopicOrder;
use synlog_log::run::RunView;
use synlog_log::sealed::Secrets;
use synlog_views::{Digest, Filter, Options, Query, Rejection, RowView, Shown, Views};

use crate::apps;
use crate::entropy::random;
use crate::events::MemorySource;
use crate::failure::Failure;
use crate::folding::{Chosen, Reducers, halted, views_failure};

/// A bundle with its report and what the replay needs of it.
pub struct Opened {
    /// What verifying it gave.
    pub report: Report,
    /// Its runs.
    pub runs: Vec<Vec<u8>>,
    /// Modules that it carries, by hash.
    pub modules: HashMap<[u8; 32], Vec<u8>>,
}

/// Verifies a bundle (`-`: from standard input) and keeps what a replay needs. With a
/// reader's secrets, private topics are opened.
pub fn open(path: &Path, secrets: Secrets) -> Result<Opened, Failure> {
    let wrong = |source| Failure::Bundle {
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(Failure::file(path))?;
    let report = verify_with(&bytes[..], secrets).map_err(wrong)?;
    let (mut runs, mut modules) = (Vec::new(), HashMap::new());
    if let Ok(mut reader) = BundleReader::new(BufReader::new(&bytes[..])) {
        // where the frame is damaged the report has told so
        while let Ok(Some(record)) = reader.next_record() {
            match record.kind {
                RecordKind::Run => runs.push(record.data),
                RecordKind::Reducer => {
                    modules.insert(*blake3::hash(&record.data).as_bytes(), record.data);
                }
                _ => {}
            }
        }
    }
    Ok(Opened {
        report,
        runs,
        modules,
    })
}

/// What a replay came to.
pub struct Replayed {
    /// The reducer.
    pub chosen: Chosen,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The digest of the rows.
    pub digest: Digest,
    /// Events that were folded.
    pub folded: u64,
    /// What the reducer rejected, if that was asked for; the flag: it is tentative.
    pub rejections: Vec<(Rejection, bool)>,
    /// How much it rejected.
    pub rejected: u64,
    /// All rows, if those were asked for.
    pub rows: Vec<RowView>,
    /// How many rows there are.
    pub shown: u64,
    /// The entry whose payload is not there, before which the rows stop.
    pub waits_for: Option<EntryId>,
}

/// What stops rows before the end, in words.
pub fn stopped(waits_for: Option<EntryId>) -> Option<String> {
    waits_for.map(|id| {
        format!(
            "the rows stop before {}, whose payload is not here; what follows is listed, but the rules were not asked",
            id.short()
        )
    })
}

/// How the rows of a note compare with those of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// The file says nothing of this topic's rows, or of another state of it.
    Nothing,
    /// The same.
    Same,
    /// For the same entries and reducer the writer had other rows.
    Other,
}

/// A directory for rows that is removed in the end.
pub(crate) struct Scratch(pub PathBuf);

impl Scratch {
    pub(crate) fn new() -> Result<Self, Failure> {
        let name = format!("synlog-replay-{}", hex(&random::<8>()?));
        let path = std::env::temp_dir().join(name);
        // rows of what was sealed may lie there for a while
        let mut builder = DirBuilder::new();
        let made = builder.mode(0o700).create(&path);
        made.map_err(Failure::file(&path))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // what is left is of no use to anybody, and the system clears it away
        let _ = Views::discard(&self.0);
    }
}

/// Pages of rows and rejections that are read at a time.
const PAGE: usize = 1_000;

/// Bytes that the rows and states of one topic of a file may take. A million aggregates
/// of half a KiB are well below; a module in the file could ask for any number.
pub const SCRATCH_BYTES_MAX: u64 = 2 << 30;

/// What a replay gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Digest and numbers.
    Numbers,
    /// All rows and rejections too.
    Rows,
}

/// Folds a topic of a bundle anew. `None` where neither the file nor synlog has its reducer.
///
/// # Errors
/// [`Failure::RowsTooLarge`] where its rows and states would take more than `bytes_max`.
pub fn replay(
    order: &TopicOrder,
    opened: &Opened,
    reducers: &mut Reducers,
    (wanted, bytes_max): (Wanted, u64),
) -> Result<Option<Replayed>, Failure> {
    let (runs, modules) = (&opened.runs, &opened.modules);
    let topic = order.topic();
    let Some(chosen) = choose(order) else {
        return Ok(None);
    };
    let find = || match (modules.get(&chosen.hash), apps::named(&chosen.hash)) {
        (Some(bytes), _) => Ok(bytes.clone()),
        (None, Some(app)) => Ok(app.pinned.wasm.to_vec()),
        (None, None) => Err(Failure::NoReducer(chosen.hash)),
    };
    let reducer = match reducers.get(&chosen.hash, find) {
        Ok(reducer) => reducer,
        Err(Failure::NoReducer(_)) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let mut source = MemorySource::default();
    for bytes in runs {
        if let Ok(run) = RunView::decode(bytes)
            && run.feed.topic == topic
        {
            source.add(&run, order);
        }
    }
    let scratch = Scratch::new()?;
    let options = Options {
        written_max: bytes_max,
        ..Options::new(random()?)
    };
    let (mut views, _) = Views::open(&scratch.0, options).map_err(views_failure)?;
    let update = views
        .update(order, &mut source, reducer, &mut |_| true)
        .map_err(views_failure)?;
    if let Some(halt) = &update.halted {
        return Err(halted(halt));
    }
    let manifest = reducer.manifest().clone();
    let digest = views.digest(&topic).map_err(views_failure)?;
    let (mut rows, mut shown) = (Vec::new(), 0);
    each_row(&views, &topic, &manifest, &mut |page| {
        shown += page.len() as u64;
        if wanted == Wanted::Rows {
            rows.extend(page);
        }
    })?;
    let (mut rejections, mut rejected) = (Vec::new(), 0);
    each_rejection(&views, &topic, &mut |page| {
        rejected += page.len() as u64;
        if wanted == Wanted::Rows {
            rejections.extend(page);
        }
    })?;
    Ok(Some(Replayed {
        chosen,
        manifest,
        digest,
        folded: update.folded,
        rejections,
        rejected,
        rows,
        shown,
        waits_for: update.waits_for,
    }))
}

fn choose(order: &TopicOrder) -> Option<Chosen> {
    if let Some((hash, _)) = order.policy().reducer {
        return Some(Chosen {
            hash,
            by_topic: true,
        });
    }
    let genesis = order.genesis()?;
    let app = apps::find(&genesis.app, genesis.major)?;
    Some(Chosen {
        hash: app.hash,
        by_topic: false,
    })
}

/// Gives out all rows of a topic, page by page, table by table.
pub(crate) fn each_row(
    views: &Views,
    topic: &TopicId,
    manifest: &Manifest,
    take: &mut dyn FnMut(Vec<RowView>),
) -> Result<(), Failure> {
    for table in &manifest.tables {
        let mut query = Query {
            app: manifest.app.clone(),
            major: manifest.major,
            table: table.name.clone(),
            topic: Some(*topic),
            filter: Filter::Prefix(String::new()),
            layer: Shown::All,
            as_of_ms: None,
            limit: PAGE,
            after: None,
        };
        loop {
            let page = views.query(&query).map_err(views_failure)?;
            take(page.rows);
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

/// All rows of a topic, table by table.
pub fn all_rows(
    views: &Views,
    topic: &TopicId,
    manifest: &Manifest,
) -> Result<Vec<RowView>, Failure> {
    let mut rows = Vec::new();
    each_row(views, topic, manifest, &mut |page| rows.extend(page))?;
    Ok(rows)
}

/// Gives out all rejections of a topic, page by page.
pub(crate) fn each_rejection(
    views: &Views,
    topic: &TopicId,
    take: &mut dyn FnMut(Vec<(Rejection, bool)>),
) -> Result<(), Failure> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = views
            .rejections(topic, after.as_deref(), PAGE)
            .map_err(views_failure)?;
        take(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// All rejections of a topic.
pub fn all_rejections(views: &Views, topic: &TopicId) -> Result<Vec<(Rejection, bool)>, Failure> {
    let mut all = Vec::new();
    each_rejection(views, topic, &mut |page| all.extend(page))?;
    Ok(all)
}

/// What a note says of the rows of a topic.
pub fn note_of(digest: &Digest) -> Value {
    let bytes = |hash: &[u8; 32]| Value::Bytes(hash.to_vec());
    Value::map([
        ("topic", bytes(&digest.name.topic.0)),
        ("reducer", bytes(&digest.name.reducer)),
        ("rules", Value::Int(digest.name.rules as i64)),
        ("lines", bytes(&digest.name.lines_hash)),
        ("pending", bytes(&digest.name.tentative_hash)),
        ("sequenced", bytes(&digest.sequenced)),
        ("tentative", bytes(&digest.tentative)),
    ])
}

/// Compares a replay with what the notes of a file say.
pub fn compare(notes: &[Value], digest: &Digest) -> Noted {
    let ours = note_of(digest);
    let views = notes
        .iter()
        .filter_map(|note| note.get("views")?.as_array())
        .flatten();
    let same = |view: &Value, keys: &[&str]| keys.iter().all(|key| view.get(key) == ours.get(key));
    let mut named =
        views.filter(|view| same(view, &["topic", "reducer", "rules", "lines", "pending"]));
    match named.next() {
        None => Noted::Nothing,
        Some(view) if same(view, &["sequenced", "tentative"]) => Noted::Same,
        Some(_) => Noted::Other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn rows_of_a_replay_are_for_nobody_else_and_go_away() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.0.clone();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(scratch);
        assert!(!path.exists());
    }
}
