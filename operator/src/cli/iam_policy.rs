//! `firehose-operator iam-policy`: what an identity may do, so that a destination delivers, and who may be it. Least
//! privilege: the actions that delivery calls, on exactly the streams that the mappings name.

use firehose_operator_api::{CredentialsType, FirehoseDestination};
use serde_json::{Value, json};

use super::{
    arn::{AccountId, delivery_stream, partition},
    destinations::stream_names,
};
use crate::plan::Names;

/// What the delivering identity needs beside the streams.
#[derive(Debug, Clone)]
pub struct Delivery<'a> {
    /// The account of the streams.
    pub account: &'a AccountId,
    /// Calls take one record each: RudderStack's policy, enough and dear.
    pub put_record_only: bool,
    /// A key of the customer's that encrypts the streams.
    pub kms_key: Option<&'a str>,
}

/// Who becomes the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted<'a> {
    /// The pods' service account, by a token of the cluster: IRSA. The issuer has no `https://`.
    WebIdentity {
        /// The cluster's issuer of tokens.
        issuer: &'a str,
        /// For whom the tokens are made.
        audience: &'a str,
    },
    /// The pods' service account, by EKS Pod Identity.
    PodIdentity,
    /// The instances that pods run on.
    InstanceProfile,
    /// Another identity: the one whose credentials the destination has before it assumes roles.
    Principal(&'a str),
}

/// Why there is no such policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPolicy {
    /// The key cannot be one of these streams.
    #[error("the key {0:?} is not of the form {1}…, which is where the streams are")]
    Key(String, String),
    /// No role is assumed.
    #[error("the destination assumes no role, so its identity needs no right to; see spec.credentials.assumeRoles")]
    NoRole,
    /// Static keys belong to a user.
    #[error(
        "an access key belongs to a user, whom nothing trusts; with spec.credentials.assumeRoles, name the user with --principal"
    )]
    KeyUser,
    /// Nothing says who becomes the role.
    #[error("spec.credentials.type is Ambient, which may be anybody: say --identity")]
    Ambient,
    /// IRSA needs the cluster's issuer.
    #[error(
        "the cluster's issuer of tokens is needed: --oidc-issuer, for example oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"
    )]
    NoIssuer,
}

/// The policy of the identity that delivers: the last role that is assumed, or the pods' own.
///
/// # Errors
///
/// See [`NoPolicy::Key`].
pub fn delivery_policy(destination: &FirehoseDestination, delivery: &Delivery<'_>) -> Result<Value, NoPolicy> {
    let region = destination.spec.region.as_str();
    let streams: Vec<String> = stream_names(destination)
        .into_iter()
        .map(|name| delivery_stream(region, delivery.account, name))
        .collect();
    let actions = match delivery.put_record_only {
        true => vec!["firehose:PutRecord"],
        false => vec!["firehose:PutRecord", "firehose:PutRecordBatch"],
    };
    let mut statements = vec![json!({"Effect": "Allow", "Action": actions, "Resource": streams})];
    if let Some(key) = delivery.kms_key {
        let beginning = format!("arn:{}:kms:{region}:", partition(region));
        if !key.starts_with(&beginning) {
            return Err(NoPolicy::Key(key.to_owned(), beginning));
        }
        statements.push(json!({
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [key],
            "Condition": {"StringLike": {"kms:ViaService": format!("firehose.{region}.*")}},
        }));
    }
    Ok(policy(&statements))
}

/// The policy of the identity that assumes the destination's first role.
///
/// # Errors
///
/// See [`NoPolicy::NoRole`].
pub fn assuming_policy(destination: &FirehoseDestination) -> Result<Value, NoPolicy> {
    let first = destination
        .spec
        .credentials
        .assume_roles
        .first()
        .ok_or(NoPolicy::NoRole)?;
    Ok(policy(&[
        json!({"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [first.role_arn]}),
    ]))
}

/// The trust policy of the role, which says who may be it.
pub fn trust_policy(destination: &FirehoseDestination, account: &AccountId, trusted: Trusted<'_>) -> Value {
    let region = destination.spec.region.as_str();
    let statement = match trusted {
        Trusted::WebIdentity { issuer, audience } => json!({
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:{}:iam::{account}:oidc-provider/{issuer}", partition(region))},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{issuer}:aud"): audience,
                format!("{issuer}:sub"): format!(
                    "system:serviceaccount:{}:{}", namespace(destination), service_account(destination)
                ),
            }},
        }),
        Trusted::PodIdentity => json!({
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {
                "aws:RequestTag/kubernetes-namespace": namespace(destination),
                "aws:RequestTag/kubernetes-service-account": service_account(destination),
            }},
        }),
        Trusted::InstanceProfile => {
            // The one service whose principal has the partition's own domain in China.
            let domain = if partition(region) == "aws-cn" {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            };
            json!({
                "Effect": "Allow",
                "Principal": {"Service": format!("ec2.{domain}")},
                "Action": "sts:AssumeRole",
            })
        }
        Trusted::Principal(principal) => {
            let mut statement = json!({
                "Effect": "Allow",
                "Principal": {"AWS": principal},
                "Action": "sts:AssumeRole",
            });
            let role = destination.spec.credentials.assume_roles.first();
            if let Some(external_id) = role.and_then(|role| role.external_id.as_deref()) {
                statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": external_id}});
            }
            statement
        }
    };
    policy(&[statement])
}

/// Whom the destination's own type of credentials says to trust.
///
/// # Errors
///
/// When the type does not say it.
pub fn trusted_by_type<'a>(
    destination: &FirehoseDestination,
    issuer: Option<&'a str>,
    audience: &'a str,
) -> Result<Trusted<'a>, NoPolicy> {
    match destination.spec.credentials.kind {
        CredentialsType::WebIdentity => {
            let issuer = issuer.ok_or(NoPolicy::NoIssuer)?;
            Ok(Trusted::WebIdentity { issuer, audience })
        }
        CredentialsType::PodIdentity => Ok(Trusted::PodIdentity),
        CredentialsType::InstanceProfile => Ok(Trusted::InstanceProfile),
        CredentialsType::Static => Err(NoPolicy::KeyUser),
        CredentialsType::Ambient => Err(NoPolicy::Ambient),
    }
}

fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn namespace(destination: &FirehoseDestination) -> &str {
    destination.metadata.namespace.as_deref().unwrap_or("default")
}

/// The account of the proxies' pods.
fn service_account(destination: &FirehoseDestination) -> String {
    let named = destination.spec.proxy.service_account_name.clone();
    let name = destination.metadata.name.as_deref().unwrap_or_default();
    named.unwrap_or_else(|| Names::of(name).workload)
}
