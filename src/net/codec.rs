//! Questions and answers on a stream: one CBOR message each way.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;

use crate::wire::{
    DecodeError, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, Request, Response, decode, encode,
};

/// Reads and writes [`Request`]s and [`Response`]s.
#[derive(Debug, Clone, Default)]
pub(super) struct SyncCodec;

impl Codec for SyncCodec {
    type Protocol = StreamProtocol;
    /// What cannot be decoded is answered with an error, not dropped.
    type Request = Result<Request, DecodeError>;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let octets = read(io, MAX_REQUEST_BYTES).await?;
        Ok(decode(&octets))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let octets = read(io, MAX_RESPONSE_BYTES).await?;
        decode(&octets).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Self::Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request =
            request.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        write(io, &encode(&request)).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &encode(&response)).await
    }
}

/// Reads to the end of the stream, which must come within `most` bytes.
async fn read<T: AsyncRead + Unpin>(io: &mut T, most: usize) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    io.take(most as u64 + 1).read_to_end(&mut octets).await?;
    if octets.len() > most {
        let text = format!("a message of more than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(octets)
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, octets: &[u8]) -> io::Result<()> {
    io.write_all(octets).await?;
    io.close().await
}
