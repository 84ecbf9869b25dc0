#![allow(clippy::unwrap_used)]

mod budgets;
mod forks;
mod hoards;
mod secrets;
