//! moto, somebody else's Firehose. It writes records into objects of its S3, from which they are read back.

use std::{net::TcpListener, process::Command};

use serde_json::Value;

use crate::{
    arrived::Arrived,
    http,
    program::Program,
    wait::{SOON, until},
    workspace,
};

/// A running moto server.
#[derive(Debug)]
pub struct Moto {
    _process: Program,
    /// Where it listens: `http://…`.
    pub url: String,
}

impl Moto {
    /// Starts it with these delivery streams.
    pub fn start(streams: &[&str]) -> Self {
        Self::start_at("127.0.0.1", streams)
    }

    /// Starts it at one of this machine's addresses.
    pub fn start_at(host: &str, streams: &[&str]) -> Self {
        // moto takes no port 0: this finds a port that was free a moment ago.
        let free = TcpListener::bind((host, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Program::start(
            Command::new(workspace::python_tools().join("moto_server"))
                .args(["--host", host, "--port", &port.to_string()])
                .env("AWS_EC2_METADATA_DISABLED", "true"),
        );
        let moto = Self {
            _process: process,
            url: format!("http://{host}:{port}"),
        };
        until("moto answers", SOON * 2, || {
            http::get(&format!("{}/moto-api/data.json", moto.url))
        });
        moto.run("create", streams);
        moto
    }

    /// Everything that has arrived in its S3 objects.
    ///
    /// # Panics
    ///
    /// When the objects cannot be read back.
    pub fn arrived(&self) -> Arrived {
        let mut arrived = Arrived::default();
        for line in self.run("records", &[]).lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            arrived.add(
                record["stream"].as_str().unwrap(),
                record["data"].as_str().unwrap().as_bytes(),
            );
        }
        arrived
    }

    fn run(&self, command: &str, streams: &[&str]) -> String {
        let output = Command::new(workspace::python_tools().join("python"))
            .arg(workspace::root().join("tests/sdk/moto_streams.py"))
            .args([command, &self.url])
            .args(streams)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}
