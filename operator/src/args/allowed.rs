//! What an installation lets its destinations ask for, on the command line of the controller and of `check`.

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use crate::plan::{AllowList, Allowed, AllowedEndpoints, Clients, NamedEndpoint, NodeRole};

/// What destinations may ask for. A list that is given replaces its default; an empty one allows nothing of its kind.
#[derive(Debug, Clone, Default, Args)]
pub struct AllowFlags {
    /// A host, or host:port, that destinations may name as the address of Firehose or STS beside those of AWS in their
    /// own region. Never a suffix. May be repeated, in the variable separated by commas. The default address is one of
    /// them.
    #[arg(
        long = "allowed-endpoint",
        env = "FIREHOSE_OPERATOR_ALLOWED_ENDPOINTS",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub endpoints: Vec<NamedEndpoint>,

    /// Keys of labels that pods and claims may have, separated by commas: whole ones, example.com/* for all of a
    /// prefix, or * for all. Default of an installation: team, owner, environment, cost-center. Labels that others
    /// select their pods by are reserved.
    #[arg(
        long = "allowed-label",
        env = "FIREHOSE_OPERATOR_ALLOWED_LABELS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    pub labels: Option<Vec<String>>,

    /// Keys of annotations that pods may have, as above. An annotation can be code: a sidecar, a network. Default of
    /// an installation: prometheus.io/scrape, port and path.
    #[arg(
        long = "allowed-pod-annotation",
        env = "FIREHOSE_OPERATOR_ALLOWED_POD_ANNOTATIONS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    pub pod_annotations: Option<Vec<String>>,

    /// Keys of annotations that service accounts may have, as above. Default of an installation:
    /// eks.amazonaws.com/role-arn and eks.amazonaws.com/sts-regional-endpoints.
    #[arg(
        long = "allowed-service-account-annotation",
        env = "FIREHOSE_OPERATOR_ALLOWED_SERVICE_ACCOUNT_ANNOTATIONS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    pub service_account_annotations: Option<Vec<String>>,

    /// Keys of annotations that Services may have, as above. Default of an installation: none.
    #[arg(
        long = "allowed-service-annotation",
        env = "FIREHOSE_OPERATOR_ALLOWED_SERVICE_ANNOTATIONS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    pub service_annotations: Option<Vec<String>>,

    /// Keys of annotations that claims may have, as above. Default of an installation: none.
    #[arg(
        long = "allowed-claim-annotation",
        env = "FIREHOSE_OPERATOR_ALLOWED_CLAIM_ANNOTATIONS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    pub claim_annotations: Option<Vec<String>>,

    /// Keys of labels of nodes that destinations may select nodes by, in selectors and affinities, as above. Default
    /// of an installation: architecture, operating system, region, zone and type of the node.
    #[arg(
        long = "allowed-node-selector",
        env = "FIREHOSE_OPERATOR_ALLOWED_NODE_SELECTORS",
        value_name = "KEY",
        value_delimiter = ','
    )]
    pub node_selectors: Option<Vec<String>>,

    /// Taints that pods may tolerate, separated by commas: key, or key=value, example.com/* or *. Default of an
    /// installation: none.
    #[arg(
        long = "allowed-toleration",
        env = "FIREHOSE_OPERATOR_ALLOWED_TOLERATIONS",
        value_name = "TAINT",
        value_delimiter = ','
    )]
    pub tolerations: Option<Vec<String>>,

    /// Priority classes that pods may have, separated by commas, or *. Those that begin with system- only by their
    /// names. Default of an installation: none.
    #[arg(
        long = "allowed-priority-class",
        env = "FIREHOSE_OPERATOR_ALLOWED_PRIORITY_CLASSES",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub priority_classes: Option<Vec<String>>,

    /// Storage classes that claims may name, separated by commas, or *. Default of an installation: none, so that
    /// claims have the cluster's default class.
    #[arg(
        long = "allowed-storage-class",
        env = "FIREHOSE_OPERATOR_ALLOWED_STORAGE_CLASSES",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub storage_classes: Option<Vec<String>>,

    /// Service accounts that pods may run as in place of the operator's own, separated by commas: namespace/name,
    /// namespace/* or *. Default of an installation: none.
    #[arg(
        long = "allowed-service-account",
        env = "FIREHOSE_OPERATOR_ALLOWED_SERVICE_ACCOUNTS",
        value_name = "ACCOUNT",
        value_delimiter = ','
    )]
    pub service_accounts: Option<Vec<String>>,

    /// Whom destinations may let in: All, or Same for pods of the destination's own namespace. Default of an
    /// installation: All.
    #[arg(
        long = "allowed-clients",
        env = "FIREHOSE_OPERATOR_ALLOWED_CLIENTS",
        value_enum,
        ignore_case = true
    )]
    pub clients: Option<ClientsFlag>,

    /// Whether a destination with ambient credentials, for whose service account no role is named, may be the node
    /// that its pods run on. A destination that means it says InstanceProfile. Default of an installation: Denied.
    #[arg(
        long = "node-role",
        env = "FIREHOSE_OPERATOR_NODE_ROLE",
        value_enum,
        ignore_case = true
    )]
    pub node_role: Option<NodeRoleFlag>,
}

