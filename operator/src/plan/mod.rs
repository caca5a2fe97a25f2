//! From a destination to what shall be: validate → configuration document → child objects.
//!
//! Pure: no client, no clock, no randomness, no runtime. The same destination always gives the same plan, which is what
//! makes the local path, the golden files and a repaired child agree. Behind [`validate()`] nobody looks at the raw
//! spec again.

mod allowed;
mod children;
mod document;
mod effective;
mod endpoints;
mod installation;
mod names;
mod outwards;
mod owned;
mod rejection;
mod resources;
mod subjects;
mod validate;
mod validated;
mod withdrawal;

pub use allowed::{
    AllowList, Allowed, Clients, DEFAULT_LABELS, DEFAULT_NODE_SELECTORS, DEFAULT_POD_ANNOTATIONS,
    DEFAULT_SERVICE_ACCOUNT_ANNOTATIONS, NoEntry, NodeRole,
};
pub use children::{Children, REVISION_ANNOTATION, SPOOL_VOLUME, TRUST_ANNOTATION, WRITE_KEYS_VOLUME, children};
pub use document::{Paths, document};
pub use effective::effective;
pub use endpoints::{AllowedEndpoints, NamedEndpoint, NoHost};
pub use installation::{Installation, Networks, PodIdentityAgent, ProxyUser};
pub use names::{ADMIN_PORT, DESTINATION_LABEL, EVENTS_PORT, MANAGED_SELECTOR, Names, POD_SELECTOR, selector};
pub use outwards::{
    CaBundle, EgressProxy, EgressProxyUrl, MAX_CA_BUNDLE_BYTES, NEVER_PROXIED, NoCaBundle, NoEgressProxy, ProxySettings,
};
pub use owned::owned;
pub use rejection::{Rejection, unchangeable};
pub use subjects::{Subjects, subjects};
pub use validate::validate;
pub use validated::Validated;
pub use withdrawal::{Running, Withdrawal, withdraw};
