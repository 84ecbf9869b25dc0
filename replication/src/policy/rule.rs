//! The one rule of who may do what with this node. Pure: the same question always has
//! the same answer.

use crate::policy::{Mode, Standing};
use crate::repo::Access;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// This node calls theirs, to sync.
    Dial,
    /// Their connection is taken.
    Connect,
    /// They call procedures of this node.
    Call,
    /// They fetch entries of a topic that they have this access to.
    Serve(Access),
    /// They are sent new entries, unasked, as they come in. Others with whom a topic is
    /// shared hear their names a little later, and ask.
    Publish,
    /// Entries that they bring are stored.
    Store {
        /// How the author of the entries stands.
        author: Standing,
        /// Whether the author's feed is here already.
        known: bool,
    },
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Shut out by the person here.
    Blocked,
    /// The node does not take them in the mode that it is in.
    Mode,
    /// They may not have this topic.
    NoAccess,
    /// Nobody whom this node knows answers for them.
    Unknown,
}

impl Why {
    /// The stable name.
    pub fn text(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Mode => "mode",
            Self::NoAccess => "no_access",
            Self::Unknown => "unknown",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Yes.
    Yes,
    /// Yes, as long as slots, buckets and quotas last.
    Limited,
    /// No.
    No(Why),
}

impl Answer {
    /// Whether it isn't no.
    pub fn may(self) -> bool {
        !matches!(self, Self::No(_))
    }
}

/// Whether a peer that stands so may do that in this mode.
pub fn authorise(mode: Mode, peer: Standing, act: Act) -> Answer {
    use Standing as S;
    if peer == S::Blocked {
        return Answer::No(Why::Blocked);
    }
    let nearest = peer >= S::Pinned;
    let comes = match mode {
        Mode::Open => true,
        Mode::Invite => nearest || peer >= S::Followed || peer == S::Invited,
        Mode::Closed => nearest,
    };
    if !comes {
        return Answer::No(Why::Mode);
    }
    let known = peer >= S::Followed;
    match act {
        Act::Dial | Act::Connect | Act::Call if known => Answer::Yes,
        Act::Dial | Act::Connect | Act::Call => Answer::Limited,
        Act::Serve(Access::Nothing) => Answer::No(Why::NoAccess),
        Act::Serve(_) if known => Answer::Yes,
        Act::Serve(_) => Answer::Limited,
        Act::Publish if known => Answer::Yes,
        Act::Publish if peer == S::Stranger => Answer::No(Why::Unknown),
        Act::Publish => Answer::Limited,
        Act::Store { author, known } => store(peer, author, known),
    }
}

/// Whether entries of an author are stored that a peer brings: a feed that is here goes
/// on within its quota whoever brings it; a new one needs somebody to answer for it.
fn store(peer: Standing, author: Standing, known: bool) -> Answer {
    use Standing as S;
    match author {
        S::Blocked => Answer::No(Why::Blocked),
        S::Followed | S::Member | S::Pinned | S::Own => Answer::Yes,
        S::Introduced | S::Invited => Answer::Limited,
        S::Stranger if known || peer >= S::Followed => Answer::Limited,
        S::Stranger => Answer::No(Why::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line for each act; a letter for each standing, farthest first: blocked, stranger,
    /// invited, introduced, followed, member, pinned, own. `y` yes, `l` limited, `b`
    /// blocked, `m` not in this mode, `a` no access, `u` unknown.
    const TABLE: &[(Mode, &[(&str, &str)])] = &[
        (
            Mode::Open,
            &[
                ("dial", "blllyyyy"),
                ("connect", "blllyyyy"),
                ("call", "blllyyyy"),
                ("serve nothing", "baaaaaaa"),
                ("serve keeper", "blllyyyy"),
                ("serve member", "blllyyyy"),
                ("serve public", "blllyyyy"),
                ("publish", "bullyyyy"),
                ("store new of blocked", "bbbbbbbb"),
                ("store known of blocked", "bbbbbbbb"),
                ("store new of stranger", "buuullll"),
                ("store known of stranger", "blllllll"),
                ("store new of invited", "blllllll"),
                ("store new of introduced", "blllllll"),
                ("store new of followed", "byyyyyyy"),
                ("store new of member", "byyyyyyy"),
                ("store new of pinned", "byyyyyyy"),
                ("store new of own", "byyyyyyy"),
            ],
        ),
        (
            Mode::Invite,
            &[
                ("dial", "bmlmyyyy"),
                ("connect", "bmlmyyyy"),
                ("call", "bmlmyyyy"),
                ("serve nothing", "bmamaaaa"),
                ("serve keeper", "bmlmyyyy"),
                ("serve member", "bmlmyyyy"),
                ("serve public", "bmlmyyyy"),
                ("publish", "bmlmyyyy"),
                ("store new of blocked", "bmbmbbbb"),
                ("store known of blocked", "bmbmbbbb"),
                ("store new of stranger", "bmumllll"),
                ("store known of stranger", "bmlmllll"),
                ("store new of invited", "bmlmllll"),
                ("store new of introduced", "bmlmllll"),
                ("store new of followed", "bmymyyyy"),
                ("store new of member", "bmymyyyy"),
                ("store new of pinned", "bmymyyyy"),
                ("store new of own", "bmymyyyy"),
            ],
        ),
        (
            Mode::Closed,
            &[
                ("dial", "bmmmmmyy"),
                ("connect", "bmmmmmyy"),
                ("call", "bmmmmmyy"),
                ("serve nothing", "bmmmmmaa"),
                ("serve keeper", "bmmmmmyy"),
                ("serve member", "bmmmmmyy"),
                ("serve public", "bmmmmmyy"),
                ("publish", "bmmmmmyy"),
                ("store new of blocked", "bmmmmmbb"),
                ("store known of blocked", "bmmmmmbb"),
                ("store new of stranger", "bmmmmmll"),
                ("store known of stranger", "bmmmmmll"),
                ("store new of invited", "bmmmmmll"),
                ("store new of introduced", "bmmmmmll"),
                ("store new of followed", "bmmmmmyy"),
                ("store new of member", "bmmmmmyy"),
                ("store new of pinned", "bmmmmmyy"),
                ("store new of own", "bmmmmmyy"),
            ],
        ),
    ];

    fn act(name: &str) -> Act {
        let author = |word: &str| match word {
            "blocked" => Standing::Blocked,
            "stranger" => Standing::Stranger,
            "invited" => Standing::Invited,
            "introduced" => Standing::Introduced,
            "followed" => Standing::Followed,
            "member" => Standing::Member,
            "pinned" => Standing::Pinned,
            "own" => Standing::Own,
            other => panic!("no standing {other}"),
        };
        match name.split(' ').collect::<Vec<_>>()[..] {
            ["dial"] => Act::Dial,
            ["connect"] => Act::Connect,
            ["call"] => Act::Call,
            ["publish"] => Act::Publish,
            ["serve", "nothing"] => Act::Serve(Access::Nothing),
            ["serve", "keeper"] => Act::Serve(Access::Keeper),
            ["serve", "member"] => Act::Serve(Access::Member),
            ["serve", "public"] => Act::Serve(Access::Public),
            ["store", known, "of", who] => Act::Store {
                author: author(who),
                known: known == "known",
            },
            _ => panic!("no act {name}"),
        }
    }

    #[test]
    fn every_cell() {
        for (mode, lines) in TABLE {
            for (name, expected) in *lines {
                let letter = |peer: &Standing| match authorise(*mode, *peer, act(name)) {
                    Answer::Yes => 'y',
                    Answer::Limited => 'l',
                    Answer::No(Why::Blocked) => 'b',
                    Answer::No(Why::Mode) => 'm',
                    Answer::No(Why::NoAccess) => 'a',
                    Answer::No(Why::Unknown) => 'u',
                };
                let answers: String = Standing::ALL.iter().map(letter).collect();
                assert_eq!(answers, *expected, "{mode:?}: {name}");
            }
        }
    }

    #[test]
    fn who_stands_nearer_may_never_do_less() {
        // blocked aside; the invited came by a ticket, which counts more than an
        // introduction where a node takes in by invitation
        let acts = TABLE[0].1.iter().map(|(name, _)| act(name));
        for act in acts {
            for mode in [Mode::Open, Mode::Closed] {
                for pair in Standing::ALL[1..].windows(2) {
                    let [far, near] = [0, 1].map(|at| authorise(mode, pair[at], act).may());
                    assert!(near >= far, "{mode:?} {act:?}: {pair:?}");
                }
            }
        }
    }
}
