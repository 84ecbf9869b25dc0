//! A node: keys, store, and the orders of the topics that are in use.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use synlog_log::admission::{Admission, Waiting, WaitingLimits};
use synlog_log::bundle::RecordKind;
use synlog_log::disk::RealDisk;
use synlog_log::fork::ForkProof;
use synlog_log::identity::{Certificate, Certified, IdentityLog, SignedStatement};
use synlog_log::ids::{EntityId, EntryId, FeedKey, TopicId};
use synlog_log::keys::SecretKey;
use synlog_log::order::TopicOrder;
use synlog_log::replica::genesis_of;
use synlog_log::run::RunView;
use synlog_log::sealed::Secrets;
use synlog_log::store::{OpenReport, Options, Record, Store};

use crate::arrivals::Arrivals;
use crate::blobs::Blobs;
use crate::counted::Counted;
use crate::decoder::EntryDecoder;
use crate::devices::fresh_key;
use crate::entropy::random;
use crate::failure::Failure;
use crate::folding::Folding;
use crate::home::Home;
use crate::ledger::{Remembered, read};
use crate::met::Met;
use crate::peering::Readers;
use crate::receipts::Receipt;
use crate::skim::Skim;

/// An open node. It holds the store's lock until it is closed or dropped.
pub struct Node {
    /// Where its data is.
    pub home: Home,
    /// The store.
    pub store: Store<RealDisk>,
    /// What opening the store found.
    pub opened: OpenReport,
    /// Identity logs, by entity.
    pub identities: BTreeMap<EntityId, IdentityLog>,
    pub(crate) key: SecretKey,
    pub(crate) entity: EntityId,
    /// With which private topics are read.
    pub(crate) secrets: Secrets,
    pub(crate) admission: Admission,
    pub(crate) waiting: Waiting<Vec<u8>>,
    /// Runs of the intake that is under way whose signature did not check.
    pub(crate) unproven: HashMap<EntryId, Vec<u8>>,
    pub(crate) orders: HashMap<TopicId, TopicOrder>,
    /// Lowest fork known of each feed, and its proof.
    pub(crate) forks: BTreeMap<FeedKey, (u64, Vec<u8>)>,
    pub(crate) remembered: Remembered,
    /// Receipts, by topic.
    pub(crate) receipts: BTreeMap<TopicId, Vec<Receipt>>,
    /// Views and reducers, once they were asked for.
    pub(crate) folding: Option<Folding>,
    /// When each feed last went on, once a peer was here.
    pub(crate) arrivals: Arrivals,
    /// To whom letters were written since a running node last asked.
    pub(crate) written_to: Vec<EntityId>,
    /// Topics to which guests brought something since a running node last asked.
    pub(crate) delivered: BTreeSet<TopicId>,
    /// Those who called and share nothing yet.
    pub(crate) met: Met,
    /// Who may have a topic, as looked up lately.
    pub(crate) readers: HashMap<TopicId, Readers>,
    /// What was skimmed of topics lately.
    pub(crate) skims: HashMap<TopicId, Skim>,
    /// Who writes feeds, as looked up lately.
    pub(crate) authors: RefCell<HashMap<FeedKey, EntityId>>,
    /// The root key, where it is at hand without being kept in the directory.
    pub(crate) held_root: Option<SecretKey>,
    /// By how many milliseconds the clocks of trusted peers are ahead of this machine's,
    /// where that is too far to sign. A running node knows it from its engine.
    pub(crate) clock_off: Option<i64>,
    /// What is counted for those who watch over a running node.
    pub(crate) counted: Counted,
    /// Blobs, once they were asked for.
    pub(crate) blobs: Option<Box<Blobs>>,
}

impl Node {
    /// Opens the node of a data directory.
    pub fn open(home: Home) -> Result<Self, Failure> {
        if !home.exists() {
            let Some((entity, _)) = home.restored()? else {
                return Err(Failure::NoHome(home.path().to_path_buf()));
            };
            // it can be read; nothing certifies this key, and the guard is set
            let mut node = Self::open_with(home, fresh_key()?)?;
            node.entity = entity;
            // keys that were in the backup open what is private
            node.load_secrets()?;
            return Ok(node);
        }
        let key = home.read_key(home.device_key_path())?;
        let node = Self::open_with(home, key)?;
        // before the lock was held another process may have renewed the key
        let now = node.home.read_key(node.home.device_key_path())?;
        if now.public() == node.key.public() {
            return Ok(node);
        }
        let home = node.home.clone();
        drop(node);
        Self::open_with(home, now)
    }

