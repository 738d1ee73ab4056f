//! Questions and answers on a stream: one CBOR message each way.

use std::io;
use std::marker::PhantomData;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::{DecodeError, decode, encode};

/// Reads and writes questions `Q` and answers `A`.
#[derive(Debug)]
pub(super) struct MessageCodec<Q, A> {
    /// Largest question, in bytes.
    most_question: usize,
    /// Largest answer, in bytes.
    most_answer: usize,
    messages: PhantomData<fn() -> (Q, A)>,
}

impl<Q, A> MessageCodec<Q, A> {
    pub(super) fn new(most_question: usize, most_answer: usize) -> MessageCodec<Q, A> {
        MessageCodec { most_question, most_answer, messages: PhantomData }
    }
}

impl<Q, A> Clone for MessageCodec<Q, A> {
    fn clone(&self) -> MessageCodec<Q, A> {
        MessageCodec::new(self.most_question, self.most_answer)
    }
}

impl<Q, A> Codec for MessageCodec<Q, A>
where
    Q: Serialize + DeserializeOwned + Send + 'static,
    A: Serialize + DeserializeOwned + Send + 'static,
{
    type Protocol = StreamProtocol;
    /// What cannot be decoded is answered with an error, not dropped.
    type Request = Result<Q, DecodeError>;
    type Response = A;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let octets = read(io, self.most_question).await?;
        Ok(decode(&octets))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<A>
    where
        T: AsyncRead + Unpin + Send,
    {
        let octets = read(io, self.most_answer).await?;
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
        response: A,
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
