//! Whose signature it is.
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

/// Who signed a request.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// A user, by account and name.
    User {
        /// The account.
        account_id: String,
        /// The name.
        user_name: String,
    },
    /// A session of a role.
    Session(Box<Session>),
}

/// A session of a role.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The role's ARN, path included.
    pub(crate) role_arn: String,
    /// `AROA…`.
    pub(crate) role_id: String,
    /// The session's name.
    pub(crate) role_session_name: String,
    /// What it was narrowed to.
    pub(crate) policy: Option<NamedPolicy>,
    /// Passed when it was made, or by the session before it.
    pub(crate) source_identity: Option<String>,
    /// The tags that it was given, those of the session before it that go on among them.
    pub(crate) tags: BTreeMap<String, String>,
    /// Those of them that go on to the sessions behind it.
    pub(crate) transitive_tags: BTreeMap<String, String>,
    /// When it was made.
    pub(crate) issued: Timestamp,
    /// When it ends.
    pub(crate) expires: Timestamp,
}

/// Temporary credentials.
#[derive(Clone)]
pub struct Credentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
    /// Opaque.
    pub session_token: String,
    /// When they end.
    pub expiration: Timestamp,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Session {
    /// The ARN of the session itself.
    #[must_use]
    pub(crate) fn arn(&self) -> String {
        let account_id = self.account_id();
        let role_name = self.role_arn.rsplit('/').next().unwrap_or_default();
        format!("arn:aws:sts::{account_id}:assumed-role/{role_name}/{}", self.role_session_name)
    }

    /// The role's account.
    #[must_use]
    pub(crate) fn account_id(&self) -> &str {
        self.role_arn.split(':').nth(4).unwrap_or_default()
    }
}

/// The sessions that were made, with their secrets.
#[derive(Debug, Default)]
pub(crate) struct Sessions(BTreeMap<String, (Credentials, Session)>);

impl Sessions {
    /// Makes credentials for a session.
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

    /// The session of an access key id.
    #[must_use]
    pub(crate) fn of_key(&self, access_key_id: &str) -> Option<&Session> {
        self.0.get(access_key_id).map(|(_, session)| session)
    }
}

/// Whose signature a request claims to have.
#[derive(Debug)]
pub(crate) struct SignedRequest {
    /// The region that was signed for.
    pub(crate) region: String,
    /// The secret, and whose it is; or why nobody's.
    known: Result<(String, Identity), ApiError>,
}

impl SignedRequest {
    /// What the `Authorization` header says.
    ///
    /// # Errors
    /// Where there is none.
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
        Ok(Self { region, known: find(access_key_id, token, world, sessions) })
    }

    /// Holds that it is true, for this service and at this time.
    ///
    /// # Errors
    /// In AWS's codes and words: an unknown key, a wrong secret or token, an ended session, a skewed clock.
    pub(crate) async fn verify(
        self,
        request: Request<Bytes>,
        service: &str,
        now: Timestamp,
    ) -> Result<Identity, ApiError> {
        let secret: Option<KSecretKey> = self.known.as_ref().ok().and_then(|(secret, _)| secret.parse().ok());
        let signing_key = move |asked: GetSigningKeyRequest| {
            let key = secret
                .as_ref()
                .map(|key| key.to_ksigning(asked.request_date(), asked.region(), asked.service()));
            async move {
                let key = key.ok_or(SignatureError::InvalidClientTokenId(INVALID_TOKEN.to_owned()))?;
                Ok(GetSigningKeyResponse::builder().signing_key(key).build()?)
            }
        };
        // IAM has one endpoint for all regions.
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
                Some(error) => refusal(error),
                None => ApiError::new(500, "InternalFailure", "the signature could not be checked"),
            });
        }
        match self.known? {
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

/// The answer where a key or a token is nobody's, or its user or role is gone.
pub(crate) fn invalid_token() -> ApiError {
    ApiError::new(403, "InvalidClientTokenId", INVALID_TOKEN)
}

/// The secret of a key, and whose it is. A token belongs to its key and to no other.
fn find(
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

fn refusal(error: &SignatureError) -> ApiError {
    // A signature's mismatch is told without the request that was signed: it holds the token.
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
