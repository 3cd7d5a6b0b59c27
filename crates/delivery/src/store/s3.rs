//! A bucket as a store.

use std::error::Error;
use std::fs::File;
use std::io::Write;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use rolecall_core::secrets::Secrets;
use rolecall_core::{CallError, Scanner, connect};
use rolecall_roll::ErrorKind;
use tokio::sync::mpsc::Receiver;

use super::stream::Part;
use super::{Object, StoreError};

#[derive(Debug)]
pub(super) struct Bucket {
    client: Client,
    secrets: Secrets,
    name: String,
    prefix: String,
    owner: Option<String>,
}

/// The number of attempts where two writers of one object collide.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
const CONFLICT_ATTEMPTS: usize = 5;

impl Bucket {
    pub(super) fn new(scanner: &Scanner, name: String, prefix: String, owner: Option<&str>) -> Self {
        let config = scanner.sdk_config();
        // An emulator has no name for each bucket, and a certificate for `*.s3…` does not cover a name with dots.
        let in_path = connect::endpoint_of(config, "S3").is_some() || name.contains('.');
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(in_path).build();
        let (client, secrets) = (Client::from_conf(config), scanner.secrets().clone());
        Self { client, secrets, name, prefix, owner: owner.map(str::to_owned) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn full_key(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    pub(super) fn place(&self, key: &str) -> String {
        format!("s3://{}/{}", self.name, self.full_key(key))
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let Some(response) = self.get_object(key).await? else { return Ok(None) };
        let version = response.e_tag.clone().unwrap_or_default();
        let bytes = response.body.collect().await.map_err(|error| self.interrupted(key, &error))?;
        Ok(Some(Object { bytes: bytes.to_vec(), version }))
    }

    pub(super) async fn get_file(&self, key: &str, file: &mut File) -> Result<bool, StoreError> {
        let Some(mut response) = self.get_object(key).await? else { return Ok(false) };
        while let Some(bytes) =
            response.body.try_next().await.map_err(|error| self.interrupted(key, &error))?
        {
            file.write_all(&bytes).map_err(|error| self.local(key, &error))?;
        }
        Ok(true)
    }

    async fn get_object(&self, key: &str) -> Result<Option<GetObjectOutput>, StoreError> {
        let request = self.client.get_object().bucket(&self.name).key(self.full_key(key));
        match request.set_expected_bucket_owner(self.owner.clone()).send().await {
            Ok(response) => Ok(Some(response)),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(self.failure("GetObject", key, &error)),
        }
    }

    pub(super) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.put_if(key, bytes, Condition::None).await.map(|_| ())
    }

    pub(super) async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        self.put_if(key, bytes, Condition::IsNew).await
    }

    pub(super) async fn replace(&self, key: &str, bytes: Vec<u8>, version: &str) -> Result<bool, StoreError> {
        self.put_if(key, bytes, Condition::HasVersion(version)).await
    }

    /// Writes an object if the condition holds. Returns whether it does.
    async fn put_if(&self, key: &str, bytes: Vec<u8>, condition: Condition<'_>) -> Result<bool, StoreError> {
        let (is_new, version) = match condition {
            Condition::None => (None, None),
            Condition::IsNew => (Some("*".to_owned()), None),
            Condition::HasVersion(version) => (None, Some(version.to_owned())),
        };
        let mut attempt = 1;
        loop {
            let request = self.client.put_object().bucket(&self.name).key(self.full_key(key));
            let request = request.set_if_none_match(is_new.clone()).set_if_match(version.clone());
            let request = request.set_expected_bucket_owner(self.owner.clone());
            match request.body(ByteStream::from(bytes.clone())).send().await {
                Ok(_) => return Ok(true),
                Err(error) if error.code() == Some("PreconditionFailed") => return Ok(false),
                // Another writer of the same object was not done yet; the next attempt finds out.
                Err(error)
                    if error.code() == Some("ConditionalRequestConflict") && attempt < CONFLICT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(self.failure("PutObject", key, &error)),
            }
        }
    }

    /// Writes an object in parts; in one call if it has one part.
    pub(super) async fn put_parts(&self, key: &str, mut parts: Receiver<Part>) -> Result<(), StoreError> {
        let first = match parts.recv().await {
            Some(Part::Last(bytes)) => return self.put(key, bytes).await,
            Some(Part::Some(bytes)) => bytes,
            // The thread that makes the bytes says why.
            None => return Ok(()),
        };
        let request = self.client.create_multipart_upload().bucket(&self.name).key(self.full_key(key));
        let upload = request.set_expected_bucket_owner(self.owner.clone()).send().await;
        let upload = upload.map_err(|error| self.failure("CreateMultipartUpload", key, &error))?;
        let upload_id = upload.upload_id.unwrap_or_default();
        let written = self.upload_parts(key, &upload_id, first, parts).await;
        if !matches!(written, Ok(true)) {
            // If this fails too, the bucket's lifecycle rule deletes the parts.
            let request = self.client.abort_multipart_upload().bucket(&self.name).key(self.full_key(key));
            let aborted =
                request.upload_id(upload_id).set_expected_bucket_owner(self.owner.clone()).send().await;
            if let Err(error) = aborted {
                tracing::warn!("{}", self.failure("AbortMultipartUpload", key, &error));
            }
        }
        written.map(|_| ())
    }

    /// Uploads all parts. Returns whether the object is whole.
    async fn upload_parts(
        &self,
        key: &str,
        upload_id: &str,
        first: Vec<u8>,
        mut parts: Receiver<Part>,
    ) -> Result<bool, StoreError> {
        let mut done = Vec::new();
        let mut part = Part::Some(first);
        loop {
            let is_last = matches!(part, Part::Last(_));
            let (Part::Some(bytes) | Part::Last(bytes)) = part;
            let number = i32::try_from(done.len() + 1).unwrap_or(i32::MAX);
            let request = self.client.upload_part().bucket(&self.name).key(self.full_key(key));
            let request = request.upload_id(upload_id).part_number(number).body(ByteStream::from(bytes));
            let sent = request.set_expected_bucket_owner(self.owner.clone()).send().await;
            let sent = sent.map_err(|error| self.failure("UploadPart", key, &error))?;
            let completed = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
            done.push(completed.set_checksum_crc32(sent.checksum_crc32).build());
            if is_last {
                break;
            }
            match parts.recv().await {
                Some(next) => part = next,
                None => return Ok(false),
            }
        }
        let whole = CompletedMultipartUpload::builder().set_parts(Some(done)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.name).key(self.full_key(key));
        let request = request.upload_id(upload_id).multipart_upload(whole);
        let completed = request.set_expected_bucket_owner(self.owner.clone()).send().await;
        completed.map(|_| true).map_err(|error| self.failure("CompleteMultipartUpload", key, &error))
    }

    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let own = self.full_key("");
        let (mut keys, mut token) = (Vec::new(), None);
        loop {
            let request = self.client.list_objects_v2().bucket(&self.name).prefix(self.full_key(prefix));
            let request = request.set_continuation_token(token).set_expected_bucket_owner(self.owner.clone());
            let page = request.send().await.map_err(|error| self.failure("ListObjectsV2", prefix, &error))?;
            let objects = page.contents.into_iter().flatten().filter_map(|object| object.key);
            keys.extend(objects.filter_map(|key| Some(key.strip_prefix(&own)?.to_owned())));
            if page.is_truncated != Some(true) {
                return Ok(keys);
            }
            if page.next_continuation_token.is_none() {
                let problem =
                    "ListObjectsV2: the list goes on, but the response does not say where".to_owned();
                return Err(StoreError { place: self.place(prefix), problem, remedy: None });
            }
            token = page.next_continuation_token;
        }
    }

