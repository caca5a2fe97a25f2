//! What stands between this process and every write: closed while another may lead, and for good when this one ends.

use std::time::Duration;

use tokio::sync::watch;

use super::Leadership;

/// How often an open round looks whether it may go on. Timers stand still while the machine sleeps, so that the end of
/// the leadership is not a moment that could be waited for.
const LOOK_PERIOD: Duration = Duration::from_millis(200);

/// Whether this process may write, and how many of its writes are not answered yet.
#[derive(Debug, Clone)]
pub struct Fence {
    leadership: Leadership,
    closed: watch::Sender<bool>,
    open: watch::Sender<usize>,
}

/// One write that was let through. It is settled when this is dropped.
#[derive(Debug)]
pub struct Permit(watch::Sender<usize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Fence {
    /// A fence that is open while this process leads.
    pub fn new(leadership: Leadership) -> Self {
        Self {
            leadership,
            closed: watch::Sender::new(false),
            open: watch::Sender::new(0),
        }
    }

    /// Whether a write may begin now.
    pub fn is_open(&self) -> bool {
        self.leads() && !*self.closed.borrow()
    }

    /// Whether this process leads. A write that was let through may go on while it does, even if the fence was closed.
    pub fn leads(&self) -> bool {
        self.leadership.leads()
    }

    /// Lets one write through, or none.
    pub fn enter(&self) -> Option<Permit> {
        // Counted before it is checked: whoever closes the fence and then counts misses none.
        self.open.send_modify(|open| *open += 1);
        let permit = Permit(self.open.clone());
        self.is_open().then_some(permit)
    }

    /// Resolves once no write may begin any more.
    pub async fn shut(&self) {
        let mut closed = self.closed.subscribe();
        while self.is_open() {
            // Its error is that the sender is gone, which cannot be while `self` is here.
            let _ = tokio::time::timeout(LOOK_PERIOD, closed.wait_for(|closed| *closed)).await;
        }
    }

    /// Lets nothing through any more.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Resolves once every write that was let through is answered, or given up.
    pub async fn settled(&self) {
        let mut open = self.open.subscribe();
        let _ = open.wait_for(|open| *open == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Memory, since_boot},
        *,
    };

    fn leading_since(renewed: Option<Duration>) -> Fence {
        let leadership = Leadership::default();
        leadership.memory.lock().unwrap().renewed = renewed;
        Fence::new(leadership)
    }

    #[test]
    fn nothing_is_written_by_one_that_does_not_lead_or_slept_past_its_lease() {
        assert!(leading_since(None).enter().is_none());
        assert!(
            leading_since(Some(since_boot() - super::super::RENEW_DEADLINE))
                .enter()
                .is_none()
        );
        assert!(leading_since(Some(since_boot())).enter().is_some());
    }

    #[tokio::test]
    async fn a_closed_fence_lets_nothing_new_through_and_waits_for_what_is_open() {
        let fence = leading_since(Some(since_boot()));
        let permit = fence.enter().unwrap();
        fence.close();
        assert!(fence.enter().is_none());
        fence.shut().await;
        let early = tokio::time::timeout(Duration::from_millis(20), fence.settled()).await;
        assert!(early.is_err(), "settled with a write open");
        drop(permit);
        fence.settled().await;
    }

    #[tokio::test]
    async fn a_fence_shuts_when_the_leadership_ends() {
        let fence = leading_since(Some(since_boot()));
        let early = tokio::time::timeout(Duration::from_millis(20), fence.shut()).await;
        assert!(early.is_err(), "shut while it leads");
        *fence.leadership.memory.lock().unwrap() = Memory::default();
        fence.shut().await;
    }
}
