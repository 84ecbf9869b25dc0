//! Compiled modules on disk.

use std::os::unix::fs::PermissionsExt;

use super::guest::Guest;
use crate::{CacheDirectory, CacheError, Engine, Settings};

fn engine(path: &std::path::Path) -> Engine {
    let cache = Some(CacheDirectory::open(path).unwrap());
    Engine::new(Settings {
        cache,
        ..Settings::default()
    })
    .unwrap()
}

fn artefact(path: &std::path::Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = files.next().unwrap();
    assert_eq!(files.next(), None);
    file
}

#[test]
fn modules_come_back_and_damaged_ones_are_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("modules");
    let wasm = Guest::default().wasm();
    let engine = engine(&path);
    let cache = engine.cache.clone().unwrap();
    let hash = *blake3::hash(&wasm).as_bytes();
    assert!(cache.read(&engine, &hash).is_none());
    let first = engine.load(&wasm).unwrap();
    assert!(cache.read(&engine, &hash).is_some());
    assert_eq!(engine.load(&wasm).unwrap().manifest(), first.manifest());

    let file = artefact(&path);
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() - 1], &whole[..10], &[]] {
        std::fs::write(&file, damaged).unwrap();
        assert!(cache.read(&engine, &hash).is_none());
        assert_eq!(engine.load(&wasm).unwrap().manifest(), first.manifest());
        assert_eq!(std::fs::read(artefact(&path)).unwrap().len(), whole.len());
    }
}

#[test]
fn nothing_is_run_that_others_could_have_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("modules");
    let wasm = Guest::default().wasm();
    let engine = engine(&path);
    engine.load(&wasm).unwrap();
    let hash = *blake3::hash(&wasm).as_bytes();
    let rights = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    rights(&artefact(&path), 0o622);
    assert!(
        engine
            .cache
            .as_ref()
            .unwrap()
            .read(&engine, &hash)
            .is_none()
    );
    rights(&path, 0o777);
    assert!(matches!(
        CacheDirectory::open(&path),
        Err(CacheError::Exposed(_))
    ));
}