/// Whom destinations may let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClientsFlag {
    /// Everybody.
    #[value(name = "All")]
    All,
    /// Pods of the same namespace.
    #[value(name = "Same")]
    Same,
}

/// Whether a destination may be its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NodeRoleFlag {
    /// Where nothing else is found.
    #[value(name = "Allowed")]
    Allowed,
    /// Never.
    #[value(name = "Denied")]
    Denied,
}

impl AllowFlags {
    /// What an installation allows that is started with these flags, and with this address for destinations that name
    /// none.
    ///
    /// # Errors
    ///
    /// When an entry of a list is none, or the address is none.
    pub fn of_installation(&self, default_endpoint: Option<&str>) -> anyhow::Result<Allowed> {
        let default = default_endpoint.map(NamedEndpoint::of_url).transpose()?;
        let named = self.endpoints.iter().cloned().chain(default);
        Ok(Allowed {
            endpoints: AllowedEndpoints::named(named.collect()),
            ..self.over(Allowed::default())?
        })
    }

    /// What these flags allow where they say something; a list that is not given is not checked, because whoever checks
    /// a manifest need not know the installation.
    ///
    /// # Errors
    ///
    /// When an entry of a list is none.
    pub fn as_given(&self) -> anyhow::Result<Allowed> {
        Ok(Allowed {
            endpoints: AllowedEndpoints::named(self.endpoints.clone()),
            ..self.over(Allowed::anything_but_endpoints())?
        })
    }

    fn over(&self, mut allowed: Allowed) -> anyhow::Result<Allowed> {
        for (flag, given, list) in [
            ("label", &self.labels, &mut allowed.labels),
            ("pod-annotation", &self.pod_annotations, &mut allowed.pod_annotations),
            (
                "service-account-annotation",
                &self.service_account_annotations,
                &mut allowed.service_account_annotations,
            ),
            (
                "service-annotation",
                &self.service_annotations,
                &mut allowed.service_annotations,
            ),
            (
                "claim-annotation",
                &self.claim_annotations,
                &mut allowed.claim_annotations,
            ),
            ("node-selector", &self.node_selectors, &mut allowed.node_selectors),
            ("toleration", &self.tolerations, &mut allowed.tolerations),
            ("priority-class", &self.priority_classes, &mut allowed.priority_classes),
            ("storage-class", &self.storage_classes, &mut allowed.storage_classes),
            ("service-account", &self.service_accounts, &mut allowed.service_accounts),
        ] {
            if let Some(given) = given {
                *list = AllowList::of(given).with_context(|| format!("--allowed-{flag}"))?;
            }
        }
        if let Some(clients) = self.clients {
            allowed.clients = match clients {
                ClientsFlag::All => Clients::All,
                ClientsFlag::Same => Clients::Same,
            };
        }
        if let Some(node_role) = self.node_role {
            allowed.node_role = match node_role {
                NodeRoleFlag::Allowed => NodeRole::Allowed,
                NodeRoleFlag::Denied => NodeRole::Denied,
            };
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn flags(arguments: &[&str]) -> AllowFlags {
        let check = ["firehose-operator", "check", "orders.yaml"];
        match Cli::parse_from(check.iter().chain(arguments)).command {
            Command::Check { allowed, .. } => *allowed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_that_is_given_replaces_its_default_and_an_empty_one_allows_nothing() {
        let allowed = |arguments: &[&str]| flags(arguments).of_installation(None).unwrap();
        assert_eq!(allowed(&[]), Allowed::default());
        assert!(allowed(&["--allowed-label=squad,backup"]).labels.has("backup"));
        assert!(!allowed(&["--allowed-label=squad"]).labels.has("team"));
        assert_eq!(allowed(&["--allowed-label="]).labels, AllowList::default());
        assert!(allowed(&["--allowed-toleration=*"]).tolerations.is_anything());
    }

    #[test]
    fn a_check_goes_by_the_lists_that_are_given() {
        let given = flags(&["--allowed-storage-class=fast"]).as_given().unwrap();
        assert!(given.labels.is_anything() && !given.storage_classes.has("slow"));
    }

    #[test]
    fn an_entry_that_is_none_is_said_with_its_flag() {
        let error = flags(&["--allowed-pod-annotation=te*"])
            .of_installation(None)
            .unwrap_err();
        assert!(
            format!("{error:#}").starts_with("--allowed-pod-annotation: \"te*\""),
            "{error:#}"
        );
    }

    #[test]
    fn the_address_of_all_destinations_without_one_is_allowed() {
        let allowed = flags(&[])
            .of_installation(Some("http://simulator.example:4573"))
            .unwrap();
        let named = AllowedEndpoints::named(vec!["simulator.example:4573".parse().unwrap()]);
        assert_eq!(allowed.endpoints, named);
    }
}
