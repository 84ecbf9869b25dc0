//! Those who append: each so that the entries are on the disk when it returns.

use std::fs::{File, create_dir_all};
use std::io;
use std::path::Path;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use okaywal::{Configuration, LogManager, SegmentReader, WriteAheadLog};
use redb::{Durability, ReadableDatabase, TableDefinition};
use synlog_log::disk::{Disk, DiskFile, RealDisk};
use synlog_log::run::RunView;
use synlog_log::store::{Decoder, Options, Record, RunFacts, Store};

use crate::Fallible;
use crate::entries::Entry;

/// Space that is reserved ahead, by all who can. No case writes as much.
const RESERVED_BYTES: u32 = 64 << 20;

/// Somebody who appends.
pub trait Contestant {
    /// What it is.
    fn name(&self) -> String;
    /// Whether it is somebody else's.
    fn is_rival(&self) -> bool {
        true
    }
    /// Appends some entries as one commit; they are durable when it returns.
    fn append(&mut self, entries: &[Entry]) -> Fallible<()>;
}

/// The store of synlog, with its indexes.
pub struct Synlog(Store<RealDisk>);

struct RunDecoder;

impl Decoder for RunDecoder {
    fn run_facts(&self, record: &[u8]) -> Result<RunFacts, String> {
        let run = RunView::decode(record).map_err(|refusal| refusal.to_string())?;
        Ok(run.facts())
    }

    fn record_id(&self, kind: u8, _: &[u8]) -> Result<[u8; 32], String> {
        Err(format!("a record of kind {kind}"))
    }
}

impl Synlog {
    /// A new store with its usual options.
    pub fn open(dir: &Path) -> Fallible<Self> {
        let (disk, decoder) = (RealDisk::new(dir)?, Arc::new(RunDecoder));
        Ok(Self(Store::open(disk, decoder, Options::new([7; 16]))?.0))
    }
}

impl Contestant for Synlog {
    fn name(&self) -> String {
        "synlog".into()
    }

    fn is_rival(&self) -> bool {
        false
    }

    fn append(&mut self, entries: &[Entry]) -> Fallible<()> {
        let records: Vec<Record<'_>> = entries
            .iter()
            .map(|entry| Record::run(&entry.bytes, &entry.facts))
            .collect();
        self.0.commit(&records)?;
        Ok(())
    }
}

/// An LSM tree. Its journal is synced with each commit.
pub struct Fjall {
    database: Database,
    entries: Keyspace,
    mode: PersistMode,
    next: u64,
}

impl Fjall {
    /// A new database; with fsync or, which is as durable here, fdatasync.
    pub fn open(dir: &Path, all: bool) -> Fallible<Self> {
        let database = Database::builder(dir).open()?;
        let entries = database.keyspace("entries", KeyspaceCreateOptions::default)?;
        Ok(Self {
            database,
            entries,
            mode: if all {
                PersistMode::SyncAll
            } else {
                PersistMode::SyncData
            },
            next: 0,
        })
    }
}

impl Contestant for Fjall {
    fn name(&self) -> String {
        format!("fjall, {:?}", self.mode)
    }

    fn append(&mut self, entries: &[Entry]) -> Fallible<()> {
        let mut batch = self.database.batch().durability(Some(self.mode));
        for entry in entries {
            batch.insert(&self.entries, self.next.to_be_bytes(), &entry.bytes[..]);
            self.next += 1;
        }
        Ok(batch.commit()?)
    }
}

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

/// A copy-on-write B-tree. `Immediate` is its only durability that syncs.
pub struct Redb {
    database: redb::Database,
    next: u64,
}

impl Redb {
    /// A new database.
    pub fn open(dir: &Path) -> Fallible<Self> {
        create_dir_all(dir)?;
        let database = redb::Database::create(dir.join("entries.redb"))?;
        database.begin_read()?;
        Ok(Self { database, next: 0 })
    }
}

impl Contestant for Redb {
    fn name(&self) -> String {
        "redb, Immediate".into()
    }

    fn append(&mut self, entries: &[Entry]) -> Fallible<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for entry in entries {
                table.insert(self.next, &entry.bytes[..])?;
                self.next += 1;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// A write-ahead log, which syncs each commit with fdatasync. It keeps no index.
pub struct OkayWal(WriteAheadLog);

/// Never called: the log's space is larger than all that is written.
#[derive(Debug)]
struct NoCheckpoints;

impl LogManager for NoCheckpoints {
    fn recover(&mut self, _: &mut okaywal::Entry<'_>) -> io::Result<()> {
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _: okaywal::EntryId,
        _: &mut SegmentReader,
        _: &WriteAheadLog,
    ) -> io::Result<()> {
        Ok(())
    }
}

impl OkayWal {
    /// A new log, with so much reserved that it never has to make room.
    pub fn open(dir: &Path) -> Fallible<Self> {
        let configuration = Configuration::default_for(dir)
            .preallocate_bytes(RESERVED_BYTES)
            .checkpoint_after_bytes(u64::from(RESERVED_BYTES) - (1 << 20))
            .buffer_bytes(1 << 20);
        Ok(Self(configuration.open(NoCheckpoints)?))
    }
}

impl Contestant for OkayWal {
    fn name(&self) -> String {
        "okaywal (no index)".into()
    }

    fn append(&mut self, entries: &[Entry]) -> Fallible<()> {
        let mut writer = self.0.begin_entry()?;
        for entry in entries {
            writer.write_chunk(&entry.bytes)?;
        }
        writer.commit()?;
        Ok(())
    }
}

/// The floor: one write, one fdatasync, and no way to read anything back.
pub struct Bare {
    file: File,
    at: u64,
    zeroed: bool,
}

impl Bare {
    /// A file with space reserved ahead, and with zeros written there or not.
    pub fn open(dir: &Path, zeroed: bool) -> Fallible<Self> {
        let disk = RealDisk::new(dir)?;
        let file = disk.create("bare")?;
        file.allocate(0, u64::from(RESERVED_BYTES))?;
        if zeroed {
            // in small pieces: a large one stays in large folios of the page cache,
            // and a later write of a few bytes then costs more
            let zeros = [0; 8 << 10];
            for at in (0..u64::from(RESERVED_BYTES)).step_by(zeros.len()) {
                DiskFile::write_at(&file, at, &zeros)?;
            }
        }
        DiskFile::sync_all(&file)?;
        disk.sync_dir("")?;
        Ok(Self {
            file,
            at: 0,
            zeroed,
        })
    }
}

impl Contestant for Bare {
    fn name(&self) -> String {
        match self.zeroed {
            false => "bare write and fdatasync".into(),
            true => "bare, over zeros written ahead".into(),
        }
    }

    fn is_rival(&self) -> bool {
        false
    }

    fn append(&mut self, entries: &[Entry]) -> Fallible<()> {
        let pieces: Vec<&[u8]> = entries.iter().map(|entry| &entry.bytes[..]).collect();
        let bytes = pieces.concat();
        DiskFile::write_at(&self.file, self.at, &bytes)?;
        DiskFile::sync_data(&self.file)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