    /// Opens the store with a device key.
    pub(crate) fn open_with(home: Home, key: SecretKey) -> Result<Self, Failure> {
        let options = Options::new(random()?);
        let (store, opened) = Store::open(home.disk()?, Arc::new(EntryDecoder), options)?;
        let mut node = Self {
            home,
            store,
            opened,
            identities: BTreeMap::new(),
            entity: EntityId::ZERO,
            secrets: Secrets::default(),
            key,
            admission: Admission::default(),
            waiting: Waiting::new(WaitingLimits::default()),
            unproven: HashMap::new(),
            orders: HashMap::new(),
            forks: BTreeMap::new(),
            remembered: Remembered::default(),
            receipts: BTreeMap::new(),
            folding: None,
            arrivals: Arrivals::default(),
            written_to: Vec::new(),
            delivered: BTreeSet::new(),
            met: Met::default(),
            readers: HashMap::new(),
            skims: HashMap::new(),
            authors: RefCell::default(),
            held_root: None,
            clock_off: None,
            counted: Counted::default(),
            blobs: None,
        };
        node.load_others()?;
        let device = node.device();
        let own = node
            .identities
            .values()
            .find(|log| log.certificate(&device).is_some());
        node.entity = own.map_or(EntityId::ZERO, IdentityLog::entity);
        node.load_secrets()?;
        Ok(node)
    }

    /// Statements and fork proofs, which are few.
    fn load_others(&mut self) -> Result<(), Failure> {
        let mut statements = Vec::new();
        for record in self.store.others()? {
            match RecordKind::from_number(record.kind) {
                Some(RecordKind::Statement) => {
                    statements.extend(SignedStatement::decode(&record.bytes))
                }
                Some(RecordKind::ForkProof) => {
                    if let Ok(proof) = ForkProof::decode(&record.bytes)
                        && let Ok(feed) = proof.verify()
                        && proof.counts(&feed)
                        && self
                            .forks
                            .get(&feed)
                            .is_none_or(|(known, _)| proof.seq < *known)
                    {
                        self.forks.insert(feed, (proof.seq, record.bytes));
                    }
                }
                Some(RecordKind::Receipt) => self.load_receipt(record.bytes),
                _ => {}
            }
        }
        statements.sort_by_key(|signed| (signed.statement.entity, signed.statement.number));
        for signed in statements {
            let entity = signed.statement.entity;
            let log = self
                .identities
                .entry(entity)
                .or_insert_with(|| IdentityLog::new(entity));
            // what is stored was checked; a gap after damage leaves the rest out until it is read again
            let _ = log.add(signed);
        }
        Ok(())
    }

    /// Closes the store, which makes the next opening fast.
    pub fn close(self) -> Result<(), Failure> {
        Ok(self.store.close()?)
    }

    /// The entity whose device this is.
    pub fn entity(&self) -> EntityId {
        self.entity
    }

    /// The certificate of this device.
    pub fn certificate(&self) -> Option<Certificate> {
        self.identities
            .get(&self.entity)?
            .certificate(&self.device())
    }

    /// Takes in a statement: checked against its identity log, then stored. Gives whether it was news.
    pub fn take_in_statement(&mut self, signed: &SignedStatement) -> Result<bool, Failure> {
        let entity = signed.statement.entity;
        let hash = signed.statement.hash();
        let log = self
            .identities
            .entry(entity)
            .or_insert_with(|| IdentityLog::new(entity));
        log.add(signed.clone())
            .map_err(Failure::refused("an identity statement"))?;
        if self.store.contains(&EntryId(hash))? {
            return Ok(false);
        }
        let bytes = signed.encode();
        self.store
            .commit(&[Record::other(RecordKind::Statement.number(), &bytes, hash)])?;
        Ok(true)
    }

    /// The order of a topic, up to date.
    pub fn order(&mut self, topic: &TopicId) -> Result<&mut TopicOrder, Failure> {
        if !self.orders.contains_key(topic) {
            let order = self.load_order(topic)?.ok_or(Failure::NoTopic(*topic))?;
            self.orders.insert(*topic, order);
        }
        let order = self.orders.get_mut(topic).ok_or(Failure::NoTopic(*topic))?;
        order.settle();
        Ok(order)
    }

