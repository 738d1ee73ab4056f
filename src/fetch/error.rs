//! What went wrong with a source, split by what the caller does next.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::unpack::Format;

/// Why a source gave nothing. Names the host and the port, never more of the
/// URL: the rest may carry a password or a signed token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Asking again brings the same: drop this location.
    #[error("{host}: {reason}")]
    Never {
        /// Host and port of the URL.
        host: String,
        /// What is wrong.
        reason: Reason,
    },
    /// It is another file than the one that was opened: what came from it before
    /// does not fit what would come now. Open it anew.
    #[error("{host}: the file changed under way: {reason}")]
    Changed {
        /// Host and port of the URL.
        host: String,
        /// What differs.
        reason: Reason,
    },
    /// The server, or this node, has too much to do: ask again after `wait`.
    #[error("{host}: {reason}; asking again in {} s", wait.as_secs())]
    Busy {
        /// Host and port of the URL.
        host: String,
        /// Who is busy.
        reason: Reason,
        /// How long to leave it alone; bounded, whatever the server says.
        wait: Duration,
    },
    /// It failed this time and may be tried again.
    #[error("{host}: {reason}")]
    Failed {
        /// Host and port of the URL.
        host: String,
        /// What failed.
        reason: Reason,
    },
}

impl SourceError {
    pub(super) fn never(host: &str, reason: Reason) -> SourceError {
        SourceError::Never { host: host.to_owned(), reason }
    }

    pub(super) fn changed(host: &str, reason: Reason) -> SourceError {
        SourceError::Changed { host: host.to_owned(), reason }
    }

    pub(super) fn failed(host: &str, reason: Reason) -> SourceError {
        SourceError::Failed { host: host.to_owned(), reason }
    }

    /// The reason alone.
    pub fn reason(&self) -> &Reason {
        match self {
            SourceError::Never { reason, .. }
            | SourceError::Changed { reason, .. }
            | SourceError::Busy { reason, .. }
            | SourceError::Failed { reason, .. } => reason,
        }
    }
}

/// The reason in words for a site's administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Reason {
    #[error("this is no URL that can be fetched ({0})")]
    BadUrl(String),
    #[error("only http and https are fetched")]
    Scheme,
    #[error("{address} is not reached for others ({why}); `[fetch] allow` can name it")]
    ForbiddenAddress { address: IpAddr, why: &'static str },
    #[error("more than {0} redirects")]
    TooManyRedirects(usize),
    #[error("it redirects from https to http")]
    Downgrade,
    #[error("the server answered {0}")]
    Status(u16),
    #[error("it redirects to {0}: name that one")]
    Elsewhere(String),
    #[error("the answer has more than {0} bytes")]
    AnswerSize(u64),
    #[error("the answer did not come to its end within {} s", .0.as_secs())]
    WholeLimit(Duration),
    #[error("it cannot be read ({0})")]
    Unreadable(String),
    #[error("the file has {found} bytes, the image {expected}, and it is not compressed")]
    Size { found: u64, expected: u64 },
    #[error("the compressed file has {found} bytes, too many for an image of {expected}")]
    PackedSize { found: u64, expected: u64 },
    #[error("it is encoded as {0:?}, which is not understood")]
    Encoding(String),
    #[error("more than the {expected} bytes of the image come out of it")]
    TooMuch { expected: u64 },
    #[error("it ends after {found} of {expected} bytes")]
    TooLittle { found: u64, expected: u64 },
    #[error("it cannot be decompressed as {format}: {text}")]
    Unpack { format: Format, text: String },
    #[error("the decompressor stopped")]
    UnpackerStopped,
    #[error("the source has no bytes {start} to {end}, or does not serve ranges")]
    NoSuchRange { start: u64, end: u64 },
    #[error("its name is not found ({0})")]
    Resolve(String),
    #[error("no connection ({0})")]
    Connect(String),
    #[error("its certificate is not accepted: {0}")]
    Certificate(String),
    #[error("TLS failed ({0})")]
    Tls(String),
    #[error("the proxy failed ({0})")]
    Proxy(String),
    #[error("no connection within {} s", .0.as_secs())]
    ConnectLimit(Duration),
    #[error("no answer within {} s", .0.as_secs())]
    AnswerLimit(Duration),
    #[error("nothing came for {} s", .0.as_secs())]
    Stalled(Duration),
    #[error("the connection ended after {found} bytes ({text})")]
    Cut { found: u64, text: String },
    #[error("it does not speak HTTP properly ({0})")]
    Protocol(String),
    #[error("its ETag or its date is another")]
    OtherValidator,
    #[error("it does not answer with the bytes that were asked for")]
    OtherRange,
    #[error("its length is another")]
    OtherLength,
    #[error("as many compressed images as may be are being decompressed here")]
    UnpackersTaken,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A file or folder that cannot be read.
    #[error("{}: {text}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        text: String,
    },
    /// Not a host, an address or a network.
    #[error(
        "{0:?} is no host (`a.example.org`), domain (`.example.org`), address or network (`10.0.0.0/8`)"
    )]
    Pattern(String),
    /// The client certificate would be shown to nobody.
    #[error("the client certificate needs the hosts that may see it")]
    NoHosts,
    /// A proxy that cannot be used.
    #[error("the proxy {0} is not an http:// one; no other kind is supported")]
    Proxy(String),
    /// OpenSSL refuses.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The innermost cause, which is the one that says something.
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
