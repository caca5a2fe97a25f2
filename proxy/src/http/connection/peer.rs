//! The other end of a connection.

use std::net::SocketAddr;

use rustix::net::RecvFlags;
use tokio::net::TcpStream;

use super::tls::Channel;

/// Who sends a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Peer<'a> {
    /// Its address.
    pub(in crate::http) address: SocketAddr,
    /// What its request came by.
    pub(in crate::http) channel: Channel,
    stream: &'a TcpStream,
}

/// The type of a record of TLS that says good-bye, or what is wrong.
const ALERT: u8 = 21;
/// How a record begins that says so under TLS 1.3, which hides its type: two bytes, their type and 16 bytes of a seal.
const GOODBYE: [u8; 5] = [23, 3, 3, 0, 19];

impl<'a> Peer<'a> {
    pub(super) fn new(address: SocketAddr, channel: Channel, stream: &'a TcpStream) -> Self {
        Self {
            address,
            channel,
            stream,
        }
    }

    /// Whether it sends nothing more. Most often it is gone; it may also have closed its side only and wait for the
    /// answer: the two look the same.
    pub(in crate::http) fn has_left(&self) -> bool {
        let mut bytes = [0; GOODBYE.len()];
        match rustix::net::recv(self.stream, &mut bytes[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((0, _)) => true,
            Ok(_) => self.channel != Channel::Plain && (bytes[0] == ALERT || bytes == GOODBYE),
            Err(error) => error != rustix::io::Errno::WOULDBLOCK,
        }
    }
}
