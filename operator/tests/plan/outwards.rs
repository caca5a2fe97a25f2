//! What an installation says of all its proxies: certificates, the network's proxy, pull secrets, the log.

use firehose_operator::plan::{CaBundle, Children, EgressProxy, Installation, ProxySettings, children, validate};
use serde_json::{Value, json};

use crate::{allowed, destination, installation};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn with(proxies: ProxySettings) -> Children {
    let spec = json!({"proxy": {"imagePullSecrets": [{"name": "own"}, {"name": "both"}]}});
    let validated = validate(&destination(&spec), &allowed()).unwrap();
    let installation = Installation {
        proxies,
        ..installation()
    };
    children(&validated, &installation)
}

fn pod(children: &Children) -> Value {
    json!(children.stateful_set.spec.as_ref().unwrap().template)
}

fn variable(pod: &Value, name: &str) -> Option<String> {
    let environment = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let found = environment.iter().find(|variable| variable["name"] == name)?;
    Some(found["value"].as_str().unwrap().to_owned())
}

#[test]
fn the_bundle_is_in_the_destinations_config_map_and_other_certificates_need_other_pods() {
    let bundle = |text: &str| ProxySettings {
        ca_bundle: Some(CaBundle::of(text.as_bytes()).unwrap()),
        ..ProxySettings::default()
    };
    let [before, after] = [PEM.to_owned(), PEM.repeat(2)].map(|text| with(bundle(&text)));
    assert_eq!(before.config_map.data.as_ref().unwrap()["ca-bundle.pem"], PEM);
    assert_eq!(before.revision, after.revision, "the document is the same");
    let pod_before = pod(&before);
    assert_ne!(
        pod_before["metadata"]["annotations"]["firehose-operator.dev/ca-bundle"],
        pod(&after)["metadata"]["annotations"]["firehose-operator.dev/ca-bundle"]
    );
    let file = variable(&pod_before, "FIREHOSE_PROXY_CA_BUNDLE").unwrap();
    let (directory, name) = file.rsplit_once('/').unwrap();
    let mounts = pod_before["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    let mount = mounts.iter().find(|mount| mount["mountPath"] == directory).unwrap();
    let volumes = pod_before["spec"]["volumes"].as_array().unwrap();
    let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
    let items = json!({"name": "orders-firehose", "items": [{"key": "ca-bundle.pem", "path": name}]});
    assert_eq!(volume["configMap"], items);
}

#[test]
fn the_networks_proxy_is_in_the_environment_and_its_port_is_open() {
    let proxied = with(ProxySettings {
        egress_proxy: Some(EgressProxy::new(
            "http://proxy.example:3128".parse().unwrap(),
            vec![".svc".to_owned()],
        )),
        ..ProxySettings::default()
    });
    let pod = pod(&proxied);
    assert_eq!(variable(&pod, "HTTPS_PROXY").unwrap(), "http://proxy.example:3128");
    let except = variable(&pod, "NO_PROXY").unwrap();
    for never in [
        "169.254.170.2",
        "169.254.170.23",
        "169.254.169.254",
        "localhost",
        ".svc",
    ] {
        assert!(except.split(',').any(|one| one == never), "{never} is not in {except}");
    }
    let egress = json!(proxied.network_policy.unwrap().spec.unwrap().egress);
    let tcp = |port: u16| json!({"port": port, "protocol": "TCP"});
    assert_eq!(egress[1]["ports"], json!([tcp(443), tcp(3128)]));
}

#[test]
fn pull_secrets_of_the_installation_come_behind_the_destinations_own_and_once() {
    let pod = pod(&with(ProxySettings {
        image_pull_secrets: vec!["both".to_owned(), "registry".to_owned()],
        log_level: Some("debug".to_owned()),
        ..ProxySettings::default()
    }));
    assert_eq!(
        pod["spec"]["imagePullSecrets"],
        json!([{"name": "own"}, {"name": "both"}, {"name": "registry"}])
    );
    assert_eq!(variable(&pod, "RUST_LOG").unwrap(), "debug");
}

#[test]
fn an_installation_that_says_nothing_adds_nothing() {
    let children = with(ProxySettings::default());
    let pod = pod(&children);
    for name in ["HTTPS_PROXY", "NO_PROXY", "RUST_LOG", "FIREHOSE_PROXY_CA_BUNDLE"] {
        assert_eq!(variable(&pod, name), None);
    }
    assert_eq!(children.config_map.data.unwrap().len(), 1);
}
