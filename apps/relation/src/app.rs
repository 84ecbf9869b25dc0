//! The events, the aggregates that they touch, and where each goes.

use serde::{Deserialize, Serialize};
use synlog_reducer::{App, Code, Id, Keys, Manifest, Meta, Rows, events, reducer};

use crate::booking::{self, Booking};
use crate::order::{Order, cancel, commercial, dispute, fulfilment, payment, quote, returns};
use crate::relation::{self, Relation};

/// There is no such order.
pub const UNKNOWN_ORDER: Code = "unknown_order";
/// There is no such booking.
pub const UNKNOWN_BOOKING: Code = "unknown_booking";
/// Key of the relation itself.
pub const RELATION_KEY: &str = "relation";

events! {
    /// What happens between the two.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Event {
        "relation.open" => RelationOpen(relation::Open),
        "relation.accept" => RelationAccept(relation::Nothing),
        "relation.close" => RelationClose(relation::Nothing),
        "message.post" => Post(relation::Post),
        "order.request" => Request(commercial::Request),
        "order.quote" => Quote(quote::Offer),
        "order.counter" => Counter(commercial::Counter),
        "order.agree" => Agree(commercial::Agree),
        "order.reserve" => Reserve(commercial::Reserve),
        "order.confirm" => Confirm(commercial::Confirm),
        "order.decline" => Decline(commercial::Reason),
        "order.revise" => Revise(quote::Offer),
        "order.expire" => Expire(commercial::Only),
        "order.complete" => Complete(commercial::Only),
        "order.cancel" => Cancel(commercial::Reason),
        "order.receipt" => Receipt(cancel::Delivered),
        "order.link" => Link(commercial::Link),
        "pay.claim" => PayClaim(payment::Pay),
        "pay.ack" => PayAck(payment::Pay),
        "pay.refund" => PayRefund(payment::Pay),
        "pay.hold" => PayHold(payment::Pay),
        "pay.release" => PayRelease(payment::Pay),
        "pay.split" => PaySplit(payment::Split),
        "fulfil.state" => Fulfil(fulfilment::Progress),
        "fulfil.proof" => Prove(fulfilment::Proof),
        "return.request" => ReturnRequest(returns::ReturnRequest),
        "return.approve" => ReturnApprove(returns::ReturnAnswer),
        "return.decline" => ReturnDecline(returns::ReturnAnswer),
        "return.received" => ReturnReceived(returns::ReturnAnswer),
        "dispute.open" => DisputeOpen(dispute::Open),
        "dispute.rule" => DisputeRule(dispute::Rule),
        "dispute.accept" => DisputeAccept(commercial::Only),
        "booking.request" => BookingRequest(booking::Request),
        "booking.hold" => BookingHold(booking::Hold),
        "booking.confirm" => BookingConfirm(booking::Confirm),
        "booking.decline" => BookingDecline(booking::Reason),
        "booking.reschedule" => BookingReschedule(booking::Reschedule),
        "booking.release" => BookingRelease(booking::Reason),
        "booking.cancel" => BookingCancel(booking::Reason),
        "booking.attended" => BookingAttended(booking::Reason),
        "booking.no_show" => BookingNoShow(booking::Reason),
        "booking.contest" => BookingContest(booking::Reason),
    }
}

/// The state of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Key `relation`.
    Relation(Relation),
    /// Keys `order/ID`.
    Order(Box<Order>),
    /// Keys `booking/ID`.
    Booking(Box<Booking>),
}

/// The app.
#[derive(Debug, Clone, Copy)]
pub struct RelationApp;

/// Joined by hand: the formatting machinery is much of a small module.
fn key_of(prefix: &str, id: &Id) -> String {
    let mut key = String::from(prefix);
    key.push_str(&id.hex());
    key
}

fn order_key(order: &Id) -> String {
    key_of("order/", order)
}

fn booking_key(booking: &Id) -> String {
    key_of("booking/", booking)
}

impl App for RelationApp {
    type State = State;
    type Event = Event;

