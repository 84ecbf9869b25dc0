//! requested → quoted ⇄ countered → agreed → confirmed → in progress → completed; exits
//! declined, expired, cancelled.

use serde::{Deserialize, Serialize};
use synlog_reducer::{Code, Hash16, Id, Meta, Money};

use super::quote::{Offer, known_line};
use super::{
    Agreement, Completed, Confirmed, LINES_MAX, LINKS_MAX, Line, OPTIONS_MAX, Order, Window,
};
use crate::evidence::{NO_TAKE, Stock, review_granted, stock_taken};
use crate::party::{
    DUPLICATE, Feeds, NOTE_MAX, Party, TITLE_MAX, actor, at_ms, few, possible, short, short_if,
    slug, sound,
};

/// Another quote stands, or this one is past its time.
pub const STALE_QUOTE: Code = "stale_quote";
/// The silence after which the provider may complete is not over.
pub const TOO_EARLY: Code = "too_early";
/// A dispute is open.
pub const DISPUTED: Code = "disputed";

/// The commercial axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of the states say it")]
pub enum Commercial {
    Requested,
    Quoted,
    Countered,
    Agreed,
    Confirmed,
    InProgress,
    Completed,
    Declined,
    Expired,
    Cancelled,
}

impl Commercial {
    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Quoted => "quoted",
            Self::Countered => "countered",
            Self::Agreed => "agreed",
            Self::Confirmed => "confirmed",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Before the client agreed.
    pub fn open(self) -> bool {
        matches!(self, Self::Requested | Self::Quoted | Self::Countered)
    }
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)+ })+) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind,)+ })+
    };
}
pub(crate) use bodies;

bodies! {
    /// Body of `order.request`.
    Request {
        /// What is ordered.
        lines: Vec<Line>,
        /// Where to.
        place: Option<String>,
        /// When.
        window: Option<Window>,
        /// For people.
        note: Option<String>,
        /// [`crate::evidence::handover_hash`] of a secret that the client gives at the door.
        handover_hash: Option<Id>,
    }
    /// Body of `order.counter`.
    Counter {
        /// The order.
        order: Id,
        /// The entry with the offer.
        quote: Id,
        /// What the client wants.
        note: Option<String>,
        /// What it would pay.
        total: Option<Money>,
    }
    /// Body of `order.agree`.
    Agree {
        /// The order.
        order: Id,
        /// The entry with the offer.
        quote: Id,
        /// Binds the right to review to the client without naming it.
        holder: Id,
        /// Random.
        tag: Hash16,
    }
    /// Stock that was taken for a line.
    Take {
        /// The line.
        line: i64,
        /// The entry `item.take`, carried as evidence.
        take: Id,
        /// Opens its commitment.
        r: Id,
    }
    /// Body of `order.reserve`: takes that find no room in the confirm.
    Reserve {
        /// The order.
        order: Id,
        /// What was taken.
        takes: Vec<Take>,
    }
    /// Body of `order.confirm`.
    Confirm {
        /// The order.
        order: Id,
        /// The entry `order.agree`.
        agree: Id,
        /// What was taken.
        takes: Option<Vec<Take>>,
    }
    /// Body of `order.decline` and `order.cancel`.
    Reason {
        /// The order.
        order: Id,
        /// Why.
        reason: Option<String>,
    }
    /// Body of `order.expire` and `order.complete`.
    Only {
        /// The order.
        order: Id,
    }
    /// Body of `order.link`.
    Link {
        /// The order.
        order: Id,
        /// The other order, which may be in another topic.
        child: Id,
        /// What it is to this one: `delivery`, `period`, …
        role: String,
    }
}