    fn failure<E>(&self, operation: &'static str, key: &str, error: &SdkError<E, HttpResponse>) -> StoreError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let error = CallError::new(operation, error).without(&self.secrets);
        let remedy = self.remedy(&error);
        StoreError { place: self.place(key), problem: error.to_string(), remedy }
    }

    fn remedy(&self, error: &CallError) -> Option<String> {
        let Self { name, .. } = self;
        Some(match (error.code.as_deref(), error.error_kind) {
            (Some("NoSuchBucket"), _) => format!("there is no bucket {name}: check its name"),
            (
                Some(
                    "PermanentRedirect"
                    | "AuthorizationHeaderMalformed"
                    | "IllegalLocationConstraintException",
                ),
                _,
            ) => {
                format!("set AWS_REGION to the region of the bucket {name}")
            }
            (Some("NotImplemented"), _) => {
                "the endpoint has no S3, or not all of it: use AWS, or name a folder as the store".to_owned()
            }
            (_, ErrorKind::Denied) => {
                let owner = match &self.owner {
                    Some(owner) => format!("; the bucket must also belong to account {owner}"),
                    None => String::new(),
                };
                format!(
                    "allow s3:GetObject and s3:PutObject on arn:aws:s3:::{name}/*, s3:ListBucket on arn:aws:s3:::{name} (without it, \
                     S3 also denies access to objects that do not exist), and kms:GenerateDataKey and kms:Decrypt on the \
                     bucket's key{owner}"
                )
            }
            (_, ErrorKind::Transport | ErrorKind::TimedOut) => {
                "check the network: in a VPC, S3 needs a gateway endpoint or a NAT gateway".to_owned()
            }
            _ => return None,
        })
    }

    fn interrupted(&self, key: &str, error: &dyn Error) -> StoreError {
        let problem = format!("GetObject: the response ended early: {error}");
        StoreError { place: self.place(key), problem, remedy: None }
    }

    fn local(&self, key: &str, error: &dyn Error) -> StoreError {
        StoreError { place: self.place(key), problem: format!("the local file: {error}"), remedy: None }
    }
}

/// When an object is written.
enum Condition<'a> {
    None,
    IsNew,
    HasVersion(&'a str),
}
