//! Records: what stands under the keys.

use synlog_log::cbor::Value;
use synlog_log::fold::{CODE_MAX, KEY_MAX, Manifest, ROWS_BYTES_MAX, ROWS_MAX, STATE_MAX};
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::refusal::Refusal;
use synlog_log::wire::{Reader, Writer};

use crate::error::ViewsError;
use crate::hashing::Purpose;

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRow {
    pub table: usize,
    pub sub: String,
    /// The encoded map.
    pub columns: Vec<u8>,
}

/// What an aggregate shows: rows in the order of (table, sub), or the code of why none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Showing {
    Rows(Vec<StoredRow>),
    Code(String),
}

impl Default for Showing {
    fn default() -> Self {
        Self::Rows(Vec::new())
    }
}

impl Showing {
    /// The rows, if there are any.
    pub(crate) fn rows(&self) -> &[StoredRow] {
        match self {
            Self::Rows(rows) => rows,
            Self::Code(_) => &[],
        }
    }

    /// Which tables it has rows in, one bit for each.
    pub(crate) fn tables(&self) -> u64 {
        let rows = self.rows().iter();
        rows.fold(0, |mask, row| {
            mask | 1u64.checked_shl(row.table as u32).unwrap_or(0)
        })
    }

    fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Rows(rows) => {
                out.push(0);
                out.put_varint(rows.len() as u64);
                for row in rows {
                    out.put_varint(row.table as u64);
                    out.put_bytes(row.sub.as_bytes());
                    out.put_bytes(&row.columns);
                }
            }
            Self::Code(code) => {
                out.push(1);
                out.put_bytes(code.as_bytes());
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        if reader.option()? {
            return Ok(Self::Code(reader.text(CODE_MAX)?.to_owned()));
        }
        let mut rows = Vec::new();
        for _ in 0..reader.length(ROWS_MAX)? {
            rows.push(StoredRow {
                table: reader.length(64)?,
                sub: reader.text(KEY_MAX)?.to_owned(),
                columns: reader.bytes(ROWS_BYTES_MAX)?.to_vec(),
            });
        }
        Ok(Self::Rows(rows))
    }
}

/// An aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Aggregate {
    /// How many events were folded into it, accepted or not.
    pub count: u64,
    /// Running hash over them.
    pub input: [u8; 32],
    /// The last one that changed it.
    pub last: Option<EntryId>,
    /// Its state.
    pub state: Option<Vec<u8>>,
    /// Its rows.
    pub showing: Showing,
    /// The commit by which it last changed.
    pub version: u64,
}

impl Aggregate {
    /// Notes that an event came, accepted or not.
    pub(crate) fn count_event(&mut self, id: &EntryId) {
        self.count += 1;
        self.input = Purpose::Input.hash(&[&self.input, &id.0]);
    }

    /// The encoding.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let state = self.state.as_ref().map_or(0, Vec::len);
        let mut out = Vec::with_capacity(state + 160);
        out.put_varint(self.count);
        out.extend_from_slice(&self.input);
        out.put_option(self.last.as_ref().map(|id| &id.0[..]));
        out.put_varint(self.version);
        put_state(&mut out, self.state.as_deref());
        self.showing.encode_to(&mut out);
        out
    }

    /// Reads the encoding.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ViewsError> {
        whole(bytes, |reader| {
            Ok(Self {
                count: reader.varint()?,
                input: reader.array()?,
                last: read_id(reader)?,
                version: reader.varint()?,
                state: match reader.option()? {
                    true => Some(reader.bytes(STATE_MAX)?.to_vec()),
                    false => None,
                },
                showing: Showing::read(reader)?,
            })
        })
    }

    /// Its leaf of the digest.
    pub(crate) fn leaf(&self, key: &str) -> [u8; 32] {
        let (mut name, mut state, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        name.put_bytes(key.as_bytes());
        put_state(&mut state, self.state.as_deref());
        self.showing.encode_to(&mut rows);
        Purpose::Leaf.hash(&[
            &name,
            &self.input,
            &Purpose::State.hash(&[&state]),
            &Purpose::Rows.hash(&[&rows]),
        ])
    }
}

fn put_state(out: &mut Vec<u8>, state: Option<&[u8]>) {
    match state {
        None => out.push(0),
        Some(state) => {
            out.push(1);
            out.put_bytes(state);
        }
    }
}

