//! `firehose-operator import`: destinations from what others export. What has no counterpart is listed and never lost
//! in silence; a key that is in the export is never repeated.

mod exported;
mod rudderstack;
mod rules;

pub use rudderstack::{Imported, NoImport, rudderstack};
