//! Tests across crates; each module says what it holds.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod cli;
mod cli_app;
mod cli_backup;
mod cli_exits;
mod cli_follow;
mod cli_forks;
mod cli_identity;
mod cli_import;
mod cli_import_formats;
mod cli_kill;
mod cli_reference;
mod cli_restore;
mod cli_rows;
mod cli_story;
mod decoders;
mod hard_cases;
mod intake;
mod native_and_wasm;
mod net_circle;
mod net_daemon;
mod net_faults;
mod net_kills;
mod net_lan;
mod net_links;
mod net_targets;
mod order_shuffles;
mod peering;
mod private_canary;
mod private_order;
mod targets;
mod tidy;
mod udp_proxy;
mod vectors;
