//! Authentication: who signed a request, by Signature Version 4.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Request;
use jiff::Timestamp;
use rolecall_policy::NamedPolicy;
use scratchstack_aws_signature::{
    GetSigningKeyRequest, GetSigningKeyResponse, KSecretKey, NO_ADDITIONAL_SIGNED_HEADERS, SignatureError,
    SignatureOptions, service_for_signing_key_fn, sigv4_validate_request,
};

use crate::protocol::ApiError;
use crate::world::{AccessKey, World};

/// The user or the role session whose key signed a request.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// An IAM user; the world has its policies.
    User { account_id: String, user_name: String },
    /// A role session; it carries what `AssumeRole` gave it.
    Session(Box<Session>),
}

/// A role session: an assumed role with the properties that `AssumeRole` gave it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// With the role's path.
    pub(crate) role_arn: String,
    /// The role's unique id, `AROA…`.
    pub(crate) role_id: String,
    pub(crate) role_session_name: String,
    /// The session policy, which limits what the role's own policies allow. `None` if the request passed none.
    pub(crate) policy: Option<NamedPolicy>,
    /// From the request, or inherited from the previous session of a role chain.
    pub(crate) source_identity: Option<String>,
    /// All session tags: those of the request and the transitive ones of the previous session.
    pub(crate) tags: BTreeMap<String, String>,
    /// The part of `tags` that the next session of a role chain inherits.
    pub(crate) transitive_tags: BTreeMap<String, String>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

/// Temporary credentials of a role session, as `AssumeRole` returns them.
#[derive(Clone)]
pub struct Credentials {
    /// 20 characters, `ASIA…`.
    pub access_key_id: String,
    /// 40 characters. Not in the `Debug` output.
    pub secret_access_key: String,
    /// An opaque text that every request must carry. Not in the `Debug` output.
    pub session_token: String,
    /// The first moment at which the emulator answers `ExpiredToken`, by its own clock.
    pub expiration: Timestamp,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Session {
    /// The ARN of the session itself, `arn:aws:sts::…:assumed-role/ROLE/SESSION`: without the role's path.
    #[must_use]
    pub(crate) fn arn(&self) -> String {
        let account_id = self.account_id();
        let role_name = self.role_arn.rsplit('/').next().unwrap_or_default();
        format!("arn:aws:sts::{account_id}:assumed-role/{role_name}/{}", self.role_session_name)
    }

    /// The account of the role.
    #[must_use]
    pub(crate) fn account_id(&self) -> &str {
        self.role_arn.split(':').nth(4).unwrap_or_default()
    }
}

/// All sessions issued so far with their credentials, by access key id.
#[derive(Debug, Default)]
pub(crate) struct Sessions(BTreeMap<String, (Credentials, Session)>);

impl Sessions {
    /// Creates random credentials for a session and stores both.
    pub(crate) fn issue(&mut self, session: Session) -> Credentials {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let upper = random().to_ascii_uppercase();
        let secret = random() + &random();
        let credentials = Credentials {
            access_key_id: format!("ASIA{}", upper.get(..16).unwrap_or_default()),
            secret_access_key: secret.get(..40).unwrap_or_default().to_owned(),
            session_token: format!("{}{}{}{}", random(), random(), random(), random()),
            expiration: session.expires,
        };
        self.0.insert(credentials.access_key_id.clone(), (credentials.clone(), session));
        credentials
    }

    /// The session that an access key id was issued for; `None` if the id is not a session's.
    #[must_use]
    pub(crate) fn by_access_key(&self, access_key_id: &str) -> Option<&Session> {
        self.0.get(access_key_id).map(|(_, session)| session)
    }
}

/// A signed request whose signature is not verified yet.
#[derive(Debug)]
pub(crate) struct SignedRequest {
    /// The access key id of the signature's credential.
    pub(crate) access_key_id: String,
    /// The region of the signature's credential scope.
    pub(crate) region: String,
    /// The secret access key of the access key id and its owner; an error if the key or the token is not valid.
    identity: Result<(String, Identity), ApiError>,
}

impl SignedRequest {
    /// Reads the `Authorization` header and looks up the access key id in it.
    ///
    /// # Errors
    /// `MissingAuthenticationToken` if the request has no such header. An unknown access key id is not an error here:
    /// AWS finds other faults of a signature first, so `verify` reports it.
    pub(crate) fn parse(
        request: &Request<Bytes>,
        world: &World,
        sessions: &Sessions,
    ) -> Result<Self, ApiError> {
        let missing =
            || ApiError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
        let header = request.headers().get("authorization").ok_or_else(missing)?;
        let credential = header.to_str().unwrap_or_default().split("Credential=").nth(1).unwrap_or_default();
        let mut parts = credential.split([',', ' ']).next().unwrap_or_default().split('/');
        let access_key_id = parts.next().unwrap_or_default();
        let region = parts.nth(1).unwrap_or("us-east-1").to_owned();
        let token = request.headers().get("x-amz-security-token").and_then(|token| token.to_str().ok());
        let identity = find_identity(access_key_id, token, world, sessions);
        Ok(Self { access_key_id: access_key_id.to_owned(), region, identity })
    }

