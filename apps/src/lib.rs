//! Pinned reducers.
