//! What somebody might do to a bundle on its way.

use synlog_log::bundle::{BundleReader, BundleWriter, RecordKind};
use synlog_log::cbor::Value;
use synlog_log::payload::{Payload, PayloadBuilder};
use synlog_log::run::{PayloadForm, RunView, RunWriter};

use crate::failure::Failure;

/// Flips one bit, as a bad stick does: among the entries, which stand behind the reducer.
pub(super) fn flip(bundle: &[u8]) -> Vec<u8> {
    let mut bytes = bundle.to_vec();
    let place = bytes.len() - bytes.len() / 128;
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 0x10;
    }
    bytes
}

/// Changes the last sealed event and computes anew all that can be computed: hashes,
/// links, the end hash. Only signatures can't be.
pub(super) fn change_event(bundle: &[u8]) -> Result<Vec<u8>, Failure> {
    let wrong = |source| Failure::Bundle {
        path: "the demo's bundle".into(),
        source,
    };
    let mut reader = BundleReader::new(bundle).map_err(wrong)?;
    let mut writer = BundleWriter::new(Vec::new()).map_err(wrong)?;
    while let Some(record) = reader.next_record().map_err(wrong)? {
        let data = match record.kind {
            RecordKind::Run => with_other_event(&record.data).unwrap_or(record.data),
            _ => record.data,
        };
        writer.record(record.kind, &data).map_err(wrong)?;
    }
    writer.finish().map_err(wrong)
}

/// The run with another last event, if that is sealed.
fn with_other_event(run: &[u8]) -> Option<Vec<u8>> {
    let view = RunView::decode(run).ok()?;
    let mut writer = RunWriter::like(&view);
    let (last, before) = view.entries.split_last()?;
    before.iter().for_each(|entry| writer.push_view(entry));
    let PayloadForm::Whole(bytes) = last.payload else {
        return None;
    };
    let payload = other_ciphertext(bytes)?;
    let form = PayloadForm::Whole(&payload);
    writer.push(last.skiplink.as_ref(), last.hlc, last.deps, &form);
    Some(writer.finish(view.signature.as_ref()))
}

fn other_ciphertext(payload: &[u8]) -> Option<Vec<u8>> {
    let event = Payload::split(payload).ok()?.check().ok()?;
    let Value::Map(mut pairs) = event.body else {
        return None;
    };
    let sealed = pairs.iter_mut().find(|(key, _)| key == "x");
    let Some((_, Value::Bytes(ciphertext))) = sealed else {
        return None;
    };
    *ciphertext.first_mut()? ^= 1;
    PayloadBuilder::new(event.kind, Value::Map(pairs))
        .encode()
        .ok()
}
