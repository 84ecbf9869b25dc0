//! Which blobs a running node looks for: small pictures that entries name, and what commands
//! ask for.

use synlog_replication::blobs::BlobKey;
use synlog_replication::engine::{Input, Now};

use crate::blobs::Request;
use crate::daemon::board::{BlobProgress, Board};
use crate::daemon::driver::Driver;
use crate::failure::Failure;
use crate::node::Node;

/// How often named blobs that are missing are looked for, whatever came: what was dropped
/// for damage, and what had no room, may be had again.
const AGAIN_MS: u64 = 600_000;

impl Driver {
    /// Acts on what entries name and commands asked for since it was last called.
    pub(super) fn follow_blobs(
        &mut self,
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        node.look_for_blobs()?;
        let blobs = node.blobs()?;
        let requests = std::mem::take(&mut blobs.requests);
        let mut fresh = std::mem::take(&mut blobs.fresh);
        if now.monotonic_ms >= self.fetches_ms {
            self.fetches_ms = now.monotonic_ms.saturating_add(AGAIN_MS);
            fresh.extend(node.missing_blobs()?);
        }
        for request in requests {
            let input = match request {
                Request::Want(key, size) => Input::BlobWanted { key, size },
                Request::Unwant(key) => Input::BlobUnwanted { key },
                Request::Here(hash) => Input::BlobHere { hash },
            };
            self.give_only(input, now, node, board)?;
        }
        self.fetch(&fresh, now, node, board)?;
        let own = self.engine.blobs().wishes().filter(|wish| wish.own);
        board.blobs = own
            .map(|wish| {
                let progress = BlobProgress {
                    groups: wish.groups,
                    sources: wish.sources,
                    no_room: wish.no_room,
                };
                (wish.key.1, progress)
            })
            .collect();
        Ok(())
    }

    fn fetch(
        &mut self,
        named: &[BlobKey],
        now: Now,
        node: &mut Node,
        board: &mut Board,
    ) -> Result<(), Failure> {
        if named.is_empty() {
            return Ok(());
        }
        let wanted = node.blobs_to_fetch(named, self.engine.interests())?;
        for (key, size) in wanted {
            let size = Some(size);
            self.give_only(Input::BlobWanted { key, size }, now, node, board)?;
        }
        Ok(())
    }
}
