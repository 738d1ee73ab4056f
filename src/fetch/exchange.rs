//! Questions to a Marketplace: short bodies both ways, each as a whole.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, Response};
use url::Url;

use super::answer::{content_length, framed};
use super::body::Feed;
use super::client::{Client, host, parse, redirect};
use super::error::{Reason, SourceError};
use super::settings::{MAX_REDIRECTS, WHOLE_SECONDS};

/// An answer that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// All of its body.
    pub body: Bytes,
}

impl Client {
    /// Asks for something that has at most so many bytes; redirects are followed.
    ///
    /// # Errors
    /// When no whole answer comes. Any status is an answer.
    pub async fn get(&self, url: &str, accept: &str, most: u64) -> Result<Reply, SourceError> {
        let start = parse(url)?;
        in_time(&start, async {
            let mut url = start.clone();
            for _ in 0..=MAX_REDIRECTS {
                let request = self.request(Method::GET, &url)?.header(ACCEPT, accept);
                let response = self.answer(&url, request, Bytes::new()).await?;
                match redirect(&url, &response)? {
                    Some(next) => url = next,
                    None => return self.whole(&url, response, most).await,
                }
            }
            Err(SourceError::never(&host(&url), Reason::TooManyRedirects(MAX_REDIRECTS)))
        })
        .await
    }

    /// Sends something of this media type, which is accepted as an answer, too. A redirect
    /// is an error: what is sent must not arrive as a question, or elsewhere.
    ///
    /// # Errors
    /// When no whole answer comes. Any status but a redirect is an answer.
    pub async fn post(
        &self,
        url: &str,
        media: &str,
        body: Bytes,
        most: u64,
    ) -> Result<Reply, SourceError> {
        let url = parse(url)?;
        in_time(&url, async {
            let request = self.request(Method::POST, &url)?;
            let request = request.header(ACCEPT, media).header(CONTENT_TYPE, media);
            let response = self.answer(&url, request, body).await?;
            if let Some(next) = redirect(&url, &response)? {
                let next = next.origin().ascii_serialization();
                return Err(SourceError::never(&host(&url), Reason::Elsewhere(next)));
            }
            self.whole(&url, response, most).await
        })
        .await
    }

    async fn whole(
        &self,
        url: &Url,
        response: Response<Incoming>,
        most: u64,
    ) -> Result<Reply, SourceError> {
        let (head, incoming) = response.into_parts();
        let too_large = || SourceError::never(&host(url), Reason::AnswerSize(most));
        if content_length(&head.headers).is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let mut feed = Feed::new(host(url), incoming, self.stall(), framed(&head.headers));
        let mut body = BytesMut::new();
        while let Some(chunk) = feed.next().await? {
            if (body.len() + chunk.len()) as u64 > most {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status: head.status.as_u16(), body: body.freeze() })
    }
}

/// A server that sends an octet now and then never stalls, and never ends.
async fn in_time(
    url: &Url,
    work: impl Future<Output = Result<Reply, SourceError>>,
) -> Result<Reply, SourceError> {
    let limit = Duration::from_secs(WHOLE_SECONDS);
    let late = |_| SourceError::failed(&host(url), Reason::WholeLimit(limit));
    tokio::time::timeout(limit, work).await.map_err(late)?
}
