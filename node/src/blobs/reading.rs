//! Blobs as somebody reads them: checked, and opened where they are sealed.

use std::collections::BTreeSet;
use std::ops::Range;

use synlog_log::blob::{BlobRef, named};
use synlog_log::ids::BlobHash;
use synlog_log::payload::Payload;
use synlog_log::sealed::blob::{BlobKey as SealKey, CHUNK_LEN, TAG_LEN, open_chunk};
use synlog_replication::blobs::{GROUP_BYTES, PIECE_GROUPS, Span};

use crate::blobs::BlobError;
use crate::failure::Failure;
use crate::node::Node;

/// Bytes of a sealed chunk.
const SEALED_CHUNK: u64 = (CHUNK_LEN + TAG_LEN) as u64;

/// Keys that are tried on one blob.
const KEYS_MAX: usize = 64;

impl Node {
    /// The key that opens a blob that is here, of those that entries give for it; `None`
    /// where none does: it is not sealed. Anybody can name any blob with any key.
    pub fn key_of_blob(&mut self, hash: &BlobHash) -> Result<Option<[u8; 32]>, Failure> {
        let references = self.references(hash)?;
        let keys: BTreeSet<[u8; 32]> = references.iter().filter_map(|it| it.key).collect();
        for key in keys.into_iter().take(KEYS_MAX) {
            if self.open_blob(hash, &key, 0..1, &mut |_| Ok(())).is_ok() {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// What entries that can be read here say of a blob, the latest of each topic.
    pub fn references(&mut self, hash: &BlobHash) -> Result<Vec<BlobRef>, Failure> {
        self.look_for_blobs()?;
        let names = self.blobs()?.table.names_of(hash);
        let entries: Vec<_> = names.map(|(_, name)| name.entry).collect();
        let mut found = Vec::new();
        for id in entries {
            let entry = self.entry(&id)?;
            let form = entry.payload.form();
            let event = form
                .split()
                .and_then(|it: Payload<'_>| it.check().map(|it| it.body));
            let references = event.map_or(Vec::new(), |body| named(&body));
            found.extend(references.into_iter().filter(|it| it.hash == *hash));
        }
        Ok(found)
    }

    /// Bytes of a stored blob, as they are stored, given to `put` piece by piece.
    pub fn read_blob(
        &mut self,
        hash: &BlobHash,
        range: Range<u64>,
        put: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let files = &mut self.blobs()?.files;
        let size = *files.whole().get(hash).ok_or(BlobError::Missing(*hash))?;
        let end = range.end.min(size);
        let mut at = range.start;
        while at < end {
            // the blob is at most BLOB_MAX long
            let first = (at / GROUP_BYTES) as u32;
            let last = (end - 1) / GROUP_BYTES;
            let count = (last as u32 + 1 - first).min(PIECE_GROUPS);
            let span = Span { first, count };
            let covered = span.bytes(size);
            let bytes = files.read(hash, span)?;
            let from = (at - covered.start) as usize;
            let to = (end.min(covered.end) - covered.start) as usize;
            put(&bytes[from..to])?;
            at = covered.end;
        }
        Ok(())
    }

    /// Bytes of a sealed blob, opened: only the chunks in which the range lies are read.
    pub fn open_blob(
        &mut self,
        hash: &BlobHash,
        key: &[u8; 32],
        range: Range<u64>,
        put: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let key = SealKey::from_bytes(*key);
        let sealed_size = self.blobs()?.files.whole().get(hash).copied();
        let sealed_size = sealed_size.ok_or(BlobError::Missing(*hash))?;
        let chunks = sealed_size.div_ceil(SEALED_CHUNK);
        let mut number = range.start / CHUNK_LEN as u64;
        while number < chunks && number * (CHUNK_LEN as u64) < range.end {
            let start = number * SEALED_CHUNK;
            let mut sealed = Vec::new();
            self.read_blob(hash, start..start + SEALED_CHUNK, &mut |bytes| {
                sealed.extend_from_slice(bytes);
                Ok(())
            })?;
            let plain = open_chunk(&key, number, number + 1 == chunks, &sealed);
            let plain = plain.map_err(|_| BlobError::Unsealable(*hash))?;
            let begins = number * CHUNK_LEN as u64;
            let within = |at: u64| (at.saturating_sub(begins) as usize).min(plain.len());
            put(&plain[within(range.start)..within(range.end)])?;
            number += 1;
        }
        Ok(())
    }
}

/// What some bytes are, by how they begin; what is not known here is plain bytes.
pub fn media_type_of(bytes: &[u8]) -> &'static str {
    let brand = bytes.get(4..12).unwrap_or_default();
    match bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => "image/png",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "image/webp",
        _ if brand == b"ftypavif" || brand == b"ftypavis" => "image/avif",
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        _ => "application/octet-stream",
    }
}
