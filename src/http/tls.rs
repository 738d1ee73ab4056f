//! HTTPS with the host's certificate.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, Ssl, SslAcceptor, SslMethod, SslSessionCacheMode, SslVersion, select_next_proto,
};
use openssl::x509::X509;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use crate::fetch::{SettingsError, present};
use crate::manifest::pki::Certificate;
use crate::model::Timestamp;

/// How long a client may take for its handshake: some round trips, also from far away.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long before its end a certificate is warned of: authorities of the grid do so a
/// month before, and renewing one takes some days.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the files.
    #[error("{0}; see `certificate` and `key` under [http] in suq.toml")]
    File(#[from] SettingsError),
    /// The certificate has another form than what is known.
    #[error("{}: {what}; see `certificate` under [http] in suq.toml", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// OpenSSL does not do it.
    #[error("TLS: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// A host's certificate and key, as they are in their files or were when they last could
/// be used.
#[derive(Debug)]
pub(super) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    acceptor: SslAcceptor,
    expires: Timestamp,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Tls {
    pub(super) fn read(certificate: PathBuf, key: PathBuf) -> Result<Tls, TlsError> {
        let current = RwLock::new(read(&certificate, &key)?);
        Ok(Tls { certificate, key, current })
    }

    /// Reads the files again: host certificates are replaced every year.
    ///
    /// # Errors
    /// When they cannot be used; those of before stay.
    pub(super) fn read_again(&self) -> Result<(), TlsError> {
        let current = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    /// When the certificate ends.
    pub(super) fn expires(&self) -> Timestamp {
        self.current.read().unwrap_or_else(PoisonError::into_inner).expires
    }

    /// Agrees on keys with a client.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let ssl = Ssl::new(current.acceptor.context())?;
        let mut stream = SslStream::new(ssl, stream)?;
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the handshake takes too long");
        tokio::time::timeout(HANDSHAKE, Pin::new(&mut stream).accept())
            .await
            .map_err(late)?
            .map_err(io::Error::other)?;
        Ok(stream)
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Current, TlsError> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    // Sessions are in tickets that clients keep, so that none take memory here.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_alpn_select_callback(|_, offered| {
        // A client that names others alone is answered as one that names none.
        select_next_proto(b"\x08http/1.1", offered).ok_or(AlpnError::NOACK)
    });
    present(&mut builder, certificate, key)?;
    let expires = expiry(certificate)?;
    warn_of(certificate, key, expires);
    Ok(Current { acceptor: builder.build(), expires })
}

fn expiry(file: &Path) -> Result<Timestamp, TlsError> {
    let wrong = |what: String| TlsError::Certificate { file: file.to_owned(), what };
    let pem = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let der = X509::from_pem(&pem)?.to_der()?;
    let certificate = Certificate::parse(&der).map_err(|error| wrong(error.to_string()))?;
    Ok(certificate.not_after())
}

/// What works, but not for long or not as it should.
fn warn_of(certificate: &Path, key: &Path, expires: Timestamp) {
    let now = Timestamp::from(SystemTime::now());
    let file = certificate.display();
    if expires <= now {
        tracing::warn!(%file, %expires, "the host certificate has EXPIRED");
    } else if expires <= now.plus(SOON) {
        tracing::warn!(%file, %expires, "the host certificate expires soon");
    }
    let mode = fs::metadata(key).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let file = key.display();
        tracing::warn!(%file, "others can read the host key: run chmod 400 on it");
    }
}
