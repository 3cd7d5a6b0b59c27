//! A folder as a store: one file for each object.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rolecall_report::bundle::sha256;
use tempfile::NamedTempFile;
use tokio::sync::mpsc::Receiver;

use super::stream::Part;
use super::{Object, StoreError};

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let path = self.path(key);
        match fs::read(&path) {
            Ok(bytes) => {
                let version = sha256(&bytes[..]).map_err(|error| failure(&path, &error))?;
                Ok(Some(Object { bytes, version }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure(&path, &error)),
        }
    }

    pub(super) fn get_file(&self, key: &str, file: &mut File) -> Result<bool, StoreError> {
        let path = self.path(key);
        match File::open(&path).and_then(|mut object| io::copy(&mut object, file)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failure(&path, &error)),
        }
    }

    pub(super) fn put_new(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        let path = self.path(key);
        // The file is whole before it has its name.
        match self.unnamed(&path, bytes).and_then(|file| file.persist_noclobber(&path).map_err(Into::into)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failure(&path, &error)),
        }
    }

    pub(super) fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(key);
        let written = self.unnamed(&path, bytes).and_then(|file| file.persist(&path).map_err(Into::into));
        written.map(|_| ()).map_err(|error| failure(&path, &error))
    }

    pub(super) async fn put_parts(&self, key: &str, mut parts: Receiver<Part>) -> Result<(), StoreError> {
        let path = self.path(key);
        let mut file = self.unnamed(&path, &[]).map_err(|error| failure(&path, &error))?;
        while let Some(part) = parts.recv().await {
            let (Part::Some(bytes) | Part::Last(bytes)) = &part;
            file.write_all(bytes).map_err(|error| failure(&path, &error))?;
            if matches!(part, Part::Last(_)) {
                return file.persist(&path).map(|_| ()).map_err(|error| failure(&path, &error.into()));
            }
        }
        // The thread that makes the bytes says why.
        Ok(())
    }

    pub(super) fn replace(&self, key: &str, bytes: &[u8], version: &str) -> Result<bool, StoreError> {
        let path = self.path(key);
        // Two processes that replace the object wait for each other.
        let lock = path.with_extension("lock");
        let locked = OpenOptions::new().create(true).append(true).mode(0o600).open(&lock);
        let locked =
            locked.and_then(|file| file.lock().map(|()| file)).map_err(|error| failure(&lock, &error))?;
        let is_unchanged = self.get(key)?.is_some_and(|object| object.version == version);
        if is_unchanged {
            self.put(key, bytes)?;
        }
        drop(locked);
        Ok(is_unchanged)
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut keys = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failure(&folder, &error)),
            };
            for entry in entries {
                let path = entry.map_err(|error| failure(&folder, &error))?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(key) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) {
                    keys.push(key.to_owned());
                }
            }
        }
        keys.retain(|key| key.starts_with(prefix) && !is_unnamed(key));
        Ok(keys)
    }

    /// A file in the folder of `path` that only its owner can read, before it gets its name.
    fn unnamed(&self, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(UNNAMED).tempfile_in(folder)?;
        file.write_all(bytes)?;
        Ok(file)
    }
}

/// How the names of files begin that are not whole yet: an interrupted process leaves one.
const UNNAMED: &str = ".rolecall-";

fn is_unnamed(key: &str) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with(UNNAMED))
}

fn failure(path: &Path, error: &io::Error) -> StoreError {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => Some("let this user read and write the folder".to_owned()),
        _ => None,
    };
    StoreError { place: path.display().to_string(), problem: error.to_string(), remedy }
}