    /// The order into which a run belongs; it is made where the run begins its topic.
    pub(crate) fn order_for(
        &mut self,
        run: &RunView<'_>,
    ) -> Result<Option<&mut TopicOrder>, Failure> {
        let topic = run.feed.topic;
        if !self.orders.contains_key(&topic) {
            let loaded = match self.load_order(&topic)? {
                Some(order) => Some(order),
                None => {
                    let secrets = self.secrets.clone();
                    genesis_of(run).map(|genesis| TopicOrder::with_secrets(topic, genesis, secrets))
                }
            };
            if let Some(order) = loaded {
                self.orders.insert(topic, order);
            }
        }
        Ok(self.orders.get_mut(&topic))
    }

    /// Reads the entries of a topic and puts them in order.
    fn load_order(&self, topic: &TopicId) -> Result<Option<TopicOrder>, Failure> {
        let mut records = self.runs_of_topic(topic)?;
        records.sort_by_key(|record| record.0);
        let mut order: Option<TopicOrder> = None;
        // entries that were damaged and came again stand behind what builds on them
        let mut left: Vec<&[u8]> = records.iter().map(|(_, bytes)| &bytes[..]).collect();
        loop {
            let mut again = Vec::new();
            for bytes in &left {
                let Ok(run) = RunView::decode(bytes) else {
                    continue;
                };
                if order.is_none() {
                    let secrets = self.secrets.clone();
                    order = genesis_of(&run)
                        .map(|genesis| TopicOrder::with_secrets(*topic, genesis, secrets));
                }
                let whole = order.as_mut().is_some_and(|order| insert_run(order, &run));
                if !whole {
                    again.push(*bytes);
                }
            }
            if again.len() == left.len() || again.is_empty() {
                break;
            }
            left = again;
        }
        if let Some(order) = &mut order {
            for (feed, (seq, _)) in self.forks.iter().filter(|(feed, _)| feed.topic == *topic) {
                order.insert_fork(feed.author, *seq);
            }
        }
        Ok(order)
    }

    /// The runs of a topic with their positions; a damaged one is left out.
    pub(crate) fn runs_of_topic(&self, topic: &TopicId) -> Result<Vec<(u64, Vec<u8>)>, Failure> {
        let mut runs = BTreeMap::new();
        for feed in self.store.feeds_of(topic) {
            for (position, bytes) in self.runs_of_feed(&feed.key)? {
                runs.insert(position, bytes);
            }
        }
        Ok(runs.into_iter().collect())
    }

    /// The runs of a feed with their positions, all branches.
    pub(crate) fn runs_of_feed(&self, key: &FeedKey) -> Result<BTreeMap<u64, Vec<u8>>, Failure> {
        let mut runs = BTreeMap::new();
        self.visit_runs(key, &mut |position, bytes| {
            runs.entry(position).or_insert_with(|| bytes.to_vec());
            true
        })?;
        Ok(runs)
    }

    /// Visits the runs of a feed with their positions, all branches, until it is told to
    /// stop. One that lies in several branches may be visited more than once.
    pub(crate) fn visit_runs(
        &self,
        key: &FeedKey,
        visit: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), Failure> {
        let Some(state) = self.store.feed(key) else {
            return Ok(());
        };
        let height = state
            .branches
            .iter()
            .map(|branch| branch.height)
            .fold(state.height, u64::max);
        let forked = !state.branches.is_empty();
        let mut seq = 0;
        while seq < height {
            let mut next = seq + 1;
            for position in self.store.at_seq(key, seq)? {
                let Some(record) = read(&self.store, position)? else {
                    continue;
                };
                if !forked {
                    next = seq + u64::from(record.positions - record.index_in_run);
                }
                if !visit(record.first_position, &record.bytes) {
                    return Ok(());
                }
            }
            seq = next;
        }
        Ok(())
    }

    /// What the certificate at the front of a run says.
    pub(crate) fn certified_of(&self, run: &RunView<'_>) -> Option<Certified> {
        Certificate::verify_bytes(run.certificate?, &run.feed.author).ok()
    }
}

/// Puts a run into an order; `false` if ancestors are missing.
fn insert_run(order: &mut TopicOrder, run: &RunView<'_>) -> bool {
    let certificate = run
        .certificate
        .and_then(|bytes| Certificate::verify_bytes(bytes, &run.feed.author).ok());
    let mut certified = certificate;
    run.entries.iter().all(|entry| {
        order
            .insert(synlog_log::replica::order_entry(
                run,
                entry,
                certified.take(),
            ))
            .is_ok()
    })
}
