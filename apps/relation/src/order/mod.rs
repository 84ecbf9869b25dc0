//! An order: five axes that move on their own (what was agreed, payment, fulfilment,
//! returns, dispute), each in its file.

pub mod cancel;
pub mod commercial;
pub mod dispute;
pub mod fulfilment;
pub mod payment;
pub mod quote;
pub mod returns;

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Hash16, Id, Meta};

use crate::party::{BAD_TRANSITION, EXPIRED, Feeds, Party, actor};
use cancel::Cancelled;
use commercial::Commercial;
use dispute::Dispute;
use fulfilment::FulfilmentLeg;
use payment::PaymentLeg;
use quote::Offer;
use returns::Return;

/// Lines of an order.
pub const LINES_MAX: usize = 32;
/// Options of a line.
pub const OPTIONS_MAX: usize = 16;
/// Orders linked to one.
pub const LINKS_MAX: usize = 16;

/// What is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Topic of the space that offers it.
    pub space: Id,
    /// Name of the item there.
    pub item: String,
    /// The entry of the item's revision that the client saw.
    pub revision: Id,
    /// What it is, for people.
    pub title: Option<String>,
    /// How many, above zero.
    pub quantity: i64,
    /// What was chosen.
    #[serde(default)]
    pub options: Vec<String>,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// UTC ms.
    pub start: i64,
    /// UTC ms, after the start.
    pub end: i64,
}

/// What the client agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The entry `order.agree`.
    pub entry: Id,
    /// The entry with the offer.
    pub quote: Id,
    /// The offer, frozen.
    pub offer: Offer,
    /// Who may review.
    pub holder: Id,
    /// So that the grant is used once.
    pub tag: Hash16,
    /// Clock of that entry.
    pub hlc: u64,
}

/// The confirm, and how far the device that wrote it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The device.
    pub device: Id,
    /// The number of the confirm in its feed.
    pub seq: u64,
    /// UTC ms by its clock.
    pub at_ms: i64,
}

/// The completion, and how far the device that wrote it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// Who completed it.
    pub by: Party,
    /// The device.
    pub device: Id,
    /// The number of the entry in its feed.
    pub seq: u64,
    /// UTC ms by its clock.
    pub at_ms: i64,
}

/// The state of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The entry that requested it.
    pub id: Id,
    /// Who ordered.
    pub client: Id,
    /// Who quoted first.
    pub provider: Option<Id>,
    /// What was agreed.
    pub commercial: Commercial,
    /// What is ordered; never changes.
    pub lines: Vec<Line>,
    /// Where to.
    pub place: Option<String>,
    /// When.
    pub window: Option<Window>,
    /// For people.
    pub note: Option<String>,
    /// What the preimage given at the door must hash to.
    pub handover_hash: Option<Id>,
    /// Number of the latest offer.
    pub revision: i64,
    /// The offer that the client can agree to, with its entry.
    pub offered: Option<(Id, Offer)>,
    /// What the client asked for instead: note, total in minor units.
    pub countered: Option<(Option<String>, Option<i64>)>,
    /// What was agreed last.
    pub agreed: Option<Agreement>,
    /// Lines whose take has been proven, with the entry of the take.
    pub taken: Vec<(i64, Id)>,
    /// The confirm.
    pub confirmed: Option<Confirmed>,
    /// The completion.
    pub completed: Option<Completed>,
    /// Payment.
    pub payments: Vec<PaymentLeg>,
    /// Fulfilment.
    pub fulfilments: Vec<FulfilmentLeg>,
    /// Returns.
    pub returns: Vec<Return>,
    /// The last dispute.
    pub dispute: Option<Dispute>,
    /// How it was cancelled.
    pub cancelled: Option<Cancelled>,
    /// Why it was declined.
    pub declined: Option<String>,
    /// Orders that belong to it: id and role.
    pub links: Vec<(Id, String)>,
    /// When it changed last: UTC ms by the writer's clock.
    pub updated_ms: i64,
    /// How far each feed was applied.
    pub feeds: Feeds,
}

impl Order {
    /// What every event on an order must be: written once, by a party to it, on an order
    /// that did not expire. Errors: `duplicate`, `wrong_actor`, `expired`.
    pub fn admit(&mut self, meta: &Meta<'_>) -> Result<Party, Code> {
        self.feeds.note(meta)?;
        let party = Party::of(meta)?;
        match party {
            Party::Client => actor(self.client.0 == meta.entity)?,
            Party::Provider => {
                actor(self.client.0 != meta.entity)?;
                actor(self.provider.is_none_or(|known| known.0 == meta.entity))?;
            }
            Party::Arbiter => actor(self.arbiter() == Some(Id(meta.entity)))?,
            Party::Deliverer => (),
        }
        if self.commercial == Commercial::Expired {
            return Err(EXPIRED);
        }
        self.updated_ms = crate::party::at_ms(meta);
        Ok(party)
    }

    /// The arbiter in what was agreed.
    pub fn arbiter(&self) -> Option<Id> {
        self.agreed.as_ref().and_then(|agreed| agreed.offer.arbiter)
    }

    /// What was agreed. Error: `bad_transition` where nothing was.
    pub(crate) fn agreement(&self) -> Result<&Agreement, Code> {
        self.agreed.as_ref().ok_or(BAD_TRANSITION)
    }

    /// Whether a dispute is open.
    pub fn disputed(&self) -> bool {
        let state = self.dispute.as_ref().map(|dispute| dispute.state);
        state == Some(dispute::State::Open)
    }

    /// Whether it is confirmed and neither completed nor cancelled.
    pub fn running(&self) -> bool {
        matches!(
            self.commercial,
            Commercial::Confirmed | Commercial::InProgress
        )
    }
}
