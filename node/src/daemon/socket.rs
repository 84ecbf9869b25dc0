//! The socket file of a running node: only its own user gets in.
//!
//! A shell file. The directory is 0700 and the file 0600; beside that the uid at the
//! other end is checked, by both.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::home::Home;

/// Bytes of a path that every system takes for a socket file.
const PATH_MAX: usize = 100;

/// The directory of what belongs to a running node.
pub fn directory(home: &Home) -> PathBuf {
    home.path().join("run")
}

/// The socket file for commands.
pub fn commands_path(home: &Home) -> PathBuf {
    directory(home).join("synlog.sock")
}

/// The socket file for nodes of other data directories on this machine.
pub fn peers_path(home: &Home) -> PathBuf {
    directory(home).join("peers.sock")
}

/// Makes the directory, and refuses one that others may enter.
pub fn prepare(home: &Home) -> Result<(), Failure> {
    let path = directory(home);
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(&path);
    made.map_err(Failure::file(&path))?;
    check_directory(&path)
}

/// Listens; the caller holds the store, so what is there of an earlier node is stale.
pub fn listen(path: &Path) -> Result<UnixListener, Failure> {
    if path.as_os_str().len() > PATH_MAX {
        return Err(Failure::Usage(format!(
            "{} is too long for a socket file: use a shorter --home",
            path.display()
        )));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::file(path)(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(Failure::file(path))?;
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, mode).map_err(Failure::file(path))?;
    Ok(listener)
}

/// Removes the socket file at the end.
pub fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Connects to the running node; `None` where none runs.
pub fn connect(home: &Home) -> Result<Option<UnixStream>, Failure> {
    let path = commands_path(home);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    check_directory(&directory(home))?;
    let metadata = fs::symlink_metadata(&path).map_err(Failure::file(&path))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Failure::Exposed(path));
    }
    match UnixStream::connect(&path) {
        Ok(stream) => {
            if is_own(&stream) {
                return Ok(Some(stream));
            }
            Err(Failure::Exposed(path))
        }
        // a node that was killed leaves its file behind
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Failure::file(path)(error)),
    }
}

fn check_directory(path: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(path).map_err(Failure::file(path))?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if own && metadata.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::Exposed(path.to_path_buf()))
}

/// Whether a process of the same user is at the other end.
pub fn is_own(stream: &UnixStream) -> bool {
    #[cfg(target_os = "linux")]
    {
        let other = rustix::net::sockopt::socket_peercred(stream);
        other.is_ok_and(|other| other.uid == rustix::process::geteuid())
    }
    // elsewhere the modes of the directory and the file must do
    #[cfg(not(target_os = "linux"))]
    {
        let _ = stream;
        true
    }
}
