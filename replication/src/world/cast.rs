//! Who acts in a simulated world: people and their devices, made from numbers and kept,
//! since making keys costs more than all that the simulation does with them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use synlog_log::ids::{DeviceId, EntityId};
use synlog_log::keys::SecretKey;
use synlog_log::scenario::Person;

use crate::peer::NodeId;

/// Devices that each person has: the first in use, the others for when one is lost.
pub const DEVICES: u8 = 4;

/// A device with all that it takes to act.
#[derive(Clone)]
pub struct Device {
    /// Its secret key.
    pub key: SecretKey,
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub entity: EntityId,
    /// Its certificate, encoded.
    pub certificate: Rc<[u8]>,
}

/// Device `index` of person `number`.
pub fn device(number: u8, index: u8) -> Device {
    thread_local! {
        static KEPT: RefCell<BTreeMap<u8, Vec<Device>>> = const { RefCell::new(BTreeMap::new()) };
    }
    KEPT.with_borrow_mut(|kept| {
        let devices = kept.entry(number).or_insert_with(|| devices_of(number));
        devices[usize::from(index) % devices.len()].clone()
    })
}

/// The statements of a person's identity log, encoded.
pub fn statements(number: u8) -> Vec<Vec<u8>> {
    thread_local! {
        static KEPT: RefCell<BTreeMap<u8, Vec<Vec<u8>>>> = const { RefCell::new(BTreeMap::new()) };
    }
    KEPT.with_borrow_mut(|kept| {
        let made = || {
            let person = Person::new(number, DEVICES);
            person.log.statements().map(|it| it.encode()).collect()
        };
        kept.entry(number).or_insert_with(made).clone()
    })
}

fn devices_of(number: u8) -> Vec<Device> {
    let person = Person::new(number, DEVICES);
    let keys = person.devices.iter();
    keys.map(|key| {
        let id = DeviceId(key.public());
        let certificate = person.log.certificate(&id).map(|it| it.encode());
        Device {
            key: key.clone(),
            id,
            entity: person.id(),
            certificate: certificate.unwrap_or_default().into(),
        }
    })
    .collect()
}

/// The transport key of a node.
pub fn node_id(number: u8) -> NodeId {
    let mut id = *blake3::hash(&[number, b'n']).as_bytes();
    // so that a trace can be read
    id[0] = number;
    NodeId(id)
}
