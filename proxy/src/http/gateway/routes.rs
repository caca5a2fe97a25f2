//! Which path means what.

use http::Method;

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// Events.
    Events(Payload),
    /// An event as the address of an image.
    Pixel(&'static str),
    /// RudderStack's configuration of a source.
    SourceConfig,
    /// Segment's settings of the project with this write key.
    Settings(&'a str),
    /// Metrics of Segment's browser SDK about itself, which nobody here wants.
    SdkMetrics,
    /// Whether events are accepted.
    Health,
    /// Which build this is.
    Version,
}

/// What the body of a request with events is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// One event, of the type that the path names.
    Single(&'static str),
    /// Events in an envelope.
    Batch,
}

impl<'a> Route<'a> {
    /// The meaning of a path without repeated and trailing slashes ([`super::query::plain_path`]), or `None` when there
    /// is nothing at it.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        use Payload::{Batch, Single};
        Some(match path {
            "/v1/batch" | "/v1/import" | "/v1/b" | "/beacon/v1/batch" => Self::Events(Batch),
            "/v1/track" | "/v1/t" => Self::Events(Single("track")),
            "/v1/identify" | "/v1/i" => Self::Events(Single("identify")),
            "/v1/page" | "/v1/p" => Self::Events(Single("page")),
            "/v1/screen" | "/v1/s" => Self::Events(Single("screen")),
            "/v1/group" | "/v1/g" => Self::Events(Single("group")),
            "/v1/alias" | "/v1/a" => Self::Events(Single("alias")),
            "/v1/merge" => Self::Events(Single("merge")),
            "/v1/m" => Self::SdkMetrics,
            "/pixel/v1/track" => Self::Pixel("track"),
            "/pixel/v1/page" => Self::Pixel("page"),
            "/sourceConfig" => Self::SourceConfig,
            "/health" | "/" => Self::Health,
            "/version" => Self::Version,
            _ => {
                let write_key = path.strip_prefix("/v1/projects/")?.strip_suffix("/settings")?;
                let is_key = !write_key.is_empty() && !write_key.contains('/');
                return is_key.then_some(Self::Settings(write_key));
            }
        })
    }

    /// What the log calls it. A path itself may hold a write key.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Events(Payload::Batch) => "batch",
            Self::Events(Payload::Single(path_type)) => path_type,
            Self::Pixel(_) => "pixel",
            Self::SourceConfig => "sourceConfig",
            Self::Settings(_) => "settings",
            Self::SdkMetrics => "sdk metrics",
            Self::Health => "health",
            Self::Version => "version",
        }
    }

    /// Whether the path takes a method.
    pub(super) fn takes(self, method: &Method) -> bool {
        match self {
            Self::Events(_) | Self::SdkMetrics => method == Method::POST,
            Self::Pixel(_) | Self::SourceConfig | Self::Settings(_) | Self::Health | Self::Version => {
                method == Method::GET || method == Method::HEAD
            }
        }
    }

    /// The methods that the path takes, for people and programs that used another.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Events(_) | Self::SdkMetrics => "POST, OPTIONS",
            Self::Pixel(_) | Self::SourceConfig | Self::Settings(_) | Self::Health | Self::Version => {
                "GET, HEAD, OPTIONS"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::gateway::query::plain_path;

    /// Description of the event endpoint, in OpenAPI 3.1.
    const OPENAPI: &str = include_str!("../openapi.json");

    #[test]
    fn the_description_has_the_paths_and_methods_that_there_are() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = description["paths"].as_object().unwrap();
        for (path, operations) in paths {
            let path = path.replace("{writeKey}", "key");
            let path = plain_path(&path);
            let route = Route::of(&path).unwrap_or_else(|| panic!("nothing is at {path}"));
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let described = operations.get(method.as_str().to_lowercase()).is_some();
                assert_eq!(described, route.takes(&method), "{method} {path}");
            }
        }
        // Every literal path of the routes' own source is described.
        let source = include_str!("routes.rs");
        let literals = source
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| text.starts_with('/'));
        for path in literals.filter(|path| *path != "/v1/projects/" && *path != "/settings") {
            assert!(paths.contains_key(path), "{path} is not described");
        }
    }
}
