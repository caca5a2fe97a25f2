//! A client that says what it was answered, many requests at a time.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client as Hyper, connect::HttpConnector},
    rt::TokioExecutor,
};

/// Sends events to proxies and asks them about themselves. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client(Hyper<HttpConnector, Full<Bytes>>);

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header of that name.
    pub retry_after: Option<String>,
}

impl Default for Client {
    fn default() -> Self {
        Self(Hyper::builder(TokioExecutor::new()).build_http())
    }
}

impl Client {
    /// Posts a body.
    ///
    /// # Errors
    ///
    /// When there is no whole answer.
    pub async fn post(&self, to: SocketAddr, path: &str, body: impl Into<Bytes>) -> Result<Answer, String> {
        let request = Request::post(format!("http://{to}{path}")).body(Full::new(body.into()));
        let sent = self.0.request(request.unwrap()).await;
        let response = sent.map_err(|error| error.to_string())?;
        let retry_after = response.headers().get("retry-after");
        let answer = Answer {
            status: response.status(),
            retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
        };
        let body = response.into_body().collect().await;
        body.map_err(|error| error.to_string())?;
        Ok(answer)
    }

    /// A page, whatever its status.
    ///
    /// # Panics
    ///
    /// When there is no answer, or it is no text.
    pub async fn page(&self, of: SocketAddr, path: &str) -> String {
        let response = self.0.get(format!("http://{of}{path}").parse().unwrap()).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The sum of a metric over its labels; 0 where there is none of that name.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn metric(&self, of: SocketAddr, name: &str) -> f64 {
        let page = self.page(of, "/metrics").await;
        let lines = page
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }
}
