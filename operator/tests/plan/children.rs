//! What a destination is turned into: document and children.

use std::path::Path;

use firehose_operator::plan::{Installation, Paths, ProxyUser, children, document, effective, validate};
use firehose_operator_api::{admission::admit, manifests::objects};
use firehose_proxy_config::Toggle;
use serde_json::{Value, json};

use crate::{allowed, destination, installation, manifest, plan_of};

/// Each object as YAML, in the order they are applied in.
fn rendered(text: &str) -> String {
    let children = children(&plan_of(text), &installation());
    [
        serde_yaml::to_string(&children.config_map),
        serde_yaml::to_string(&children.service_account),
        serde_yaml::to_string(&children.headless_service),
        serde_yaml::to_string(&children.service),
        serde_yaml::to_string(&children.network_policy.unwrap()),
        serde_yaml::to_string(&children.disruption_budget),
        serde_yaml::to_string(&children.stateful_set),
    ]
    .map(Result::unwrap)
    .join("---\n")
}

#[test]
fn the_children_of_the_examples() {
    insta::assert_snapshot!("orders", rendered(include_str!("../../../examples/orders.yaml")));
    insta::assert_snapshot!(
        "static-credentials",
        rendered(include_str!("../../../examples/static-credentials.yaml"))
    );
    insta::assert_snapshot!("tenants", rendered(include_str!("../../../examples/tenants.yaml")));
    insta::assert_snapshot!("role", rendered(include_str!("../../../examples/role.yaml")));
}

#[test]
fn every_example_is_accepted_and_none_names_an_endpoint() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // A folder holds what stands beside destinations; other files are what commands read.
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    assert!(files.len() >= 3);
    for file in files {
        for found in objects(&std::fs::read_to_string(&file).unwrap()).unwrap() {
            let destination = admit(&found).unwrap_or_else(|refusals| panic!("{file:?}: {refusals:?}"));
            assert_eq!(destination.spec.endpoints.firehose.url(), None, "{file:?}");
            validate(&destination, &allowed()).unwrap_or_else(|invalid| panic!("{file:?}: {invalid:?}"));
        }
    }
}

#[test]
fn the_revision_follows_the_configuration_and_the_pod_template_does_not() {
    let before = manifest(include_str!("../../../examples/orders.yaml"));
    let mut after = before.clone();
    after.spec.mappings[0].delivery_stream_name = "another".to_owned();
    let [before, after] =
        [before, after].map(|destination| children(&validate(&destination, &allowed()).unwrap(), &installation()));
    assert_ne!(before.revision, after.revision);
    assert_ne!(before.config_map, after.config_map);
    assert_eq!(before.stateful_set, after.stateful_set);
}

#[test]
fn the_key_of_hashes_is_mounted_by_its_name_and_the_rules_are_in_the_document() {
    let spec = json!({"ingest": {"privacy": {
        "hashKey": {"secretKeyRef": {"name": "hmac", "key": "k"}},
        "rules": [{"path": "traits.email", "action": "Hash"}, {"path": "*.phone", "action": "Redact"}],
    }}});
    let validated = validate(&destination(&spec), &allowed()).unwrap();
    let document = document(&validated, &Paths::default());
    let privacy = serde_json::to_value(document.ingest.privacy).unwrap();
    assert_eq!(
        privacy,
        json!({
            "hashKey": {"directory": "/etc/firehose/hash-key"},
            "rules": [{"path": "traits.email", "action": "Hash"}, {"path": "*.phone", "action": "Redact"}],
        })
    );
    let pod = serde_json::to_value(children(&validated, &installation()).stateful_set).unwrap();
    let pod = &pod["spec"]["template"]["spec"];
    let named = |list: &Value| {
        let mut found = list.as_array().unwrap().iter();
        found.find(|item| item["name"] == "hash-key").unwrap().clone()
    };
    assert_eq!(
        named(&pod["volumes"])["secret"],
        json!({
            "secretName": "hmac", "items": [{"key": "k", "path": "hashKey"}], "defaultMode": 0o440, "optional": true,
        })
    );
    assert_eq!(
        named(&pod["containers"][0]["volumeMounts"]),
        json!({"name": "hash-key", "mountPath": "/etc/firehose/hash-key", "readOnly": true})
    );
}

