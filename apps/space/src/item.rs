//! Aggregates `item/<slug>`: what is offered, its revisions and its stock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synlog_reducer::cbor::Value;
use synlog_reducer::{Code, Id, Meta};

use crate::capability::at_ms;
use crate::code::{
    BAD_FIELD, BAD_IMAGE, BAD_SCHEMA, BAD_TRANSITION, FINAL, NOT_AVAILABLE, OVER_FREE,
    STALE_REVISION, STOCK_NEGATIVE, UNKNOWN_ITEM, UNKNOWN_TAKE,
};
use crate::field::{self, AMOUNT_MAX, DESCRIPTION_MAX, TITLE_MAX, WORD_MAX, require};
use crate::image::Image;
use crate::schema::{self, Price};
use crate::take::{ItemFree, ItemTake};
use crate::terms::{self, ReturnTerms, Term};

/// Revisions that are remembered, the current one included.
pub const REVISIONS_MAX: usize = 32;
/// Pictures of an item.
const IMAGES_MAX: usize = 16;
/// Groups of options, and choices of a group.
const OPTIONS_MAX: usize = 32;
/// Ways in which an item reaches the client.
pub const FULFILMENT: [&str; 4] = ["pickup", "delivery", "visit", "digital"];

/// Body of `item.put`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ItemPut {
    /// Its slug.
    pub item: String,
    /// `goods/1`, `service/1` or `osm/<key>=<value>`.
    pub schema: String,
    /// What people call it.
    pub title: String,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// Slug of the place where it is offered; it may be put later.
    #[serde(default)]
    pub place: Option<String>,
    /// Pictures.
    #[serde(default)]
    pub images: Option<Vec<Image>>,
    /// What it costs.
    pub price: Price,
    /// What the client chooses.
    #[serde(default)]
    pub options: Option<Vec<OptionGroup>>,
    /// How many there are, those that are taken included. Only where stock is not
    /// counted yet; later ones are passed over (`item.stock` counts on).
    #[serde(default)]
    pub stock: Option<i64>,
    /// By the schema.
    #[serde(default)]
    pub attributes: Option<BTreeMap<String, Value>>,
    /// Fees of cancelling; absent: those of the space.
    #[serde(default)]
    pub cancellation_terms: Option<Vec<Term>>,
    /// Terms of return; absent: those of the space.
    #[serde(default)]
    pub return_terms: Option<ReturnTerms>,
    /// Ways to the client: [`FULFILMENT`].
    #[serde(default)]
    pub fulfilment: Option<Vec<String>>,
    /// Ways of payment; absent: those of the space.
    #[serde(default)]
    pub payment: Option<Vec<String>>,
    /// `draft` or `active` in the first put (absent: `active`); later the state that the
    /// item has, or nothing.
    #[serde(default)]
    pub state: Option<String>,
}

/// A group of choices, such as the size of a pizza.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionGroup {
    /// What is chosen.
    pub name: String,
    /// How many must be chosen at least.
    pub min: i64,
    /// How many may be chosen at most.
    pub max: i64,
    /// What there is to choose.
    pub choices: Vec<Choice>,
}

/// One of a group of choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What it is called.
    pub name: String,
    /// What it adds to the price in minor units; may be negative.
    #[serde(default)]
    pub add_minor: i64,
}

/// Body of `item.stock`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ItemStock {
    /// The item.
    pub item: String,
    /// How many more there are, or fewer if it is negative.
    pub delta: i64,
}

/// Body of `item.state`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ItemState {
    /// The item.
    pub item: String,
    /// `active`, `paused` or `retired`.
    pub state: String,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Not offered yet.
    Draft,
    /// Offered.
    Active,
    /// Not offered for now.
    Paused,
    /// Never offered again.
    Retired,
}

impl Stage {
    /// Its name in events and rows.
    pub fn text(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Retired => "retired",
        }
    }

    fn read(text: &str) -> Result<Self, Code> {
        let stages = [Self::Draft, Self::Active, Self::Paused, Self::Retired];
        let mut stages = stages.into_iter();
        stages.find(|stage| stage.text() == text).ok_or(BAD_FIELD)
    }

    /// draft → active ⇄ paused → retired; what is a draft or active may also be retired at once.
    fn may_become(self, next: Self) -> bool {
        match next {
            Self::Draft => false,
            Self::Active => matches!(self, Self::Draft | Self::Paused),
            Self::Paused => self == Self::Active,
            Self::Retired => self != Self::Retired,
        }
    }
}

