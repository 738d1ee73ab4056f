//! Images from URLs, from servers good and bad.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod authority;
mod changed;
mod compressed;
mod nginx;
mod opened;
mod proxied;
mod redirected;
mod server;
mod stopped;
#[path = "../web_server/mod.rs"]
mod web_server;

use std::time::Duration;

use suq::fetch::{Body, Client, Limits, Proxies, Settings, SourceError};

/// Longer than any step of a test takes, so that it never decides one.
pub const LONG: Duration = Duration::from_secs(60);

/// For what must be given up and would never come.
pub const SHORT: Duration = Duration::from_millis(100);

/// Settings that reach the servers of the tests.
pub fn settings() -> Settings {
    Settings {
        allow: vec!["127.0.0.1".parse().unwrap()],
        proxies: Proxies::None,
        limits: Limits { connect: LONG, answer: LONG, stall: LONG },
        ..Settings::default()
    }
}

pub fn client() -> Client {
    Client::new(&settings()).unwrap()
}

/// Bytes that do not repeat; neither compressed nor a compressed file.
pub fn image(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut image: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(step).collect();
    image.truncate(bytes);
    image
}

/// Everything that comes out of a body, and how it ended.
pub async fn drain(body: &mut Body) -> (Vec<u8>, Result<(), SourceError>) {
    let mut all = Vec::new();
    loop {
        match body.next().await {
            Ok(Some(chunk)) => {
                assert!(!chunk.is_empty() && chunk.len() <= suq::fetch::MAX_CHUNK_BYTES);
                all.extend_from_slice(&chunk);
            }
            Ok(None) => return (all, Ok(())),
            Err(error) => {
                assert_eq!(body.next().await, Err(error.clone()), "an error is not an end");
                return (all, Err(error));
            }
        }
    }
}

/// Everything, which must come.
pub async fn all(mut body: Body) -> Vec<u8> {
    let (all, end) = drain(&mut body).await;
    end.unwrap();
    all
}

/// The error of something that must fail.
pub fn error<T>(result: Result<T, SourceError>) -> SourceError {
    match result {
        Ok(_) => panic!("it must fail"),
        Err(error) => error,
    }
}
