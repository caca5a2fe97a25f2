//! The other end of a connection.

use std::net::SocketAddr;

use rustix::net::RecvFlags;
use tokio::net::TcpStream;

/// Who sends a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Peer<'a> {
    /// Its address.
    pub(in crate::http) address: SocketAddr,
    stream: &'a TcpStream,
}

impl<'a> Peer<'a> {
    pub(super) fn new(address: SocketAddr, stream: &'a TcpStream) -> Self {
        Self { address, stream }
    }

    /// Whether it sends nothing more. Most often it is gone; it may also have closed its side only and wait for the
    /// answer: the two look the same.
    pub(in crate::http) fn has_left(&self) -> bool {
        let mut byte = [0; 1];
        match rustix::net::recv(self.stream, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((bytes, _)) => bytes == 0,
            Err(error) => error != rustix::io::Errno::WOULDBLOCK,
        }
    }
}
