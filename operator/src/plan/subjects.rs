//! The names of what a destination depends on, for messages. Never a value of any of it.

use std::collections::BTreeMap;

use super::{Validated, effective::identity};

/// What a destination depends on, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subjects {
    /// The region.
    pub region: String,
    /// As whom records are delivered.
    pub identity: String,
    /// The Secret with static credentials, and the keys of it that are used.
    pub credentials: Option<(String, Vec<String>)>,
    /// The role that is assumed.
    pub role: Option<String>,
    /// The Secret with write keys, and the key of it.
    pub write_keys: Option<(String, String)>,
    /// The same of each named sender, by its name.
    pub sources: BTreeMap<String, (String, String)>,
}

/// What the destination depends on.
pub fn subjects(validated: &Validated) -> Subjects {
    let settings = &validated.settings;
    Subjects {
        region: settings.region.clone(),
        identity: identity(validated),
        credentials: validated.credentials_secret.as_ref().map(|secret| {
            let keys = [&secret.keys.access_key_id, &secret.keys.secret_access_key];
            (secret.secret_ref.name.clone(), keys.map(Clone::clone).to_vec())
        }),
        role: settings
            .credentials
            .assume_role
            .as_ref()
            .map(|role| role.role_arn.clone()),
        write_keys: validated
            .write_keys_secret
            .as_ref()
            .map(|secret| (secret.name.clone(), secret.key.clone())),
        sources: validated
            .source_secrets
            .iter()
            .map(|(source, secret)| (source.clone(), (secret.name.clone(), secret.key.clone())))
            .collect(),
    }
}