    const TABLES: &'static [&'static str] = crate::rows::TABLES;

    fn manifest() -> Manifest {
        crate::manifest::manifest()
    }

    fn keys(event: &Event, meta: &Meta<'_>) -> Result<Keys, Code> {
        use Event as E;
        let own = Id(meta.id);
        Ok(match event {
            E::RelationOpen(_) | E::RelationAccept(_) | E::RelationClose(_) | E::Post(_) => {
                Keys::one(RELATION_KEY)
            }
            // a closed relation takes no more of them
            E::Request(_) => Keys::one(RELATION_KEY).and(order_key(&own)),
            E::BookingRequest(_) => Keys::one(RELATION_KEY).and(booking_key(&own)),
            E::Quote(e) | E::Revise(e) => Keys::one(order_key(&e.order)),
            E::Counter(e) => Keys::one(order_key(&e.order)),
            E::Agree(e) => Keys::one(order_key(&e.order)),
            E::Reserve(e) => Keys::one(order_key(&e.order)),
            E::Confirm(e) => Keys::one(order_key(&e.order)),
            E::Decline(e) | E::Cancel(e) => Keys::one(order_key(&e.order)),
            E::Expire(e) | E::Complete(e) | E::DisputeAccept(e) => Keys::one(order_key(&e.order)),
            E::Receipt(e) => Keys::one(order_key(&e.order)),
            E::Link(e) => Keys::one(order_key(&e.order)),
            E::PayClaim(e) | E::PayAck(e) | E::PayRefund(e) | E::PayHold(e) | E::PayRelease(e) => {
                Keys::one(order_key(&e.order))
            }
            E::PaySplit(e) => Keys::one(order_key(&e.order)),
            E::Fulfil(e) => Keys::one(order_key(&e.order)),
            E::Prove(e) => Keys::one(order_key(&e.order)),
            E::ReturnRequest(e) => Keys::one(order_key(&e.order)),
            E::ReturnApprove(e) | E::ReturnDecline(e) | E::ReturnReceived(e) => {
                Keys::one(order_key(&e.order))
            }
            E::DisputeOpen(e) => Keys::one(order_key(&e.order)),
            E::DisputeRule(e) => Keys::one(order_key(&e.order)),
            E::BookingHold(e) => Keys::one(booking_key(&e.booking)),
            E::BookingConfirm(e) => Keys::one(booking_key(&e.booking)),
            E::BookingReschedule(e) => Keys::one(booking_key(&e.booking)),
            E::BookingDecline(e)
            | E::BookingRelease(e)
            | E::BookingCancel(e)
            | E::BookingAttended(e)
            | E::BookingNoShow(e)
            | E::BookingContest(e) => Keys::one(booking_key(&e.booking)),
        })
    }

    fn apply(
        state: &mut Option<State>,
        key: &str,
        event: &Event,
        meta: &Meta<'_>,
    ) -> Result<(), Code> {
        if key == RELATION_KEY {
            return apply_relation(state, event, meta);
        }
        match (event, &mut *state) {
            (Event::Request(request), None) => {
                let order = commercial::request(&None, request, meta)?;
                *state = Some(State::Order(Box::new(order)));
                Ok(())
            }
            (Event::BookingRequest(request), None) => {
                let booking = booking::request(&None, request, meta)?;
                *state = Some(State::Booking(Box::new(booking)));
                Ok(())
            }
            (_, None) if key.starts_with("booking/") => Err(UNKNOWN_BOOKING),
            (_, None) => Err(UNKNOWN_ORDER),
            (_, Some(State::Order(order))) => apply_order(order, event, meta),
            (_, Some(State::Booking(booking))) => apply_booking(booking, event, meta),
            // its key is another
            (_, Some(State::Relation(_))) => Err(UNKNOWN_ORDER),
        }
    }

    fn rows(_key: &str, state: &State, rows: &mut Rows) {
        match state {
            State::Relation(relation) => crate::rows::relation(relation, rows),
            State::Order(order) => crate::rows::order(order, rows),
            State::Booking(booking) => crate::rows::booking(booking, rows),
        }
    }
}

