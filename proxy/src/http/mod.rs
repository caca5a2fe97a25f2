//! The HTTP side: the event endpoint on 8080 and the admin endpoint on 9090. Knows requests and replies; what an event
//! is belongs to `event`, where it goes to `routing`, when it is safe to `spool`.
//!
//! [`events::serve`] and [`admin::serve`] are the whole surface. Both stand on [`server`]: an accept loop with a cap on
//! connections and deadlines for slow ones. What a client may be told, and why, is the essay in [`reply`].

pub mod admin;
mod auth;
mod body;
mod complaints;
mod cors;
pub mod events;
mod forwarded;
mod ingest;
mod keys;
mod metrics;
mod pixel;
mod query;
mod rate;
mod reply;
mod routes;
mod server;
mod startup;

pub use body::BodyMemory;
pub use metrics::Metrics;
pub use server::Connections;
