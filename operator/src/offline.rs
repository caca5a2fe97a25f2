//! From the flags of the commands that need no cluster to what they print.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use firehose_operator::{
    args::{Document, IamPolicy, Identity, Streams, StreamsOutput},
    cli::{self, Delivery, HttpDestination, NoPolicy, Trusted},
};
use firehose_operator_api::FirehoseDestination;
use serde_json::Value;

use crate::print;

/// What `iam-policy` prints.
pub(crate) fn iam_policy(flags: &IamPolicy) -> anyhow::Result<String> {
    let destination = read(&flags.filename)?;
    let policy = match flags.document {
        Document::Delivery => cli::delivery_policy(
            &destination,
            &Delivery {
                account: &flags.account_id,
                put_record_only: flags.put_record_only,
                kms_key: flags.kms_key_arn.as_deref(),
            },
        )?,
        Document::Assuming => cli::assuming_policy(&destination)?,
        Document::Trust => cli::trust_policy(&destination, &flags.account_id, trusted(flags, &destination)?),
    };
    pretty(&policy)
}

fn trusted<'a>(flags: &'a IamPolicy, destination: &FirehoseDestination) -> Result<Trusted<'a>, NoPolicy> {
    let (issuer, audience) = (flags.oidc_issuer.as_deref(), flags.oidc_audience.as_str());
    match (&flags.principal, flags.identity) {
        (Some(principal), _) => Ok(Trusted::Principal(principal)),
        (None, Some(Identity::WebIdentity)) => {
            let issuer = issuer.ok_or(NoPolicy::NoIssuer)?;
            Ok(Trusted::WebIdentity { issuer, audience })
        }
        (None, Some(Identity::PodIdentity)) => Ok(Trusted::PodIdentity),
        (None, Some(Identity::InstanceProfile)) => Ok(Trusted::InstanceProfile),
        (None, None) => cli::trusted_by_type(destination, issuer, audience),
    }
}

/// What `streams` prints.
pub(crate) fn streams(flags: &Streams) -> anyhow::Result<String> {
    let destination = read(&flags.filename)?;
    match flags.output {
        StreamsOutput::Names => Ok(cli::list(&destination)),
        StreamsOutput::Terraform => Ok(cli::terraform(&destination)),
        StreamsOutput::Cloudformation => Ok(serde_yaml::to_string(&cli::cloud_formation(&destination))?),
        StreamsOutput::Ack => {
            let (Some(url), Some(bucket_arn), Some(role_arn)) =
                (&flags.http_endpoint_url, &flags.bucket_arn, &flags.role_arn)
            else {
                bail!("ack needs --http-endpoint-url, --bucket-arn and --role-arn");
            };
            let http = HttpDestination {
                url,
                bucket_arn,
                role_arn,
            };
            let objects = cli::ack(&destination, &http);
            let documents: Result<Vec<String>, _> = objects.iter().map(serde_yaml::to_string).collect();
            Ok(documents?.join("---\n"))
        }
    }
}

/// What `import rudderstack` does: manifests on standard output, and on standard error what is none.
pub(crate) fn import(path: &Path) -> anyhow::Result<ExitCode> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let imported = cli::rudderstack(&text).with_context(|| path.display().to_string())?;
    print(&imported.manifests)?;
    for complaint in &imported.complaints {
        eprintln!("firehose-operator: {complaint}");
    }
    Ok(match imported.complaints.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn read(path: &Path) -> anyhow::Result<FirehoseDestination> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    cli::destination(&text).with_context(|| path.display().to_string())
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}