/// `order.request`. Errors: `duplicate`, `wrong_actor`, `bad_value`, `too_many`, `too_long`.
pub fn request(state: &Option<Order>, event: &Request, meta: &Meta<'_>) -> Result<Order, Code> {
    if state.is_some() {
        return Err(DUPLICATE);
    }
    actor(Party::of(meta)? == Party::Client)?;
    few(&event.lines, LINES_MAX)?;
    sound(!event.lines.is_empty())?;
    for line in &event.lines {
        slug(&line.item)?;
        short_if(line.title.as_deref(), TITLE_MAX)?;
        few(&line.options, OPTIONS_MAX)?;
        for option in &line.options {
            short(option, TITLE_MAX)?;
        }
        sound(line.quantity > 0)?;
    }
    short_if(event.place.as_deref(), NOTE_MAX)?;
    short_if(event.note.as_deref(), NOTE_MAX)?;
    sound(event.window.is_none_or(|window| window.start < window.end))?;
    let mut feeds = Feeds::default();
    feeds.note(meta)?;
    Ok(Order {
        id: Id(meta.id),
        client: Id(meta.entity),
        provider: None,
        commercial: Commercial::Requested,
        lines: event.lines.clone(),
        place: event.place.clone(),
        window: event.window,
        note: event.note.clone(),
        handover_hash: event.handover_hash,
        revision: 0,
        offered: None,
        countered: None,
        agreed: None,
        taken: Vec::new(),
        confirmed: None,
        completed: None,
        payments: Vec::new(),
        fulfilments: Vec::new(),
        returns: Vec::new(),
        dispute: None,
        cancelled: None,
        declined: None,
        links: Vec::new(),
        updated_ms: at_ms(meta),
        feeds,
    })
}

impl Order {
    /// `order.quote` before the client agreed, `order.revise` after. A revision changes
    /// nothing until the client agrees. Errors: those of [`Offer::check`], `stale_quote`
    /// (not the next number), `overpay` (less than was paid), `bad_transition`.
    pub fn offer(
        &mut self,
        revise: bool,
        offer: &Offer,
        party: Party,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(match revise {
            false => self.commercial.open(),
            true => self.commercial == Commercial::Agreed || self.running(),
        })?;
        if Some(offer.revision) != self.revision.checked_add(1) {
            return Err(STALE_QUOTE);
        }
        offer.check(&self.lines, &self.client, meta)?;
        self.merged_payments(offer)?;
        self.merged_fulfilments(offer)?;
        self.revision = offer.revision;
        self.provider = Some(Id(meta.entity));
        self.offered = Some((Id(meta.id), offer.clone()));
        self.countered = None;
        if !revise {
            self.commercial = Commercial::Quoted;
        }
        Ok(())
    }

    /// `order.counter`. Errors: `stale_quote`, `bad_transition`, `wrong_actor`.
    pub fn counter(&mut self, event: &Counter, party: Party) -> Result<(), Code> {
        actor(party == Party::Client)?;
        possible(matches!(
            self.commercial,
            Commercial::Quoted | Commercial::Countered
        ))?;
        self.standing(&event.quote)?;
        short_if(event.note.as_deref(), NOTE_MAX)?;
        let total = event.total.as_ref().map(|total| total.minor);
        sound(total.unwrap_or(0) >= 0)?;
        self.countered = Some((event.note.clone(), total));
        self.commercial = Commercial::Countered;
        Ok(())
    }

    fn standing(&self, quote: &Id) -> Result<&Offer, Code> {
        match &self.offered {
            Some((entry, offer)) if entry == quote => Ok(offer),
            _ => Err(STALE_QUOTE),
        }
    }

    /// `order.agree`, to a quote or a revision. Errors: `stale_quote`, `overpay`,
    /// `bad_transition`, `wrong_actor`.
    pub fn agree(&mut self, event: &Agree, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(party == Party::Client)?;
        possible(
            self.commercial.open() || self.commercial == Commercial::Agreed || self.running(),
        )?;
        let offer = self.standing(&event.quote)?.clone();
        if at_ms(meta) > offer.valid_until {
            return Err(STALE_QUOTE);
        }
        self.payments = self.merged_payments(&offer)?;
        self.fulfilments = self.merged_fulfilments(&offer)?;
        // what was confirmed has been granted to this holder already
        let (holder, tag) = match &self.agreed {
            Some(agreed) if self.confirmed.is_some() => (agreed.holder, agreed.tag),
            _ => (event.holder, event.tag),
        };
        self.agreed = Some(Agreement {
            entry: Id(meta.id),
            quote: event.quote,
            offer,
            holder,
            tag,
            hlc: meta.hlc,
        });
        self.offered = None;
        self.countered = None;
        if !self.running() {
            self.commercial = Commercial::Agreed;
        }
        Ok(())
    }

    /// `order.reserve`. Errors: `no_take`, `bad_transition`, `wrong_actor`.
    pub fn reserve(&mut self, event: &Reserve, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(self.commercial == Commercial::Agreed)?;
        self.take(&event.takes, meta)
    }

