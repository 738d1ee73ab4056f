//! What a site decides about fetching, and the limits.

use std::path::PathBuf;
use std::time::Duration;

use super::pattern::Pattern;

/// Seconds for name, connection, proxy and TLS together: three lost packets of a
/// handshake are repeated within 7 s, a slow resolver takes another 10.
pub const CONNECT_SECONDS: u64 = 30;

/// Seconds until the head of the answer, the connection included: grid storage may
/// open the file on another machine first.
pub const ANSWER_SECONDS: u64 = 60;

/// Seconds without a byte until a body counts as stalled: longer than TCP needs to
/// recover from a short outage, shorter than patience.
pub const STALL_SECONDS: u64 = 30;

/// Seconds for a whole answer of a Marketplace: a list of 16 MB over a slow line.
pub const WHOLE_SECONDS: u64 = 300;

/// Redirects that are followed: a short link, http to https, a mirror chooser and
/// a signed address are four.
pub const MAX_REDIRECTS: usize = 8;

/// Bytes of a URL; servers refuse longer ones.
pub const MAX_URL_BYTES: usize = 8 * 1024;

/// Bytes of the head of an answer, and of what is read at once.
pub const MAX_HEAD_BYTES: usize = 256 * 1024;

/// Bytes of one chunk that a body hands out.
pub const MAX_CHUNK_BYTES: usize = 256 * 1024;

/// Seconds a connection waits for the next range.
pub const IDLE_SECONDS: u64 = 15;

/// Connections of one host that wait for the next range.
pub const MAX_IDLE_PER_HOST: usize = 4;

/// Images decompressed at the same time: each holds up to [`MAX_WINDOW_BYTES`]
/// and a thread.
pub const MAX_UNPACKERS: usize = 2;

/// Bytes of history a decompressor may keep: what `zstd -d` takes without being
/// told otherwise; `xz -9` needs 65 MiB.
pub const MAX_WINDOW_BYTES: u64 = 128 * 1024 * 1024;

/// Seconds to leave a busy server alone that does not say how long.
pub const BUSY_SECONDS: u64 = 30;

/// Seconds to leave a busy server alone, whatever it says.
pub const MAX_BUSY_SECONDS: u64 = 600;

/// How a site fetches from URLs.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What may be reached although it is private, loopback or link-local.
    pub allow: Vec<Pattern>,
    /// Certificate authorities beside the system's: a bundle in PEM, or a folder
    /// of `*.pem` and `*.crt` files or in the grid layout (`<hash>.0`).
    pub trust: Option<PathBuf>,
    /// What this site shows to storage that asks who it is.
    pub identity: Option<Identity>,
    /// Which proxies are used.
    pub proxies: Proxies,
    /// How long to wait.
    pub limits: Limits,
}

/// A client certificate and the hosts it is for. Anyone can put a URL into a
/// manifest, so it is not shown to every server that asks.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, and its chain after it, in PEM.
    pub certificate: PathBuf,
    /// Its key in PEM, without a password.
    pub key: PathBuf,
    /// Which hosts may see it; never empty.
    pub hosts: Vec<Pattern>,
}

/// Where proxies come from. A proxy itself may be at any address.
///
/// Behind a proxy the address that is reached is the proxy's choice. Addresses in
/// URLs are checked all the same, and names as far as they resolve here.
#[derive(Debug, Clone, Default)]
pub enum Proxies {
    /// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, or in upper case,
    /// with the meaning that curl gives them.
    #[default]
    Environment,
    /// Always direct.
    None,
    /// These, written like the variables.
    These {
        /// For http URLs; empty for none.
        http: String,
        /// For https URLs; empty for none.
        https: String,
        /// Hosts reached directly, with commas between.
        no: String,
    },
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection; see [`CONNECT_SECONDS`].
    pub connect: Duration,
    /// For the head of an answer; see [`ANSWER_SECONDS`].
    pub answer: Duration,
    /// For the next byte; see [`STALL_SECONDS`].
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(CONNECT_SECONDS),
            answer: Duration::from_secs(ANSWER_SECONDS),
            stall: Duration::from_secs(STALL_SECONDS),
        }
    }
}
