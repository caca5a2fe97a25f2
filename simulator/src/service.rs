//! The state that all operations of the simulated service share. Knows no operation and opens no socket.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use thiserror::Error;
use tokio::sync::watch;

use crate::{
    access::{Access, AccessSettings},
    availability::ServiceSettings,
    error::{ApiError, ErrorCode},
    faults::StreamSettings,
    options::Options,
    random::Random,
    registry::{InvalidStreamName, Registry, Shared, TooManyStreams, lock, valid_name},
    stream::{Record, Summary},
};

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    pub(crate) access: Access,
    settings: watch::Sender<ServiceSettings>,
    request_ids: Mutex<Random>,
}

/// Settings that cannot be taken.
#[derive(Debug, Error)]
pub enum ConfigureError {
    /// The name is not one.
    #[error(transparent)]
    Name(#[from] InvalidStreamName),
    /// No room.
    #[error(transparent)]
    Full(#[from] TooManyStreams),
    /// A value out of its range.
    #[error("fault {index}: {complaint}")]
    Rule {
        /// Position in the list, from 0.
        index: usize,
        /// What is wrong.
        complaint: String,
    },
}

/// A stream that does not exist.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("there is no stream \"{0}\"")]
pub struct UnknownStream(pub String);

impl Service {
    /// Fails when the options name a stream that the service would not take.
    pub(crate) fn new(options: Options) -> Result<Self, ConfigureError> {
        let registry = Registry::new(options.keep_bytes_per_stream, options.seed);
        let access = Access::new(options.access.clone(), &options.account, options.seed);
        let request_ids = Mutex::new(Random::new(options.seed, "request identifiers"));
        let service = Self {
            options,
            registry,
            access,
            settings: watch::Sender::default(),
            request_ids,
        };
        for name in &service.options.streams {
            service.configure(name, StreamSettings::default())?;
        }
        Ok(service)
    }

    pub(crate) fn stream_for_put(&self, name: &str) -> Result<Shared, ApiError> {
        if !self.options.create_on_demand {
            return self.registry.get(name).ok_or_else(|| self.not_found(name));
        }
        let created = self.registry.get_or_create(name);
        created
            .map(|(stream, _)| stream)
            .map_err(|error| ApiError::new(ErrorCode::LimitExceededException, error.to_string()))
    }

    pub(crate) fn not_found(&self, name: &str) -> ApiError {
        let message = format!("Firehose {name} not found under account {}.", self.options.account);
        ApiError::new(ErrorCode::ResourceNotFoundException, message)
    }

    pub(crate) fn arn(&self, name: &str) -> String {
        format!(
            "arn:aws:firehose:{}:{}:deliverystream/{name}",
            self.options.region, self.options.account
        )
    }

    /// In the form of the service's: a UUID.
    pub(crate) fn request_id(&self) -> String {
        let mut random = self.request_ids.lock().unwrap_or_else(PoisonError::into_inner);
        let (high, low) = (random.next(), random.next());
        let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0x0fff);
        let (d, e) = ((low >> 48) & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
    }

    pub(crate) fn configure(&self, name: &str, settings: StreamSettings) -> Result<(), ConfigureError> {
        if !valid_name(name) {
            return Err(InvalidStreamName(name.to_owned()).into());
        }
        for (index, rule) in settings.faults.iter().enumerate() {
            if let Some(complaint) = rule.complaint() {
                return Err(ConfigureError::Rule { index, complaint });
            }
        }
        let (stream, _) = self.registry.get_or_create(name)?;
        lock(&stream).configure(settings, Instant::now());
        Ok(())
    }

    pub(crate) fn summaries(&self) -> Vec<Summary> {
        self.registry.summaries()
    }

    pub(crate) fn settings(&self, name: &str) -> Result<StreamSettings, UnknownStream> {
        let stream = self.registry.get(name).ok_or_else(|| UnknownStream(name.to_owned()))?;
        Ok(lock(&stream).settings().clone())
    }

    pub(crate) fn records(&self, name: &str, after: u64, limit: usize) -> Result<Vec<Record>, UnknownStream> {
        let stream = self.registry.get(name).ok_or_else(|| UnknownStream(name.to_owned()))?;
        Ok(lock(&stream).records(after, limit))
    }

    pub(crate) fn service_settings(&self) -> ServiceSettings {
        *self.settings.borrow()
    }

    /// The settings as they change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<ServiceSettings> {
        self.settings.subscribe()
    }

    pub(crate) fn configure_service(&self, settings: ServiceSettings) {
        self.settings.send_replace(settings);
    }

    pub(crate) fn configure_access(&self, settings: AccessSettings) {
        self.access.configure(settings);
    }

    /// As after the start: no records, no faults, the options' access, and only the streams of the options.
    pub(crate) fn reset(&self) {
        self.registry.clear();
        self.configure_service(ServiceSettings::default());
        self.configure_access(self.options.access.clone());
        for name in &self.options.streams {
            self.configure(name, StreamSettings::default())
                .expect("the options' streams were valid at the start");
        }
    }
}
