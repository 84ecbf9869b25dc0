//! Every limit of the format, in one place, each with its reason.

/// Bytes of a whole payload: what fits a gossip message and a screen; larger things are blobs.
pub const PAYLOAD_MAX: usize = 64 * 1024;
/// Bytes of a blob: a long film belongs elsewhere, and a peer of the smallest kind must be
/// able to keep some.
pub const BLOB_MAX: u64 = 64 * 1024 * 1024;
/// Blobs that one entry names, at most: the next are passed over.
pub const BLOB_REFS_MAX: usize = 64;
/// Bytes of the media type of a blob.
pub const MEDIA_TYPE_MAX: usize = 64;
/// Bytes of an event body: a reducer sees many at once.
pub const BODY_MAX: usize = 8 * 1024;
/// Bytes of a sealed body: kind, body and evidence of the largest event, and the frame around
/// the ciphertext.
pub const SEALED_BODY_MAX: usize = 25 * 1024;
/// Bytes of all evidence of one payload: four proofs with paths of about 20 headers.
pub const EVIDENCE_MAX: usize = 16 * 1024;
/// Pieces of evidence in one payload.
pub const EVIDENCE_COUNT_MAX: usize = 4;
/// Bytes of an event kind.
pub const KIND_MAX: usize = 64;
/// Bytes of the salt that keeps an erased part from being guessed.
pub const SALT_LEN: usize = 16;
/// Ids that one entry may cite beside its backlink.
pub const DEPS_MAX: usize = 16;
/// Entries in a run: at this length a signature check costs less than the hashes.
pub const RUN_ENTRIES_MAX: usize = 256;
/// Bytes of a run: what a receiver must be ready to hold before it can check anything.
pub const RUN_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a run that a reader takes: dropping an erasable part makes an entry up to 48
/// bytes longer, and what was written must stay readable.
pub const RUN_READ_BYTES_MAX: usize = RUN_BYTES_MAX + 48 * RUN_ENTRIES_MAX;
/// Bytes of a device certificate: eight rotations and a certify take about 2.2 KB.
pub const CERTIFICATE_MAX: usize = 4096;
/// Rotations that a certificate may carry.
pub const ROTATIONS_MAX: usize = 8;
/// Bytes of a signed identity statement.
pub const STATEMENT_MAX: usize = 512;
/// Bytes of a device's name.
pub const NAME_MAX: usize = 64;
/// Bytes of one header: a certificate, 16 deps and the fixed fields fit.
pub const HEADER_MAX: usize = 8192;
/// Headers on the path of a proof: skiplinks span a feed of 2^33 entries in fewer.
pub const PATH_MAX: usize = 64;
/// Bytes of a proof, so that it fits as evidence.
pub const PROOF_MAX: usize = 16 * 1024;
/// Bytes of a fork proof: two paths of headers.
pub const FORK_PROOF_MAX: usize = 256 * 1024;
/// Nesting of CBOR values; keeps recursion shallow.
pub const CBOR_DEPTH_MAX: usize = 16;
/// How far ahead of our clock an entry may be before it is put aside.
pub const AHEAD_MAX_MS: u64 = 120_000;
/// Members that a genesis may name.
pub const MEMBERS_MAX: usize = 64;
/// Patterns in a role, cuts in a removal.
pub const POLICY_LIST_MAX: usize = 64;
/// Key wraps in one key epoch event.
pub const WRAPS_MAX: usize = 256;
/// Bytes of one record of a bundle: a run or a reducer.
pub const BUNDLE_RECORD_MAX: usize = 2 * 1024 * 1024;
/// Entries that wait for ancestors, for one source: a million strangers' entries must not fill memory.
pub const WAITING_ENTRIES_MAX: usize = 65_536;
/// Bytes of entries that wait, for one source.
pub const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Statements of one identity log that a device's answer carries: decades of devices.
pub const ANSWER_STATEMENTS_MAX: usize = 4096;
/// Bytes of the sealed part of a device's answer: keys, and the names of some hundred topics.
pub const ANSWER_SEALED_MAX: usize = 256 * 1024;
