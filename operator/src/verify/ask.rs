//! Asks one proxy for its report. Nothing is believed that is too large, too slow, redirected or of another
//! destination.

use std::{net::IpAddr, time::Duration};

use firehose_proxy_config::report::Report;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::plan::ADMIN_PORT;

/// Connection, request and answer together.
const REPORT_DEADLINE: Duration = Duration::from_secs(2);

/// A report of 1,000 streams has about 100 bytes each in the worst case that matters.
const MAX_REPORT_BYTES: usize = 256 * 1024;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Unasked {
    /// The pod has no usable address yet.
    #[error("the pod has no address")]
    NoAddress,
    /// No answer in time.
    #[error("no answer within {} s", REPORT_DEADLINE.as_secs())]
    Deadline,
    /// The connection could not be made.
    #[error("failed to connect")]
    Connect(#[source] std::io::Error),
    /// HTTP went wrong.
    #[error("failed to talk HTTP")]
    Http(#[source] hyper::Error),
    /// The answer is not 200.
    #[error("answered with status {0}")]
    Status(StatusCode),
    /// The body is too large or was cut off.
    #[error("failed to read a report of at most {MAX_REPORT_BYTES} bytes")]
    Body,
    /// The body is no report.
    #[error("failed to read the report")]
    Report(#[source] serde_json::Error),
    /// Somebody else answered: the address was reused.
    #[error("answered for destination {0:?}")]
    Stranger(String),
}

/// Asks the proxy of the destination `uid` at `address`.
///
/// # Errors
///
/// See [`Unasked`].
pub async fn ask(address: IpAddr, uid: &str) -> Result<Report, Unasked> {
    let asked = tokio::time::timeout(REPORT_DEADLINE, get(address)).await;
    let report = asked.map_err(|_| Unasked::Deadline)??;
    // A proxy without a document does not know whose it is.
    if !report.destination_uid.is_empty() && report.destination_uid != uid {
        return Err(Unasked::Stranger(report.destination_uid.chars().take(64).collect()));
    }
    Ok(report)
}

async fn get(address: IpAddr) -> Result<Report, Unasked> {
    let port = u16::try_from(ADMIN_PORT).expect("the admin port is a port");
    let stream = TcpStream::connect((address, port)).await.map_err(Unasked::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Unasked::Http)?;
    let request = Request::get("/status")
        .header(header::HOST, "proxy")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .expect("a constant request is well formed");
    // The connection has to be driven while the answer is awaited; both end with this function.
    let answer = async {
        let response = sender.send_request(request).await.map_err(Unasked::Http)?;
        if response.status() != StatusCode::OK {
            return Err(Unasked::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_REPORT_BYTES).collect().await;
        let bytes = body.map_err(|_| Unasked::Body)?.to_bytes();
        serde_json::from_slice(&bytes).map_err(Unasked::Report)
    };
    tokio::pin!(answer);
    tokio::select! {
        answered = &mut answer => answered,
        // The connection may end before the answer has been read out of its buffers.
        _ = connection => answer.await,
    }
}
