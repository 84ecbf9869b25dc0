#![allow(clippy::unwrap_used)]
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn packed(out: &mut Vec<u8>, field: u64, values: impl IntoIterator<Item = u64>) {
    let mut inner = Vec::new();
    values
        .into_iter()
        .for_each(|value| varint(&mut inner, value));
    bytes(out, field, &inner);
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn framed(kind: &str, blob: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    bytes(&mut header, 1, kind.as_bytes());
    number(&mut header, 3, blob.len() as u64);
    let mut out = (header.len() as u32).to_be_bytes().to_vec();
    out.extend(header);
    out.extend(blob);
    out
}

fn block(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    number(&mut blob, 2, content.len() as u64);
    bytes(&mut blob, 3, &deflated(content));
    framed(kind, &blob)
}

fn head() -> Vec<u8> {
    let mut header = Vec::new();
    bytes(&mut header, 4, b"OsmSchema-V0.6");
    bytes(&mut header, 4, b"DenseNodes");
    block("OSMHeader", &header)
}

/// Nodes as (id, lat, lon, value of `name`), written densely, and one way over them.
type Node = (i64, i32, i32, Option<u8>);

fn body(nodes: &[Node]) -> Vec<u8> {
    let mut strings = Vec::new();
    bytes(&mut strings, 1, b"");
    bytes(&mut strings, 1, b"name");
    for letter in b'a'..=b'z' {
        bytes(&mut strings, 1, &[letter]);
    }
    let delta = |values: Vec<i64>| {
        let before = std::iter::once(0).chain(values.clone());
        let pairs: Vec<u64> = values
            .iter()
            .zip(before)
            .map(|(now, before)| zigzag(now.wrapping_sub(before)))
            .collect();
        pairs
    };
    let mut dense = Vec::new();
    packed(
        &mut dense,
        1,
        delta(nodes.iter().map(|node| node.0).collect()),
    );
    packed(
        &mut dense,
        8,
        delta(nodes.iter().map(|node| node.1.into()).collect()),
    );
    packed(
        &mut dense,
        9,
        delta(nodes.iter().map(|node| node.2.into()).collect()),
    );
    let tags = nodes.iter().flat_map(|node| match node.3 {
        Some(letter) => vec![1, u64::from(letter) + 2, 0],
        None => vec![0],
    });
    packed(&mut dense, 10, tags);
    let mut way = Vec::new();
    number(&mut way, 1, 7);
    packed(&mut way, 2, [1]);
    packed(&mut way, 3, [2]);
    packed(
        &mut way,
        8,
        delta(nodes.iter().map(|node| node.0).collect()),
    );
    let mut group = Vec::new();
    bytes(&mut group, 2, &dense);
    bytes(&mut group, 3, &way);
    let mut block = Vec::new();
    bytes(&mut block, 1, &strings);
    bytes(&mut block, 2, &group);
    block
}

fn file(nodes: &[Node]) -> Vec<u8> {
    let mut file = head();
    file.extend(block("Other", b"whatever"));
    file.extend(block("OSMData", &body(nodes)));
    file
}

/// What a file gives, or what is wrong with it.
fn all(file: &[u8]) -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    let ended = read(file, &mut |element| {
        seen.push(match element {
            Element::Node { id, geo, tags } => {
                format!("node {id} {:?} {tags:?}", geo.map(|geo| (geo.lat, geo.lon)))
            }
            Element::Way { id, refs, tags } => format!("way {id} {refs:?} {tags:?}"),
            Element::Relation { id, tags } => format!("relation {id} {tags:?}"),
        });
        ControlFlow::Continue(())
    });
    ended.map(|()| seen).map_err(|error| error.to_string())
}

