//! How topics begin: the genesis, and the reducer that their app brings.

use std::collections::BTreeMap;

use synlog_log::ids::{EntityId, TopicId};
use synlog_log::topic::{Genesis, Mode, Visibility};

use crate::apps;
use crate::failure::Failure;
use crate::node::Node;

/// What a topic is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub app: String,
    /// Major version of the app.
    pub major: u16,
    /// Whether it is ordered by clock and causality instead of by a sequencer.
    pub causal: bool,
    /// Whether only members can read it.
    pub private: bool,
    /// First members and their roles.
    pub members: BTreeMap<EntityId, String>,
    /// The role of everybody else; the app's word counts where none is said.
    pub open: Option<String>,
    /// What roles may write; the app says the rest.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl Node {
    /// Begins a topic, with the reducer of its app if that comes with synlog. This device
    /// sequences it.
    pub fn found(&mut self, plan: &Plan, now_ms: u64) -> Result<TopicId, Failure> {
        let app = apps::find(&plan.app, plan.major);
        let mut roles = app.map_or_else(BTreeMap::new, |app| app.manifest.roles.clone());
        roles.extend(plan.roles.clone());
        let genesis = Genesis {
            app: plan.app.clone(),
            major: plan.major,
            mode: match plan.causal {
                true => Mode::Causal,
                false => Mode::Ordered,
            },
            visibility: match plan.private {
                true => Visibility::Private,
                false => Visibility::Public,
            },
            nonce: self.nonce()?,
            name: Some(plan.name.clone()),
            members: plan.members.clone(),
            open: plan
                .open
                .clone()
                .or_else(|| app.and_then(|app| app.manifest.open.clone())),
            roles,
        };
        let topic = self.create_topic(&genesis, now_ms)?;
        if let Some(app) = app {
            self.activate(&topic, app.pinned.wasm, &app.manifest)?;
        }
        Ok(topic)
    }
}
