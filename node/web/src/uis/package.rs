//! A user interface as one thing: its files, their bounds, and the one form in which they are
//! packed, whose hash names it.

use std::collections::BTreeMap;

use super::Wrong;
use super::manifest::{self, Manifest};

/// Files of a package, `ui.json` among them.
pub const FILES_MAX: usize = 64;
/// Bytes of all of them.
pub const BYTES_MAX: usize = 2 << 20;
/// Bytes of a packed one: files, names, lengths.
pub const PACKED_MAX: usize = BYTES_MAX + FILES_MAX * (NAME_MAX + 8) + 64;
/// Bytes of a name.
const NAME_MAX: usize = 100;
/// Parts of a name: a file, in a folder, in a folder.
const DEPTH_MAX: usize = 3;
/// The folder of the library, which is synlog's.
pub const LIBRARY: &str = "synlog";

/// How a packed one begins.
const MAGIC: &[u8; 8] = b"SYNLOGUI";
/// The version of the packed form.
pub const VERSION: u8 = 1;

/// What a file is, by the end of its name; others are not taken.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("woff2", "font/woff2"),
    ("txt", "text/plain; charset=utf-8"),
];

/// What a file is, if it is one that is served.
pub fn media_type(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    let mut types = TYPES.iter();
    types
        .find(|(known, _)| *known == end)
        .map(|(_, media_type)| *media_type)
}

/// Refuses the name of a file that is not plain: no way up, nothing hidden, nothing that a
/// browser or a disk reads in another way than it stands there.
fn check_name(name: &str) -> Result<(), Wrong> {
    let wrong = |why| {
        Err(Wrong::Name {
            name: name.chars().take(NAME_MAX).collect(),
            why,
        })
    };
    let parts: Vec<&str> = name.split('/').collect();
    let is_plain = |part: &&str| {
        let mut bytes = part.bytes();
        bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if name.len() > NAME_MAX || parts.len() > DEPTH_MAX {
        return wrong("it is too long, or lies too deep");
    }
    if !parts.iter().all(is_plain) {
        return wrong("a name is of a-z, A-Z, 0-9, `.`, `_` and `-`, and does not begin with `.`");
    }
    if parts.len() > 1 && parts.first() == Some(&LIBRARY) {
        return wrong("this folder has synlog's own files");
    }
    if media_type(name).is_none() {
        return wrong(
            "files end with html, js, css, json, svg, png, jpg, webp, avif, woff2 or txt",
        );
    }
    Ok(())
}

/// A user interface that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its files by their names, `ui.json` among them.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Hash of its packed form, by which it is named and compared.
    pub hash: [u8; 32],
    /// Whether it comes with synlog.
    pub comes_along: bool,
}

impl Package {
    /// Puts one together from its files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of(files: BTreeMap<String, Vec<u8>>) -> Result<Self, Wrong> {
        if files.len() > FILES_MAX {
            return Err(Wrong::TooMany);
        }
        let mut left = BYTES_MAX;
        for (name, bytes) in &files {
            check_name(name)?;
            left = left.checked_sub(bytes.len()).ok_or(Wrong::TooLarge)?;
        }
        let json = files.get(manifest::FILE).ok_or(Wrong::NoManifest)?;
        let manifest = Manifest::read(json)?;
        if !files.contains_key(&manifest.entry) {
            return Err(Wrong::Manifest(format!("{} is not there", manifest.entry)));
        }
        let hash = *blake3::hash(&pack(&files)).as_bytes();
        Ok(Self {
            manifest,
            files,
            hash,
            comes_along: false,
        })
    }

    /// All of it in one file: the same files give the same bytes.
    pub fn packed(&self) -> Vec<u8> {
        pack(&self.files)
    }

    /// Reads what [`Self::packed`] made, and nothing else.
    ///
    /// # Errors
    /// What is wrong with it; [`Wrong::Newer`] for a version that is not known yet.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Wrong> {
        if bytes.len() > PACKED_MAX {
            return Err(Wrong::TooLarge);
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(Wrong::NotPacked)?;
        let (version, mut rest) = rest.split_first().ok_or(Wrong::NotPacked)?;
        match *version {
            VERSION => {}
            newer if newer > VERSION => return Err(Wrong::Newer(u64::from(newer))),
            _ => return Err(Wrong::NotPacked),
        }
        let mut files = BTreeMap::new();
        let mut last = String::new();
        while !rest.is_empty() {
            let name = taken(&mut rest)?;
            let name = core::str::from_utf8(name).map_err(|_| Wrong::NotPacked)?;
            // in their order, so that there is one form
            if files.len() == FILES_MAX {
                return Err(Wrong::TooMany);
            }
            if !files.is_empty() && name <= &last[..] {
                return Err(Wrong::NotPacked);
            }
            last = name.to_owned();
            files.insert(name.to_owned(), taken(&mut rest)?.to_vec());
        }
        Self::of(files)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    /// The hash as people read it.
    pub fn hash_text(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.hash)
    }
}

