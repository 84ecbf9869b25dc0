//! Blobs as files: `ab/<hash>` with its tree of hashes beside it, and what is there of those
//! that are not whole.
//!
//! A shell file. A blob has its name only once all of it is durable; what has its name is
//! checked whenever it is read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use synlog_log::ids::BlobHash;
use synlog_log::limits::BLOB_MAX;
use synlog_replication::blobs::{Groups, Partial, Piece, SliceError, Span, Tree, encode, tree_of};

use crate::blobs::BlobError;
use crate::failure::Failure;

/// Files of blobs that are not whole which stay open.
const OPEN_MAX: usize = 16;

/// A blob that is not whole.
struct Torso {
    data: File,
    tree: File,
    size: u64,
    groups: Groups,
}

/// A directory of blobs.
pub struct Files {
    root: PathBuf,
    sizes: BTreeMap<BlobHash, u64>,
    torsos: BTreeMap<BlobHash, Torso>,
}

impl Files {
    /// The blobs of a directory, which need not be there.
    pub fn open(root: PathBuf) -> Result<Self, Failure> {
        let mut sizes = BTreeMap::new();
        for folder in list(&root)? {
            for path in list(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str());
                if let Some(hash) = name.and_then(|name| name.parse().ok()) {
                    let size = path.metadata().map_err(Failure::file(&path))?.len();
                    sizes.insert(hash, size);
                }
            }
        }
        Ok(Self {
            root,
            sizes,
            torsos: BTreeMap::new(),
        })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The blobs that are whole, with their sizes.
    pub fn whole(&self) -> &BTreeMap<BlobHash, u64> {
        &self.sizes
    }

