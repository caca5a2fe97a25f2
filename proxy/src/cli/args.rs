//! The command line. Everything that belongs to a destination is in the configuration document; what is here belongs to
//! the process.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use dual_stack_listener::Place;

use crate::{dead_letters, telemetry::LogFormat};

/// Accepts customer events over HTTP and delivers them to Amazon Kinesis Data Firehose.
#[derive(Debug, Clone, Parser)]
#[command(name = "firehose-proxy", version)]
pub struct Args {
    /// Directory that holds the configuration document, config.yaml.
    #[arg(long, env = "FIREHOSE_PROXY_CONFIG_DIR", default_value = "/etc/firehose/config")]
    pub config_dir: PathBuf,

    /// Directory in which accepted events wait when the destination says `acknowledge: WhenSpooled`.
    #[arg(
        long,
        global = true,
        env = "FIREHOSE_PROXY_SPOOL_DIR",
        default_value = "/var/lib/firehose/spool"
    )]
    pub spool_dir: PathBuf,

    /// Address of the event endpoint. Port 0 picks a free one; `[::]` is every address, of IPv4 too.
    #[arg(long, env = "FIREHOSE_PROXY_LISTEN", default_value = "[::]:8080")]
    pub listen: Place,

    /// Address of the admin endpoint (metrics, probes, status). Port 0 picks a free one; `[::]` is every address, of
    /// IPv4 too.
    #[arg(long, env = "FIREHOSE_PROXY_ADMIN_LISTEN", default_value = "[::]:9090")]
    pub admin_listen: Place,

    /// Seconds between being told to end and closing the event endpoint: the time a Service needs to take the pod out.
    #[arg(long, env = "FIREHOSE_PROXY_DRAIN_DELAY_SECONDS", default_value = "5", value_parser = seconds)]
    pub drain_delay: Duration,

    /// Seconds that open requests and undelivered events get after that.
    #[arg(long, env = "FIREHOSE_PROXY_DRAIN_TIMEOUT_SECONDS", default_value = "20", value_parser = seconds)]
    pub drain_timeout: Duration,

    /// Seconds after which a request whose events are not safe yet is answered 503.
    #[arg(long, env = "FIREHOSE_PROXY_ACKNOWLEDGE_TIMEOUT_SECONDS", default_value = "10", value_parser = seconds)]
    pub acknowledge_timeout: Duration,

    /// PEM file with certificates to trust besides the system's, for AWS endpoints behind a private authority.
    #[arg(long, env = "FIREHOSE_PROXY_CA_BUNDLE")]
    pub ca_bundle: Option<PathBuf>,

    /// Name of the pod in its StatefulSet, which ends with its number: above the destination's number of pods it takes
    /// no events and delivers what it has. Outside a StatefulSet there is none.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: Option<String>,

    /// Form of the log on standard error.
    #[arg(long, env = "FIREHOSE_PROXY_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// What to do instead of running a proxy.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What a person asks of a proxy that runs in the same pod.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Look at, send again or drop the events that could not be delivered
    DeadLetters {
        /// What to do with them
        #[command(subcommand)]
        command: dead_letters::Command,
    },
}

/// Whole or fractional seconds, at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number of seconds"))?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(format!("{text:?} is not between 0 and 86400 seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn durations_are_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["", "x", "-1", "NaN", "86401", "inf"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