fn pack(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &[VERSION]].concat();
    for (name, file) in files {
        for part in [name.as_bytes(), file] {
            // both are within bounds that were checked
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// A length and as many bytes; nothing is allocated for what is only claimed.
fn taken<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Wrong> {
    let (length, behind) = rest.split_first_chunk::<4>().ok_or(Wrong::NotPacked)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (bytes, behind) = behind.split_at_checked(length).ok_or(Wrong::NotPacked)?;
    *rest = behind;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const JSON: &str = r#"{"format":1,"app":"tally","major":1,"title":{"en":"Tally"}}"#;

    fn files(more: &[(&str, usize)]) -> BTreeMap<String, Vec<u8>> {
        let least = [("ui.json", JSON.as_bytes()), ("index.html", b"<p>")];
        let least = least.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
        let more = more
            .iter()
            .map(|(name, size)| ((*name).to_owned(), vec![7; *size]));
        least.into_iter().chain(more).collect()
    }

    #[test]
    fn packed_in_one_form() {
        let made = Package::of(files(&[("b/c.js", 3), ("a.css", 0), ("Z.js", 1)])).unwrap();
        let packed = made.packed();
        let again = Package::unpack(&packed).unwrap();
        assert_eq!(again, made);
        assert_eq!(again.packed(), packed);
        assert_eq!(made.hash, *blake3::hash(&packed).as_bytes());
        let other = Package::of(files(&[("a.css", 1)])).unwrap();
        assert_ne!(other.hash, made.hash);
    }

    #[test]
    fn names_are_plain() {
        for name in [
            "a.js",
            "Index-D1w_x.js",
            "img/a.png",
            "a/b/c.svg",
            "synlog.js",
        ] {
            assert!(Package::of(files(&[(name, 1)])).is_ok(), "{name}");
        }
        for name in [
            "../a.js",
            "a/../b.js",
            "/a.js",
            "a//b.js",
            "./a.js",
            ".hidden.js",
            "a/.b/c.js",
            "a\\b.js",
            "a b.js",
            "a.js\0",
            "ä.js",
            "a%2f.js",
            "a?.js",
            "a.php",
            "a.wasm",
            "a",
            "",
            "a/",
            "a.js/",
            "a/b/c/d.js",
            "synlog/app.js",
            "C:a.js",
        ] {
            let told = Package::of(files(&[(name, 1)]));
            assert!(matches!(told, Err(Wrong::Name { .. })), "{name}: {told:?}");
        }
        let long = format!("{}.js", "a".repeat(98));
        assert!(Package::of(files(&[(&long, 1)])).is_err());
    }

    #[test]
    fn sizes_are_bounded() {
        let least: usize = files(&[]).values().map(Vec::len).sum();
        assert!(Package::of(files(&[("a.png", BYTES_MAX - least)])).is_ok());
        let told = Package::of(files(&[("a.png", BYTES_MAX - least + 1)]));
        assert_eq!(told.unwrap_err(), Wrong::TooLarge);
        let many: Vec<String> = (0..63).map(|number| format!("f{number}.txt")).collect();
        let many: Vec<(&str, usize)> = many.iter().map(|name| (&name[..], 0)).collect();
        assert!(Package::of(files(&many[..62])).is_ok());
        assert_eq!(Package::of(files(&many)).unwrap_err(), Wrong::TooMany);
        assert_eq!(
            Package::unpack(&vec![0; PACKED_MAX + 1]).unwrap_err(),
            Wrong::TooLarge
        );
    }

    #[test]
    fn parts_must_be_there() {
        let mut without = files(&[]);
        without.remove("ui.json");
        assert_eq!(Package::of(without).unwrap_err(), Wrong::NoManifest);
        let mut without = files(&[]);
        without.remove("index.html");
        assert!(matches!(Package::of(without), Err(Wrong::Manifest(_))));
    }

    #[test]
    fn any_bytes_are_refused_or_read_as_they_were_packed() {
        let packed = Package::of(files(&[("a.js", 9)])).unwrap().packed();
        for end in 0..packed.len() {
            assert!(Package::unpack(&packed[..end]).is_err(), "{end}");
        }
        for at in 0..packed.len() {
            for bit in 0..8 {
                let mut other = packed.clone();
                other[at] ^= 1 << bit;
                if let Ok(read) = Package::unpack(&other) {
                    assert_eq!(read.packed(), other);
                }
            }
        }
        let mut newer = packed.clone();
        newer[8] = 2;
        assert_eq!(Package::unpack(&newer).unwrap_err(), Wrong::Newer(2));
        // a length that nobody sent allocates nothing
        let claims = [&MAGIC[..], &[VERSION], &[0xff; 4]].concat();
        assert_eq!(Package::unpack(&claims).unwrap_err(), Wrong::NotPacked);
        let twice = [&packed[..], &packed[9..]].concat();
        assert_eq!(Package::unpack(&twice).unwrap_err(), Wrong::NotPacked);
    }
}
