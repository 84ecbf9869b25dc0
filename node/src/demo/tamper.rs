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

/// Changes the price of a quote and computes anew all that can be computed: hashes,
/// links, the end hash. Only signatures can't be.
pub(super) fn change_price(bundle: &[u8], minor: i64) -> Result<Vec<u8>, Failure> {
    let wrong = |source| Failure::Bundle {
        path: "the demo's bundle".into(),
        source,
    };
    let mut reader = BundleReader::new(bundle).map_err(wrong)?;
    let mut writer = BundleWriter::new(Vec::new()).map_err(wrong)?;
    while let Some(record) = reader.next_record().map_err(wrong)? {
        let data = match record.kind {
            RecordKind::Run => with_price(&record.data, minor).unwrap_or(record.data),
            _ => record.data,
        };
        writer.record(record.kind, &data).map_err(wrong)?;
    }
    writer.finish().map_err(wrong)
}

/// The run with another price, if it holds a quote.
fn with_price(run: &[u8], minor: i64) -> Option<Vec<u8>> {
    let view = RunView::decode(run).ok()?;
    let mut writer = RunWriter::like(&view);
    let mut changed = false;
    for entry in &view.entries {
        let PayloadForm::Whole(bytes) = entry.payload else {
            writer.push_view(entry);
            continue;
        };
        match other_price(bytes, minor) {
            Some(payload) => {
                let form = PayloadForm::Whole(&payload);
                writer.push(entry.skiplink.as_ref(), entry.hlc, entry.deps, &form);
                changed = true;
            }
            None => writer.push_view(entry),
        }
    }
    changed.then(|| writer.finish(view.signature.as_ref()))
}

fn other_price(payload: &[u8], minor: i64) -> Option<Vec<u8>> {
    let event = Payload::split(payload).ok()?.check().ok()?;
    let Value::Map(mut pairs) = event.body else {
        return None;
    };
    let price = pairs
        .iter_mut()
        .find(|(key, _)| key == "total")
        .map(|(_, value)| value)?;
    let currency = price.get("currency")?.clone();
    *price = Value::map([("currency", currency), ("minor", Value::Int(minor))]);
    PayloadBuilder::new(event.kind, Value::Map(pairs))
        .encode()
        .ok()
}
