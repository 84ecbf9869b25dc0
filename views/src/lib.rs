//! Fold driver, rows, queries.
