//! What a stolen token of the operator could write, once the chart's admission policies stand behind its role.

use firehose_operator::plan::{
    Allowed, Installation, Networks, PodIdentityAgent, ProxySettings, ProxyUser, children, validate,
};
use firehose_operator_api::{admission::admit, manifests::objects};
use serde_json::{Value, json};

use crate::{
    rendered::{policies, policy},
    rules,
};

const NOT_OURS: &str = "the operator writes only objects with its label that a FirehoseDestination controls";
const NOT_CONTROLLED: &str = "the operator takes over no object that somebody else controls or that lacks its label";

/// The children that the operator writes for an example, on their way to the API server.
fn wanted(example: &str) -> Vec<Value> {
    let mut destination = admit(&objects(example).unwrap()[0]).unwrap();
    destination.metadata.namespace = Some("analytics".to_owned());
    destination.metadata.uid = Some("0b5ef4a9-6a4c-4a6c-9d5c-7a3c3f1c0001".to_owned());
    let installation = Installation {
        proxy_image: "registry.example/firehose-proxy:1.2.3".to_owned(),
        image_pull_policy: None,
        architecture: Some("amd64".to_owned()),
        allowed: Allowed::default(),
        proxy_user: ProxyUser::Fixed,
        web_identity_audience: "sts.amazonaws.com".to_owned(),
        pod_identity_agent: PodIdentityAgent::Ipv4,
        networks: Some(Networks {
            operator_namespace: "firehose-system".to_owned(),
            monitoring_namespaces: vec!["monitoring".to_owned()],
        }),
        proxies: ProxySettings::default(),
    };
    let validated = validate(&destination, &installation.allowed).unwrap();
    let children = children(&validated, &installation);
    [
        json!(children.config_map),
        json!(children.service_account),
        json!(children.stateful_set),
        json!(children.service),
        json!(children.headless_service),
        json!(children.disruption_budget),
        json!(children.network_policy),
    ]
    .into()
}

fn examples() -> [Vec<Value>; 2] {
    [
        wanted(include_str!("../../../examples/orders.yaml")),
        wanted(include_str!("../../../examples/static-credentials.yaml")),
    ]
}

fn workload() -> Value {
    let [orders, _] = examples();
    orders.into_iter().find(|child| child["kind"] == "StatefulSet").unwrap()
}

/// `object` with a value at a JSON pointer, whose last member need not be there yet.
fn with(object: &Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut object = object.clone();
    match object.pointer_mut(parent).unwrap() {
        Value::Array(items) => items.push(value),
        parent => parent[name.replace("~1", "/")] = value,
    }
    object
}

fn without(object: &Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut object = object.clone();
    let fields = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    fields.remove(&name.replace("~1", "/")).unwrap();
    object
}

#[test]
fn every_policy_binds_the_operators_account_alone_and_fails_closed() {
    let policies = policies();
    assert_eq!(policies.len(), 3);
    for policy in policies {
        assert_eq!(policy.spec.failure_policy, "Fail");
        let conditions: Vec<&str> = policy
            .spec
            .match_conditions
            .iter()
            .map(|condition| condition.expression.as_str())
            .collect();
        assert_eq!(
            conditions,
            ["request.userInfo.username == \"system:serviceaccount:firehose-system:firehose-operator\""]
        );
    }
}

