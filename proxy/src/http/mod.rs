//! The HTTP side: the event endpoint on 8080 and the admin endpoint on 9090. Knows requests and replies; what an event
//! is belongs to `event`, where it goes to `routing`, when it is safe to `queue`.
//!
//! [`gateway::serve`] and [`admin::serve`] are the whole surface. Both stand on [`connection`]: an accept loop with a
//! cap on connections and deadlines for slow ones. What a client may be told, and why, is the essay in [`reply`].

pub mod admin;
mod connection;
pub mod gateway;
mod metrics;
mod reply;

pub use self::{
    connection::{BodyPace, Connections},
    metrics::Metrics,
};
