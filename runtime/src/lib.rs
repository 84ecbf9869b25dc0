//! The reducer engine.