#[test]
fn whatever_the_role_may_write_has_a_policy_but_for_the_status_of_destinations_and_events() {
    let policies = policies();
    let matched: Vec<_> = policies
        .iter()
        .flat_map(|policy| &policy.spec.match_constraints.resource_rules)
        .collect();
    let mut written = 0;
    for rule in rules() {
        let operations = [
            ("create", "CREATE"),
            ("patch", "UPDATE"),
            ("update", "UPDATE"),
            ("delete", "DELETE"),
        ];
        for (_, operation) in operations
            .iter()
            .filter(|(verb, _)| rule.verbs.contains(&(*verb).to_owned()))
        {
            for resource in rule
                .resources
                .iter()
                .filter(|one| !["firehosedestinations/status", "events"].contains(&one.as_str()))
            {
                written += 1;
                let has = |list: &[String], one: &str| list.iter().any(|listed| listed == one);
                let is_matched = matched.iter().any(|matched| {
                    has(&matched.api_groups, &rule.api_groups[0])
                        && has(&matched.resources, resource)
                        && has(&matched.operations, operation)
                });
                assert!(is_matched, "{operation} {resource}");
            }
        }
    }
    assert_eq!(
        written, 14,
        "six kinds of children, created and changed, workloads deleted, and the status of pods"
    );
}

#[test]
fn what_the_operator_writes_is_let_through_whether_new_or_not() {
    for child in examples().concat() {
        for old in [Value::Null, child.clone()] {
            assert_eq!(policy("-children").refusals(&child, &old), [""; 0], "{child}");
            if child["kind"] == "StatefulSet" {
                assert_eq!(policy("-workloads").refusals(&child, &old), [""; 0], "{child}");
            }
        }
    }
}

#[test]
fn a_child_without_its_label_or_its_destination_is_refused() {
    let child = &examples()[0][0];
    for broken in [
        without(child, "/metadata/labels"),
        without(child, "/metadata/labels/firehose-operator.dev~1destination"),
        with(child, "/metadata/labels/app.kubernetes.io~1managed-by", json!("Helm")),
        with(
            child,
            "/metadata/labels/firehose-operator.dev~1destination",
            json!("another"),
        ),
        without(child, "/metadata/ownerReferences"),
        with(child, "/metadata/ownerReferences", json!([])),
        with(child, "/metadata/ownerReferences/0/controller", json!(false)),
        without(child, "/metadata/ownerReferences/0/controller"),
        with(child, "/metadata/ownerReferences/0/kind", json!("Deployment")),
        with(
            child,
            "/metadata/ownerReferences/0/apiVersion",
            json!("firehose-operator.dev.evil.example/v1"),
        ),
    ] {
        assert_eq!(
            policy("-children").refusals(&broken, &Value::Null),
            [NOT_OURS],
            "{broken}"
        );
    }
}

#[test]
fn an_object_of_somebody_else_is_not_taken_over() {
    let child = &examples()[0][0];
    let aws_auth = json!({"metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": ""}});
    let half_labelled = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "firehose-operator"}}});
    let of_another = with(
        &json!({"metadata": {"labels": child["metadata"]["labels"]}}),
        "/metadata/labels/firehose-operator.dev~1destination",
        json!("another"),
    );
    let of_another_kind = with(child, "/metadata/ownerReferences/0/kind", json!("Deployment"));
    for old in [&aws_auth, &half_labelled, &of_another, &of_another_kind] {
        assert_eq!(policy("-children").refusals(child, old), [NOT_CONTROLLED], "{old}");
    }
    assert_eq!(
        policy("-children").refusals(&aws_auth, &aws_auth),
        [NOT_OURS, NOT_CONTROLLED]
    );
}

/// What a backup has restored, or what outlived its destination.
#[test]
fn an_orphan_under_our_label_is_taken_over_and_what_is_ours_may_be_deleted_and_nothing_else() {
    let child = &examples()[0][0];
    let orphan = without(child, "/metadata/ownerReferences");
    assert_eq!(policy("-children").refusals(child, &orphan), [""; 0]);
    for old in [child, &orphan] {
        assert_eq!(policy("-children").refusals(&Value::Null, old), [""; 0]);
    }
    let foreign = json!({"metadata": {"name": "coredns", "namespace": "kube-system"}});
    assert_eq!(policy("-children").refusals(&Value::Null, &foreign), [NOT_CONTROLLED]);
}