/// An event that changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The event.
    pub event: EntryId,
    /// Why.
    pub code: String,
    /// The key of the aggregate that rejected it; `None`: it came to none.
    pub key: Option<String>,
    /// The last event that had changed that aggregate before it.
    pub met: Option<EntryId>,
}

impl Rejection {
    /// The encoding.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(120);
        out.extend_from_slice(&self.event.0);
        out.put_bytes(self.code.as_bytes());
        out.put_bytes(self.key.as_deref().unwrap_or_default().as_bytes());
        out.put_option(self.met.as_ref().map(|id| &id.0[..]));
        out
    }

    /// Reads the encoding.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ViewsError> {
        whole(bytes, |reader| {
            let event = EntryId(reader.array()?);
            let code = reader.text(CODE_MAX)?.to_owned();
            let key = reader.text(KEY_MAX)?;
            Ok(Self {
                event,
                code,
                key: (!key.is_empty()).then(|| key.to_owned()),
                met: read_id(reader)?,
            })
        })
    }

    /// Its leaf of the digest.
    pub(crate) fn leaf(&self) -> [u8; 32] {
        Purpose::Rejection.hash(&[&self.encode()])
    }
}

/// The tables of an app, as a query needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableInfo {
    pub name: String,
    pub until: Option<String>,
    pub indexes: Vec<IndexInfo>,
}

/// An index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexInfo {
    pub name: String,
    pub columns: Vec<String>,
    /// Where its entries lie: equal for equal definitions of one app and major version.
    pub space: [u8; 8],
}

/// What is known of a topic as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicRecord {
    /// What is left of an earlier fold has still to be removed.
    pub clearing: bool,
    pub reducer: [u8; 32],
    pub rules: u64,
    pub causal: bool,
    pub app: String,
    pub major: u16,
    pub tables: Vec<TableInfo>,
    /// Lines of the prefix that were folded (causal: accepted lines of all).
    pub lines: u64,
    /// Running hash over those of them that were accepted.
    pub lines_hash: [u8; 32],
    /// The last line of the prefix that was folded.
    pub last_line: Option<EntryId>,
    /// The sequencing entry by which that prefix is named.
    pub head: Option<EntryId>,
    /// Running hash over the accepted tentative lines.
    pub tentative_hash: [u8; 32],
    /// How many aggregates there are.
    pub aggregates: u64,
    /// How many of them tentative events changed.
    pub overlaid: u64,
}

impl TopicRecord {
    /// A topic of which nothing is folded yet.
    pub(crate) fn new(reducer: [u8; 32], rules: u64, causal: bool, manifest: &Manifest) -> Self {
        Self {
            clearing: false,
            reducer,
            rules,
            causal,
            app: manifest.app.clone(),
            major: manifest.major,
            tables: tables(manifest),
            lines: 0,
            lines_hash: [0; 32],
            last_line: None,
            head: None,
            tentative_hash: [0; 32],
            aggregates: 0,
            overlaid: 0,
        }
    }

    /// A table by its name, with its number.
    pub(crate) fn table(&self, name: &str) -> Option<(usize, &TableInfo)> {
        let mut tables = self.tables.iter().enumerate();
        tables.find(|(_, table)| table.name == name)
    }

