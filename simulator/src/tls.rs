//! TLS with a certificate of our own, made at each start: Chromium is told to accept it, nothing else ever sees it.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// The names that the certificate is for.
const HOSTS: [&str; 3] = ["web.whatsapp.com", "*.whatsapp.net", "localhost"];

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take it.
    #[error("cannot set TLS up")]
    Setup(#[from] rustls::Error),
}

/// An acceptor with a fresh certificate, for HTTP/1.1 alone: websockets want no more.
pub(crate) fn acceptor() -> Result<TlsAcceptor, TlsError> {
    let made = rcgen::generate_simple_self_signed(HOSTS.map(str::to_owned))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
