//! Connections that nobody reads along: certificates and keys from files.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Kind, Result};

/// What clients may speak, the preferred before the others (RFC 7301 section 3.2).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What takes connections with the certificate in one file, with those that vouch for it, and its private key in another, both
/// in PEM. Fails where they cannot be read, or do not belong together.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificate, "certificate", error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, "private key", error))?;
    let unusable = |error: rustls::Error| {
        let message = format!("{} cannot be used with {}", certificate.display(), key.display());
        Error::unsupported(message).caused_by(error)
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, secret))
        .map_err(unusable)?;
    config.ticketer = ring::Ticketer::new().map_err(unusable)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config).into())
}

fn unreadable(file: &Path, what: &str, error: pem::Error) -> Error {
    Error::new(Kind::Unavailable, format!("no {what} can be read from {}", file.display())).caused_by(error)
}
