//! Backups in a bucket: what `cli_backup` shows of directories, over HTTP.

use serde_json::json;

use crate::bucket::Bucket;
use crate::cli::{Desk, Ended};

/// Where the backup is.
const PLACE: &str = "s3://shelf/shop/daily";

/// Runs a command that is told of a bucket; it must end so.
fn run(desk: &Desk, bucket: &Bucket, code: i32, arguments: &[&str]) -> Ended {
    let mut command = desk.command(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.envs(bucket.environment());
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    ended
}

fn desk_with_orders() -> Desk {
    let desk = Desk::new("laptop");
    desk.ok(&["topic", "new", "orders", "--app", "market"]);
    desk.ok(&["append", "orders", "order.request", "--body", "{\"n\":1}"]);
    desk
}

#[test]
fn a_bucket_holds_what_a_directory_would() {
    let (desk, bucket) = (desk_with_orders(), Bucket::open());
    let others = ["thesis.txt", "shop/dailyish", "shop/weekly/objects/00"];
    for key in others {
        let mut shelf = bucket.shelf.lock().unwrap();
        shelf.objects.insert(key.to_owned(), b"mine".to_vec());
    }
    run(&desk, &bucket, 0, &["backup", PLACE]);
    desk.ok(&["append", "orders", "order.request", "--body", "{\"n\":2}"]);
    let more = run(&desk, &bucket, 0, &["backup", PLACE, "--json"]).json();
    assert_eq!((&more["number"], &more["segments"]), (&json!(2), &json!(1)));
    assert!(more["removed"].as_u64().unwrap() >= 2, "{more}");
    // the same parts as in a directory, under the prefix
    let directory = desk.path("backup");
    desk.ok(&["backup", &directory]);
    let mut keys = bucket.keys();
    keys.retain(|key| !others.contains(&key.as_str()));
    let kept = ["manifests", "objects"].map(|folder| {
        let here = std::fs::read_dir(std::path::Path::new(&directory).join(folder)).unwrap();
        let there = format!("shop/daily/{folder}/");
        let there = keys.iter().filter(|key| key.starts_with(&there)).count();
        (here.count(), there)
    });
    assert!(kept.iter().all(|(here, there)| here == there), "{keys:?}");
    assert_eq!(keys.len(), kept[0].1 + kept[1].1 + 1, "{keys:?}");
    assert!(keys.contains(&"shop/daily/synlog-backup".to_owned()));
    for key in others {
        assert_eq!(bucket.shelf.lock().unwrap().objects[key], b"mine");
    }
    assert!(bucket.shelf.lock().unwrap().pages > 4, "lists have pages");

    let checked = run(&desk, &bucket, 0, &["verify", PLACE, "--json"]).json();
    assert_eq!(checked["positions"], more["positions"]);
    let restored = Desk::empty();
    run(&restored, &bucket, 0, &["restore", PLACE]);
    let (before, after) = (
        desk.ok(&["tail", "--json"]),
        restored.ok(&["tail", "--json"]),
    );
    let ids = |ended: &Ended| -> Vec<_> {
        let lines = ended.json_lines();
        lines.iter().map(|line| line["id"].clone()).collect()
    };
    assert_eq!(ids(&before), ids(&after));
    assert_eq!(ids(&after).len(), 3);
}

#[test]
fn a_part_that_rots_in_the_bucket_is_found_and_sent_again() {
    let (desk, bucket) = (desk_with_orders(), Bucket::open());
    run(&desk, &bucket, 0, &["backup", PLACE]);
    let key = {
        let mut shelf = bucket.shelf.lock().unwrap();
        let largest = shelf
            .objects
            .iter_mut()
            .max_by_key(|(_, bytes)| bytes.len());
        let (key, bytes) = largest.unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        key.clone()
    };
    let found = run(&desk, &bucket, 1, &["verify", PLACE]);
    let name = key.rsplit('/').next().unwrap();
    assert!(format!("{found:?}").contains(&name[..8]), "{found:?}");
    run(&desk, &bucket, 0, &["backup", PLACE, "--full"]);
    run(&desk, &bucket, 0, &["verify", PLACE]);
}

#[test]
fn a_bucket_that_refuses_or_is_raced_for_keeps_the_backup_before() {
    let (desk, bucket) = (desk_with_orders(), Bucket::open());
    run(&desk, &bucket, 0, &["backup", PLACE]);
    let before = run(&desk, &bucket, 0, &["verify", PLACE, "--json"]).json();
    desk.ok(&["append", "orders", "order.request", "--body", "{\"n\":2}"]);
    bucket.shelf.lock().unwrap().loses_races = true;
    let raced = run(&desk, &bucket, 3, &["backup", PLACE, "--json"]);
    assert!(raced.err.contains("\"busy\""), "{raced:?}");
    bucket.shelf.lock().unwrap().loses_races = false;
    // its parts are there by now: the manifest is what is refused
    bucket.shelf.lock().unwrap().changes_left = Some(0);
    let refused = run(&desk, &bucket, 6, &["backup", PLACE, "--json"]);
    assert!(refused.err.contains("403"), "{refused:?}");
    bucket.shelf.lock().unwrap().changes_left = None;
    let still = run(&desk, &bucket, 0, &["verify", PLACE, "--json"]).json();
    assert_eq!(before["positions"], still["positions"]);
    run(&desk, &bucket, 0, &["backup", PLACE]);
    let now = run(&desk, &bucket, 0, &["verify", PLACE, "--json"]).json();
    assert_ne!(before["positions"], now["positions"]);
}