#[test]
fn certificates_are_mounted_by_their_names_and_nothing_else_changes() {
    let authorities = json!({"mode": "Required", "caSecretRef": {"name": "clients"}});
    for (clients, mode, names) in [
        (json!({}), "None", vec!["certificate"]),
        (authorities, "Required", vec!["certificate", "client-authorities"]),
    ] {
        let spec = json!({"ingest": {"tls": {"secretRef": {"name": "events-tls"}, "clientCertificates": clients}}});
        let validated = validate(&destination(&spec), &allowed()).unwrap();
        assert!(validated.serves_tls());
        let tls = serde_json::to_value(document(&validated, &Paths::default()).ingest.tls).unwrap();
        assert_eq!(tls["directory"], "/etc/firehose/certificate");
        assert_eq!(tls["clientCertificates"], mode);
        let authorities = tls.get("clientAuthorities").map(|named| &named["directory"]);
        assert_eq!(authorities.is_some(), names.len() == 2, "{tls}");
        let pod = serde_json::to_value(children(&validated, &installation()).stateful_set).unwrap();
        let pod = &pod["spec"]["template"]["spec"];
        for name in names {
            let mut volumes = pod["volumes"].as_array().unwrap().iter();
            let volume = volumes.find(|volume| volume["name"] == name).unwrap();
            assert_eq!(volume["secret"]["optional"], true, "{volume}");
            let mut mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap().iter();
            let mount = mounts.find(|mount| mount["name"] == name).unwrap();
            assert_eq!(mount["mountPath"], format!("/etc/firehose/{name}"));
        }
        // Probes ask the admin port, which stays plain.
        assert_eq!(pod["containers"][0]["readinessProbe"]["httpGet"].get("scheme"), None);
    }
}

#[test]
fn a_proxy_that_would_neglect_what_is_asked_of_it_refuses_the_document() {
    for (spec, requires) in [
        (json!({}), vec![]),
        (json!({"ingest": {"requestIP": "Full"}}), vec![]),
        (json!({"ingest": {"requestIP": "Truncated"}}), vec!["RequestIP"]),
        (json!({"ingest": {"requestIP": "Omitted"}}), vec!["RequestIP"]),
        (
            json!({"ingest": {"privacy": {"rules": [{"path": "traits.email", "action": "Drop"}]}}}),
            vec!["Privacy"],
        ),
        (json!({"ingest": {"tls": {"secretRef": {"name": "tls"}}}}), vec!["TLS"]),
    ] {
        let document = document(&validate(&destination(&spec), &allowed()).unwrap(), &Paths::default());
        assert_eq!(document.requires, requires, "{spec}");
        let known = |name: &String| firehose_proxy_config::KNOWN_REQUIREMENTS.contains(&name.as_str());
        assert!(document.requires.iter().all(known), "{spec}");
    }
}

#[test]
fn a_new_role_of_the_service_account_replaces_the_pods() {
    let before = manifest(include_str!("../../../examples/role.yaml"));
    let mut after = before.clone();
    let annotations = &mut after.spec.proxy.service_account.annotations;
    annotations.insert(
        "eks.amazonaws.com/role-arn".to_owned(),
        "arn:aws:iam::123456789012:role/other".to_owned(),
    );
    let [before, after] =
        [before, after].map(|destination| children(&validate(&destination, &allowed()).unwrap(), &installation()));
    assert_ne!(before.stateful_set, after.stateful_set);
}

#[test]
fn the_local_path_mounts_nothing_and_names_its_own_directories() {
    let paths = Paths {
        credentials: "data/credentials".to_owned(),
        write_keys: "data/write-keys".to_owned(),
        ..Paths::default()
    };
    let document = document(
        &plan_of(include_str!("../../../examples/static-credentials.yaml")),
        &paths,
    );
    assert_eq!(document.credentials.static_.unwrap().directory, "data/credentials");
}

#[test]
fn a_default_endpoint_gives_way_to_the_destinations_own() {
    let of = |spec: &Value| {
        let validated = validate(&destination(spec), &allowed())
            .unwrap()
            .with_default_endpoint(Some("http://simulator"));
        validated.endpoint_url().map(str::to_owned)
    };
    assert_eq!(of(&json!({})).as_deref(), Some("http://simulator"));
    assert_eq!(
        of(&json!({"endpoints": {"firehose": {"type": "Custom", "custom": {"url": "https://vpce.example"}}}}))
            .as_deref(),
        Some("https://vpce.example")
    );
    assert_eq!(of(&json!({"endpoints": {"firehose": {"type": "FIPS"}}})), None);
}

