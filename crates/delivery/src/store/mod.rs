//! Where the objects of runs are stored: in an S3 bucket, or in a folder, which behaves as a bucket does.

mod folder;
mod s3;
mod stream;

use std::fmt;
use std::fs::File;

use rolecall_core::Scanner;
pub use rolecall_core::options::delivery::StoreLocation;
use rolecall_roll::json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::run_key::RunKey;
use folder::Folder;
use s3::Bucket;
pub(crate) use stream::MakeBytes;

/// A store of objects by key.
#[derive(Debug)]
pub struct Store(Backend);

#[derive(Debug)]
enum Backend {
    Folder(Folder),
    S3(Box<Bucket>),
}

/// An object of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Changes when the object changes: the `ETag` in S3.
    pub version: String,
}

impl Store {
    /// Opens the store of a location. `bucket_owner` is the account that must own the bucket; S3 refuses all others.
    #[must_use]
    pub fn open(location: &StoreLocation, scanner: &Scanner, bucket_owner: Option<&str>) -> Self {
        Self(match location {
            StoreLocation::Folder(path) => Backend::Folder(Folder::new(path.clone())),
            StoreLocation::S3 { bucket, prefix } => {
                Backend::S3(Box::new(Bucket::new(scanner, bucket.clone(), prefix.clone(), bucket_owner)))
            }
        })
    }

    /// The bucket, and the key of an object in it; `None` for a folder.
    #[must_use]
    pub fn address(&self, key: &str) -> Option<(&str, String)> {
        match &self.0 {
            Backend::Folder(_) => None,
            Backend::S3(bucket) => Some((bucket.name(), bucket.full_key(key))),
        }
    }

    /// The object; `None` where there is none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        match &self.0 {
            Backend::Folder(folder) => folder.get(key),
            Backend::S3(bucket) => bucket.get(key).await,
        }
    }

    /// Copies an object into a file. Returns whether there is one.
    ///
    /// # Errors
    /// Where the store cannot be read, or the file cannot be written.
    pub async fn get_file(&self, key: &str, file: &mut File) -> Result<bool, StoreError> {
        match &self.0 {
            Backend::Folder(folder) => folder.get_file(key, file),
            Backend::S3(bucket) => bucket.get_file(key, file).await,
        }
    }

    /// Writes an object if there is none yet. Returns whether it was written; of two that write at the same time, one does.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        match &self.0 {
            Backend::Folder(folder) => folder.put_new(key, &bytes),
            Backend::S3(bucket) => bucket.put_new(key, bytes).await,
        }
    }

    /// Writes an object, replacing one that is there.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        match &self.0 {
            Backend::Folder(folder) => folder.put(key, &bytes),
            Backend::S3(bucket) => bucket.put(key, bytes).await,
        }
    }

    /// Writes an object while its bytes are made, by a thread of its own, and replaces one that is there. Memory holds a few parts of
    /// it. Returns its SHA-256 checksum, in hexadecimal digits.
    ///
    /// # Errors
    /// Where the bytes cannot be made, or the store cannot be written. Nothing is replaced then.
    pub async fn put_stream(&self, key: &str, make: MakeBytes) -> Result<String, StoreError> {
        let (parts, making) = stream::start(make);
        let written = match &self.0 {
            Backend::Folder(folder) => folder.put_parts(key, parts).await,
            Backend::S3(bucket) => bucket.put_parts(key, parts).await,
        };
        let problem = |problem: String| StoreError { place: self.place(key), problem, remedy: None };
        // What went wrong where the bytes are made is the cause of what went wrong here.
        match making.await {
            Ok(Ok(sum)) => written.map(|()| sum),
            Ok(Err(error)) => Err(written.err().unwrap_or_else(|| problem(error.to_string()))),
            Err(_) => Err(problem("internal error in rolecall while the object was made".to_owned())),
        }
    }

    /// Replaces an object if it still has this version. Returns whether it was replaced.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub async fn replace(&self, key: &str, bytes: Vec<u8>, version: &str) -> Result<bool, StoreError> {
        match &self.0 {
            Backend::Folder(folder) => folder.replace(key, &bytes, version),
            Backend::S3(bucket) => bucket.replace(key, bytes, version).await,
        }
    }

    /// The keys that begin with this prefix, sorted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut keys = match &self.0 {
            Backend::Folder(folder) => folder.list(prefix)?,
            Backend::S3(bucket) => bucket.list(prefix).await?,
        };
        keys.sort();
        Ok(keys)
    }

    /// The object as JSON; `None` where there is none.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let Some(object) = self.get(key).await? else { return Ok(None) };
        let parsed = serde_json::from_slice(&object.bytes);
        parsed.map(Some).map_err(|error| self.damaged(key, &error))
    }

    /// The error of an object that Rolecall did not write, or that was changed since.
    pub(crate) fn damaged(&self, key: &str, problem: &dyn fmt::Display) -> StoreError {
        // The records of an account are read again where they are not there.
        let remedy = if RunKey::is_record(key) {
            "delete this object if it exists, collect the batch of the account again, and merge"
        } else {
            "plan a new run"
        };
        StoreError {
            place: self.place(key),
            problem: format!("the object was changed after Rolecall wrote it: {problem}"),
            remedy: Some(remedy.to_owned()),
        }
    }

    /// The error of an object that cannot be used.
    pub(crate) fn failure(&self, key: &str, problem: &str) -> StoreError {
        StoreError { place: self.place(key), problem: problem.to_owned(), remedy: None }
    }

    fn place(&self, key: &str) -> String {
        match &self.0 {
            Backend::Folder(folder) => folder.path(key).display().to_string(),
            Backend::S3(bucket) => bucket.place(key),
        }
    }
}

/// The bytes of a value as JSON, with a newline at the end.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Only a map whose keys are not texts fails, and no value here has one.
    let mut line = json::to_string(value).unwrap_or_default();
    line.push('\n');
    line.into_bytes()
}

/// Why the store cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct StoreError {
    /// The object.
    pub place: String,
    /// What happened.
    pub problem: String,
    /// What to do; `None` where that is plain.
    pub remedy: Option<String>,
}

impl StoreError {
    /// The error with its remedy, in one line.
    #[must_use]
    pub fn to_line(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{self}; {remedy}"),
            None => self.to_string(),
        }
    }
}