    /// Bytes of blobs that are not whole, with when they last grew, UTC milliseconds.
    pub fn torsos(&self) -> Result<Vec<(BlobHash, u64, u64)>, Failure> {
        let mut found = Vec::new();
        for folder in list(&self.root)? {
            for path in list(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str());
                let hash = name.and_then(|name| name.strip_suffix(".part"));
                if let Some(hash) = hash.and_then(|hash| hash.parse().ok()) {
                    let metadata = path.metadata().map_err(Failure::file(&path))?;
                    let grown = metadata.modified().ok();
                    let grown = grown.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                    let ms = grown.map_or(0, |at| at.as_millis() as u64);
                    found.push((hash, metadata.len(), ms));
                }
            }
        }
        Ok(found)
    }

    /// Bytes that blobs other than this one take when they are whole, which are on their way.
    pub fn open_bytes(&self, but: &BlobHash) -> u64 {
        let others = self.torsos.iter().filter(|(hash, _)| *hash != but);
        others.map(|(_, torso)| torso.size).sum()
    }

    fn path(&self, hash: &BlobHash, ending: &str) -> PathBuf {
        let name = hash.to_string();
        self.root.join(&name[..2]).join(format!("{name}{ending}"))
    }

    fn folder(&self, hash: &BlobHash) -> Result<PathBuf, Failure> {
        let folder = self.root.join(&hash.to_string()[..2]);
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&folder);
        made.map_err(Failure::file(&folder))?;
        Ok(folder)
    }

    /// Stores a blob; whether it is new. Durable when this returns.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(BlobHash, bool), Failure> {
        let size = bytes.len() as u64;
        if !(1..=BLOB_MAX).contains(&size) {
            return Err(BlobError::Size(size).into());
        }
        let made = tree_of::<Vec<u8>>(bytes, size);
        let (hash, tree) = made.map_err(Failure::file(&self.root))?;
        if self.sizes.contains_key(&hash) {
            return Ok((hash, false));
        }
        self.folder(&hash)?;
        let (data_path, tree_path) = (self.path(&hash, ".part"), self.path(&hash, ".part-tree"));
        self.torsos.remove(&hash);
        write(&data_path, bytes).map_err(Failure::file(&data_path))?;
        write(&tree_path, &tree.into_data()).map_err(Failure::file(&tree_path))?;
        self.finish(&hash, size)?;
        Ok((hash, true))
    }

    /// Gives a blob its name, all of it being durable.
    fn finish(&mut self, hash: &BlobHash, size: u64) -> Result<(), Failure> {
        let path = self.path(hash, "");
        let renamed = || -> io::Result<()> {
            fs::rename(self.path(hash, ".part-tree"), self.path(hash, ".tree"))?;
            fs::rename(self.path(hash, ".part"), &path)?;
            let folder = path.parent().unwrap_or(&self.root);
            File::open(folder)?.sync_all()?;
            File::open(&self.root)?.sync_all()
        };
        renamed().map_err(Failure::file(&path))?;
        let _ = fs::remove_file(self.path(hash, ".part-map"));
        self.sizes.insert(*hash, size);
        Ok(())
    }

    /// Removes a blob, whole or not.
    pub fn remove(&mut self, hash: &BlobHash) -> Result<(), Failure> {
        self.sizes.remove(hash);
        self.torsos.remove(hash);
        for ending in ["", ".tree", ".part", ".part-tree", ".part-map"] {
            let path = self.path(hash, ending);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::file(path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A piece of a whole blob with its proof. What is damaged is removed.
    pub fn piece(&mut self, hash: &BlobHash, span: Span) -> Result<Vec<u8>, Failure> {
        let size = *self.sizes.get(hash).ok_or(BlobError::Missing(*hash))?;
        let read = || -> Result<Vec<u8>, SliceError> {
            let open = |ending| File::open(self.path(hash, ending)).map_err(SliceError::Io);
            let data = open("")?;
            let tree = Tree::at(hash, size, open(".tree")?);
            encode(&data, &tree, span)
        };
        match read() {
            Ok(bytes) => Ok(bytes),
            Err(SliceError::Io(error)) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::file(self.path(hash, ""))(error))
            }
            Err(SliceError::Io(_) | SliceError::Wrong) => {
                self.remove(hash)?;
                Err(BlobError::Damaged(*hash).into())
            }
        }
    }

    /// The bytes of some groups, checked.
    pub fn read(&mut self, hash: &BlobHash, span: Span) -> Result<Vec<u8>, Failure> {
        let size = *self.sizes.get(hash).ok_or(BlobError::Missing(*hash))?;
        let bytes = self.piece(hash, span)?;
        let piece = Piece::check(hash, size, span, &bytes);
        // what was checked when it was read proves itself
        Ok(piece.map_err(|_| BlobError::Damaged(*hash))?.data())
    }

    /// What is here of a blob that is not whole.
    pub fn partial(&mut self, hash: &BlobHash) -> Result<Option<Partial>, Failure> {
        let torso = self.torso(hash, None)?;
        Ok(torso.map(|torso| Partial {
            size: torso.size,
            groups: torso.groups.clone(),
        }))
    }

    /// Stores a piece that was checked; whether the blob is whole with it.
    pub fn take(&mut self, piece: &Piece) -> Result<bool, Failure> {
        let hash = *piece.hash();
        if self.sizes.contains_key(&hash) {
            return Ok(true);
        }
        let (path, map) = (self.path(&hash, ".part"), self.path(&hash, ".part-map"));
        let size = piece.size();
        let Some(torso) = self.torso(&hash, Some(size))? else {
            return Err(BlobError::Missing(hash).into());
        };
        piece
            .write(&mut torso.data, &mut torso.tree)
            .map_err(Failure::file(&path))?;
        torso.groups.put(piece.span());
        if !torso.groups.is_whole() {
            // what it says is checked before it is believed, so that it need not be durable
            let mut note = size.to_le_bytes().to_vec();
            note.extend(torso.groups.to_bytes());
            return match write_over(&map, &note) {
                Ok(()) => Ok(false),
                Err(error) => Err(Failure::file(map)(error)),
            };
        }
        let synced = torso.data.sync_all().and_then(|()| torso.tree.sync_all());
        synced.map_err(Failure::file(&path))?;
        self.torsos.remove(&hash);
        self.finish(&hash, size)?;
        Ok(true)
    }

    /// A blob that is not whole; where there is nothing of it, it is begun with a size.
    fn torso(
        &mut self,
        hash: &BlobHash,
        begin: Option<u64>,
    ) -> Result<Option<&mut Torso>, Failure> {
        if !self.torsos.contains_key(hash) {
            let loaded = match self.load_torso(hash)? {
                Some(torso) if begin.is_none_or(|size| size == torso.size) => Some(torso),
                _ => None,
            };
            let torso = match (loaded, begin) {
                (Some(torso), _) => torso,
                (None, Some(size)) => self.begin_torso(hash, size)?,
                (None, None) => return Ok(None),
            };
            if self.torsos.len() >= OPEN_MAX {
                self.torsos.pop_first();
            }
            self.torsos.insert(*hash, torso);
        }
        Ok(self.torsos.get_mut(hash))
    }

    fn begin_torso(&self, hash: &BlobHash, size: u64) -> Result<Torso, Failure> {
        self.folder(hash)?;
        let path = self.path(hash, ".part");
        let mut options = options();
        options.truncate(true);
        let open = |path: &Path| options.open(path).map_err(Failure::file(path));
        let (data, tree) = (open(&path)?, open(&self.path(hash, ".part-tree"))?);
        // what is not there yet is a hole
        data.set_len(size).map_err(Failure::file(&path))?;
        Ok(Torso {
            data,
            tree,
            size,
            groups: Groups::none(size),
        })
    }

    /// Goes on with what an earlier run left: groups count that prove themselves.
    fn load_torso(&self, hash: &BlobHash) -> Result<Option<Torso>, Failure> {
        let note = fs::read(self.path(hash, ".part-map")).unwrap_or_default();
        let Some((size, bits)) = note.split_first_chunk::<8>() else {
            return Ok(None);
        };
        let size = u64::from_le_bytes(*size);
        if !(1..=BLOB_MAX).contains(&size) {
            return Ok(None);
        }
        let Some(said) = Groups::from_bytes(size, bits) else {
            return Ok(None);
        };
        let options = options();
        let open = |ending| options.open(self.path(hash, ending));
        let (Ok(data), Ok(tree)) = (open(".part"), open(".part-tree")) else {
            return Ok(None);
        };
        let mut groups = Groups::none(size);
        let proven = Tree::at(hash, size, &tree);
        for first in (0..said.count()).filter(|group| said.has(*group)) {
            let span = Span { first, count: 1 };
            if encode(&data, &proven, span).is_ok() {
                groups.put(span);
            }
        }
        // without the last group nothing proves the size
        if !groups.has(groups.last().first) {
            return Ok(None);
        }
        Ok(Some(Torso {
            data,
            tree,
            size,
            groups,
        }))
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = options().truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    options().open(path)?.write_all(bytes)
}

/// A small file as text, if it is there.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

/// Makes the directory of blobs.
pub(super) fn make(root: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(root);
    made.map_err(Failure::file(root))
}

/// What is in a directory; nothing where there is none.
fn list(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Failure::file(path)(error)),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.collect())
}

