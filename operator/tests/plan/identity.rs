//! What pods are given to be somebody in AWS, and what they are kept from.

use firehose_operator::plan::{
    Allowed, Installation, NodeRole, Paths, PodIdentityAgent, children, document, effective, validate,
};
use firehose_proxy_config::{CredentialsType, Document, Toggle};
use serde_json::{Value, json};

use crate::{allowed, destination, installation};

const ROLE: &str = "arn:aws:iam::123456789012:role/events";

/// What is in a pod beside what is in every pod: variables, the volume with a token, the service account.
struct Pod {
    variables: Vec<String>,
    token: Value,
    account: String,
}

fn pod(spec: &Value, installation: &Installation) -> Pod {
    let mut destination = destination(spec);
    destination.metadata.namespace = Some("analytics".to_owned());
    let children = children(&validate(&destination, &allowed()).unwrap(), installation);
    let pod = children.stateful_set.spec.unwrap().template.spec.unwrap();
    let container = &pod.containers[0];
    let variables = container.env.iter().flatten().filter(|one| one.name != "POD_NAME");
    let has_mount = |name: &str| {
        let mounts = container.volume_mounts.iter().flatten();
        let mut mounts = mounts.filter(|mount| mount.name == name);
        mounts.any(|mount| {
            Paths::IDENTITY_TOKEN == format!("{}/token", mount.mount_path) && mount.read_only == Some(true)
        })
    };
    let projected = pod.volumes.iter().flatten().find(|volume| volume.projected.is_some());
    assert!(projected.is_none_or(|volume| has_mount(&volume.name)));
    Pod {
        variables: variables
            .map(|one| format!("{}={}", one.name, one.value.clone().unwrap_or_default()))
            .collect(),
        token: json!(projected.and_then(|volume| volume.projected.clone())),
        account: pod.service_account_name.unwrap(),
    }
}

fn rendered(spec: &Value) -> Document {
    let mut destination = destination(spec);
    destination.metadata.namespace = Some("analytics".to_owned());
    document(&validate(&destination, &allowed()).unwrap(), &Paths::default())
}

fn identity(spec: &Value) -> String {
    let mut destination = destination(spec);
    destination.metadata.namespace = Some("analytics".to_owned());
    let validated = validate(&destination, &allowed()).unwrap();
    effective(&validated, &installation()).identity.unwrap()
}

fn token(audience: &str) -> Value {
    let token = json!({"audience": audience, "expirationSeconds": 86400, "path": "token"});
    json!({"sources": [{"serviceAccountToken": token}]})
}

const NO_METADATA: &str = "AWS_EC2_METADATA_DISABLED=true";

#[test]
fn web_identity_is_a_token_of_the_installations_audience_and_the_variables_that_aws_knows() {
    let spec = json!({"credentials": {"type": "WebIdentity", "webIdentity": {"roleARN": ROLE}}});
    let china = Installation {
        web_identity_audience: "sts.amazonaws.com.cn".to_owned(),
        ..installation()
    };
    for (installation, audience) in [(installation(), "sts.amazonaws.com"), (china, "sts.amazonaws.com.cn")] {
        let pod = pod(&spec, &installation);
        assert_eq!(
            pod.variables,
            [
                &format!("AWS_ROLE_ARN={ROLE}"),
                "AWS_WEB_IDENTITY_TOKEN_FILE=/etc/firehose/aws/token",
                NO_METADATA
            ]
        );
        assert_eq!(pod.token, token(audience));
    }
    let identity = rendered(&spec).credentials.web_identity.unwrap();
    assert_eq!(
        (identity.role_arn.as_str(), identity.token_file.as_str()),
        (ROLE, "/etc/firehose/aws/token")
    );
    assert_eq!(
        self::identity(&spec),
        format!("WebIdentity {ROLE} of system:serviceaccount:analytics:orders-firehose")
    );
}

#[test]
fn pod_identity_is_a_token_for_the_agent_of_the_node() {
    let spec = json!({"credentials": {"type": "PodIdentity"}});
    let of_ipv6 = Installation {
        pod_identity_agent: PodIdentityAgent::Ipv6,
        ..installation()
    };
    for (installation, agent) in [(installation(), "169.254.170.23"), (of_ipv6, "[fd00:ec2::23]")] {
        let pod = pod(&spec, &installation);
        assert_eq!(
            pod.variables,
            [
                &format!("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://{agent}/v1/credentials"),
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/etc/firehose/aws/token",
                NO_METADATA
            ]
        );
        assert_eq!(pod.token, token("pods.eks.amazonaws.com"));
    }
    assert_eq!(rendered(&spec).credentials.kind, CredentialsType::PodIdentity);
    assert_eq!(
        identity(&spec),
        "PodIdentity of system:serviceaccount:analytics:orders-firehose"
    );
}

