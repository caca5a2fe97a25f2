//! The event endpoint as its clients meet it: real requests over a socket, real answers, and the records that come out
//! of the queue behind it. Firehose is not here; a task settles what the queue hands out.

// All of it runs in tests: a panic is the report.
#![allow(clippy::unwrap_used)]

mod admission;
mod compatibility;
mod connections;
mod enrichment;
mod large;
mod leaving;
mod nasty;
mod replies;
mod routing;
mod server;
mod sources;
mod surface;
mod tls;
