//! What a topic is and who may write what in it (`spec/05-topic.md`).

mod event;
mod genesis;
mod policy;
mod setup;

pub(crate) use event::wraps;
pub use event::{
    Cut, ParsedPolicy, PolicyEvent, RootStatement, TOMBSTONE_KIND, may_change_members,
    parse_policy_event,
};
pub use genesis::{GENESIS_KIND, Genesis, Mode, Visibility, derived_topic};
pub use policy::Policy;
pub use setup::{SETUP_KIND, Setup};
