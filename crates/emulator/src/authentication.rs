//! Authentication: who signed a request, by Signature Version 4.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Request;
use jiff::{SignedDuration, Timestamp};
use rolecall_policy::NamedPolicy;
use scratchstack_aws_signature::{
    GetSigningKeyRequest, GetSigningKeyResponse, KSecretKey, NO_ADDITIONAL_SIGNED_HEADERS, SignatureError,
    SignatureOptions, service_for_signing_key_fn, sigv4_validate_request,
};

use crate::presigned;
use crate::protocol::ApiError;
use crate::world::{AccessKey, KeyOwner, World};

/// The user or the session whose key signed a request.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// An IAM user; the world has its policies. `session` is `None` if the user signed with an access key of its own.
    User { account_id: String, user_name: String, session: Option<UserSession> },
    /// The root user of an account, with an access key of its own.
    Root { account_id: String },
    /// A role session; it carries what `AssumeRole` gave it.
    Session(Box<Session>),
    /// A session that a user created with `GetFederationToken`.
    FederatedUser(Box<FederatedUserSession>),
}

/// A session that a user created with `GetSessionToken`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserSession {
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    /// Whether the user authenticated with an MFA device, when the session was issued.
    pub(crate) has_mfa: bool,
}

/// A session that a user created with `GetFederationToken`. It has what both the user's policies and the session
/// policies allow.
#[derive(Debug, Clone)]
pub(crate) struct FederatedUserSession {
    /// The account of the user who created it.
    pub(crate) account_id: String,
    /// The user who created it.
    pub(crate) user_name: String,
    /// `Name` of the request, which need not be the name of a user.
    pub(crate) name: String,
    /// The session policies, inline and managed. `None` if the request passed none: then the session has no permissions.
    pub(crate) policies: Option<Vec<NamedPolicy>>,
    /// The session tags.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

impl FederatedUserSession {
    /// The ARN of the session, `arn:aws:sts::…:federated-user/NAME`.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sts::{}:federated-user/{}", self.account_id, self.name)
    }

    /// `FederatedUserId` of `GetFederationToken`, and `UserId` of `GetCallerIdentity`.
    pub(crate) fn user_id(&self) -> String {
        format!("{}:{}", self.account_id, self.name)
    }
}

/// A role session: an assumed role with the properties that `AssumeRole` gave it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// With the role's path.
    pub(crate) role_arn: String,
    /// The role's unique id, `AROA…`.
    pub(crate) role_id: String,
    pub(crate) role_session_name: String,
    /// The session policies, inline and managed, which limit what the role's own policies allow. `None` if the request
    /// passed none.
    pub(crate) policies: Option<Vec<NamedPolicy>>,
    /// From the request, or inherited from the previous session of a role chain.
    pub(crate) source_identity: Option<String>,
    /// All session tags: those of the request and the transitive ones of the previous session.
    pub(crate) tags: BTreeMap<String, String>,
    /// The part of `tags` that the next session of a role chain inherits.
    pub(crate) transitive_tags: BTreeMap<String, String>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

/// Temporary credentials of a session, as `AssumeRole` returns them, or an access key of a user.
#[derive(Clone)]
pub struct Credentials {
    /// 20 characters, `ASIA…`; `AKIA…` for the access key of a user.
    pub access_key_id: String,
    /// 40 characters. Not in the `Debug` output.
    pub secret_access_key: String,
    /// An opaque text that every request must carry; empty for the access key of a user. Not in the `Debug` output.
    pub session_token: String,
    /// The first moment at which the emulator answers `ExpiredToken`, by its own clock. An access key of a user does not
    /// expire.
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

impl Identity {
    pub(crate) fn account_id(&self) -> &str {
        match self {
            Self::User { account_id, .. } | Self::Root { account_id } => account_id,
            Self::Session(session) => session.account_id(),
            Self::FederatedUser(session) => &session.account_id,
        }
    }