/// What the current revision says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its schema.
    pub schema: String,
    /// What people call it.
    pub title: String,
    /// What it is.
    pub description: Option<String>,
    /// Slug of the place where it is offered.
    pub place: Option<String>,
    /// Pictures.
    pub images: Vec<Image>,
    /// What it costs.
    pub price: Price,
    /// What the client chooses.
    pub options: Vec<OptionGroup>,
    /// By the schema.
    pub attributes: BTreeMap<String, Value>,
    /// Fees of cancelling; `None`: those of the space.
    pub cancellation_terms: Option<Vec<Term>>,
    /// Terms of return; `None`: those of the space.
    pub return_terms: Option<ReturnTerms>,
    /// Ways to the client.
    pub fulfilment: Vec<String>,
    /// Ways of payment; `None`: those of the space.
    pub payment: Option<Vec<String>>,
}

/// What is remembered of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The entry that put it.
    pub id: Id,
    /// When it was put, UTC ms by its writer's clock.
    pub at_ms: i64,
    /// What it was called.
    pub title: String,
    /// What it cost.
    pub price: Price,
}

/// The state of the aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where it stands.
    pub stage: Stage,
    /// What the current revision says.
    pub offer: Offer,
    /// The last [`REVISIONS_MAX`] revisions, the current one last.
    pub revisions: Vec<Revision>,
    /// How many revisions there were.
    pub revision_count: u64,
    /// How many there are, those that are taken included; `None`: not counted.
    pub count: Option<i64>,
    /// How many are taken.
    pub taken: i64,
}

impl Item {
    /// How many can still be taken; `None`: not counted.
    pub fn stock(&self) -> Option<i64> {
        self.count.map(|count| count - self.taken)
    }

    /// The entry of the current revision.
    pub fn revision(&self) -> Option<Id> {
        self.revisions.last().map(|revision| revision.id)
    }

    /// Sets counts of which neither what there is nor what is left may be negative.
    fn count(&mut self, count: Option<i64>, taken: i64) -> Result<(), Code> {
        require((0..=AMOUNT_MAX).contains(&taken))?;
        if let Some(count) = count {
            require(count <= AMOUNT_MAX)?;
            if count < taken {
                return Err(STOCK_NEGATIVE);
            }
        }
        (self.count, self.taken) = (count, taken);
        Ok(())
    }
}

/// The item, which must exist and not be retired.
fn living(state: &mut Option<Item>) -> Result<&mut Item, Code> {
    let item = state.as_mut().ok_or(UNKNOWN_ITEM)?;
    if item.stage == Stage::Retired {
        return Err(FINAL);
    }
    Ok(item)
}

/// `item.put`: a new item, or a new revision of one.
pub(crate) fn put(state: &mut Option<Item>, event: &ItemPut, meta: &Meta<'_>) -> Result<(), Code> {
    if state.is_some() {
        living(state)?;
    }
    let offer = offer(event)?;
    let given = event.state.as_deref().map(Stage::read).transpose()?;
    let revision = Revision {
        id: Id(meta.id),
        at_ms: at_ms(meta),
        title: offer.title.clone(),
        price: offer.price.clone(),
    };
    match state {
        None => {
            let stage = given.unwrap_or(Stage::Active);
            if !matches!(stage, Stage::Draft | Stage::Active) {
                return Err(BAD_TRANSITION);
            }
            let mut item = Item {
                stage,
                offer,
                revisions: vec![revision],
                revision_count: 1,
                count: None,
                taken: 0,
            };
            item.count(event.stock, 0)?;
            *state = Some(item);
        }
        Some(item) => {
            if given.is_some_and(|stage| stage != item.stage) {
                return Err(BAD_TRANSITION);
            }
            item.count(item.count.or(event.stock), item.taken)?;
            item.offer = offer;
            if item.revisions.len() >= REVISIONS_MAX {
                item.revisions.remove(0);
            }
            item.revisions.push(revision);
            item.revision_count += 1;
        }
    }
    Ok(())
}

