//! Flags of the commands that need no cluster.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::AccountId;

/// Flags of `iam-policy`.
#[derive(Debug, Clone, Args)]
pub struct IamPolicy {
    /// File with one FirehoseDestination.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filename: PathBuf,

    /// Account of the delivery streams and of the role.
    #[arg(long, value_name = "ID")]
    pub account_id: AccountId,

    /// Which policy.
    #[arg(long, value_enum, default_value = "delivery")]
    pub document: Document,

    /// Allow PutRecord alone, as RudderStack's policy does: a call per record.
    #[arg(long)]
    pub put_record_only: bool,

    /// ARN of the customer's key that encrypts the streams.
    #[arg(long, value_name = "ARN")]
    pub kms_key_arn: Option<String>,

    /// Who becomes the role, where spec.credentials.type does not say it.
    #[arg(long, value_enum)]
    pub identity: Option<Identity>,

    /// The cluster's issuer of tokens, without https://.
    #[arg(long, value_name = "HOST/PATH")]
    pub oidc_issuer: Option<String>,

    /// For whom the cluster's tokens are made.
    #[arg(long, value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub oidc_audience: String,

    /// ARN of who assumes the role, when that is neither the pods' account nor their instance.
    #[arg(long, value_name = "ARN", conflicts_with = "identity")]
    pub principal: Option<String>,
}

/// A policy of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// What the identity may do that delivers.
    Delivery,
    /// What the identity may do that assumes the destination's first role.
    Assuming,
    /// Who may be the role.
    Trust,
}

/// Where a role's sessions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Identity {
    /// A role of the service account, by the cluster's tokens (IRSA).
    WebIdentity,
    /// EKS Pod Identity.
    PodIdentity,
    /// The role of the instance.
    InstanceProfile,
}

/// Flags of `explain`.
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// File with one FirehoseDestination, or a proxy's own config.yaml.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filename: PathBuf,

    /// Events, one JSON object a line, or - for standard input. Each is judged as an element of POST /v1/batch.
    #[arg(long = "event", value_name = "FILE")]
    pub events: PathBuf,

    /// The source that events are taken to come from, which their write key says; without it from none.
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,

    /// Form of the answer.
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    pub output: Output,

    /// File with the key of hashes, for privacy rules that hash. The Secret is never read.
    #[arg(long, value_name = "FILE")]
    pub hash_key_file: Option<PathBuf>,
}

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Flags of `streams`.
#[derive(Debug, Clone, Args)]
pub struct Streams {
    /// File with one FirehoseDestination.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filename: PathBuf,

    /// In which words.
    #[arg(short = 'o', long, value_enum, default_value = "names")]
    pub output: StreamsOutput,

    /// For ack: the HTTP endpoint that Firehose delivers to; ACK's DeliveryStream knows no other destination.
    #[arg(long, value_name = "URL", required_if_eq("output", "ack"))]
    pub http_endpoint_url: Option<String>,

    /// For ack: the bucket that keeps what the endpoint refuses.
    #[arg(long, value_name = "ARN", required_if_eq("output", "ack"))]
    pub bucket_arn: Option<String>,

    /// For ack: the role by which Firehose writes.
    #[arg(long, value_name = "ARN", required_if_eq("output", "ack"))]
    pub role_arn: Option<String>,
}

/// In which words delivery streams are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StreamsOutput {
    /// A name a line.
    Names,
    /// Resources of Terraform's AWS provider, with bucket and role as variables.
    Terraform,
    /// A template of CloudFormation, with bucket and role as parameters.
    Cloudformation,
    /// Objects of AWS Controllers for Kubernetes.
    Ack,
}
