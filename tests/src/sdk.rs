//! The SDKs, unmodified, each driven by a script of a few lines.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use crate::workspace;

/// One SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// `@rudderstack/rudder-sdk-node`
    RudderNode,
    /// `rudder-sdk-python`
    RudderPython,
    /// `@segment/analytics-node`
    SegmentNode,
    /// `segment-analytics-python`
    SegmentPython,
    /// `@rudderstack/analytics-js`, on a page in Chromium
    RudderBrowser,
    /// `@segment/analytics-next`, on a page in Chromium
    SegmentBrowser,
}

/// All that run without a browser.
pub const ALL: [Sdk; 4] = [Sdk::RudderNode, Sdk::RudderPython, Sdk::SegmentNode, Sdk::SegmentPython];

/// Those that run on a page.
pub const BROWSERS: [Sdk; 2] = [Sdk::RudderBrowser, Sdk::SegmentBrowser];

/// The streams that events of [`Sdk::command`] belong to by the mappings of `examples/orders.yaml`.
pub const STREAM_OF: [(&str, &str); 3] = [
    ("identify", "everything-else"),
    ("track", "orders-prod"),
    ("page", "pages-prod"),
];

impl Sdk {
    /// A word for the names of events.
    pub fn name(self) -> &'static str {
        match self {
            Self::RudderNode => "rudder-node",
            Self::RudderPython => "rudder-python",
            Self::SegmentNode => "segment-node",
            Self::SegmentPython => "segment-python",
            Self::RudderBrowser => "rudder-browser",
            Self::SegmentBrowser => "segment-browser",
        }
    }

    /// Sends `count` each of identify, track and page, and ends with 0 when all were taken: by what the SDK says, or by
    /// what its browser was answered. The names of the events ([`crate::arrived::name`]) are the SDK's, the type and a
    /// number.
    pub fn command(self, url: &str, count: usize) -> Command {
        let mut command = match self {
            Self::RudderNode => node("send.cjs"),
            Self::RudderPython => python("send.py"),
            Self::SegmentNode => node("send_segment.cjs"),
            Self::SegmentPython => python("send_segment.py"),
            Self::RudderBrowser | Self::SegmentBrowser => node("browse.cjs"),
        };
        command.args([url, self.name(), &count.to_string()]);
        command
    }

    /// [`Sdk::command`] with a pause after each three events.
    pub fn paced(self, url: &str, count: usize, pause: Duration) -> Command {
        let mut command = self.command(url, count);
        if !BROWSERS.contains(&self) {
            command.arg("Product Added");
        }
        command.arg(pause.as_millis().to_string());
        command
    }

    /// [`Sdk::command`] on a page that is left before the SDK has sent; says `left` then, and waits to be ended.
    pub fn leave(self, url: &str, count: usize) -> Command {
        let mut command = self.command(url, count);
        command.arg("leave");
        command
    }

    /// What stands between an SDK and `url` and writes each event that is sent into `file`; says where it listens.
    pub fn recorder(url: &str, file: &Path) -> Command {
        let mut command = node("record.cjs");
        command.arg(url).arg(file);
        command
    }

    /// Runs [`Sdk::command`] to its end.
    ///
    /// # Panics
    ///
    /// When the SDK says that it could not send an event.
    pub fn send(self, url: &str, count: usize) -> Output {
        let output = self.command(url, count).output().unwrap();
        assert!(output.status.success(), "{self:?}: {output:?}");
        output
    }

    /// The name of each event of [`Sdk::command`] and the stream that it belongs to.
    pub fn expected(self, count: usize) -> BTreeMap<String, String> {
        let of_type = |(kind, stream): &(&str, &str)| {
            let pairs: Vec<_> = (0..count)
                .map(|number| (format!("{}-{kind}-{number}", self.name()), (*stream).to_owned()))
                .collect();
            pairs
        };
        STREAM_OF.iter().flat_map(of_type).collect()
    }
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command
        .arg(workspace::root().join("tests/sdk").join(script))
        .env("NODE_PATH", workspace::node_modules());
    command
}

fn python(script: &str) -> Command {
    let mut command = Command::new(workspace::python_tools().join("python"));
    command.arg(workspace::root().join("tests/sdk").join(script));
    command
}
