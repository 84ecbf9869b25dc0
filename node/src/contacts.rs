//! The nodes that were named to this one: their tickets, in a text file of the data
//! directory, one to a line. Nothing of it is ever sent.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use synlog_net::Ticket;
use synlog_replication::peer::NodeId;

/// First line of the file.
const HEADING: &str = "synlog contacts 1";
/// The same without the version.
const HEADING_FRONT: &str = "synlog contacts ";
/// Contacts that are held: a person names fewer.
const CONTACTS_MAX: usize = 65_536;

/// Where nodes were last said to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contacts {
    /// By node.
    pub tickets: BTreeMap<NodeId, Ticket>,
}

/// Why a file of contacts can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContactsError {
    /// Made by a version that is not known yet.
    #[error("made by a newer synlog: its format has version {0}")]
    Newer(u32),
    /// Not such a file.
    #[error("it does not begin with {HEADING:?}")]
    Heading,
    /// A line makes no sense.
    #[error("line {0} is no ticket")]
    Line(usize),
    /// There is more than is ever written.
    #[error("it has more than {CONTACTS_MAX} lines")]
    TooLong,
}

impl fmt::Display for Contacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        for ticket in self.tickets.values() {
            writeln!(f, "{ticket}")?;
        }
        Ok(())
    }
}

impl FromStr for Contacts {
    type Err = ContactsError;

    fn from_str(text: &str) -> Result<Self, ContactsError> {
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        if heading != HEADING {
            let version = heading.strip_prefix(HEADING_FRONT);
            let version = version.and_then(|version| version.parse().ok());
            return Err(match version.filter(|version| *version > 1) {
                Some(version) => ContactsError::Newer(version),
                None => ContactsError::Heading,
            });
        }
        let mut tickets = BTreeMap::new();
        for (number, line) in (2..).zip(lines) {
            if number > CONTACTS_MAX {
                return Err(ContactsError::TooLong);
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let ticket: Ticket = line.parse().map_err(|_| ContactsError::Line(number))?;
            tickets.insert(ticket.node, ticket);
        }
        Ok(Self { tickets })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn files_come_back(nodes in proptest::collection::vec(any::<[u8; 32]>(), 0..5)) {
            let tickets = nodes.into_iter().map(|node| Ticket::new(NodeId(node)));
            let contacts = Contacts {
                tickets: tickets.map(|ticket| (ticket.node, ticket)).collect(),
            };
            prop_assert_eq!(contacts.to_string().parse(), Ok(contacts));
        }

        #[test]
        fn whatever_is_in_the_file(text in "(synlog contacts 1\n)?((synlog1)?[a-z2-7]{0,90}\n?){0,4}") {
            let _: Result<Contacts, _> = text.parse();
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let wrong: Result<Contacts, _> = "synlog contacts 1\n\n# home\nsynlog1abc\n".parse();
        assert_eq!(wrong, Err(ContactsError::Line(4)));
        let other: Result<Contacts, _> = "synlog contacts 2\n".parse();
        assert_eq!(other, Err(ContactsError::Newer(2)));
        let other: Result<Contacts, _> = "synlog contacts 0\n".parse();
        assert_eq!(other, Err(ContactsError::Heading));
    }
}
