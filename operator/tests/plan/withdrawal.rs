//! An installation that allows less than before, and what runs under it.

use firehose_operator::plan::{
    AllowList, Allowed, AllowedEndpoints, Children, NodeRole, Running, Withdrawal, children, validate, withdraw,
};
use firehose_proxy_config::{DeliveryState, Document, FILE_NAME, IngestState, parse};
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use crate::{allowed, destination, installation};

pub(crate) const MANAGER: &str = "the-operator";

/// A tenant that uses what an installation allowed.
fn running() -> Children {
    let mut destination = destination(&json!({
        "endpoints": {"firehose": {"type": "Custom", "custom": {"url": "https://vpce.example"}}},
        "proxy": {
            "podLabels": {"team": "analytics", "squad": "a"},
            "podAnnotations": {"example.com/inject": "true", "prometheus.io/scrape": "true"},
            "serviceAccount": {"annotations": {"example.com/role": "admin"}},
            "nodeSelector": {"pool": "system", "topology.kubernetes.io/zone": "a"},
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "pool", "operator": "Exists"}]}},
            ]}},
            "tolerations": [{"operator": "Exists"}, {"key": "dedicated", "operator": "Equal", "value": "events"}],
            "priorityClassName": "important",
        },
    }));
    destination.metadata.namespace = Some("analytics".to_owned());
    let mut children = children(&validate(&destination, &allowed()).unwrap(), &installation());
    children
        .service
        .annotations_mut()
        .insert("example.com/public".to_owned(), "true".to_owned());
    children
}

/// As the API server has it: with the managers of its fields, and with something that somebody else wrote.
pub(crate) fn stored<K: ResourceExt + serde::Serialize + Clone>(applied: &K) -> K {
    let fields = fields_of(&serde_json::to_value(applied).unwrap());
    let entry: ManagedFieldsEntry =
        serde_json::from_value(json!({"manager": MANAGER, "operation": "Apply", "fieldsV1": fields})).unwrap();
    let mut stored = applied.clone();
    stored.managed_fields_mut().push(entry);
    stored
        .annotations_mut()
        .insert("example.com/of-somebody-else".to_owned(), "stays".to_owned());
    stored
}

/// Lists are leaves here, which the API server allows.
fn fields_of(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    Value::Object(
        fields
            .map(|(name, inner)| (format!("f:{name}"), fields_of(inner)))
            .collect::<Map<_, _>>(),
    )
}

fn withdrawn(children: &Children, allowed: &Allowed) -> Withdrawal {
    let (config_map, service_account) = (stored(&children.config_map), stored(&children.service_account));
    let (service, stateful_set) = (stored(&children.service), stored(&children.stateful_set));
    let running = Running {
        config_map: Some(&config_map),
        service_account: Some(&service_account),
        service: Some(&service),
        stateful_set: Some(&stateful_set),
        network_policy: None,
    };
    withdraw(&running, allowed, MANAGER)
}

fn document(config_map: &ConfigMap) -> Document {
    parse(&config_map.data.as_ref().unwrap()[FILE_NAME]).unwrap()
}

#[test]
fn nothing_is_written_while_everything_that_runs_is_allowed() {
    assert_eq!(withdrawn(&running(), &allowed()), Withdrawal::default());
}

#[test]
fn what_is_no_longer_allowed_is_taken_from_every_child_and_the_rest_stays() {
    let before = running();
    let tight = Allowed {
        endpoints: allowed().endpoints,
        tolerations: AllowList::of(&["dedicated".to_owned()]).unwrap(),
        node_role: NodeRole::Denied,
        ..Allowed::default()
    };
    let after = withdrawn(&before, &tight);
    assert_eq!(after.config_map, None, "events go on");
    let account = after.service_account.unwrap();
    assert!(account.annotations().is_empty(), "{account:?}");
    assert!(after.service.unwrap().annotations().is_empty());

    let workload = after.stateful_set.unwrap();
    let (spec, spec_before) = (workload.spec.unwrap(), before.stateful_set.spec.unwrap());
    let metadata = spec.template.metadata.unwrap();
    let labels = metadata.labels.unwrap();
    assert_eq!(labels.get("team").map(String::as_str), Some("analytics"));
    assert!(labels.contains_key("firehose-operator.dev/destination") && !labels.contains_key("squad"));
    let annotations: Vec<String> = metadata.annotations.unwrap().into_keys().collect();
    assert_eq!(
        annotations,
        ["prometheus.io/scrape"],
        "the hash of the identity goes too, so that the pods that have it are replaced"
    );
    let pod = spec.template.spec.unwrap();
    assert_eq!(
        json!(pod.node_selector),
        json!({"kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": "a"})
    );
    assert_eq!(json!(pod.affinity), json!({}));
    assert_eq!(
        json!(pod.tolerations),
        json!([{"key": "dedicated", "operator": "Equal", "value": "events"}])
    );
    assert_eq!(pod.priority_class_name, None);
    assert_eq!(spec.selector, spec_before.selector);
    let variables = pod.containers[0].env.iter().flatten();
    let variables: Vec<&str> = variables.map(|one| one.name.as_str()).collect();
    assert_eq!(
        variables,
        ["POD_NAME", "AWS_EC2_METADATA_DISABLED"],
        "the node's role is denied"
    );
    assert_eq!(pod.volumes, spec_before.template.spec.unwrap().volumes);
}

#[test]
fn a_forbidden_address_stops_everything_and_is_gone() {
    let tight = Allowed {
        endpoints: AllowedEndpoints::default(),
        ..Allowed::anything()
    };
    let before = running();
    let after = withdrawn(&before, &tight);
    let config_map = after.config_map.unwrap();
    let document = document(&config_map);
    assert_eq!(document.endpoint_url, None);
    assert_eq!(document.ingest.state, IngestState::Unavailable);
    assert_eq!(document.delivery.state, DeliveryState::Paused);
    assert_ne!(document.revision, before.revision);
    assert_eq!(
        config_map.annotations()["firehose-operator.dev/revision"],
        document.revision
    );
    assert!(!config_map.annotations().contains_key("example.com/of-somebody-else"));
    assert_eq!(
        (after.service_account, after.service, after.stateful_set),
        (None, None, None)
    );
    assert_eq!(
        withdraw(
            &Running {
                config_map: Some(&stored(&config_map)),
                ..Running::default()
            },
            &tight,
            MANAGER
        ),
        Withdrawal::default()
    );
}

#[test]
fn a_role_is_not_assumed_at_a_forbidden_address_either() {
    let role = json!([{"roleARN": "arn:aws:iam::123456789012:role/events"}]);
    let sts = json!({"sts": {"type": "Custom", "custom": {"url": "https://sts.example"}}});
    let spec = json!({"credentials": {"assumeRoles": role}, "endpoints": sts});
    let children = children(&validate(&destination(&spec), &allowed()).unwrap(), &installation());
    let after = withdrawn(&children, &Allowed::default());
    let document = document(&after.config_map.unwrap());
    assert_eq!(document.credentials.assume_role.unwrap().sts.endpoint_url, None);
    assert_eq!(document.ingest.state, IngestState::Unavailable);
}
