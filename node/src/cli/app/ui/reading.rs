//! The folder of a user interface, or its packed file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use synlog_web::uis::package::{BYTES_MAX, FILES_MAX, PACKED_MAX};
use synlog_web::uis::{Package, Wrong};

use crate::cli::input::read_up_to;
use crate::failure::Failure;

/// Reads one, whichever form it has.
pub(super) fn read(path: &Path) -> Result<Package, Failure> {
    let known = fs::metadata(path).map_err(Failure::file(path))?;
    match known.is_dir() {
        true => folder(path).and_then(|files| Package::of(files).map_err(Failure::BadUi)),
        false => {
            let bytes = read_up_to(path, PACKED_MAX as u64)?;
            Package::unpack(&bytes).map_err(Failure::BadUi)
        }
    }
}

/// All files of a folder, by their names in it; no more than there may be.
fn folder(root: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = BTreeMap::new();
    let mut left = BYTES_MAX;
    let mut folders = vec![(root.to_path_buf(), String::new())];
    while let Some((folder, front)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Failure::file(&folder))? {
            let entry = entry.map_err(Failure::file(&folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(Failure::file(&path))?;
            let name = format!("{front}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                // a folder in a folder in a folder holds nothing that is taken
                if front.matches('/').count() < 3 && folders.len() < FILES_MAX {
                    folders.push((path, format!("{name}/")));
                    continue;
                }
                return Err(Failure::BadUi(Wrong::TooMany));
            }
            if !kind.is_file() {
                let why = "it is no file; links are not followed";
                return Err(Failure::BadUi(Wrong::Name { name, why }));
            }
            if files.len() == FILES_MAX {
                return Err(Failure::BadUi(Wrong::TooMany));
            }
            let size = entry.metadata().map_err(Failure::file(&path))?.len();
            let fits = usize::try_from(size)
                .ok()
                .and_then(|size| left.checked_sub(size));
            left = fits.ok_or(Failure::BadUi(Wrong::TooLarge))?;
            files.insert(name, read_up_to(&path, BYTES_MAX as u64)?);
        }
    }
    Ok(files)
}
