//! The pods' identity. Its annotations may name an AWS role; in the cluster it may do nothing.

use k8s_openapi::{api::core::v1::ServiceAccount, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::object::{metadata, non_empty, workload_name};
use crate::plan::Validated;

pub(super) fn service_account(validated: &Validated) -> ServiceAccount {
    ServiceAccount {
        metadata: ObjectMeta {
            annotations: non_empty(&validated.proxy.service_account.annotations),
            ..metadata(validated, workload_name(validated))
        },
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
