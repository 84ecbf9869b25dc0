//! The records that are not runs: fork proofs, statements. They are few.

use super::error::StoreError;
use super::record::StoredRecord;
use super::rows::What;
use super::state::Store;
use crate::disk::Disk;

impl<D: Disk> Store<D> {
    /// All records that are not runs, in order of position; damaged ones are left out.
    pub fn others(&self) -> Result<Vec<StoredRecord>, StoreError> {
        self.running()?;
        let mut positions = Vec::new();
        for segment in &self.segments {
            let mut row = 0;
            loop {
                let spans = self.ask(segment, |index| index.rows_from(row))?;
                if spans.is_empty() {
                    break;
                }
                row += spans.len();
                let others = spans.iter().filter(|span| span.row.what == What::Other);
                positions
                    .extend(others.map(|span| segment.header.first + u64::from(span.row.first)));
            }
        }
        let mut records = Vec::with_capacity(positions.len());
        for position in positions {
            match self.read(position) {
                Ok(record) => records.extend(record),
                Err(StoreError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }
}
