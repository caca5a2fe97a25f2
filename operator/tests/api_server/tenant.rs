//! What somebody tries who may do nothing but edit destinations: each attempt to get at a Secret, at others in the
//! cluster or at the node is refused by name, and no pod is made for it.

use firehose_operator_api::FirehoseDestination;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Secret};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use crate::{
    manifest::{apply, destination, reason},
    rights,
    server::{ApiServer, until},
};

fn custom(url: &str) -> Value {
    json!({"type": "Custom", "custom": {"url": url}})
}

/// A Secret of somebody else's as a session token, to an address of one's own.
fn secret_to(url: &str) -> Value {
    let keys = json!({"sessionToken": "password"});
    let credentials = json!({"type": "Static", "static": {"secretRef": {"name": "database"}, "keys": keys}});
    json!({"credentials": credentials, "endpoints": {"firehose": custom(url)}})
}

fn attempts() -> Vec<(Value, &'static str)> {
    let endpoint = "EndpointNotAllowed";
    let here = "NotAllowedHere";
    let role = json!([{"roleARN": "arn:aws:iam::123456789012:role/events"}]);
    let by_sts =
        json!({"credentials": {"assumeRoles": role}, "endpoints": {"sts": custom("http://collector.default.svc")}});
    let mut attempts = vec![(by_sts, endpoint)];
    for url in [
        "http://collector.default.svc:9000",
        "https://a1b2c3.execute-api.eu-west-1.amazonaws.com",
        "https://ec2-203-0-113-25.eu-west-1.compute.amazonaws.com",
        "https://vpce-svc-0a1b.eu-west-1.vpce.amazonaws.com",
        "https://bucket.s3.eu-west-1.amazonaws.com",
        "https://firehose.eu-west-1.amazonaws.com.",
        "https://firehose.us-east-1.amazonaws.com",
        "https://203.0.113.25",
        "http://169.254.169.254/latest/meta-data",
    ] {
        attempts.push((secret_to(url), endpoint));
    }
    for proxy in [
        json!({"podAnnotations": {"vault.hashicorp.com/agent-inject": "true"}}),
        json!({"podAnnotations": {"sidecar.istio.io/proxyImage": "evil.example/shell:1"}}),
        json!({"podAnnotations": {"k8s.v1.cni.cncf.io/networks": "host"}}),
        json!({"podLabels": {"app": "payments"}}),
        json!({"serviceAccount": {"annotations": {"eks.amazonaws.com/audience": "mine"}}}),
        json!({"serviceAccountName": "deployer"}),
        json!({"service": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": "bank.example"}}}),
        json!({"priorityClassName": "system-cluster-critical"}),
        json!({"tolerations": [{"operator": "Exists"}]}),
        json!({"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}}),
    ] {
        attempts.push((json!({"proxy": proxy}), here));
    }
    attempts
}

#[tokio::test]
async fn who_may_only_edit_destinations_gets_at_nothing_of_others() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    server.grant_tenant(rights::edit_rules()).await;
    let client = server.tenant_client();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "default");
    assert!(
        secrets.list(&ListParams::default()).await.is_err(),
        "a tenant of nothing else"
    );
    let destinations: Api<FirehoseDestination> = Api::namespaced(client, "default");
    let operator = server.operator("operator", &["--network-policy=Enabled"]);
    let attempts = attempts();
    for (number, (spec, _)) in attempts.iter().enumerate() {
        apply(&destinations, &destination(&format!("attempt-{number}"), spec))
            .await
            .unwrap();
    }
    let seen = server.destinations();
    for (number, (spec, expected)) in attempts.iter().enumerate() {
        let name = format!("attempt-{number}");
        until(&format!("{spec} is judged"), async || {
            !reason(&seen, &name, "Accepted").await.is_empty()
        })
        .await;
        assert_eq!(reason(&seen, &name, "Accepted").await, *expected, "{spec}");
    }
    let workloads: Api<StatefulSet> = Api::namespaced(server.client.clone(), "default");
    assert_eq!(workloads.list(&ListParams::default()).await.unwrap().items.len(), 0);

    // On purpose: Secrets of one's own namespace, by name, for what they are for. Who may create a destination may have
    // them mounted, and sees nothing of them.
    let keys = json!({"type": "WriteKeys", "writeKeys": {"secretKeyRef": {"name": "keys", "key": "writeKeys"}}});
    let static_ = json!({"type": "Static", "static": {"secretRef": {"name": "aws"}}});
    let own = json!({"ingest": {"authentication": keys}, "credentials": static_});
    apply(&destinations, &destination("own", &own)).await.unwrap();
    until("what is allowed is served", async || {
        workloads.get("own-firehose").await.is_ok()
    })
    .await;
    drop(operator.terminate().await);
}
