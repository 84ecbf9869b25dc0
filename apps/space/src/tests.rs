//! The app as a whole: through the calls of the interface, with events as they arrive.
