//! The memory that the head of a request takes while it arrives. The first kilobytes are every connection's; what goes
//! beyond is taken from the process's account, and a head for which there is none is refused.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

use crate::account::{Account, Held, Use};

/// Bytes of a head that need no memory of the account: what hyper reads at first.
const FREE_BYTES: usize = 8 * 1024;

/// Most bytes of a refused head that are read, and how long that may take.
const MOST_FORGOTTEN: usize = 64 * 1024;
const FORGET_WITHIN: Duration = Duration::from_secs(1);

/// The head that a connection reads now.
#[derive(Debug)]
pub(super) struct Head {
    account: Option<Account>,
    /// Bytes read since it began.
    bytes: AtomicUsize,
    /// Locked only while a head is large.
    large: Mutex<Large>,
}

#[derive(Debug, Default)]
struct Large {
    held: Option<Held>,
    is_refused: bool,
}

impl Head {
    /// Heads that take their memory from `account`; without one they are bound by their size alone.
    pub(super) fn new(account: Option<Account>) -> Self {
        Self {
            account,
            bytes: AtomicUsize::new(0),
            large: Mutex::default(),
        }
    }

    /// More is about to be read of a head that has not ended. False when there is no memory for that.
    pub(super) fn may_grow(&self) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let Some(account) = self.account.as_ref().filter(|_| bytes >= FREE_BYTES) else {
            return true;
        };
        let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        // A buffer doubles when it is full.
        let wanted = bytes.saturating_mul(2);
        let has_room = match &mut large.held {
            Some(held) => held.bytes() >= wanted || held.grow(Use::Heads, wanted),
            none => {
                *none = account.take(Use::Heads, wanted);
                none.is_some()
            }
        };
        large.is_refused |= !has_room;
        has_room
    }

    /// So many bytes of it were read.
    pub(super) fn read(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Its request was answered: nothing of it is needed any more.
    pub(super) fn end(&self) {
        if self.bytes.swap(0, Ordering::Relaxed) >= FREE_BYTES {
            self.large.lock().unwrap_or_else(PoisonError::into_inner).held = None;
        }
    }

    /// Whether the connection ends because there was no memory.
    pub(super) fn is_refused(&self) -> bool {
        self.large.lock().unwrap_or_else(PoisonError::into_inner).is_refused
    }
}

/// Answers a head that was not read to its end. What the client has sent meanwhile is read and forgotten, because
/// closing a connection with unread bytes may destroy what was written to it.
pub(super) async fn refuse(stream: &TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    // Nothing was written before, so there is room for it in the kernel; a client that is gone needs none.
    let _ = stream.try_write(ANSWER);
    let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
    let reading = async {
        let (mut buffer, mut left) = ([0; 1024], MOST_FORGOTTEN);
        while stream.readable().await.is_ok() && left > 0 {
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => left = left.saturating_sub(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    let _ = timeout(FORGET_WITHIN, reading).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_heads_take_nothing_and_large_ones_until_they_are_answered() {
        let account = Account::new(32 * 10 * 1024);
        let head = Head::new(Some(account.clone()));
        head.read(FREE_BYTES - 1);
        assert!(head.may_grow());
        assert_eq!(account.used(Use::Heads), 0);
        head.read(4 * 1024);
        assert!(head.may_grow());
        assert!(account.used(Use::Heads) >= 24 * 1024 - 2);
        head.end();
        assert_eq!(account.used(Use::Heads), 0);
        let _others = std::iter::from_fn(|| account.take(Use::Heads, 1024)).collect::<Vec<_>>();
        head.read(FREE_BYTES);
        assert!(!head.may_grow() && head.is_refused());
        let small = Head::new(Some(account));
        assert!(small.may_grow());
        let unbound = Head::new(None);
        unbound.read(1 << 20);
        assert!(unbound.may_grow());
    }
}
