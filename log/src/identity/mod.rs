//! Who a device belongs to: statements of an entity's root, and certificates.

mod certificate;
mod enrolment;
mod history;
mod statement;
mod ticket;

pub(crate) use certificate::follow_rotations;
pub use certificate::{Certificate, Certified};
pub use enrolment::{DeviceAnswer, DeviceRequest, SignedRequest};
pub use history::{IdentityLog, StatementConflict};
pub use statement::{Action, SignedStatement, Statement};
pub use ticket::{Ticket, TicketError};