/// Checks what a put says. Wrong contents are `bad_schema`, as a search would miss them.
fn offer(event: &ItemPut) -> Result<Offer, Code> {
    let offer = Offer {
        schema: event.schema.clone(),
        title: event.title.clone(),
        description: event.description.clone(),
        place: event.place.clone(),
        images: event.images.clone().unwrap_or_default(),
        price: event.price.clone(),
        options: event.options.clone().unwrap_or_default(),
        attributes: event.attributes.clone().unwrap_or_default(),
        cancellation_terms: event.cancellation_terms.clone(),
        return_terms: event.return_terms.clone(),
        fulfilment: event.fulfilment.clone().unwrap_or_default(),
        payment: event.payment.clone(),
    };
    schema::check(&offer.schema, &offer.price, &offer.attributes)?;
    if !offer.images.iter().all(Image::is_right) {
        return Err(BAD_IMAGE);
    }
    fields_are_right(&offer).map_err(|_| BAD_SCHEMA)?;
    Ok(offer)
}

fn fields_are_right(offer: &Offer) -> Result<(), Code> {
    field::line(&offer.title, TITLE_MAX)?;
    field::text_if(&offer.description, DESCRIPTION_MAX)?;
    field::slug_if(&offer.place)?;
    require(offer.images.len() <= IMAGES_MAX)?;
    require(offer.options.len() <= OPTIONS_MAX)?;
    for group in &offer.options {
        field::line(&group.name, TITLE_MAX)?;
        require(group.choices.len() <= OPTIONS_MAX)?;
        require(0 <= group.min && group.min <= group.max && group.max >= 1)?;
        require(group.max <= group.choices.len() as i64)?;
        for choice in &group.choices {
            field::line(&choice.name, TITLE_MAX)?;
            require((-AMOUNT_MAX..=AMOUNT_MAX).contains(&choice.add_minor))?;
        }
    }
    terms::check_terms(offer.cancellation_terms.as_deref().unwrap_or_default())?;
    terms::check_return(&offer.return_terms)?;
    require(offer.fulfilment.len() <= FULFILMENT.len())?;
    require(
        offer
            .fulfilment
            .iter()
            .all(|way| FULFILMENT.contains(&&way[..])),
    )?;
    field::lines(
        offer.payment.as_deref().unwrap_or_default(),
        OPTIONS_MAX,
        WORD_MAX,
    )
}

/// `item.stock`: counts on, or begins to count.
pub(crate) fn stock(state: &mut Option<Item>, event: &ItemStock) -> Result<(), Code> {
    let item = living(state)?;
    require((-AMOUNT_MAX..=AMOUNT_MAX).contains(&event.delta))?;
    item.count(Some(item.count.unwrap_or(0) + event.delta), item.taken)
}

/// `item.state`.
pub(crate) fn stage(state: &mut Option<Item>, event: &ItemState) -> Result<(), Code> {
    let item = living(state)?;
    let next = Stage::read(&event.state)?;
    if !item.stage.may_become(next) {
        return Err(BAD_TRANSITION);
    }
    item.stage = next;
    Ok(())
}

/// `item.take`, as far as it concerns the item: its take is an aggregate of its own.
pub(crate) fn take(state: &mut Option<Item>, event: &ItemTake) -> Result<(), Code> {
    let item = living(state)?;
    if item.stage != Stage::Active {
        return Err(NOT_AVAILABLE);
    }
    if item.revision() != Some(event.revision) {
        return Err(STALE_REVISION);
    }
    require((1..=AMOUNT_MAX).contains(&event.quantity))?;
    item.count(item.count, item.taken + event.quantity)
}

/// `item.free`, as far as it concerns the item. That the take holds so many is checked there.
pub(crate) fn free(state: &mut Option<Item>, event: &ItemFree) -> Result<(), Code> {
    let item = living(state)?;
    require((1..=AMOUNT_MAX).contains(&event.quantity))?;
    if item.taken == 0 {
        return Err(UNKNOWN_TAKE);
    }
    if event.quantity > item.taken {
        return Err(OVER_FREE);
    }
    item.count(item.count, item.taken - event.quantity)
}