#[test]
fn the_shipped_extract_is_read() {
    let file = include_bytes!("../../../../tests/data/helsinki-places.osm.pbf");
    let elements = all(file).unwrap();
    let count = |front| {
        elements
            .iter()
            .filter(|text| text.starts_with(front))
            .count()
    };
    assert_eq!((count("node"), count("way")), (994, 8));
    // it ends where it is told to
    let mut seen = 0;
    read(&file[..], &mut |_| {
        seen += 1;
        if seen == 10 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!(seen, 10);
}

#[test]
fn plain_nodes_and_relations_are_read() {
    let mut node = Vec::new();
    number(&mut node, 1, zigzag(-5));
    packed(&mut node, 2, [1]);
    packed(&mut node, 3, [1]);
    number(&mut node, 8, zigzag(10));
    number(&mut node, 9, zigzag(-10));
    let mut relation = Vec::new();
    number(&mut relation, 1, 9);
    let (mut strings, mut group, mut content) = (Vec::new(), Vec::new(), Vec::new());
    bytes(&mut strings, 1, b"");
    bytes(&mut strings, 1, b"x");
    bytes(&mut group, 1, &node);
    bytes(&mut group, 4, &relation);
    bytes(&mut content, 1, &strings);
    bytes(&mut content, 2, &group);
    // 1,000 nanodegrees a step, and offsets: 10,250 → 102.5 → 103 halves upwards
    number(&mut content, 17, 1000);
    number(&mut content, 19, 250);
    number(&mut content, 20, 50);
    let file = [head(), block("OSMData", &content)].concat();
    let want = [r#"node -5 Some((103, -99)) [("x", "x")]"#, "relation 9 []"];
    assert_eq!(all(&file).unwrap(), want);
}

#[test]
fn what_is_wrong_is_named_with_its_block() {
    let mut historic = Vec::new();
    bytes(&mut historic, 4, b"HistoricalInformation");
    let mut raw_too_long = Vec::new();
    number(&mut raw_too_long, 2, 10);
    bytes(&mut raw_too_long, 3, &deflated(&[0; 1000]));
    let mut raw_too_short = Vec::new();
    number(&mut raw_too_short, 2, 2000);
    bytes(&mut raw_too_short, 3, &deflated(&[0; 1000]));
    let mut bomb = Vec::new();
    bytes(&mut bomb, 3, &deflated(&vec![0; 40 << 20]));
    let mut claims = Vec::new();
    number(&mut claims, 2, 1 << 40);
    bytes(&mut claims, 3, &deflated(b""));
    let mut zstd = Vec::new();
    bytes(&mut zstd, 7, b"x");
    let mut tag = Vec::new();
    let mut node = Vec::new();
    number(&mut node, 1, 2);
    packed(&mut node, 2, [77]);
    packed(&mut node, 3, [77]);
    bytes(&mut tag, 1, &node);
    let mut stray = Vec::new();
    bytes(&mut stray, 2, &tag);
    let after = |blob: Vec<u8>| [head(), framed("OSMData", &blob)].concat();
    for (file, block, what) in [
        (Vec::new(), 1, "empty"),
        (b"<?xml version".to_vec(), 1, "no .osm.pbf"),
        (block("OSMData", b""), 1, "does not begin with a header"),
        (block("OSMHeader", &historic), 1, "HistoricalInformation"),
        ([head(), head()].concat(), 2, "second header"),
        (after(raw_too_long), 2, "more than it says"),
        (after(raw_too_short), 2, "less than it says"),
        (after(bomb), 2, "more than it says"),
        (after(claims), 2, "more than 32 MiB"),
        (after(zstd), 2, "zlib"),
        (after(b"\x1a\x03abc".to_vec()), 2, "damaged"),
        ([head(), block("OSMData", &stray)].concat(), 2, "string"),
        ([head(), vec![0, 0, 0]].concat(), 2, "cut off"),
        ([head(), vec![0, 2, 0, 0]].concat(), 2, "64 KiB"),
    ] {
        let error = all(&file).unwrap_err();
        assert!(
            error.contains(what) && error.contains(&format!("block {block} ")),
            "{what}: {error}"
        );
    }
}

#[test]
fn a_cut_is_seen_wherever_it_is() {
    let file = file(&[(1, 2, 3, None), (4, 5, 6, Some(0))]);
    let mut ends = vec![head().len()];
    ends.push(ends[0] + block("Other", b"whatever").len());
    for len in 0..file.len() {
        // between two blocks nothing says that more should follow
        assert_eq!(all(&file[..len]).is_ok(), ends.contains(&len), "{len}");
    }
}

proptest! {
    #[test]
    fn elements_come_back(nodes in prop::collection::vec((any::<i64>(), -900_000_000..=900_000_000, -1_800_000_000..=1_800_000_000, prop::option::of(0_u8..26)), 0..40)) {
        let mut want: Vec<String> = nodes
            .iter()
            .map(|(id, lat, lon, letter)| {
                let value = letter.map(|letter| char::from(b'a' + letter).to_string());
                let tags: Vec<(&str, String)> = value.map(|value| ("name", value)).into_iter().collect();
                format!("node {id} {:?} {tags:?}", Some((lat, lon)))
            })
            .collect();
        let refs: Vec<i64> = nodes.iter().map(|node| node.0).collect();
        want.push(format!("way 7 {refs:?} {:?}", [("name", "a")]));
        prop_assert_eq!(all(&file(&nodes)).unwrap(), want);
    }

    #[test]
    fn damage_never_panics(nodes in prop::collection::vec((any::<i64>(), any::<i32>(), any::<i32>(), prop::option::of(0_u8..26)), 0..20), hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        // in the stored bytes, and in those that inflate to a right block
        let mut outer = file(&nodes);
        let mut inner = body(&nodes);
        for (at, byte) in hits {
            *at.get_mut(&mut outer) = byte;
            *at.get_mut(&mut inner) = byte;
        }
        let _ = all(&outer);
        let _ = all(&[head(), block("OSMData", &inner)].concat());
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(all(&bytes).is_err());
        let _ = all(&[head(), block("OSMData", &bytes)].concat());
    }
}
