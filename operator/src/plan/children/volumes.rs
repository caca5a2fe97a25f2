//! The volumes of a pod: configuration, Secrets by name, spool. Nothing else is mounted, and no service account token.

use k8s_openapi::{
    api::core::v1::{
        ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaim, PersistentVolumeClaimSpec,
        SecretVolumeSource, Volume, VolumeMount, VolumeResourceRequirements,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta},
};
use std::collections::BTreeMap;

use firehose_proxy_config::{ClientAuthorities, FILE_NAME, HashKey, StaticCredentials, Tls, WriteKeys};

use super::{config_map::CA_BUNDLE_KEY, identity, object::workload_name};
use crate::plan::{Installation, Paths, Validated, selector};

const CONFIG: &str = "config";
const CREDENTIALS: &str = "credentials";
const HASH_KEY: &str = "hash-key";
const CERTIFICATE: &str = "certificate";
const CLIENT_AUTHORITIES: &str = "client-authorities";
const TRUST: &str = "trust";
/// Of the Secret with write keys. A pod without it lets in whoever reaches it.
pub const WRITE_KEYS_VOLUME: &str = "write-keys";
/// The volume of the spool, and the template of its claims.
pub const SPOOL_VOLUME: &str = "spool";

/// Readable by the pod's group, which is the proxy's.
const SECRET_MODE: i32 = 0o440;

/// Room for the file system and for segments on their way out, beside what the spool may hold.
const EPHEMERAL_HEADROOM_BYTES: u64 = 64 * 1024 * 1024;

/// The volumes. A claim's volume is the StatefulSet's to add.
pub(super) fn volumes(validated: &Validated, installation: &Installation) -> Vec<Volume> {
    let mut volumes = vec![config_map_volume(validated, CONFIG, FILE_NAME)];
    if installation.proxies.ca_bundle.is_some() {
        volumes.push(config_map_volume(validated, TRUST, CA_BUNDLE_KEY));
    }
    if let Some(secret) = &validated.credentials_secret {
        let items = vec![
            key_to_path(&secret.keys.access_key_id, StaticCredentials::ACCESS_KEY_ID_FILE),
            key_to_path(
                &secret.keys.secret_access_key,
                StaticCredentials::SECRET_ACCESS_KEY_FILE,
            ),
            key_to_path(&secret.keys.session_token, StaticCredentials::SESSION_TOKEN_FILE),
        ];
        volumes.push(secret_volume(CREDENTIALS, &secret.secret_ref.name, items));
    }
    if let Some(secret) = &validated.write_keys_secret {
        let items = vec![key_to_path(&secret.key, WriteKeys::FILE)];
        volumes.push(secret_volume(WRITE_KEYS_VOLUME, &secret.name, items));
    }
    if let Some(secret) = &validated.hash_key_secret {
        let items = vec![key_to_path(&secret.key, HashKey::FILE)];
        volumes.push(secret_volume(HASH_KEY, &secret.name, items));
    }
    if let Some(certificates) = &validated.certificates {
        let items = [Tls::CERTIFICATE_FILE, Tls::KEY_FILE].map(|name| key_to_path(name, name));
        volumes.push(secret_volume(CERTIFICATE, &certificates.own, items.to_vec()));
        if let Some(authorities) = &certificates.authorities {
            let items = vec![key_to_path(ClientAuthorities::FILE, ClientAuthorities::FILE)];
            volumes.push(secret_volume(CLIENT_AUTHORITIES, authorities, items));
        }
    }
    volumes.extend(identity::volume(validated, installation));
    if validated.claim.is_none() {
        let spool = &validated.settings.spool;
        let bytes = spool.max_size_bytes + spool.dead_letters.max_size_bytes + EPHEMERAL_HEADROOM_BYTES;
        volumes.push(Volume {
            name: SPOOL_VOLUME.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource {
                size_limit: Some(Quantity(bytes.to_string())),
                ..EmptyDirVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    volumes
}

/// Where the proxy finds them. No subPath: what is mounted with one is never refreshed.
pub(super) fn mounts(validated: &Validated, installation: &Installation) -> Vec<VolumeMount> {
    let mut mounts = vec![mount(CONFIG, Paths::CONFIG, MountMode::ReadOnly)];
    if installation.proxies.ca_bundle.is_some() {
        mounts.push(mount(TRUST, Paths::TRUST, MountMode::ReadOnly));
    }
    if validated.credentials_secret.is_some() {
        mounts.push(mount(CREDENTIALS, Paths::CREDENTIALS, MountMode::ReadOnly));
    }
    if validated.write_keys_secret.is_some() {
        mounts.push(mount(WRITE_KEYS_VOLUME, Paths::WRITE_KEYS, MountMode::ReadOnly));
    }
    if validated.hash_key_secret.is_some() {
        mounts.push(mount(HASH_KEY, Paths::HASH_KEY, MountMode::ReadOnly));
    }
    if let Some(certificates) = &validated.certificates {
        mounts.push(mount(CERTIFICATE, Paths::CERTIFICATE, MountMode::ReadOnly));
        if certificates.authorities.is_some() {
            mounts.push(mount(
                CLIENT_AUTHORITIES,
                Paths::CLIENT_AUTHORITIES,
                MountMode::ReadOnly,
            ));
        }
    }
    if identity::has_token(validated) {
        let (directory, _) = Paths::IDENTITY_TOKEN.rsplit_once('/').expect("it is in a directory");
        mounts.push(mount(identity::TOKEN, directory, MountMode::ReadOnly));
    }
    mounts.push(mount(SPOOL_VOLUME, Paths::SPOOL, MountMode::ReadWrite));
    mounts
}

/// The claim template of a spool that outlives its pod.
pub(super) fn claim(validated: &Validated) -> Option<PersistentVolumeClaim> {
    let claim = &validated.claim.as_ref()?.template.spec;
    let storage = Quantity(claim.resources.requests.storage.as_str().to_owned());
    Some(PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(SPOOL_VOLUME.to_owned()),
            labels: Some(selector(validated.name())),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: claim.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), storage)])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    })
}

#[derive(Clone, Copy, PartialEq)]
enum MountMode {
    ReadOnly,
    ReadWrite,
}

/// One file of the destination's ConfigMap.
fn config_map_volume(validated: &Validated, name: &str, file: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: workload_name(validated),
            items: Some(vec![key_to_path(file, file)]),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Optional: a missing Secret starts a pod that says so, instead of one that hangs.
fn secret_volume(name: &str, secret: &str, items: Vec<KeyToPath>) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            items: Some(items),
            default_mode: Some(SECRET_MODE),
            optional: Some(true),
        }),
        ..Volume::default()
    }
}

fn key_to_path(key: &str, path: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: path.to_owned(),
        mode: None,
    }
}

fn mount(name: &str, path: &str, mode: MountMode) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: (mode == MountMode::ReadOnly).then_some(true),
        ..VolumeMount::default()
    }
}