    /// Verifies the signature for a service and a time, and returns who signed.
    ///
    /// # Errors
    /// With AWS's codes and messages: an unknown key, a wrong secret or token, an expired session, a skewed clock.
    pub(crate) async fn verify(
        self,
        request: Request<Bytes>,
        service: &str,
        now: Timestamp,
    ) -> Result<Identity, ApiError> {
        let secret: Option<KSecretKey> =
            self.identity.as_ref().ok().and_then(|(secret, _)| secret.parse().ok());
        let signing_key = move |request: GetSigningKeyRequest| {
            let key = secret
                .as_ref()
                .map(|key| key.to_ksigning(request.request_date(), request.region(), request.service()));
            async move {
                let key = key.ok_or(SignatureError::InvalidClientTokenId(INVALID_TOKEN.to_owned()))?;
                Ok(GetSigningKeyResponse::builder().signing_key(key).build()?)
            }
        };
        // IAM has one endpoint for all regions; its signatures are for us-east-1.
        let region = if service == "iam" { "us-east-1" } else { &self.region };
        let validated = sigv4_validate_request(
            request,
            region,
            service,
            &mut service_for_signing_key_fn(signing_key),
            DateTime::<Utc>::from_timestamp(now.as_second(), 0).unwrap_or_default(),
            &NO_ADDITIONAL_SIGNED_HEADERS,
            SignatureOptions::default(),
        )
        .await;
        if let Err(error) = validated {
            return Err(match error.downcast_ref::<SignatureError>() {
                Some(error) => signature_error(error),
                None => ApiError::new(500, "InternalFailure", "The emulator could not check the signature."),
            });
        }
        match self.identity? {
            (_, Identity::Session(session)) if session.expires <= now => Err(ApiError::new(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            )),
            (_, identity) => Ok(identity),
        }
    }
}

const INVALID_TOKEN: &str = "The security token included in the request is invalid.";

/// The error for an unknown key or token, and for one whose user or role is not in the world.
pub(crate) fn invalid_token() -> ApiError {
    ApiError::new(403, "InvalidClientTokenId", INVALID_TOKEN)
}

/// The secret access key of an access key id, and its owner.
///
/// # Errors
/// `InvalidClientTokenId` if the key is unknown, inactive or has no secret, or if the token is not the one of this key.
fn find_identity(
    access_key_id: &str,
    token: Option<&str>,
    world: &World,
    sessions: &Sessions,
) -> Result<(String, Identity), ApiError> {
    if let Some((credentials, session)) = sessions.0.get(access_key_id) {
        if token != Some(credentials.session_token.as_str()) {
            return Err(invalid_token());
        }
        return Ok((credentials.secret_access_key.clone(), Identity::Session(Box::new(session.clone()))));
    }
    let (account_id, user_name) = world.owner_of_key(access_key_id).ok_or_else(invalid_token)?;
    let user = world.user(&account_id, &user_name);
    let is_usable =
        |key: &&AccessKey| key.access_key_id == access_key_id && key.status == "Active" && token.is_none();
    let key = user.as_ref().and_then(|user| user.access_keys.iter().find(is_usable));
    let secret = key.and_then(|key| key.secret_access_key.clone()).ok_or_else(invalid_token)?;
    Ok((secret, Identity::User { account_id, user_name }))
}

fn signature_error(error: &SignatureError) -> ApiError {
    // The library's message for a mismatch can hold the request that was signed, and so the session token. The message
    // here, AWS's own, is without it.
    let message = match error {
        SignatureError::SignatureDoesNotMatch(None) => {
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned()
        }
        other => other.to_string(),
    };
    let (status, code) = match error {
        SignatureError::ExpiredToken(_) => (403, "ExpiredToken"),
        SignatureError::InvalidClientTokenId(_) => (403, "InvalidClientTokenId"),
        SignatureError::MissingAuthenticationToken(_) => (403, "MissingAuthenticationToken"),
        SignatureError::SignatureDoesNotMatch(_) => (403, "SignatureDoesNotMatch"),
        SignatureError::IncompleteSignature(_) => (400, "IncompleteSignature"),
        SignatureError::MalformedQueryString(_) => (400, "MalformedQueryString"),
        _ => (400, "InvalidRequest"),
    };
    ApiError::new(status, code, message)
}
