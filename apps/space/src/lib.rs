//! The reducer of the app `space`.
