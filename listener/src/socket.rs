//! Opens the sockets that clients connect to.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use rustix::{io::Errno, net::sockopt};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel keeps for us until they are accepted: as many as there are clients that come back at
/// once when a pod is replaced. The kernel takes less where `net.core.somaxconn` says so.
const BACKLOG: u32 = 4096;

/// Listens at an address, which is used as given. `[::]` means every address of both families, or of IPv4 alone where
/// the kernel has no IPv6.
///
/// # Errors
///
/// Those of the socket; a port in use is never a reason to listen elsewhere.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let opened = match open(address) {
        Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && says_no_address(&error) => {
            tracing::info!(%error, "the kernel has no IPv6, listening on IPv4 alone");
            open(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))
        }
        opened => opened,
    }?;
    if let Some(allowed) = kernel_backlog().filter(|allowed| *allowed < BACKLOG) {
        tracing::warn!(
            wanted = BACKLOG,
            allowed,
            "net.core.somaxconn keeps the queue of connections short, many clients at once may time out"
        );
    }
    Ok(opened)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    // A process that follows another at once takes over the port while old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether the kernel has no such address, or not the whole family.
pub(crate) fn says_no_address(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::ADDRNOTAVAIL)
    )
}

/// What `net.core.somaxconn` allows, where it can be read.
fn kernel_backlog() -> Option<u32> {
    let text = fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// Whether this machine has IPv6 at all.
    fn has_ipv6() -> bool {
        open("[::1]:0".parse().unwrap()).is_ok()
    }

    #[tokio::test]
    async fn every_address_means_both_families() {
        let listener = listen("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert_eq!(
            has_ipv6(),
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.is_ok()
        );
    }

    #[tokio::test]
    async fn a_given_address_is_used_as_given() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).await.is_err());
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_and_not_another_port() {
        let taken = listen("[::]:0".parse().unwrap()).unwrap();
        let error = listen(taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn only_a_kernel_without_ipv6_says_so() {
        for (errno, says) in [
            (Errno::AFNOSUPPORT, true),
            (Errno::ADDRNOTAVAIL, true),
            (Errno::ADDRINUSE, false),
            (Errno::ACCESS, false),
            (Errno::MFILE, false),
        ] {
            assert_eq!(says_no_address(&errno.into()), says, "{errno:?}");
        }
    }
}
