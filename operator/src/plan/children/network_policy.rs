//! Who may talk to the pods, and whom they may talk to. Enforced by the cluster's network, if it enforces policies at
//! all; policies add up, so what this one opens is open whatever another one closes.

use firehose_operator_api::{LabelOperator, LabelSelector as Selector, NamespacesFrom};
use firehose_proxy_config::{CredentialsType, Document};
use k8s_openapi::{
    api::networking::v1::{
        IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
        NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
        util::intstr::IntOrString,
    },
};
use url::Url;

use super::{
    identity::may_ask_node,
    object::{metadata, pod_selector, workload_name},
};
use crate::plan::{ADMIN_PORT, Clients, EVENTS_PORT, EgressProxy, Installation, Networks, PodIdentityAgent, Validated};

/// Label of every namespace with its name, which the API server sets.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

/// Where nodes answer and nobody else: metadata of clouds, agents. Out of reach but for what an identity needs.
const LINK_LOCAL: [&str; 2] = ["169.254.0.0/16", "fe80::/10"];

/// Addresses of the metadata service, and of the agent of Pod Identity on IPv6, which are not link-local.
/// Source: [metadata](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).
const METADATA: [&str; 2] = ["169.254.169.254/32", "fd00:ec2::254/128"];
const AWS_LOCAL_IPV6: &str = "fd00:ec2::/32";

/// Of one destination; `None` where the installation leaves it to the cluster.
pub(super) fn network_policy(
    validated: &Validated,
    document: &Document,
    installation: &Installation,
) -> Option<NetworkPolicy> {
    let networks = installation.networks.as_ref()?;
    Some(NetworkPolicy {
        metadata: metadata(validated, workload_name(validated)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pod_selector(validated)),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress(validated, installation, networks)),
            egress: Some(egress(validated, document, installation)),
        }),
    })
}

/// Events from those that are let in, metrics and the report for whoever watches.
fn ingress(validated: &Validated, installation: &Installation, networks: &Networks) -> Vec<NetworkPolicyIngressRule> {
    let events = NetworkPolicyIngressRule {
        from: clients(validated, installation.allowed.clients),
        ports: Some(vec![tcp(EVENTS_PORT)]),
    };
    let mut watchers = vec![of_namespace(&networks.operator_namespace)];
    watchers.extend(networks.monitoring_namespaces.iter().map(|name| of_namespace(name)));
    let admin = NetworkPolicyIngressRule {
        from: Some(watchers),
        ports: Some(vec![tcp(ADMIN_PORT)]),
    };
    vec![events, admin]
}

/// Absent is everybody, also from outside of the cluster.
fn clients(validated: &Validated, allowed: Clients) -> Option<Vec<NetworkPolicyPeer>> {
    let namespaces = validated.allowed_clients.as_ref().map(|clients| &clients.namespaces);
    let from = namespaces.map_or(NamespacesFrom::All, |namespaces| namespaces.from);
    match (from, allowed) {
        (NamespacesFrom::Same, _) | (_, Clients::Same) => Some(vec![of_namespace(validated.namespace())]),
        (NamespacesFrom::All, _) => None,
        (NamespacesFrom::Selector, _) => Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(namespaces?.selector.as_ref().map(label_selector)?),
            ..NetworkPolicyPeer::default()
        }]),
    }
}