/// The journal of what is said of blobs: lines that are only added to.
pub(super) struct Journal {
    path: PathBuf,
    file: Option<File>,
}

impl Journal {
    /// The journal of a directory, and its lines.
    pub(super) fn open(root: &Path) -> Result<(Self, String), Failure> {
        let path = root.join("journal");
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::file(path)(error)),
        };
        Ok((Self { path, file: None }, text))
    }

    /// Adds lines, durably.
    pub(super) fn add(&mut self, lines: &[String]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        // a line that a crash cut off must not swallow the next
        let mut text = String::from("\n");
        lines.iter().for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
        let root = self.path.parent().unwrap_or(Path::new("."));
        let mut write = || -> io::Result<()> {
            if self.file.is_none() {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(root)?;
                let mut options = OpenOptions::new();
                options.append(true).create(true).mode(0o600);
                self.file = Some(options.open(&self.path)?);
                File::open(root)?.sync_all()?;
            }
            if let Some(file) = &mut self.file {
                file.write_all(text.as_bytes())?;
                file.sync_data()?;
            }
            Ok(())
        };
        write().map_err(Failure::file(&self.path))
    }

    /// Puts other lines in place of all.
    pub(super) fn replace(&mut self, lines: &[String]) -> Result<(), Failure> {
        self.file = None;
        let mut text = lines.join("\n");
        text.push('\n');
        crate::home::write_secret(&self.path, text.as_bytes())
    }
}
