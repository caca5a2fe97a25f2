//! What an installation lets a destination ask of the cluster.

use firehose_operator::plan::{AllowList, Allowed, validate};
use firehose_operator_api::Reason;
use serde_json::{Value, json};

use crate::destination;

fn list(entries: &[&str]) -> AllowList {
    AllowList::of(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// The fields that are not allowed, whatever else is wrong with the spec.
fn not_allowed(spec: &Value, allowed: &Allowed) -> Vec<String> {
    let mut destination = destination(spec);
    destination.metadata.namespace = Some("analytics".to_owned());
    let rejections = validate(&destination, allowed).err().unwrap_or_default();
    let rejections = rejections
        .into_iter()
        .filter(|one| one.reason == Reason::NotAllowedHere);
    rejections.map(|one| one.field).collect()
}

fn claim(template: &Value) -> Value {
    json!({"spool": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"template": template}}})
}

/// Each way to ask for something beyond the namespace, and the list that lets it through.
fn requests() -> Vec<(Value, &'static str, Allowed)> {
    let default = Allowed::default;
    let one_gi = json!({"requests": {"storage": "1Gi"}});
    let nodes = "spec.proxy.affinity.nodeAffinity";
    let pool = json!({"matchExpressions": [{"key": "pool", "operator": "Exists"}]});
    vec![
        (
            json!({"proxy": {"podLabels": {"squad": "a"}}}),
            "spec.proxy.podLabels.squad",
            Allowed {
                labels: list(&["squad"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"podAnnotations": {"k8s.v1.cni.cncf.io/networks": "host"}}}),
            "spec.proxy.podAnnotations.k8s.v1.cni.cncf.io/networks",
            Allowed {
                pod_annotations: list(&["k8s.v1.cni.cncf.io/*"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"podAnnotations": {"vault.hashicorp.com/agent-inject": "true"}}}),
            "spec.proxy.podAnnotations.vault.hashicorp.com/agent-inject",
            Allowed {
                pod_annotations: list(&["*"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"serviceAccount": {"annotations": {"eks.amazonaws.com/audience": "mine"}}}}),
            "spec.proxy.serviceAccount.annotations.eks.amazonaws.com/audience",
            Allowed {
                service_account_annotations: list(&["eks.amazonaws.com/audience"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"service": {"annotations": {"example.com/balancer": "public"}}}}),
            "spec.proxy.service.annotations.example.com/balancer",
            Allowed {
                service_annotations: list(&["example.com/balancer"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"nodeSelector": {"node-role.kubernetes.io/control-plane": ""}}}),
            "spec.proxy.nodeSelector.node-role.kubernetes.io/control-plane",
            Allowed {
                node_selectors: list(&["node-role.kubernetes.io/*"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": [pool]}}}}}),
            &*format!("{nodes}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].pool").leak(),
            Allowed {
                node_selectors: list(&["pool"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
                [{"weight": 1, "preference": pool}]}}}}),
            &*format!("{nodes}.preferredDuringSchedulingIgnoredDuringExecution[0].preference.pool").leak(),
            Allowed {
                node_selectors: list(&["pool"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"tolerations": [{"operator": "Exists"}]}}),
            "spec.proxy.tolerations[0]",
            Allowed {
                tolerations: list(&["*"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}}),
            "spec.proxy.tolerations[0]",
            Allowed {
                tolerations: list(&["dedicated"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "events"}]}}),
            "spec.proxy.tolerations[0]",
            Allowed {
                tolerations: list(&["dedicated=events"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"priorityClassName": "important"}}),
            "spec.proxy.priorityClassName",
            Allowed {
                priority_classes: list(&["*"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"priorityClassName": "system-cluster-critical"}}),
            "spec.proxy.priorityClassName",
            Allowed {
                priority_classes: list(&["system-cluster-critical"]),
                ..default()
            },
        ),
        (
            json!({"proxy": {"serviceAccountName": "events"}}),
            "spec.proxy.serviceAccountName",
            Allowed {
                service_accounts: list(&["analytics/events"]),
                ..default()
            },
        ),
        (
            claim(&json!({"spec": {"storageClassName": "fast", "resources": one_gi}})),
            "spec.spool.persistentVolumeClaim.template.spec.storageClassName",
            Allowed {
                storage_classes: list(&["fast"]),
                ..default()
            },
        ),
        (
            claim(&json!({"metadata": {"labels": {"backup": "daily"}}, "spec": {"resources": one_gi}})),
            "spec.spool.persistentVolumeClaim.template.metadata.labels.backup",
            Allowed {
                labels: list(&["backup"]),
                ..default()
            },
        ),
        (
            claim(&json!({"metadata": {"annotations": {"example.com/a": "b"}}, "spec": {"resources": one_gi}})),
            "spec.spool.persistentVolumeClaim.template.metadata.annotations.example.com/a",
            Allowed {
                claim_annotations: list(&["example.com/*"]),
                ..default()
            },
        ),
    ]
}