fn egress(validated: &Validated, document: &Document, installation: &Installation) -> Vec<NetworkPolicyEgressRule> {
    let dns = NetworkPolicyEgressRule {
        to: None,
        ports: Some(vec![udp(53), tcp(53)]),
    };
    let beyond = |any: &str, except: &[&str]| NetworkPolicyPeer {
        ip_block: Some(IPBlock {
            cidr: any.to_owned(),
            except: Some(except.iter().map(|one| (*one).to_owned()).collect()),
        }),
        ..NetworkPolicyPeer::default()
    };
    let aws = NetworkPolicyEgressRule {
        to: Some(vec![
            beyond("0.0.0.0/0", &LINK_LOCAL[..1]),
            beyond("::/0", &[LINK_LOCAL[1], AWS_LOCAL_IPV6]),
        ]),
        ports: Some(ports(document, installation)),
    };
    let node = node(validated, installation);
    let node = (!node.is_empty()).then(|| NetworkPolicyEgressRule {
        to: Some(
            node.iter()
                .map(|cidr| NetworkPolicyPeer {
                    ip_block: Some(IPBlock {
                        cidr: (*cidr).to_owned(),
                        except: None,
                    }),
                    ..NetworkPolicyPeer::default()
                })
                .collect(),
        ),
        ports: Some(vec![tcp(80)]),
    });
    [Some(dns), Some(aws), node].into_iter().flatten().collect()
}

/// HTTPS, the ports of addresses that are named, and that of the network's proxy.
fn ports(document: &Document, installation: &Installation) -> Vec<NetworkPolicyPort> {
    let credentials = &document.credentials;
    let roles = [&credentials.assume_role, &credentials.second_role]
        .into_iter()
        .flatten();
    let identity = credentials.web_identity.iter().map(|identity| &identity.sts);
    let sts = roles
        .map(|role| &role.sts)
        .chain(identity)
        .filter_map(|sts| sts.endpoint_url.as_ref());
    let named = document.endpoint_url.iter().chain(sts);
    let named = named.filter_map(|url| Url::parse(url).ok()?.port_or_known_default());
    let proxy = installation.proxies.egress_proxy.iter().map(EgressProxy::port);
    let mut numbers: Vec<i32> = std::iter::once(443).chain(named).chain(proxy).map(i32::from).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().map(tcp).collect()
}

/// The addresses of the node that the identity needs.
fn node(validated: &Validated, installation: &Installation) -> Vec<&'static str> {
    match (validated.settings.credentials.kind, installation.pod_identity_agent) {
        (CredentialsType::PodIdentity, PodIdentityAgent::Ipv4) => vec!["169.254.170.23/32"],
        (CredentialsType::PodIdentity, PodIdentityAgent::Ipv6) => vec!["fd00:ec2::23/128"],
        // A webhook may inject the agent's address.
        (CredentialsType::Ambient, _) => {
            let agent = ["169.254.170.23/32", "fd00:ec2::23/128"];
            let metadata = METADATA.into_iter().filter(|_| may_ask_node(validated, installation));
            agent.into_iter().chain(metadata).collect()
        }
        _ if may_ask_node(validated, installation) => METADATA.to_vec(),
        _ => Vec::new(),
    }
}

pub(in crate::plan) fn of_namespace(name: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some([(NAMESPACE_LABEL.to_owned(), name.to_owned())].into()),
            match_expressions: None,
        }),
        ..NetworkPolicyPeer::default()
    }
}

fn label_selector(selector: &Selector) -> LabelSelector {
    let expressions = selector.match_expressions.iter().map(|one| LabelSelectorRequirement {
        key: one.key.clone(),
        operator: match one.operator {
            LabelOperator::In => "In",
            LabelOperator::NotIn => "NotIn",
            LabelOperator::Exists => "Exists",
            LabelOperator::DoesNotExist => "DoesNotExist",
        }
        .to_owned(),
        values: Some(one.values.clone()).filter(|values| !values.is_empty()),
    });
    let expressions: Vec<_> = expressions.collect();
    LabelSelector {
        match_labels: Some(selector.match_labels.clone()).filter(|labels| !labels.is_empty()),
        match_expressions: Some(expressions).filter(|expressions| !expressions.is_empty()),
    }
}

fn tcp(port: i32) -> NetworkPolicyPort {
    on(port, "TCP")
}

fn udp(port: i32) -> NetworkPolicyPort {
    on(port, "UDP")
}

fn on(port: i32, protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(port)),
        protocol: Some(protocol.to_owned()),
        end_port: None,
    }
}
