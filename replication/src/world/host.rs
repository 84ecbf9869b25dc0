//! A simulated machine: its disk, its clock, and the node that runs on it.

use std::collections::BTreeMap;

use synlog_log::admission::WaitingLimits;
use synlog_log::disk::Seeded;
use synlog_log::ids::TopicId;
use synlog_log::scenario::START_MS;

use super::blobs::MemoryBlobs;
use super::cast::{self, DEVICES, Device};
use super::disk::RecordDisk;
use super::lies::Lies;
use super::memory::{Audience, MemoryRepo};
use crate::engine::{Engine, Now, Settings, Source};
use crate::peer::{NodeId, Peer, Proven};
use crate::policy::Interests;
use crate::session::PeerMemory;

/// What runs on a machine that is up.
pub struct Life {
    /// The engine.
    pub engine: Engine,
    /// The store.
    pub repo: MemoryRepo,
}

/// A machine.
pub struct Host {
    /// Whose it is.
    pub person: u8,
    /// Its transport key.
    pub node: NodeId,
    /// Which of the person's devices it is.
    pub device: u8,
    /// What runs, if it is up.
    pub life: Option<Life>,
    /// How often it was started.
    pub start: u32,
    /// What is on the disk while it is down.
    pub disk: RecordDisk,
    /// A copy of the disk from earlier.
    pub copy: Option<RecordDisk>,
    /// Its clock minus the true time.
    pub clock_ms: i64,
    /// What it remembers of peers beyond a restart.
    pub memories: BTreeMap<NodeId, PeerMemory>,
    /// What its person wants.
    pub interests: Interests,
    /// Who may have the private topics that it knows of.
    pub audiences: BTreeMap<TopicId, Audience>,
    /// Nodes that it hears of when it starts.
    pub heard: Vec<(NodeId, Source)>,
    /// What it lies about, if it does.
    pub lies: Option<Lies>,
    /// How much may wait there for one source.
    pub waiting: WaitingLimits,
    /// When it is next woken.
    pub wakes_ms: Option<u64>,
    /// How many entries it wrote.
    pub written: u64,
    /// Its key is in use elsewhere and it has no other: it reads, and writes no more.
    pub retired: bool,
    /// It said that its clock is off, so that it does not sign.
    pub refused_to_sign: u64,
}

impl Host {
    /// A machine of a person, down, with an empty disk.
    pub fn new(person: u8, random: &mut Seeded) -> Self {
        Self {
            person,
            node: cast::node_id(person),
            device: 0,
            life: None,
            start: 0,
            disk: RecordDisk::new(random),
            copy: None,
            clock_ms: 0,
            memories: BTreeMap::new(),
            interests: Interests::default(),
            audiences: BTreeMap::new(),
            heard: Vec::new(),
            lies: None,
            waiting: WaitingLimits {
                entries: 4_096,
                bytes: 4 * 1024 * 1024,
            },
            wakes_ms: None,
            written: 0,
            retired: false,
            refused_to_sign: 0,
        }
    }

    /// The device that runs here.
    pub fn identity(&self) -> Device {
        cast::device(self.person, self.device)
    }

    /// What it proves to others.
    pub fn peer(&self) -> Peer {
        let device = self.identity();
        Peer {
            node: self.node,
            proven: Some(Proven {
                device: device.id,
                entity: device.entity,
            }),
        }
    }

    /// What its clocks show at a time of the world.
    pub fn now(&self, world_ms: u64) -> Now {
        Now {
            monotonic_ms: world_ms,
            utc_ms: START_MS
                .saturating_add(world_ms)
                .saturating_add_signed(self.clock_ms),
        }
    }

    /// Starts it.
    pub fn start(&mut self, random: &mut Seeded) {
        self.start += 1;
        let empty = RecordDisk {
            epoch: self.disk.epoch,
            records: Vec::new(),
            blobs: MemoryBlobs::default(),
        };
        let disk = std::mem::replace(&mut self.disk, empty);
        let mut repo = MemoryRepo::open(disk, self.identity(), self.waiting);
        repo.audiences = self.audiences.clone();
        repo.lies.clone_from(&self.lies);
        if let Some(lies) = &repo.lies {
            lies.told.take();
        }
        let mut seed = [0; 32];
        for chunk in seed.chunks_exact_mut(8) {
            chunk.copy_from_slice(&random.bits().to_le_bytes());
        }
        let settings = Settings {
            own: self.identity().entity,
            node: self.node,
            interests: self.interests.clone(),
            memories: self.memories.clone(),
            random: seed,
            ..Settings::default()
        };
        let Ok(engine) = Engine::new(settings, &repo);
        self.life = Some(Life { engine, repo });
        self.wakes_ms = None;
    }

    /// Stops it at once: only the disk stays, and what is remembered of peers if it was
    /// written in time.
    pub fn crash(&mut self, keeps_memories: bool) {
        if let Some(life) = self.life.take() {
            self.note_lies(&life.repo);
            if keeps_memories {
                self.memories = life.engine.memories();
            }
            self.disk = life.repo.into_disk();
        }
    }

    /// Adds up how often it lied, when it goes down.
    pub fn note_lies(&self, repo: &MemoryRepo) {
        if let (Some(own), Some(of_store)) = (&self.lies, &repo.lies) {
            for (name, times) in of_store.told.take() {
                *own.told.borrow_mut().entry(name).or_default() += times;
            }
        }
    }

    /// Goes on with another device of the person: the old one's feeds are not written again.
    pub fn take_next_device(&mut self) -> bool {
        if self.device + 1 >= DEVICES {
            return false;
        }
        self.device += 1;
        true
    }

    /// The statements of the person's identity log.
    pub fn statements(person: u8) -> Vec<Vec<u8>> {
        cast::statements(person)
    }
}