    /// When the credentials expire; `None` for an access key of a user, which does not.
    fn expires(&self) -> Option<Timestamp> {
        match self {
            Self::User { session, .. } => session.map(|session| session.expires),
            Self::Root { .. } => None,
            Self::Session(session) => Some(session.expires),
            Self::FederatedUser(session) => Some(session.expires),
        }
    }
}

/// The sessions issued so far with their credentials, by access key id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    issued: BTreeMap<String, (Credentials, Identity)>,
    /// At how many sessions those that expired long ago are dropped.
    cleanup_at: usize,
}

impl Sessions {
    /// How long a session is kept after it expired, and so answered with `ExpiredToken`. Later its key is unknown.
    const KEPT: SignedDuration = SignedDuration::from_hours(1);

    /// Creates random credentials for a session, which has an end, and stores both.
    pub(crate) fn issue(&mut self, session: Identity, now: Timestamp) -> Credentials {
        if self.issued.len() >= self.cleanup_at {
            let ended = now.saturating_sub(Self::KEPT).unwrap_or(now);
            self.issued.retain(|_, (credentials, _)| credentials.expiration > ended);
            self.cleanup_at = (self.issued.len() * 2).max(1000);
        }
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let upper = random().to_ascii_uppercase();
        let secret = random() + &random();
        let credentials = Credentials {
            access_key_id: format!("ASIA{}", upper.get(..16).unwrap_or_default()),
            secret_access_key: secret.get(..40).unwrap_or_default().to_owned(),
            session_token: format!("{}{}{}{}", random(), random(), random(), random()),
            expiration: session.expires().unwrap_or(now),
        };
        self.issued.insert(credentials.access_key_id.clone(), (credentials.clone(), session));
        credentials
    }

    /// The user or the role whose session an access key id was issued for; `None` if the id is not a session's.
    #[must_use]
    pub(crate) fn by_access_key(&self, access_key_id: &str) -> Option<&Identity> {
        self.issued.get(access_key_id).map(|(_, session)| session)
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
    /// Reads the `Authorization` header, or the query of a presigned URL, and looks up the access key id in it.
    ///
    /// # Errors
    /// `MissingAuthenticationToken` if the request has neither. An unknown access key id is not an error here: AWS
    /// finds other faults of a signature first, so `verify` reports it.
    pub(crate) fn parse(
        request: &Request<Bytes>,
        world: &World,
        sessions: &Sessions,
    ) -> Result<Self, ApiError> {
        let missing =
            || ApiError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
        let header =
            |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default().to_owned());
        let credential = match header("authorization") {
            Some(header) => {
                let credential = header.split("Credential=").nth(1).unwrap_or_default();
                credential.split([',', ' ']).next().unwrap_or_default().to_owned()
            }
            None => presigned::parameter(request, "X-Amz-Credential").ok_or_else(missing)?,
        };
        let mut parts = credential.split('/');
        let access_key_id = parts.next().unwrap_or_default();
        let region = parts.nth(1).unwrap_or(DEFAULT_REGION).to_owned();
        let token =
            header("x-amz-security-token").or_else(|| presigned::parameter(request, "X-Amz-Security-Token"));
        let identity = find_identity(access_key_id, token.as_deref(), world, sessions);
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
        // At AWS, each endpoint takes signatures for its own region. Behind one endpoint for all services, SDKs sign
        // also IAM and AWS Organizations for the region of the client, so any region of the partition is valid.
        let region = if is_region(&self.region) { &self.region } else { DEFAULT_REGION };
        let secret = self.identity.as_ref().ok().map(|(secret, _)| secret.as_str());
        if request.headers().contains_key("authorization") {
            verify_header(request, secret, (region, service), now).await?;
        } else {
            presigned::verify(&request, secret, (region, service), now)?;
        }
        let (_, identity) = self.identity?;
        if identity.expires().is_some_and(|expires| expires <= now) {
            let message = "The security token included in the request is expired";
            return Err(ApiError::new(403, "ExpiredToken", message));
        }
        Ok(identity)
    }
}

