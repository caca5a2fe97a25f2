//! Least privilege for exactly the mapped streams, in every partition, and who may be the role.

use firehose_operator::cli::{
    Delivery, NoPolicy, Trusted, assuming_policy, delivery_policy, trust_policy, trusted_by_type,
};
use serde_json::{Value, json};

use crate::of;

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE";

fn delivery<'a>(account: &'a firehose_operator::cli::AccountId) -> Delivery<'a> {
    Delivery {
        account,
        put_record_only: false,
        kms_key: None,
    }
}

#[test]
fn each_mapped_stream_is_allowed_once_in_its_partition_and_nothing_else() {
    let account = "123456789012".parse().unwrap();
    for (region, partition) in [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
    ] {
        let destination = of(region, &["orders", "pages", "orders"], "");
        let arn = |name: &str| format!("arn:{partition}:firehose:{region}:123456789012:deliverystream/{name}");
        assert_eq!(
            delivery_policy(&destination, &delivery(&account)).unwrap(),
            json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Action": ["firehose:PutRecord", "firehose:PutRecordBatch"],
                "Resource": [arn("orders"), arn("pages")],
            }]})
        );
    }
}

#[test]
fn single_puts_and_the_customers_key_are_variants() {
    let account = "123456789012".parse().unwrap();
    let destination = of("eu-west-1", &["orders"], "");
    let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd";
    let asked = Delivery {
        put_record_only: true,
        kms_key: Some(key),
        ..delivery(&account)
    };
    let policy = delivery_policy(&destination, &asked).unwrap();
    assert_eq!(policy["Statement"][0]["Action"], json!(["firehose:PutRecord"]));
    assert_eq!(policy["Statement"][1]["Resource"], json!([key]));
    for elsewhere in [
        "arn:aws:kms:us-east-1:123456789012:key/1",
        "arn:aws-cn:kms:eu-west-1:1:key/1",
        "alias/x",
    ] {
        let asked = Delivery {
            kms_key: Some(elsewhere),
            ..delivery(&account)
        };
        assert!(
            matches!(delivery_policy(&destination, &asked), Err(NoPolicy::Key(..))),
            "{elsewhere}"
        );
    }
}

fn statement(destination: &firehose_operator_api::FirehoseDestination, trusted: Trusted<'_>) -> Value {
    trust_policy(destination, &"123456789012".parse().unwrap(), trusted)["Statement"][0].take()
}

#[test]
fn the_trust_policy_names_the_pods_own_account() {
    let destination = of("eu-west-1", &["orders"], "");
    let web = Trusted::WebIdentity {
        issuer: ISSUER,
        audience: "sts.amazonaws.com",
    };
    assert_eq!(
        statement(&destination, web),
        json!({
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::123456789012:oidc-provider/{ISSUER}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{ISSUER}:aud"): "sts.amazonaws.com",
                format!("{ISSUER}:sub"): "system:serviceaccount:analytics:orders-firehose",
            }},
        })
    );
    let named = of("eu-west-1", &["orders"], "  proxy: {serviceAccountName: events}\n");
    let pod = statement(&named, Trusted::PodIdentity);
    assert_eq!(pod["Principal"], json!({"Service": "pods.eks.amazonaws.com"}));
    assert_eq!(
        pod["Condition"]["StringEquals"],
        json!({
            "aws:RequestTag/kubernetes-namespace": "analytics",
            "aws:RequestTag/kubernetes-service-account": "events",
        })
    );
    let china = statement(&of("cn-north-1", &["orders"], ""), Trusted::InstanceProfile);
    assert_eq!(china["Principal"], json!({"Service": "ec2.amazonaws.com.cn"}));
}

#[test]
fn the_type_of_credentials_says_who_is_trusted_or_that_it_must_be_said() {
    let asked = |spec: &str, issuer| {
        let destination = of("eu-west-1", &["orders"], spec);
        trusted_by_type(&destination, issuer, "a").map(|trusted| format!("{trusted:?}"))
    };
    let web = "  credentials: {type: WebIdentity, webIdentity: {roleARN: 'arn:aws:iam::123456789012:role/r'}}\n";
    assert!(asked(web, Some(ISSUER)).unwrap().contains(ISSUER));
    assert_eq!(asked(web, None), Err(NoPolicy::NoIssuer));
    assert_eq!(
        asked("  credentials: {type: PodIdentity}\n", None).unwrap(),
        "PodIdentity"
    );
    assert_eq!(
        asked("  credentials: {type: InstanceProfile}\n", None).unwrap(),
        "InstanceProfile"
    );
    assert_eq!(
        asked("  credentials: {type: Static, static: {secretRef: {name: s}}}\n", None),
        Err(NoPolicy::KeyUser)
    );
    assert_eq!(asked("", None), Err(NoPolicy::Ambient));
}

#[test]
fn a_role_that_is_assumed_has_its_own_trust_and_its_identity_the_right_to() {
    let role = "arn:aws:iam::210987654321:role/events";
    let spec = format!("  credentials: {{assumeRoles: [{{roleARN: '{role}', externalID: analytics}}]}}\n");
    let destination = of("eu-west-1", &["orders"], &spec);
    let assuming = assuming_policy(&destination).unwrap();
    assert_eq!(assuming["Statement"][0]["Resource"], json!([role]));
    assert_eq!(assuming["Statement"][0]["Action"], json!(["sts:AssumeRole"]));
    let trust = statement(&destination, Trusted::Principal("arn:aws:iam::123456789012:role/pods"));
    assert_eq!(
        trust["Condition"],
        json!({"StringEquals": {"sts:ExternalId": "analytics"}})
    );
    assert_eq!(
        assuming_policy(&of("eu-west-1", &["orders"], "")),
        Err(NoPolicy::NoRole)
    );
}
