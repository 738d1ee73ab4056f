//! The headers of blob streams: a length in four octets, big-endian, then CBOR.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::net::BlobStream;
use crate::wire::MAX_BLOB_HEADER_BYTES;

/// A peer that sends or takes nothing for this long has failed.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// Writes a header.
pub(in crate::node) async fn write_header(
    stream: &mut BlobStream,
    header: &[u8],
) -> Result<(), String> {
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes();
    let write = async {
        stream.write_all(&[&length[..], header].concat()).await?;
        stream.flush().await
    };
    timeout(STALL, write)
        .await
        .map_err(|_| "it does not take what is sent".to_owned())?
        .map_err(|error| error.to_string())
}

/// Reads a header of bounded size.
pub(in crate::node) async fn read_header(stream: &mut BlobStream) -> Result<Vec<u8>, String> {
    let read = async {
        let length = stream.read_u32().await? as usize;
        if length > MAX_BLOB_HEADER_BYTES {
            return Err(std::io::Error::other(format!("a header of {length} bytes")));
        }
        let mut header = vec![0; length];
        stream.read_exact(&mut header).await?;
        Ok(header)
    };
    timeout(STALL, read)
        .await
        .map_err(|_| "it sent no header in time".to_owned())?
        .map_err(|error: std::io::Error| error.to_string())
}