/// Verifies the signature in the `Authorization` header. `secret` is `None` if the access key is not valid.
async fn verify_header(
    request: Request<Bytes>,
    secret: Option<&str>,
    (region, service): (&str, &str),
    now: Timestamp,
) -> Result<(), ApiError> {
    let secret: Option<KSecretKey> = secret.and_then(|secret| secret.parse().ok());
    let signing_key = move |request: GetSigningKeyRequest| {
        let key = secret
            .as_ref()
            .map(|key| key.to_ksigning(request.request_date(), request.region(), request.service()));
        async move {
            let key = key.ok_or(SignatureError::InvalidClientTokenId(INVALID_TOKEN.to_owned()))?;
            Ok(GetSigningKeyResponse::builder().signing_key(key).build()?)
        }
    };
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
    validated.map(|_| ()).map_err(|error| match error.downcast_ref::<SignatureError>() {
        Some(error) => signature_error(error),
        None => ApiError::new(500, "InternalFailure", "The emulator could not check the signature."),
    })
}

/// The region of IAM and AWS Organizations.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";

/// Whether a text has the form of a region of the partition `aws`. The names of regions in other partitions differ,
/// such as `cn-north-1` and `us-gov-west-1`.
///
/// Source: `regionRegex` in the SDKs' `partitions.json`
fn is_region(text: &str) -> bool {
    const AREAS: [&str; 9] = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"];
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [area, place, number] => {
            AREAS.contains(area) && is_word(place) && number.parse::<u8>().is_ok() && is_word(number)
        }
        _ => false,
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
    if let Some((credentials, session)) = sessions.issued.get(access_key_id) {
        if token != Some(credentials.session_token.as_str()) {
            return Err(invalid_token());
        }
        return Ok((credentials.secret_access_key.clone(), session.clone()));
    }
    let KeyOwner { account_id, user_name } = world.owner_of_key(access_key_id).ok_or_else(invalid_token)?;
    let account = world.account(&account_id).unwrap_or_default();
    let keys = match &user_name {
        Some(user_name) => account.users.get(user_name).map(|user| &user.access_keys),
        None => Some(&account.root.access_keys),
    };
    let is_usable =
        |key: &&AccessKey| key.access_key_id == access_key_id && key.status == "Active" && token.is_none();
    let key = keys.and_then(|keys| keys.iter().find(is_usable));
    let secret = key.and_then(|key| key.secret_access_key.clone()).ok_or_else(invalid_token)?;
    let identity = match user_name {
        Some(user_name) => Identity::User { account_id, user_name, session: None },
        None => Identity::Root { account_id },
    };
    Ok((secret, identity))
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

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Identity, Sessions, UserSession, is_region};

    #[test]
    fn sessions_that_expired_long_ago_are_dropped_and_others_are_kept() {
        let mut sessions = Sessions::default();
        let start = Timestamp::UNIX_EPOCH;
        let after = |hours: i64| start + SignedDuration::from_hours(hours);
        let session = |now: Timestamp| Identity::User {
            account_id: "111111111111".to_owned(),
            user_name: "alice".to_owned(),
            session: Some(UserSession {
                issued: now,
                expires: now + SignedDuration::from_hours(1),
                has_mfa: false,
            }),
        };
        let issue = |sessions: &mut Sessions, hours| sessions.issue(session(after(hours)), after(hours));
        let old = issue(&mut sessions, 0);
        for _ in 0..999 {
            issue(&mut sessions, 1);
        }
        let of_old = |sessions: &Sessions| sessions.by_access_key(&old.access_key_id).is_some();
        assert!(of_old(&sessions), "it expired, and is answered with ExpiredToken");
        let recent = issue(&mut sessions, 3);
        assert!(!of_old(&sessions));
        assert!(sessions.by_access_key(&recent.access_key_id).is_some());
        assert!(sessions.issued.len() < 10, "{}", sessions.issued.len());
    }

    #[test]
    fn regions_are_told_from_those_of_other_partitions_by_their_form() {
        for (text, expected) in [
            ("us-east-1", true),
            ("ap-southeast-7", true),
            ("us-gov-west-1", false),
            ("us-isob-east-1", false),
            ("cn-north-1", false),
            ("eusc-de-east-1", false),
            ("us-east-", false),
            ("us--1", false),
            ("us-east-+1", false),
            ("aws-global", false),
            ("", false),
        ] {
            assert_eq!(is_region(text), expected, "{text}");
        }
    }
}
