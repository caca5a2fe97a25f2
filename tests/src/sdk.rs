//! The SDKs, unmodified, each driven by a script of a few lines.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
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
}

/// All of them.
pub const ALL: [Sdk; 4] = [Sdk::RudderNode, Sdk::RudderPython, Sdk::SegmentNode, Sdk::SegmentPython];

/// The streams that events of [`Sdk::command`] belong to by the mappings of `examples/orders.yaml`.
pub const STREAM_OF: [(&str, &str); 3] = [
    ("identify", "everything-else"),
    ("track", "orders-prod"),
    ("page", "pages-prod"),
];

impl Sdk {
    /// A word for messageIds.
    pub fn name(self) -> &'static str {
        match self {
            Self::RudderNode => "rudder-node",
            Self::RudderPython => "rudder-python",
            Self::SegmentNode => "segment-node",
            Self::SegmentPython => "segment-python",
        }
    }

    /// Sends `count` each of identify, track and page, and ends with 0 when the SDK says that all were taken. The
    /// messageIds are the SDK's name, the type and a number.
    pub fn command(self, url: &str, count: usize) -> Command {
        let (mut command, script) = match self {
            Self::RudderNode => (node(), "send.cjs"),
            Self::RudderPython => (python(), "send.py"),
            Self::SegmentNode => (node(), "send_segment.cjs"),
            Self::SegmentPython => (python(), "send_segment.py"),
        };
        command
            .arg(workspace::root().join("tests/sdk").join(script))
            .args([url, self.name(), &count.to_string()]);
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

    /// Each messageId of [`Sdk::command`] and the stream that it belongs to.
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

fn node() -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", workspace::node_modules());
    command
}

fn python() -> Command {
    Command::new(workspace::python_tools().join("python"))
}
