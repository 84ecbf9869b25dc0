//! Letters of first contact, handed over wherever their reader is met.

use synlog_log::ids::EntityId;

use super::{Engine, Now, Output};
use crate::peer::LinkId;
use crate::repo::Repo;

impl Engine {
    /// Hands over what waits for whoever is at the other end of a link.
    pub(super) fn hand_letters<R: Repo>(
        &mut self,
        link: LinkId,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.with_session(link, now, repo, out, |session, context, events| {
            session.hand_letters(context, events)
        })
    }

    /// A letter was written: its reader may be here already.
    pub(super) fn letter_written<R: Repo>(
        &mut self,
        to: &EntityId,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        let lines = self.lines.iter();
        let theirs = lines.filter(|(_, line)| line.peer.proven.is_some_and(|it| it.entity == *to));
        for link in theirs.map(|(link, _)| *link).collect::<Vec<_>>() {
            self.hand_letters(link, now, repo, out)?;
        }
        Ok(())
    }
}
