//! What a pod needs to be somebody in AWS: tokens that kubelet keeps fresh, and the variables that AWS's tools know. No
//! webhook has to see the pod, and nothing but what is asked for is within reach of it.

use firehose_proxy_config::CredentialsType;
use k8s_openapi::api::core::v1::{
    EnvVar, ProjectedVolumeSource, ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use crate::plan::{Installation, NodeRole, Paths, PodIdentityAgent, Validated, names};

/// Name of the volume with the token.
pub(super) const TOKEN: &str = "aws-token";

/// As long as EKS's own webhooks ask for. Kubelet replaces a token when four fifths of it have passed.
const TOKEN_SECONDS: i64 = 86_400;

/// The audience that EKS Pod Identity asks for.
/// Source: [Pod Identity](https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
const POD_IDENTITY_AUDIENCE: &str = "pods.eks.amazonaws.com";

/// Keeps AWS's tools from the metadata service of the node, and so from the node's role.
pub(in crate::plan) const NO_METADATA: &str = "AWS_EC2_METADATA_DISABLED";

/// Annotation of a service account whose pods EKS's webhook gives a role.
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";

/// The name of the pods' service account.
pub(in crate::plan) fn account(validated: &Validated) -> String {
    let foreign = validated.proxy.service_account_name.clone();
    foreign.unwrap_or_else(|| names::Names::of(validated.name()).workload)
}

/// Variables of the proxy.
pub(super) fn environment(validated: &Validated, installation: &Installation) -> Vec<EnvVar> {
    let credentials = &validated.settings.credentials;
    let token_file = || Paths::IDENTITY_TOKEN.to_owned();
    let mut variables = match (credentials.kind, &credentials.web_identity) {
        (CredentialsType::WebIdentity, Some(identity)) => vec![
            variable("AWS_ROLE_ARN", identity.role_arn.clone()),
            variable("AWS_WEB_IDENTITY_TOKEN_FILE", token_file()),
        ],
        (CredentialsType::PodIdentity, _) => {
            let agent = match installation.pod_identity_agent {
                PodIdentityAgent::Ipv4 => "http://169.254.170.23/v1/credentials",
                PodIdentityAgent::Ipv6 => "http://[fd00:ec2::23]/v1/credentials",
            };
            vec![
                variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.to_owned()),
                variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file()),
            ]
        }
        _ => Vec::new(),
    };
    if !may_ask_node(validated, installation) {
        variables.push(variable(NO_METADATA, "true".to_owned()));
    }
    variables
}

/// Whether the node's metadata service is within reach: where it is the identity that is asked for, and with Ambient
/// where the installation allows it and no other identity is to be injected, for which the node's would stand in for
/// ever if the injection came too late. What an account of somebody else's carries is not known.
pub(in crate::plan) fn may_ask_node(validated: &Validated, installation: &Installation) -> bool {
    match validated.settings.credentials.kind {
        CredentialsType::InstanceProfile => true,
        CredentialsType::Ambient => {
            let proxy = &validated.proxy;
            installation.allowed.node_role == NodeRole::Allowed
                && proxy.service_account_name.is_none()
                && !proxy.service_account.annotations.contains_key(ROLE_ANNOTATION)
        }
        CredentialsType::Static | CredentialsType::WebIdentity | CredentialsType::PodIdentity => false,
    }
}

/// The token that AWS exchanges for credentials, if the identity is had by one.
pub(super) fn volume(validated: &Validated, installation: &Installation) -> Option<Volume> {
    let audience = match validated.settings.credentials.kind {
        CredentialsType::WebIdentity => installation.web_identity_audience.clone(),
        CredentialsType::PodIdentity => POD_IDENTITY_AUDIENCE.to_owned(),
        _ => return None,
    };
    let (_, file) = Paths::IDENTITY_TOKEN.rsplit_once('/')?;
    let token = ServiceAccountTokenProjection {
        audience: Some(audience),
        expiration_seconds: Some(TOKEN_SECONDS),
        path: file.to_owned(),
    };
    Some(Volume {
        name: TOKEN.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(vec![VolumeProjection {
                service_account_token: Some(token),
                ..VolumeProjection::default()
            }]),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    })
}

/// Whether there is one.
pub(super) fn has_token(validated: &Validated) -> bool {
    let kind = validated.settings.credentials.kind;
    matches!(kind, CredentialsType::WebIdentity | CredentialsType::PodIdentity)
}

fn variable(name: &str, value: String) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value),
        ..EnvVar::default()
    }
}