#[test]
fn the_node_is_within_reach_only_of_those_who_name_it_and_of_ambient_where_it_is_allowed() {
    let denied = Installation {
        allowed: Allowed {
            node_role: NodeRole::Denied,
            ..allowed()
        },
        ..installation()
    };
    let role = json!({"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": ROLE}}});
    let key = json!({"type": "Static", "static": {"secretRef": {"name": "aws"}}});
    for (spec, where_allowed, where_denied) in [
        (json!({}), true, false),
        (json!({"proxy": role}), false, false),
        (json!({"proxy": {"serviceAccountName": "events"}}), false, false),
        (json!({"credentials": {"type": "InstanceProfile"}}), true, true),
        (json!({"credentials": key}), false, false),
    ] {
        for (installation, may_ask) in [(installation(), where_allowed), (denied.clone(), where_denied)] {
            let expected: &[&str] = if may_ask { &[] } else { &[NO_METADATA] };
            let pod = pod(&spec, &installation);
            assert_eq!(pod.variables, expected, "{spec}");
            assert_eq!(pod.token, json!(null), "{spec}");
        }
    }
}

#[test]
fn two_roles_are_assumed_one_after_the_other_with_tags_of_the_destination() {
    let second = "arn:aws:iam::210987654321:role/writer";
    let spec = json!({"credentials": {"assumeRoles": [
        {"roleARN": ROLE},
        {"roleARN": second, "sessionTags": "Destination", "externalID": "analytics"},
    ]}});
    let document = rendered(&spec);
    assert_eq!(
        document.requires,
        ["SecondRole"],
        "who does not know it would deliver as the first"
    );
    assert!(document.credentials.assume_role.unwrap().session_tags.is_empty());
    let role = document.credentials.second_role.unwrap();
    assert_eq!(
        (role.role_arn.as_str(), role.external_id.as_deref()),
        (second, Some("analytics"))
    );
    assert_eq!(
        json!(role.session_tags),
        json!({"firehose-operator.dev/namespace": "analytics", "firehose-operator.dev/name": "orders"})
    );
    assert_eq!(identity(&spec), format!("Ambient, {ROLE}, {second}"));
}

#[test]
fn sts_is_of_firehoses_type_unless_it_has_one_of_its_own() {
    let custom = |url: &str| json!({"type": "Custom", "custom": {"url": url}});
    for (endpoints, fips, dual_stack, url) in [
        (json!({}), false, false, None),
        (json!({"firehose": {"type": "FIPSDualStack"}}), true, true, None),
        (
            json!({"firehose": {"type": "FIPS"}, "sts": {"type": "DualStack"}}),
            false,
            true,
            None,
        ),
        (
            json!({"firehose": {"type": "FIPS"}, "sts": {"type": "Regional"}}),
            false,
            false,
            None,
        ),
        (json!({"firehose": custom("https://vpce.example")}), false, false, None),
        (
            json!({"firehose": {"type": "FIPS"}, "sts": custom("https://sts.example")}),
            false,
            false,
            Some("https://sts.example"),
        ),
    ] {
        let spec = json!({
            "endpoints": endpoints,
            "credentials": {"type": "WebIdentity", "webIdentity": {"roleARN": ROLE}, "assumeRoles": [{"roleARN": ROLE}]},
        });
        let credentials = rendered(&spec).credentials;
        for sts in [
            credentials.web_identity.unwrap().sts,
            credentials.assume_role.unwrap().sts,
        ] {
            assert_eq!(sts.use_fips == Toggle::Enabled, fips, "{spec}");
            assert_eq!(sts.use_dual_stack == Toggle::Enabled, dual_stack, "{spec}");
            assert_eq!(sts.endpoint_url.as_deref(), url, "{spec}");
        }
    }
}

#[test]
fn another_service_account_is_the_pods_and_the_subject() {
    let spec = json!({
        "credentials": {"type": "PodIdentity"},
        "proxy": {"serviceAccountName": "events", "service": {"annotations": {"example.com/team": "a"}}},
    });
    assert_eq!(pod(&spec, &installation()).account, "events");
    assert_eq!(identity(&spec), "PodIdentity of system:serviceaccount:analytics:events");
    let children = children(&validate(&destination(&spec), &allowed()).unwrap(), &installation());
    assert_eq!(
        json!(children.service.metadata.annotations),
        json!({"example.com/team": "a"})
    );
}
