//! Letters of first contact: handed to a device of the entity to which they are written.

use super::terms::{Breach, Context, Event, Fault};
use super::{Outcome, Session};
use crate::engine::Notice;
use crate::message::Message;
use crate::repo::Repo;

/// Letters that one peer may hand over in one meeting: an inbox holds few of one writer.
const LETTERS_MAX: u32 = 16;

impl Session {
    /// Hands over what was written to the peer's entity, unless the topic to which a letter
    /// invites is shared by now.
    pub fn hand_letters<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some(proven) = self.peer.proven.filter(|_| self.takes_letters) else {
            return Ok(());
        };
        let posts = cx.repo.letters_to(&proven.entity).map_err(Fault::Repo)?;
        for post in posts {
            let handed = self.letters_sent.len() >= LETTERS_MAX as usize;
            if handed || self.scope.contains(&post.topic) || !self.letters_sent.insert(post.id) {
                continue;
            }
            self.outbox.push(Message::Letter(post.letter));
        }
        self.go_on(cx, out)
    }

    /// A letter has come. Only the writer itself hands it over, so that nobody fills an
    /// inbox in the name of many.
    pub(super) fn take_letter<R: Repo>(
        &mut self,
        letter: &[u8],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        self.letters_seen += 1;
        if self.letters_seen > LETTERS_MAX {
            return Err(Breach::Flood.into());
        }
        let taken = cx.repo.take_in_letter(&self.peer, letter, cx.now.utc_ms);
        if let Some(from) = taken.map_err(Fault::Repo)? {
            out.push(Event::Notice(Notice::Letter { from }));
        }
        Ok(())
    }
}
