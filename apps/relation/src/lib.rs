//! The reducer of the app `relation`.