fn apply_relation(state: &mut Option<State>, event: &Event, meta: &Meta<'_>) -> Result<(), Code> {
    if matches!(event, Event::Request(_) | Event::BookingRequest(_)) {
        return match state {
            Some(State::Relation(relation)) => relation.takes_requests(meta),
            _ => Ok(()),
        };
    }
    let state = state.get_or_insert_with(|| State::Relation(Relation::default()));
    let State::Relation(relation) = state else {
        return Err(UNKNOWN_ORDER);
    };
    match event {
        Event::RelationOpen(event) => relation.open(event, meta),
        Event::RelationAccept(_) => relation.accept(meta),
        Event::RelationClose(event) => relation.close(event, meta),
        Event::Post(event) => relation.post(event, meta),
        _ => Err(UNKNOWN_ORDER),
    }
}

fn apply_order(order: &mut Order, event: &Event, meta: &Meta<'_>) -> Result<(), Code> {
    use Event as E;
    let party = order.admit(meta)?;
    match event {
        E::Request(_) => Err(crate::party::DUPLICATE),
        E::Quote(e) => order.offer(false, e, party, meta),
        E::Revise(e) => order.offer(true, e, party, meta),
        E::Counter(e) => order.counter(e, party),
        E::Agree(e) => order.agree(e, party, meta),
        E::Reserve(e) => order.reserve(e, party, meta),
        E::Confirm(e) => order.confirm(e, party, meta),
        E::Decline(e) => order.decline(e, party),
        E::Expire(_) => order.expire(party, meta),
        E::Complete(_) => order.complete(party, meta),
        E::Cancel(e) => order.cancel(e, party, meta),
        E::Receipt(e) => order.receipt(e, party, meta),
        E::Link(e) => order.link(e, party),
        E::PayClaim(e) => order.pay_claim(e, party),
        E::PayAck(e) => order.pay_receive(false, e, party),
        E::PayHold(e) => order.pay_receive(true, e, party),
        E::PayRefund(e) => order.pay_refund(e, party),
        E::PayRelease(e) => order.pay_release(e, party),
        E::PaySplit(e) => order.pay_split(e, party),
        E::Fulfil(e) => order.fulfil(e, party, meta),
        E::Prove(e) => order.prove(e, party),
        E::ReturnRequest(e) => order.ask_return(e, party, meta),
        E::ReturnApprove(e) => order.answer_return(returns::State::Approved, e, party),
        E::ReturnDecline(e) => order.answer_return(returns::State::Declined, e, party),
        E::ReturnReceived(e) => order.answer_return(returns::State::Received, e, party),
        E::DisputeOpen(e) => order.open_dispute(e, party),
        E::DisputeRule(e) => order.rule(e, party),
        E::DisputeAccept(_) => order.accept_dispute(party),
        _ => Err(UNKNOWN_ORDER),
    }
}

fn apply_booking(booking: &mut Booking, event: &Event, meta: &Meta<'_>) -> Result<(), Code> {
    use Event as E;
    use booking::State as S;
    let party = booking.admit(meta)?;
    match event {
        E::BookingRequest(_) => Err(crate::party::DUPLICATE),
        E::BookingHold(e) => booking.hold(e, party, meta),
        E::BookingConfirm(e) => booking.confirm(e, party, meta),
        E::BookingReschedule(e) => booking.reschedule(e, party, meta),
        E::BookingDecline(e) => booking.step(S::Declined, e, party, meta),
        E::BookingRelease(e) => booking.step(S::Pending, e, party, meta),
        E::BookingCancel(e) => booking.step(S::Cancelled, e, party, meta),
        E::BookingAttended(e) => booking.step(S::Attended, e, party, meta),
        E::BookingNoShow(e) => booking.step(S::NoShow, e, party, meta),
        E::BookingContest(e) => booking.contest(e, party),
        _ => Err(UNKNOWN_BOOKING),
    }
}

reducer!(RelationApp);
