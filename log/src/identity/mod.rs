//! Who a device belongs to: statements of an entity's root, and certificates.

mod certificate;
mod history;
mod statement;

pub(crate) use certificate::follow_rotations;
pub use certificate::{Certificate, Certified};
pub use history::{IdentityLog, StatementConflict};
pub use statement::{Action, SignedStatement, Statement};
