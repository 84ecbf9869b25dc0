//! One entry of a private topic, disclosed to somebody who holds none of its keys.

use synlog_log::ids::EntryId;
use synlog_log::proof::ProofPayload;
use synlog_log::sealed::disclosure::Disclosure;

use crate::failure::Failure;
use crate::node::Node;

impl Node {
    /// Discloses an entry that is open here: its proof, and the keys of it alone. With
    /// `erasable` the key of its erasable part too.
    pub fn disclose(&mut self, id: &EntryId, erasable: bool) -> Result<Disclosure, Failure> {
        let entry = self.entry(id)?;
        let order = self.order(&entry.topic)?;
        if !order.is_sealed(id) {
            return Err(Failure::NoEffect(
                "the entry is not sealed: `synlog entry prove` shows it to anybody".into(),
            ));
        }
        let keys = order.entry_keys(id);
        let (body_key, erasable_key) = keys.ok_or_else(|| {
            Failure::NoEffect("the entry does not open here, so it can't be disclosed".into())
        })?;
        let mut proof = self.prove(id)?;
        let payload = std::mem::replace(&mut proof.payload, ProofPayload::Absent);
        Ok(Disclosure {
            proof,
            payload,
            body_key,
            erasable_key: Some(erasable_key).filter(|_| erasable && !entry.erased),
        })
    }
}