#[test]
fn a_workload_that_runs_anything_but_the_proxy_is_refused() {
    let workload = workload();
    let pod = "/spec/template/spec";
    let container = "/spec/template/spec/containers/0";
    let runs = |image: &str| with(&workload, &format!("{container}/image"), json!(image));
    let in_pod = |field: &str, value: Value| with(&workload, &format!("{pod}/{field}"), value);
    let in_container = |field: &str, value: Value| with(&workload, &format!("{container}/{field}"), value);
    let exec = json!({"exec": {"command": ["sh"]}});
    let one_more = json!({"name": "sidecar", "image": "registry.example/firehose-proxy:1.2.3"});
    let namespace = |name: &str| with(&workload, "/metadata/namespace", json!(name));
    let nowhere = "the operator runs nothing in kube-system or in its own namespace";
    let containers = "a proxy's pod has one container and no init container";
    let image = "a proxy's image is of the installation's repository";
    let command = "a proxy's container runs what its image says and no command beside it";
    let node = "a proxy's pod shares no namespace and no port with its node";
    let volumes = "a proxy's volumes are a ConfigMap, Secrets, an emptyDir, a claim or a token for AWS";
    let privilege = "a proxy runs without privilege and not as root";
    let token = "a proxy gets no token of the Kubernetes API";
    for (broken, message) in [
        (namespace("kube-system"), nowhere),
        (namespace("firehose-system"), nowhere),
        (in_pod("containers/-", one_more.clone()), containers),
        (in_pod("initContainers", json!([one_more])), containers),
        (runs("evil.example/firehose-proxy:1.2.3"), image),
        (runs("registry.example/firehose-proxy"), image),
        (runs("registry.example/firehose-proxy-evil:1"), image),
        (runs("registry.example/firehose-proxy/evil:1"), image),
        (runs("evil.example/registry.example/firehose-proxy:1"), image),
        (in_container("command", json!(["sh"])), command),
        (in_container("lifecycle", json!({"postStart": exec})), command),
        (in_container("readinessProbe", exec.clone()), command),
        (in_container("livenessProbe", exec.clone()), command),
        (in_container("startupProbe", exec.clone()), command),
        (in_pod("hostNetwork", json!(true)), node),
        (in_pod("hostPID", json!(true)), node),
        (in_pod("hostIPC", json!(true)), node),
        (
            in_container("ports/-", json!({"containerPort": 1, "hostPort": 1})),
            node,
        ),
        (
            in_pod("volumes/-", json!({"name": "a", "hostPath": {"path": "/"}})),
            volumes,
        ),
        (
            in_pod(
                "volumes/-",
                projected(&json!([token_for("https://kubernetes.default.svc")])),
            ),
            volumes,
        ),
        (
            in_pod("volumes/-", projected(&json!([{"serviceAccountToken": {"path": "a"}}]))),
            volumes,
        ),
        (
            in_pod(
                "volumes/-",
                projected(&json!([token_for("sts.amazonaws.com"), {"secret": {"name": "a"}}])),
            ),
            volumes,
        ),
        (
            in_pod("volumes/-", json!({"name": "a", "csi": {"driver": "a"}})),
            volumes,
        ),
        (in_container("volumeDevices", json!([{"name": "a"}])), volumes),
        (without(&workload, &format!("{pod}/securityContext")), privilege),
        (in_pod("securityContext/runAsNonRoot", json!(false)), privilege),
        (in_pod("securityContext/runAsUser", json!(0)), privilege),
        (without(&workload, &format!("{container}/securityContext")), privilege),
        (in_container("securityContext/privileged", json!(true)), privilege),
        (
            in_container("securityContext/allowPrivilegeEscalation", json!(true)),
            privilege,
        ),
        (in_container("securityContext/runAsUser", json!(0)), privilege),
        (in_container("securityContext/runAsNonRoot", json!(false)), privilege),
        (in_container("securityContext/procMount", json!("Unmasked")), privilege),
        (
            in_container("securityContext/capabilities/add", json!(["SYS_ADMIN"])),
            privilege,
        ),
        (in_pod("automountServiceAccountToken", json!(true)), token),
        (
            without(&workload, &format!("{pod}/automountServiceAccountToken")),
            token,
        ),
    ] {
        assert_eq!(policy("-workloads").refusals(&broken, &workload), [message], "{broken}");
    }
}

