//! Reducer SDK.