    /// The encoding.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(400);
        out.push(u8::from(self.clearing));
        out.push(u8::from(self.causal));
        out.extend_from_slice(&self.reducer);
        out.put_varint(self.rules);
        out.put_bytes(self.app.as_bytes());
        out.put_varint(u64::from(self.major));
        out.put_varint(self.lines);
        out.extend_from_slice(&self.lines_hash);
        out.put_option(self.last_line.as_ref().map(|id| &id.0[..]));
        out.put_option(self.head.as_ref().map(|id| &id.0[..]));
        out.extend_from_slice(&self.tentative_hash);
        out.put_varint(self.aggregates);
        out.put_varint(self.overlaid);
        out.put_varint(self.tables.len() as u64);
        for table in &self.tables {
            out.put_bytes(table.name.as_bytes());
            out.put_bytes(table.until.as_deref().unwrap_or_default().as_bytes());
            out.put_varint(table.indexes.len() as u64);
            for index in &table.indexes {
                out.put_bytes(index.name.as_bytes());
                out.extend_from_slice(&index.space);
                out.put_varint(index.columns.len() as u64);
                for column in &index.columns {
                    out.put_bytes(column.as_bytes());
                }
            }
        }
        out
    }

    /// Reads the encoding.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ViewsError> {
        whole(bytes, |reader| {
            let (clearing, causal) = (reader.option()?, reader.option()?);
            Ok(Self {
                clearing,
                causal,
                reducer: reader.array()?,
                rules: reader.varint()?,
                app: reader.text(256)?.to_owned(),
                major: reader.varint()? as u16,
                lines: reader.varint()?,
                lines_hash: reader.array()?,
                last_line: read_id(reader)?,
                head: read_id(reader)?,
                tentative_hash: reader.array()?,
                aggregates: reader.varint()?,
                overlaid: reader.varint()?,
                tables: read_list(reader, |reader| {
                    let name = reader.text(64)?.to_owned();
                    let until = reader.text(64)?;
                    Ok(TableInfo {
                        name,
                        until: (!until.is_empty()).then(|| until.to_owned()),
                        indexes: read_list(reader, |reader| {
                            Ok(IndexInfo {
                                name: reader.text(64)?.to_owned(),
                                space: reader.array()?,
                                columns: read_list(reader, |reader| {
                                    Ok(reader.text(64)?.to_owned())
                                })?,
                            })
                        })?,
                    })
                })?,
            })
        })
    }
}

fn tables(manifest: &Manifest) -> Vec<TableInfo> {
    let tables = manifest.tables.iter();
    tables
        .map(|table| TableInfo {
            name: table.name.clone(),
            until: table.until.clone(),
            indexes: table
                .indexes
                .iter()
                .map(|index| {
                    let mut name = Vec::new();
                    let major = manifest.major.to_string();
                    let texts = [&manifest.app, &major, &table.name, &index.name];
                    for text in texts.into_iter().chain(&index.columns) {
                        name.put_bytes(text.as_bytes());
                    }
                    let mut space = [0; 8];
                    space.copy_from_slice(&Purpose::Space.hash(&[&name])[..8]);
                    IndexInfo {
                        name: index.name.clone(),
                        columns: index.columns.clone(),
                        space,
                    }
                })
                .collect(),
        })
        .collect()
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ChangeRecord {
    /// Topics of which all changed.
    pub topics: Vec<TopicId>,
    /// Aggregates, with the tables in which they had or have rows.
    pub aggregates: Vec<(TopicId, String, u64)>,
}

impl ChangeRecord {
    /// The encoding, behind the tag of the commit.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_varint(self.topics.len() as u64);
        for topic in &self.topics {
            out.extend_from_slice(&topic.0);
        }
        out.put_varint(self.aggregates.len() as u64);
        for (topic, key, tables) in &self.aggregates {
            out.extend_from_slice(&topic.0);
            out.put_bytes(key.as_bytes());
            out.put_varint(*tables);
        }
        out
    }

    /// Reads a tag and the encoding.
    pub(crate) fn decode(bytes: &[u8]) -> Result<([u8; 8], Self), ViewsError> {
        whole(bytes, |reader| {
            let tag = reader.array()?;
            let mut record = Self::default();
            for _ in 0..reader.varint()? {
                record.topics.push(TopicId(reader.array()?));
            }
            for _ in 0..reader.varint()? {
                let topic = TopicId(reader.array()?);
                let key = reader.text(KEY_MAX)?.to_owned();
                record.aggregates.push((topic, key, reader.varint()?));
            }
            Ok((tag, record))
        })
    }
}

fn read_list<T>(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    (0..reader.length(64)?).map(|_| read(reader)).collect()
}

fn read_id(reader: &mut Reader<'_>) -> Result<Option<EntryId>, Refusal> {
    Ok(match reader.option()? {
        true => Some(EntryId(reader.array()?)),
        false => None,
    })
}

/// Reads a record that takes up all of the bytes.
pub(crate) fn whole<T>(
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Refusal>,
) -> Result<T, ViewsError> {
    let mut reader = Reader::new(bytes);
    let value = read(&mut reader);
    value
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|refusal| ViewsError::Damaged(format!("a record does not decode: {refusal}")))
}

/// The columns of a stored row.
pub(crate) fn columns(row: &StoredRow) -> Result<Value, ViewsError> {
    Value::decode(&row.columns)
        .map_err(|refusal| ViewsError::Damaged(format!("a row does not decode: {refusal}")))
}
