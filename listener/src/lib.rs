//! Where programs listen for clients, of both families where the kernel has them.
//!
//! Sockets and nothing else: it knows no protocol, so that the simulator can share it with what it judges.

mod socket;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use tokio::net::{TcpListener, TcpStream};

pub use self::socket::listen;
use self::socket::says_no_address;

/// Ports that are tried for both families of loopback when any will do.
const FREE_PORTS_TRIED: usize = 16;

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At this address, as [`listen`] takes it.
    Address(SocketAddr),
    /// On this machine alone, in both families: `localhost` and a port.
    Loopback(u16),
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

/// Why a text is no place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlace;

impl fmt::Display for NoPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("must be an address and a port, for example 127.0.0.1:8080, [::]:8080 or localhost:8080")
    }
}

impl std::error::Error for NoPlace {}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        match text.strip_prefix("localhost:") {
            Some(port) => port.parse().map(Self::Loopback).map_err(|_| NoPlace),
            None => text.parse().map(Self::Address).map_err(|_| NoPlace),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Loopback(port) => write!(formatter, "localhost:{port}"),
        }
    }
}

/// Open sockets at one place and one port.
#[derive(Debug)]
pub struct Listener {
    first: TcpListener,
    /// Loopback has a socket for each family.
    second: Option<TcpListener>,
}

impl From<TcpListener> for Listener {
    fn from(first: TcpListener) -> Self {
        Self { first, second: None }
    }
}

impl Listener {
    /// Listens at a place.
    ///
    /// # Errors
    ///
    /// Those of the sockets; a port in use is never a reason to listen elsewhere, nor in one family alone.
    pub fn open(place: Place) -> io::Result<Self> {
        let port = match place {
            Place::Address(address) => return listen(address).map(Self::from),
            Place::Loopback(port) => port,
        };
        let mut tried = 1;
        loop {
            match Self::loopback(port) {
                // The other family's port was taken by somebody else: any other port will do.
                Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tried < FREE_PORTS_TRIED => {
                    tried += 1;
                }
                opened => return opened,
            }
        }
    }

    fn loopback(port: u16) -> io::Result<Self> {
        let v4 = match listen((Ipv4Addr::LOCALHOST, port).into()) {
            Err(error) if says_no_address(&error) => return listen((Ipv6Addr::LOCALHOST, port).into()).map(Self::from),
            v4 => v4?,
        };
        match listen((Ipv6Addr::LOCALHOST, v4.local_addr()?.port()).into()) {
            Err(error) if says_no_address(&error) => Ok(v4.into()),
            v6 => Ok(Self {
                first: v4,
                second: Some(v6?),
            }),
        }
    }

    /// An address that clients of this machine can use, with the port that the system chose. IPv4 if there is a choice.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.first.local_addr()
    }

    /// The next connection. A client of IPv4 at a socket of both families is one of IPv4.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = match &self.second {
            None => self.first.accept().await?,
            Some(second) => tokio::select! {
                accepted = self.first.accept() => accepted?,
                accepted = second.accept() => accepted?,
            },
        };
        let ip: IpAddr = peer.ip().to_canonical();
        Ok((stream, SocketAddr::new(ip, peer.port())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_or_loopback() {
        for (text, place) in [
            ("[::]:8080", Some(Place::Address("[::]:8080".parse().unwrap()))),
            ("0.0.0.0:0", Some(Place::Address("0.0.0.0:0".parse().unwrap()))),
            ("localhost:8080", Some(Place::Loopback(8080))),
            ("localhost", None),
            ("localhost:", None),
            ("localhost:65536", None),
            ("8080", None),
            (":8080", None),
            ("example.com:80", None),
        ] {
            assert_eq!(text.parse().ok(), place, "{text}");
            if let Some(place) = place {
                assert_eq!(place.to_string(), text);
            }
        }
    }

    #[tokio::test]
    async fn loopback_serves_both_families_on_one_port_and_nobody_else() {
        let listener = Listener::open(Place::Loopback(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let families = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        for ip in families.into_iter().filter(|ip| has(*ip)) {
            let _client = TcpStream::connect((ip, port)).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer.ip(), ip);
        }
        TcpStream::connect(("127.0.0.2", port)).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_port_that_one_family_has_no_more_is_in_use() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            if has(ip) {
                let taken = listen((ip, 0).into()).unwrap();
                let error = Listener::open(Place::Loopback(taken.local_addr().unwrap().port())).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{ip}");
            }
        }
    }

    fn has(ip: IpAddr) -> bool {
        listen((ip, 0).into()).is_ok()
    }
}
