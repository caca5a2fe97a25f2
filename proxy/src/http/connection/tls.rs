//! What connections are served with: nothing, or TLS under the certificate that is in force when they are opened.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

/// What a connection is served with.
#[derive(Debug, Clone)]
pub(in crate::http) enum Transport {
    /// Plain TCP.
    Plain,
    /// TLS.
    Tls(Arc<ServerConfig>),
}

/// What a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Channel {
    /// Plain TCP.
    Plain,
    /// TLS.
    Tls {
        /// Whether the client has shown a certificate, and it was good.
        has_certificate: bool,
    },
}

/// Why there is no TLS on a connection that is to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTls {
    /// The two sides do not agree, or the client does not speak TLS.
    Refused,
    /// Not in time.
    Slow,
    /// The client has gone.
    Gone,
}

impl Transport {
    /// Whether a connection that was opened with this may go on under another.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain, Self::Plain) => true,
            (Self::Tls(one), Self::Tls(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// Agrees with the client on TLS.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: &Arc<ServerConfig>,
    in_time: Duration,
) -> Result<(TlsStream<S>, Channel), NoTls> {
    let accepting = TlsAcceptor::from(Arc::clone(config)).accept(stream);
    match timeout(in_time, accepting).await {
        Ok(Ok(stream)) => {
            let has_certificate = stream.get_ref().1.peer_certificates().is_some();
            Ok((stream, Channel::Tls { has_certificate }))
        }
        // Most often it did not like our certificate, or we not its; which, the alert has told it.
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            Err(match error.kind() {
                io::ErrorKind::InvalidData => NoTls::Refused,
                _ => NoTls::Gone,
            })
        }
        Err(_) => Err(NoTls::Slow),
    }
}
