//! The two Services: one that clients send to, one that gives each pod a name.

use firehose_operator_api::{IpFamilyPolicy, TrafficDistribution};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use super::object::{metadata, non_empty, workload_name};
use crate::plan::{ADMIN_PORT, EVENTS_PORT, Names, Validated, selector};

/// Name of the event port on pods and Services.
pub(super) const EVENTS: &str = "events";

/// Name of the admin port on pods and the headless Service.
pub(super) const ADMIN: &str = "admin";

/// Where clients send events. Only ready pods: an unready one is on its way out or has no configuration.
pub(super) fn events(validated: &Validated) -> Service {
    Service {
        metadata: ObjectMeta {
            annotations: non_empty(&validated.proxy.service.annotations),
            ..metadata(validated, workload_name(validated))
        },
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector(validated.name())),
            ports: Some(vec![port(EVENTS, EVENTS_PORT)]),
            ip_family_policy: ip_family_policy(validated),
            traffic_distribution: validated.proxy.service.traffic_distribution.map(|wanted| {
                match wanted {
                    TrafficDistribution::PreferClose => "PreferClose",
                    TrafficDistribution::PreferSameZone => "PreferSameZone",
                    TrafficDistribution::PreferSameNode => "PreferSameNode",
                }
                .to_owned()
            }),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// A name for each pod, also while it is not ready: metrics and the report matter most then.
pub(super) fn headless(validated: &Validated) -> Service {
    Service {
        metadata: metadata(validated, Names::of(validated.name()).headless),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(selector(validated.name())),
            ports: Some(vec![port(EVENTS, EVENTS_PORT), port(ADMIN, ADMIN_PORT)]),
            ip_family_policy: ip_family_policy(validated),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Both families where the cluster has both: the proxies listen on both, and a client of either is to find them.
fn ip_family_policy(validated: &Validated) -> Option<String> {
    let policy = match validated.proxy.service.ip_family_policy {
        Some(IpFamilyPolicy::SingleStack) => "SingleStack",
        Some(IpFamilyPolicy::PreferDualStack) | None => "PreferDualStack",
        Some(IpFamilyPolicy::RequireDualStack) => "RequireDualStack",
    };
    Some(policy.to_owned())
}

fn port(name: &str, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