    fn take(&mut self, takes: &[Take], meta: &Meta<'_>) -> Result<(), Code> {
        for take in takes {
            let line = known_line(take.line, &self.lines).ok_or(NO_TAKE)?;
            let used = |(line, entry): &(i64, Id)| *line == take.line || *entry == take.take;
            if self.taken.iter().any(used) {
                return Err(NO_TAKE);
            }
            let line = &self.lines[line];
            let stock = Stock {
                space: &line.space,
                item: &line.item,
                revision: &line.revision,
                quantity: line.quantity,
            };
            stock_taken(meta, &take.take, &take.r, &self.id, &stock)?;
            self.taken.push((take.line, take.take));
        }
        Ok(())
    }

    /// `order.confirm`. Errors: `stale_quote` (another agree stands), `no_take`,
    /// `no_grant`, `bad_transition`, `wrong_actor`.
    pub fn confirm(&mut self, event: &Confirm, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(self.commercial == Commercial::Agreed)?;
        let agreed = self.agreement()?.clone();
        if agreed.entry != event.agree {
            return Err(STALE_QUOTE);
        }
        self.take(event.takes.as_deref().unwrap_or_default(), meta)?;
        for line in &agreed.offer.takes {
            if !self.taken.iter().any(|(taken, _)| taken == line) {
                return Err(NO_TAKE);
            }
        }
        review_granted(meta, &agreed.holder, &agreed.tag)?;
        self.commercial = Commercial::Confirmed;
        self.confirmed = Some(Confirmed {
            device: Id(meta.author),
            seq: meta.seq,
            at_ms: at_ms(meta),
        });
        Ok(())
    }

    /// `order.decline`. Errors: `bad_transition`, `wrong_actor`, `too_long`.
    pub fn decline(&mut self, event: &Reason, party: Party) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(self.commercial.open() || self.commercial == Commercial::Agreed)?;
        short_if(event.reason.as_deref(), NOTE_MAX)?;
        self.declined = Some(event.reason.clone().unwrap_or_default());
        self.commercial = Commercial::Declined;
        Ok(())
    }

    /// `order.expire`: the provider says that the time of the quote, or of a request
    /// without one, has passed. Errors: `too_early`, `bad_transition`, `wrong_actor`.
    pub fn expire(&mut self, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(party == Party::Provider)?;
        possible(self.commercial.open())?;
        let until = match (&self.offered, self.window) {
            (Some((_, offer)), _) => Some(offer.valid_until),
            (None, window) => window.map(|window| window.end),
        };
        if until.is_none_or(|until| at_ms(meta) <= until) {
            return Err(TOO_EARLY);
        }
        self.commercial = Commercial::Expired;
        Ok(())
    }

    /// `order.complete`. Errors: `disputed`, `too_early`, `bad_transition`, `wrong_actor`.
    pub fn complete(&mut self, party: Party, meta: &Meta<'_>) -> Result<(), Code> {
        actor(matches!(party, Party::Client | Party::Provider))?;
        possible(self.running() && self.all_fulfilled())?;
        if self.disputed() {
            return Err(DISPUTED);
        }
        if party == Party::Provider {
            let silence_s = self.agreement()?.offer.silence_s.ok_or(TOO_EARLY)?;
            let ends_ms = silence_s
                .checked_mul(1_000)
                .and_then(|silence_ms| silence_ms.checked_add(self.fulfilled_ms()));
            if ends_ms.is_none_or(|ends_ms| at_ms(meta) < ends_ms) {
                return Err(TOO_EARLY);
            }
        }
        self.completed = Some(Completed {
            by: party,
            device: Id(meta.author),
            seq: meta.seq,
            at_ms: at_ms(meta),
        });
        self.offered = None;
        self.commercial = Commercial::Completed;
        Ok(())
    }

    /// `order.link`. Errors: `duplicate`, `too_many`, `wrong_actor`.
    pub fn link(&mut self, event: &Link, party: Party) -> Result<(), Code> {
        actor(matches!(party, Party::Client | Party::Provider))?;
        possible(
            self.commercial.open() || self.commercial == Commercial::Agreed || self.running(),
        )?;
        slug(&event.role)?;
        if event.child == self.id || self.links.iter().any(|(child, _)| *child == event.child) {
            return Err(DUPLICATE);
        }
        if self.links.len() == LINKS_MAX {
            return Err(crate::party::TOO_MANY);
        }
        self.links.push((event.child, event.role.clone()));
        Ok(())
    }
}
