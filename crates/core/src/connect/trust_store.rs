//! The root certificates that TLS trusts: the system's, or those of a bundle.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use aws_smithy_http_client::tls::TrustStore;
use base64::Engine as _;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The root certificates that TLS trusts.
#[derive(Debug, Clone)]
pub struct RootCertificates {
    /// The certificates as PEM; `None` for the system's.
    bundle: Option<Arc<[u8]>>,
}

impl RootCertificates {
    /// The system's root certificates, or those at `SSL_CERT_FILE` and `SSL_CERT_DIR` where these are set.
    #[must_use]
    pub fn system() -> Self {
        Self { bundle: None }
    }

    /// The certificates of the file at `path`, the value of `AWS_CA_BUNDLE`; with `None`, the system's.
    ///
    /// # Errors
    /// Where the file cannot be read, or is not a certificate bundle.
    pub fn from_ca_bundle(path: Option<&Path>) -> Result<Self, InvalidCaBundle> {
        let Some(path) = path else {
            return Ok(Self::system());
        };
        let invalid = |problem: &dyn Display| {
            InvalidCaBundle(format!(
                "AWS_CA_BUNDLE is {}, not a valid certificate bundle: {problem}; set it to a PEM file, or unset it to \
                 trust the system's root certificates",
                path.display()
            ))
        };
        let pem = std::fs::read(path).map_err(|error| invalid(&error))?;
        Self::from_pem(pem).map_err(|error| invalid(&error))
    }

    /// The certificates of a PEM bundle and no others, as the AWS CLI uses `AWS_CA_BUNDLE`.
    ///
    /// # Errors
    /// Where the bundle has no certificate, or one that cannot be read.
    pub(crate) fn from_pem(pem: Vec<u8>) -> Result<Self, InvalidCaBundle> {
        let mut number = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            number += 1;
            let certificate =
                certificate.map_err(|e| InvalidCaBundle(format!("certificate {number}: {e:?}")))?;
            check(certificate).map_err(|e| InvalidCaBundle(format!("certificate {number}: {e}")))?;
        }
        if number == 0 {
            return Err(InvalidCaBundle("it has no PEM certificate".into()));
        }
        Ok(Self { bundle: Some(pem.into()) })
    }

    /// The certificates for the HTTP client, which can read each of them.
    pub(super) fn trust_store(&self) -> TrustStore {
        let pem = self.bundle.as_ref().map_or_else(system_pem, |bundle| bundle.to_vec());
        TrustStore::empty().with_pem_certificate(pem)
    }
}

/// The system's root certificates as PEM. The SDK can read them itself, but it would keep each original certificate in
/// memory beside the parsed one.
fn system_pem() -> Vec<u8> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "not all of the system's root certificates can be read");
    }
    let mut pem = String::new();
    for certificate in found.certs {
        let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
        // Certificates that rustls cannot use are skipped, as is usual; some systems have some.
        if check(certificate).is_ok() {
            pem += &format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        }
    }
    pem.into_bytes()
}

fn check(certificate: CertificateDer<'_>) -> Result<(), rustls::Error> {
    rustls::RootCertStore::empty().add(certificate)
}

/// A certificate bundle cannot be read. The message says which certificate is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCaBundle(String);

#[cfg(test)]
mod tests {
    use super::RootCertificates;

    #[test]
    fn a_bundle_without_a_certificate_is_rejected() {
        assert!(RootCertificates::from_pem(Vec::new()).is_err());
        assert!(RootCertificates::from_pem(b"not PEM".to_vec()).is_err());
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        assert!(RootCertificates::from_pem(broken).is_err());
    }
}
