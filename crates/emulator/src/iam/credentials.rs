//! IAM operations on the other credentials of users: SSH public keys, signing certificates, credentials for one
//! service.

use super::users::requested_user;
use super::{Page, account, allow_on_path, date};
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::world::{ServiceSpecificCredential, UploadedCredential};

/// `iam:ListSSHPublicKeys`.
pub(crate) fn list_ssh_public_keys(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListSSHPublicKeys")?;
    let (name, user) = requested_user(call, "iam:ListSSHPublicKeys")?;
    let keys = uploaded(&user.ssh_public_keys, |key| {
        Xml::new()
            .text("UserName", &name)
            .text("SSHPublicKeyId", &key.id)
            .text("Status", &key.status)
            .text("UploadDate", date(key.upload_date))
    });
    Ok(page.render("SSHPublicKeys", keys.into_iter()))
}

/// `iam:ListSigningCertificates`. A world has no certificate's body.
pub(crate) fn list_signing_certificates(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListSigningCertificates")?;
    let (name, user) = requested_user(call, "iam:ListSigningCertificates")?;
    let certificates = uploaded(&user.signing_certificates, |certificate| {
        Xml::new()
            .text("UserName", &name)
            .text("CertificateId", &certificate.id)
            .text("CertificateBody", "")
            .text("Status", &certificate.status)
            .text("UploadDate", date(certificate.upload_date))
    });
    Ok(page.render("Certificates", certificates.into_iter()))
}

/// `iam:ListServiceSpecificCredentials`, of one user or with `AllUsers` of all.
pub(crate) fn list_service_specific_credentials(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let page = Page::from_request(call, "ListServiceSpecificCredentials")?;
    let is_all = call.parameters.get("AllUsers") == Some("true");
    if is_all && call.parameters.get("UserName").is_some() {
        let message = "UserName and AllUsers cannot be specified together.";
        return Err(ApiError::new(400, "ValidationError", message));
    }
    let users = if is_all {
        allow_on_path(call, "iam:ListServiceSpecificCredentials", "user/*")?;
        account(call).users.clone().into_iter().collect()
    } else {
        vec![requested_user(call, "iam:ListServiceSpecificCredentials")?]
    };
    let service = call.parameters.get("ServiceName");
    let is_listed = |it: &&ServiceSpecificCredential| service.is_none_or(|name| name == it.service_name);
    let mut credentials: Vec<(&str, Xml)> = Vec::new();
    for (name, user) in &users {
        for credential in user.service_specific_credentials.iter().filter(is_listed) {
            let xml = Xml::new()
                .text("UserName", name)
                .text("Status", &credential.status)
                .text("ServiceUserName", format!("{name}-at-{}", call.caller.account_id()))
                .text("CreateDate", date(credential.create_date))
                .optional("ExpirationDate", credential.expiration_date.map(date))
                .text("ServiceSpecificCredentialId", &credential.id)
                .text("ServiceName", &credential.service_name);
            credentials.push((&credential.id, xml));
        }
    }
    credentials.sort_by_key(|(id, _)| *id);
    Ok(page.render("ServiceSpecificCredentials", credentials.into_iter()))
}

/// The members of a list of uploaded credentials, sorted by their ids.
fn uploaded(
    credentials: &[UploadedCredential],
    member: impl Fn(&UploadedCredential) -> Xml,
) -> Vec<(&str, Xml)> {
    let mut members: Vec<_> = credentials.iter().map(|it| (it.id.as_str(), member(it))).collect();
    members.sort_by_key(|(id, _)| *id);
    members
}
