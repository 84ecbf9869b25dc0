//! One small test per bug that the simulation found.
