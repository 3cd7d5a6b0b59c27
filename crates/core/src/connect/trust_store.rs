//! Whose certificates to trust: the system's roots, or those of a bundle.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use aws_smithy_http_client::tls::TrustStore;
use base64::Engine as _;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Whose certificates to trust.
#[derive(Debug, Clone)]
pub struct RootCertificates {
    /// PEM; `None` for the system's.
    bundle: Option<Arc<[u8]>>,
}

impl RootCertificates {
    /// The system's roots; `SSL_CERT_FILE` and `SSL_CERT_DIR` say where else they are.
    #[must_use]
    pub fn system() -> Self {
        Self { bundle: None }
    }

    /// Those of the file that `AWS_CA_BUNDLE` names, where it names one; else the system's.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no bundle.
    pub fn from_ca_bundle(path: Option<&Path>) -> Result<Self, InvalidCaBundle> {
        let Some(path) = path else {
            return Ok(Self::system());
        };
        let wrong = |problem: &dyn Display| {
            InvalidCaBundle(format!(
                "AWS_CA_BUNDLE names {}, which is no bundle of certificates: {problem}; let it name a PEM file, or \
                 unset it to trust the system's roots",
                path.display()
            ))
        };
        let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
        Self::from_pem(pem).map_err(|error| wrong(&error))
    }

    /// The certificates of a PEM bundle and no others, as the AWS CLI takes `AWS_CA_BUNDLE`.
    ///
    /// # Errors
    /// Where the bundle holds no certificate, or one that cannot be read.
    pub(crate) fn from_pem(pem: Vec<u8>) -> Result<Self, InvalidCaBundle> {
        let mut number = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            number += 1;
            let certificate =
                certificate.map_err(|e| InvalidCaBundle(format!("certificate {number}: {e:?}")))?;
            check(certificate).map_err(|e| InvalidCaBundle(format!("certificate {number}: {e}")))?;
        }
        if number == 0 {
            return Err(InvalidCaBundle("it holds no PEM certificate".into()));
        }
        Ok(Self { bundle: Some(pem.into()) })
    }

    /// The certificates, each of which the HTTP client can read.
    pub(super) fn trust_store(&self) -> TrustStore {
        let pem = self.bundle.as_ref().map_or_else(system_pem, |bundle| bundle.to_vec());
        TrustStore::empty().with_pem_certificate(pem)
    }
}

/// The system's roots. The SDK can read them itself, but then keeps every certificate whole beside what it makes of it.
fn system_pem() -> Vec<u8> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "not all of the system's root certificates can be read");
    }
    let mut pem = String::new();
    for certificate in found.certs {
        let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
        // What rustls cannot use is passed over, as always; some systems have such.
        if check(certificate).is_ok() {
            pem += &format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        }
    }
    pem.into_bytes()
}

fn check(certificate: CertificateDer<'_>) -> Result<(), rustls::Error> {
    rustls::RootCertStore::empty().add(certificate)
}

/// What is wrong with a bundle of certificates.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCaBundle(String);

#[cfg(test)]
mod tests {
    use super::RootCertificates;

    #[test]
    fn a_bundle_that_holds_no_certificate_is_refused() {
        assert!(RootCertificates::from_pem(Vec::new()).is_err());
        assert!(RootCertificates::from_pem(b"not PEM".to_vec()).is_err());
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
        assert!(RootCertificates::from_pem(broken).is_err());
    }
}
