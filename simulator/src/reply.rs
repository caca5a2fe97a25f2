//! What goes back to a client, the ways of not answering included. Builds HTTP messages; decides nothing.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, SizeHint};

use crate::error::ApiError;

/// The content type of the service's protocol.
pub(crate) const AWS_JSON: &str = "application/x-amz-json-1.1";

/// An answer of the simulated service.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A whole answer.
    Answer {
        status: StatusCode,
        body: Bytes,
        content_type: &'static str,
    },
    /// The head and half of the body, then a reset.
    Truncated(Bytes),
    /// A reset without a byte.
    Reset,
}

/// A connection that ends here, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset on purpose")]
pub(crate) struct ResetConnection;

/// The body of an answer: whole, or one that breaks off.
pub(crate) type ReplyBody = Either<Full<Bytes>, Truncated>;

/// A body that announces its whole length, sends half and fails, so that the connection ends in the middle of it.
#[derive(Debug)]
pub(crate) struct Truncated {
    whole: usize,
    half: Option<Bytes>,
}

impl Reply {
    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self::Answer {
            status: StatusCode::OK,
            body: body.into(),
            content_type: AWS_JSON,
        }
    }

    /// The HTTP message, or the order to reset.
    pub(crate) fn into_response(self, request_id: &str) -> Result<Response<ReplyBody>, ResetConnection> {
        let (status, content_type, body) = match self {
            Self::Reset => return Err(ResetConnection),
            Self::Truncated(body) => {
                let half = body.slice(..body.len() / 2);
                (
                    StatusCode::OK,
                    AWS_JSON,
                    Either::Right(Truncated {
                        whole: body.len(),
                        half: Some(half),
                    }),
                )
            }
            Self::Answer {
                status,
                body,
                content_type,
            } => (status, content_type, Either::Left(Full::new(body))),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(value) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", value);
        }
        Ok(response)
    }
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Self {
        Self::Answer {
            status: error.code.status(),
            body: error.body(),
            content_type: AWS_JSON,
        }
    }
}

impl Body for Truncated {
    type Data = Bytes;
    type Error = ResetConnection;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(Some(self.half.take().map(Frame::data).ok_or(ResetConnection)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.whole as u64)
    }
}
