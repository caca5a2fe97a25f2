//! Who may talk to the pods, and whom they may talk to.

use firehose_operator::plan::{Allowed, Clients, Installation, NodeRole, Running, children, validate, withdraw};
use firehose_operator_api::Reason;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};

use crate::{
    allowed, destination, installation,
    withdrawal::{MANAGER, stored},
};

fn policy(spec: &Value, allowed: Allowed) -> NetworkPolicy {
    let mut destination = destination(spec);
    destination.metadata.namespace = Some("analytics".to_owned());
    let validated = validate(&destination, &allowed).unwrap();
    let installation = Installation {
        allowed,
        ..installation()
    };
    children(&validated, &installation).network_policy.unwrap()
}

fn spec_of(policy: &NetworkPolicy) -> Value {
    serde_json::to_value(policy.spec.as_ref().unwrap()).unwrap()
}

/// The destination's own namespace and nobody else.
fn own() -> Value {
    json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "analytics"}}}])
}

fn from(kind: &str) -> Value {
    json!({"ingest": {"allowedClients": {"namespaces": {"from": kind}}}})
}

#[test]
fn events_are_let_in_from_whom_the_destination_says_and_the_admin_port_is_for_those_who_watch() {
    let selector = json!({"matchLabels": {"team": "web"}, "matchExpressions": [{"key": "stage", "operator": "In", "values": ["live"]}]});
    let selected = json!({"ingest": {"allowedClients": {"namespaces": {"from": "Selector", "selector": selector}}}});
    for (spec, expected) in [
        (json!({}), json!(null)),
        (from("All"), json!(null)),
        (from("Same"), own()),
        (selected, json!([{"namespaceSelector": selector}])),
    ] {
        let policy = spec_of(&policy(&spec, allowed()));
        let [events, admin] = [0, 1].map(|rule| policy["ingress"][rule].clone());
        assert_eq!(events["from"], expected, "{spec}");
        assert_eq!(events["ports"], json!([{"port": 8080, "protocol": "TCP"}]));
        assert_eq!(admin["ports"], json!([{"port": 9090, "protocol": "TCP"}]));
        let namespaces: Vec<&Value> = admin["from"].as_array().unwrap().iter().collect();
        let names = ["firehose-system", "monitoring"];
        let names =
            names.map(|name| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}));
        assert_eq!(namespaces, names.iter().collect::<Vec<_>>());
    }
}

#[test]
fn what_an_installation_lets_in_may_only_be_narrowed() {
    let narrow = |clients| Allowed { clients, ..allowed() };
    for spec in [json!({}), from("Same")] {
        assert_eq!(
            spec_of(&policy(&spec, narrow(Clients::Same)))["ingress"][0]["from"],
            own()
        );
    }
    for (spec, clients) in [(from("All"), Clients::Same), (from("Same"), Clients::Unenforced)] {
        let refused = validate(&destination(&spec), &narrow(clients)).unwrap_err();
        assert_eq!(refused[0].field, "spec.ingest.allowedClients.namespaces.from");
        assert_eq!(refused[0].reason, Reason::NotAllowedHere);
    }
    assert!(validate(&destination(&from("All")), &narrow(Clients::Unenforced)).is_ok());
}

#[test]
fn an_installation_that_narrows_narrows_what_runs() {
    let running = stored(&policy(&from("All"), allowed()));
    let running = Running {
        network_policy: Some(&running),
        ..Running::default()
    };
    let narrow = Allowed {
        clients: Clients::Same,
        ..allowed()
    };
    let narrowed = withdraw(&running, &narrow, MANAGER).network_policy.unwrap();
    assert_eq!(spec_of(&narrowed)["ingress"][0]["from"], own());
    let again = stored(&narrowed);
    let again = Running {
        network_policy: Some(&again),
        ..Running::default()
    };
    assert_eq!(withdraw(&again, &narrow, MANAGER).network_policy, None);
    assert_eq!(withdraw(&running, &allowed(), MANAGER).network_policy, None);
}

/// The addresses of nodes that a pod may talk to, and the ports of everything else.
fn egress(spec: &Value, allowed: Allowed) -> (Vec<String>, Vec<i64>) {
    let policy = spec_of(&policy(spec, allowed));
    let rules = policy["egress"].as_array().unwrap();
    let dns = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]});
    assert_eq!(rules[0], dns);
    let anywhere = json!([
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
        {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10", "fd00:ec2::/32"]}},
    ]);
    assert_eq!(rules[1]["to"], anywhere);
    let ports = rules[1]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| port["port"].as_i64().unwrap());
    let nodes = rules
        .get(2)
        .map(|rule| rule["to"].as_array().unwrap().clone())
        .unwrap_or_default();
    let nodes = nodes
        .iter()
        .map(|peer| peer["ipBlock"]["cidr"].as_str().unwrap().to_owned());
    (nodes.collect(), ports.collect())
}

#[test]
fn a_pod_talks_to_aws_and_to_the_one_address_of_its_node_that_its_identity_needs() {
    let denied = || Allowed {
        node_role: NodeRole::Denied,
        ..allowed()
    };
    let agents = ["169.254.170.23/32", "fd00:ec2::23/128"];
    let metadata = ["169.254.169.254/32", "fd00:ec2::254/128"];
    let of = |kind: &str| json!({"credentials": {"type": kind}});
    let role = "arn:aws:iam::123456789012:role/events";
    let web = json!({"credentials": {"type": "WebIdentity", "webIdentity": {"roleARN": role}}});
    let key = json!({"credentials": {"type": "Static", "static": {"secretRef": {"name": "aws"}}}});
    for (spec, allowed, nodes) in [
        (web, allowed(), vec![]),
        (key, allowed(), vec![]),
        (of("PodIdentity"), allowed(), vec![agents[0]]),
        (of("InstanceProfile"), denied(), metadata.to_vec()),
        (of("Ambient"), denied(), agents.to_vec()),
        (of("Ambient"), allowed(), [agents, metadata].concat()),
    ] {
        assert_eq!(
            egress(&spec, allowed),
            (nodes.into_iter().map(str::to_owned).collect(), vec![443]),
            "{spec}"
        );
    }
    let custom = |url: &str| json!({"type": "Custom", "custom": {"url": url}});
    let spec = json!({
        "credentials": {"assumeRoles": [{"roleARN": role}]},
        "endpoints": {"firehose": custom("http://vpce.example:4573"), "sts": custom("http://sts.example")},
    });
    assert_eq!(egress(&spec, allowed()).1, [80, 443, 4573]);
}

#[test]
fn where_policies_are_left_to_the_cluster_there_is_none() {
    let left = Installation {
        networks: None,
        ..installation()
    };
    let children = children(&validate(&destination(&json!({})), &allowed()).unwrap(), &left);
    assert_eq!(children.network_policy, None);
}
