//! Certificates.

use crate::error::ConfigError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificate authorities in PEM. Without it, those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl Tls {
    pub(crate) fn connector(&self) -> Result<TlsConnector, ConfigError> {
        let roots = match &self.ca_file {
            Some(path) => from_file(path)?,
            None => from_system(),
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| ConfigError::Tls(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

fn from_file(path: &Path) -> Result<RootCertStore, ConfigError> {
    let fail = |detail| ConfigError::File { what: "CA file", path: path.to_path_buf(), detail };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| fail(e.to_string()))? {
        let certificate = certificate.map_err(|e| fail(e.to_string()))?;
        roots.add(certificate).map_err(|e| fail(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fail("it holds no certificate".to_string()));
    }
    Ok(roots)
}

/// What cannot be read is left out: the handshake will tell who is not trusted.
fn from_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("certificates of the system: {error}");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}
