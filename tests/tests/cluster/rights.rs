//! What the operator and the proxies may do: no more than the chart grants, and that is enough for everything that the
//! other tests do.

use std::time::Duration;

use serde_json::Value;

use crate::{
    destination::Destination,
    installation,
    kubectl::{try_kubectl, wait_for},
    simulator,
};

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn the_operator_runs_with_the_rights_of_its_chart_and_has_none_that_could_read_a_secret_or_swap_an_image() {
    installation::installed();
    let accounts: Vec<String> = installation::pods()
        .iter()
        .map(|pod| pod["spec"]["serviceAccountName"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(accounts.len(), 2, "two replicas");
    for account in accounts {
        assert_ne!(
            account, "default",
            "an account of its own, so that its rights are the chart's"
        );
        let who = format!("system:serviceaccount:{}:{account}", installation::NAMESPACE);
        for (action, allowed) in [
            ("patch pods --subresource=status", "yes"),
            (
                "patch firehosedestinations.firehose-operator.dev --subresource=status",
                "yes",
            ),
            ("get secrets", "no"),
            ("list secrets", "no"),
            ("patch pods", "no"),
            ("create pods", "no"),
            ("create pods --subresource=exec", "no"),
            ("bind clusterroles", "no"),
            ("escalate clusterroles", "no"),
            ("impersonate users", "no"),
            ("update nodes", "no"),
        ] {
            let answer = try_kubectl(&format!("auth can-i {action} --all-namespaces --as {who}"));
            let answer = match &answer {
                Ok(answer) => answer.trim(),
                // kubectl ends with 1 when the answer is no.
                Err(_) => "no",
            };
            assert_eq!(answer, allowed, "{who} {action}");
        }
    }
}

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn a_proxy_pod_has_no_token_no_root_and_a_read_only_root_file_system() {
    simulator::start();
    let destination = Destination::ready("firehose-rights", "rights", simulator::ENDPOINT, &[("*", "rights-all")]);
    for pod in destination.pods() {
        let pod = crate::kubectl::get(&format!("pod {} --namespace {}", pod.name, destination.namespace));
        let spec = &pod["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false);
        let tokens: Vec<&Value> = spec["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|volume| volume["projected"]["sources"].as_array().into_iter().flatten())
            .filter(|source| !source["serviceAccountToken"].is_null())
            .collect();
        assert!(tokens.is_empty(), "{tokens:?}");
        for container in spec["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["allowPrivilegeEscalation"], false);
        }
    }
    destination.remove();
}

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn an_edited_or_deleted_child_is_repaired_and_a_deleted_destination_takes_its_children_along() {
    simulator::start();
    let destination = Destination::ready(
        "firehose-children",
        "owner",
        simulator::ENDPOINT,
        &[("*", "children-all")],
    );
    let (namespace, child) = (&destination.namespace, destination.child());
    let headless = format!("{child}-pods");
    for (kind, child) in [
        ("configmap", &child),
        ("service", &child),
        ("service", &headless),
        ("poddisruptionbudget", &child),
        ("serviceaccount", &child),
        ("statefulset", &child),
    ] {
        let old = crate::kubectl::get(&format!("{kind} {child} --namespace {namespace}"))["metadata"]["uid"].clone();
        crate::kubectl::kubectl(&format!("delete {kind} {child} --namespace {namespace}"));
        wait_for(&format!("the {kind} is there again"), Duration::from_secs(60), || {
            let found = try_kubectl(&format!("get {kind} {child} --namespace {namespace} --output json"))?;
            let found: Value = serde_json::from_str(&found).unwrap();
            let is_new = found["metadata"]["uid"] != old && found["metadata"]["deletionTimestamp"].is_null();
            is_new.then_some(()).ok_or_else(|| "it is the old one".to_owned())
        });
    }
    let nowhere = r#"{"spec":{"selector":{"app":"nobody"}}}"#;
    crate::kubectl::kubectl(&format!(
        "patch service {child} --namespace {namespace} --type merge --patch {nowhere}"
    ));
    wait_for(
        "the Service leads to the proxies again",
        Duration::from_secs(30),
        || match &destination.get("service")["spec"]["selector"] {
            selector if selector["app"].is_null() => Ok(()),
            selector => Err(selector.to_string()),
        },
    );
    destination.wait_until_ready(2);

    crate::kubectl::kubectl(&format!(
        "delete firehosedestination owner --namespace {namespace} --timeout 60s"
    ));
    wait_for("every child is gone", Duration::from_secs(90), || {
        let left = try_kubectl(&format!(
            "get configmap,serviceaccount,statefulset,service,poddisruptionbudget,pod --namespace {namespace} \
             --selector app.kubernetes.io/instance=owner --output name"
        ))?;
        let left = left.trim();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("there is still {left}"))
        }
    });
    destination.remove();
}