#[test]
fn what_reaches_beyond_a_destination_is_refused_by_its_field_until_the_installation_allows_it() {
    for (spec, field, wider) in requests() {
        assert_eq!(not_allowed(&spec, &Allowed::default()), [field], "{spec}");
        assert_eq!(not_allowed(&spec, &wider), [""; 0], "{spec}");
    }
}

#[test]
fn an_installation_that_says_nothing_allows_what_only_names_or_places() {
    let spec = json!({
        "proxy": {
            "podLabels": {"team": "analytics", "cost-center": "4711"},
            "podAnnotations": {"prometheus.io/scrape": "true"},
            "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/events"}},
            "nodeSelector": {"kubernetes.io/arch": "arm64", "topology.kubernetes.io/zone": "eu-west-1a"},
        },
        "spool": {"type": "PersistentVolumeClaim", "persistentVolumeClaim":
            {"template": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}}},
    });
    assert_eq!(not_allowed(&spec, &Allowed::default()), [""; 0]);
}

#[test]
fn what_is_reserved_is_refused_even_where_everything_is_allowed() {
    for (spec, field) in [
        (json!({"podLabels": {"app": "shop"}}), "podLabels.app"),
        (json!({"podLabels": {"k8s-app": "kube-dns"}}), "podLabels.k8s-app"),
        (
            json!({"podLabels": {"statefulset.kubernetes.io/pod-name": "db-0"}}),
            "podLabels.statefulset.kubernetes.io/pod-name",
        ),
        (
            json!({"podLabels": {"sidecar.istio.io/inject": "true"}}),
            "podLabels.sidecar.istio.io/inject",
        ),
        (
            json!({"podAnnotations": {"sidecar.istio.io/proxyImage": "evil"}}),
            "podAnnotations.sidecar.istio.io/proxyImage",
        ),
        (
            json!({"service": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": "bank.example"}}}),
            "service.annotations.external-dns.alpha.kubernetes.io/hostname",
        ),
        (
            json!({"service": {"annotations": {"tailscale.com/expose": "true"}}}),
            "service.annotations.tailscale.com/expose",
        ),
        (
            json!({"priorityClassName": "system-node-critical"}),
            "priorityClassName",
        ),
    ] {
        assert_eq!(
            not_allowed(&json!({"proxy": spec}), &Allowed::anything()),
            [format!("spec.proxy.{field}")]
        );
    }
}

#[test]
fn a_part_of_what_is_allowed_is_not_allowed() {
    let allowed = Allowed {
        tolerations: list(&["dedicated=events"]),
        service_accounts: list(&["another/*"]),
        ..Allowed::default()
    };
    for (spec, field) in [
        (
            json!({"tolerations": [{"key": "dedicated", "operator": "Exists"}]}),
            "tolerations[0]",
        ),
        (
            json!({"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "other"}]}),
            "tolerations[0]",
        ),
        (json!({"serviceAccountName": "events"}), "serviceAccountName"),
    ] {
        assert_eq!(
            not_allowed(&json!({"proxy": spec}), &allowed),
            [format!("spec.proxy.{field}")]
        );
    }
}

#[test]
fn a_refusal_says_what_is_allowed_and_who_can_allow_more() {
    let spec = json!({"proxy": {"podLabels": {"squad": "a"}}});
    let refused = validate(&destination(&spec), &Allowed::default()).unwrap_err();
    assert_eq!(
        refused[0].to_string(),
        "spec.proxy.podLabels.squad: is not allowed in this installation: team, owner, environment, cost-center are allowed, \
         and whoever installed the operator can allow more with --allowed-label"
    );
}