fn projected(sources: &Value) -> Value {
    json!({"name": "a", "projected": {"sources": sources}})
}

fn token_for(audience: &str) -> Value {
    json!({"serviceAccountToken": {"audience": audience, "path": "token"}})
}

#[test]
fn a_workload_with_a_token_for_aws_is_let_through() {
    for audience in ["sts.amazonaws.com", "pods.eks.amazonaws.com"] {
        let volume = projected(&json!([token_for(audience)]));
        let workload = with(&workload(), "/spec/template/spec/volumes/-", volume);
        assert_eq!(policy("-workloads").refusals(&workload, &Value::Null), [""; 0]);
    }
}

fn pod() -> Value {
    json!({
        "metadata": {
            "name": "orders-firehose-0",
            "labels": {"app.kubernetes.io/name": "firehose-proxy", "firehose-operator.dev/destination": "orders"},
            "annotations": {"team": "shop"},
            "finalizers": ["example/a"],
            "ownerReferences": [{"kind": "StatefulSet", "name": "orders-firehose"}],
        },
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

#[test]
fn a_poke_is_let_through_and_nothing_else_about_a_pod() {
    let pod = pod();
    let poked = with(
        &pod,
        "/metadata/annotations/firehose-operator.dev~1revision",
        json!("a.1"),
    );
    let bare = without(&pod, "/metadata/annotations");
    let poked_bare = with(
        &bare,
        "/metadata/annotations",
        json!({"firehose-operator.dev/revision": "a.1"}),
    );
    for (new, old) in [(&poked, &pod), (&poked_bare, &bare), (&pod, &pod)] {
        assert_eq!(policy("-pods").refusals(new, old), [""; 0]);
    }
    let status = "the operator does not change what kubelet says about a pod";
    let metadata = "the operator changes no label, finalizer or owner of a pod";
    let annotations = "of a pod's annotations the operator changes firehose-operator.dev/revision and no other";
    for (broken, message) in [
        (with(&pod, "/status/podIP", json!("10.0.0.66")), status),
        (with(&pod, "/status/conditions/0/status", json!("False")), status),
        (without(&pod, "/status"), status),
        (with(&pod, "/metadata/labels/app", json!("shop")), metadata),
        (without(&pod, "/metadata/labels"), metadata),
        (without(&pod, "/metadata/finalizers"), metadata),
        (with(&pod, "/metadata/finalizers", json!(["example/b"])), metadata),
        (without(&pod, "/metadata/ownerReferences"), metadata),
        (with(&pod, "/metadata/annotations/team", json!("evil")), annotations),
        (
            with(
                &pod,
                "/metadata/annotations/firehose-operator.dev~1spool-bytes",
                json!("1"),
            ),
            annotations,
        ),
        (without(&pod, "/metadata/annotations/team"), annotations),
        (without(&pod, "/metadata/annotations"), annotations),
    ] {
        assert_eq!(policy("-pods").refusals(&broken, &pod), [message], "{broken}");
    }
}

#[test]
fn a_pod_of_somebody_else_is_not_touched() {
    let foreign = with(&pod(), "/metadata/labels/app.kubernetes.io~1name", json!("shop"));
    let poked = with(
        &foreign,
        "/metadata/annotations/firehose-operator.dev~1revision",
        json!("a.1"),
    );
    let not_ours = "the operator writes to no pods but those of its destinations";
    assert_eq!(policy("-pods").refusals(&poked, &foreign), [not_ours]);
    assert!(
        policy("-pods").refusals(&pod(), &foreign).contains(&not_ours),
        "nor made one of ours"
    );
}