#[test]
fn what_is_implemented_of_the_shape_is_in_the_document_and_the_children() {
    let spec = json!({
        "credentials": {
            "type": "Static",
            "static": {"secretRef": {"name": "aws"}, "keys": {"accessKeyID": "id"}},
            "assumeRoles": [{"roleARN": "arn:aws:iam::123456789012:role/events", "externalID": "analytics"}],
        },
        "endpoints": {
            "firehose": {"type": "FIPSDualStack"},
            "sts": {"type": "Custom", "custom": {"url": "https://sts.example"}},
        },
        "ingest": {"authentication": {"type": "WriteKeys", "writeKeys": {"secretKeyRef": {"name": "keys", "key": "mine"}}}},
        "delivery": {"quota": {"bytesPerSecond": "5Mi", "recordsPerSecond": 1001}},
        "spool": {
            "type": "PersistentVolumeClaim",
            "persistentVolumeClaim": {
                "template": {"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "4Gi"}}}},
                "retentionPolicy": {"whenDeleted": "Delete"},
            },
        },
        "proxy": {
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "shop"}}},
            ]}},
            "service": {"trafficDistribution": "PreferClose", "ipFamilyPolicy": "PreferDualStack"},
            "shutdown": {"drainDelaySeconds": 10, "timeoutSeconds": 90},
        },
    });
    let validated = validate(&destination(&spec), &allowed()).unwrap();
    let effective = effective(&validated, &installation());
    assert_eq!(
        effective.identity.as_deref(),
        Some("Static aws, arn:aws:iam::123456789012:role/events")
    );
    assert_eq!(effective.max_size.as_deref(), Some("3Gi"));
    let quota = effective.quota_per_pod.unwrap();
    assert_eq!(
        (
            quota.bytes_per_second.as_deref(),
            quota.records_per_second,
            quota.requests_per_second
        ),
        (Some("2560Ki"), Some(500), None)
    );
    assert_eq!(effective.endpoints.unwrap().sts.as_deref(), Some("https://sts.example"));
    let document = document(&validated, &Paths::default());
    assert_eq!(document.use_fips, Toggle::Enabled);
    assert_eq!(document.use_dual_stack, Toggle::Enabled);
    let role = document.credentials.assume_role.unwrap();
    assert_eq!(role.sts.endpoint_url.as_deref(), Some("https://sts.example"));

    let children = children(&validated, &installation());
    let service = children.service.spec.unwrap();
    assert_eq!(service.traffic_distribution.as_deref(), Some("PreferClose"));
    assert_eq!(service.ip_family_policy.as_deref(), Some("PreferDualStack"));
    let workload = children.stateful_set.spec.unwrap();
    let retention = workload.persistent_volume_claim_retention_policy.unwrap();
    assert_eq!(retention.when_deleted.as_deref(), Some("Delete"));
    assert_eq!(retention.when_scaled.as_deref(), Some("Retain"));
    let pod = workload.template.spec.unwrap();
    assert_eq!(pod.termination_grace_period_seconds, Some(135));
    let affinity = serde_json::to_value(&pod.affinity).unwrap();
    assert_eq!(affinity, spec["proxy"]["affinity"]);
    let arguments = pod.containers[0].args.clone().unwrap();
    assert!(arguments.contains(&"--drain-delay=10".to_owned()), "{arguments:?}");
    let volumes = serde_json::to_string(&pod.volumes).unwrap();
    assert!(volumes.contains(r#"{"key":"mine","path":"writeKeys"}"#), "{volumes}");
    assert!(volumes.contains(r#"{"key":"id","path":"accessKeyID"}"#), "{volumes}");
}

#[test]
fn pods_run_on_nodes_of_the_images_architecture_unless_the_destination_names_another() {
    let selector = |spec: &Value, installation: &Installation| {
        let children = children(&validate(&destination(spec), &allowed()).unwrap(), installation);
        let pod = children.stateful_set.spec.unwrap().template.spec.unwrap();
        serde_json::to_value(pod.node_selector).unwrap()
    };
    let several = Installation {
        architecture: None,
        ..installation()
    };
    assert_eq!(
        selector(&json!({}), &installation()),
        json!({"kubernetes.io/arch": "amd64"})
    );
    assert_eq!(selector(&json!({}), &several), json!(null));
    let own = json!({"proxy": {"nodeSelector": {"kubernetes.io/arch": "arm64", "pool": "events"}}});
    assert_eq!(
        selector(&own, &installation()),
        json!({"kubernetes.io/arch": "arm64", "pool": "events"})
    );
}

#[test]
fn where_the_cluster_assigns_users_none_is_asked_for() {
    let assigned = Installation {
        proxy_user: ProxyUser::Cluster,
        ..installation()
    };
    let children = children(&validate(&destination(&json!({})), &allowed()).unwrap(), &assigned);
    let pod = children.stateful_set.spec.unwrap().template.spec.unwrap();
    let security = pod.security_context.unwrap();
    assert_eq!(
        (security.run_as_user, security.run_as_group, security.fs_group),
        (None, None, None)
    );
    assert_eq!(security.run_as_non_root, Some(true));
}
