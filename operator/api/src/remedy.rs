//! What a person does about a [`Reason`]. `docs/troubleshooting.md` is made of this and of [`Reason::sentence`].

use crate::Reason;

impl Reason {
    /// What to do about it; nothing where it is as it should be, or passes by itself.
    pub fn remedy(self) -> Option<&'static str> {
        let remedy = match self {
            Self::Valid
            | Self::Synced
            | Self::CredentialsAccepted
            | Self::CredentialsLoaded
            | Self::CredentialsNotTried
            | Self::PersistentSpool
            | Self::AcknowledgedByFirehose
            | Self::WriteKeysRequired
            | Self::Succeeded
            | Self::NoTraffic
            | Self::NoDeadLetters
            | Self::Ready
            | Self::Draining
            | Self::Settled => return None,
            Self::Invalid => "Correct the field that the message names. Until then the last good spec stays in force.",
            Self::NotImplemented => "Take the field that the message names out, or upgrade the operator.",
            Self::EndpointNotAllowed => {
                "Leave `spec.endpoints` to AWS's own, or have the host added to the installation's `allowedEndpoints`."
            }
            Self::NotAllowedHere => {
                "Take the field that the message names out, or have its value added to the installation's `allowed`."
            }
            Self::DuplicateEvent => {
                "Names are compared in lower case: remove one of the two rows that the message names."
            }
            Self::TooLarge => "Use fewer or shorter mappings, or two destinations.",
            Self::NameConflict => {
                "Rename the destination, or remove the object that the message names if nobody needs it."
            }
            Self::Propagating => {
                "Usually seconds. If it stays: `status.pods` says which pod lags, and that pod's log why."
            }
            Self::ConfigRejected => {
                "A proxy is older than the operator, or the ConfigMap was edited: `status.pods` and the proxy's log say \
                 what it refuses. Delete the pod if its image is old."
            }
            Self::ProxiesUnreachable => {
                "Let the operator's namespace reach port 9090 of the pods: look at network policies and at the mesh."
            }
            Self::NoReadyProxies | Self::ProxyNotReady => {
                "`kubectl describe pod` and the pod's log; `/readyz` on port 9090 says what is missing."
            }
            Self::ImagePullBackOff => {
                "Check the installation's `proxy.image` and, for a private registry, a pull secret in the destination's \
                 namespace (`proxy.imagePullSecrets` of the chart or of the spec)."
            }
            Self::ContainerNotStarted => "`kubectl describe pod`: the message holds what kubelet says.",
            Self::CrashLoopBackOff => {
                "`kubectl logs --previous`: a proxy that ends says why, for example a disk whose sync fails."
            }
            Self::Unschedulable => {
                "Free resources, or change `spec.proxy`: resources, nodeSelector, affinity, tolerations. A volume ties a \
                 pod to the zone that it is in."
            }
            Self::QuotaExceeded => "Raise the ResourceQuota that the message names, or lower `spec.proxy.resources`.",
            Self::PodNotCreated => "An admission controller or a limit refuses it: the message says which.",
            Self::PodFailed => {
                "The StatefulSet makes another. If it happens again, look at the node: eviction, memory, disk."
            }
            Self::NodeLost => {
                "Bring the node back, or delete its Node object if it is gone for good: only then does Kubernetes start the \
                 pod elsewhere."
            }
            Self::ClaimPending => {
                "`kubectl describe pvc`: the storage class, its provisioner, or a quota. \
                 `spec.spool.persistentVolumeClaim.template` says what is asked for."
            }
            Self::ClaimLost => {
                "What was on the volume is lost. Delete the claim and the pod, and both are made anew, empty."
            }
            Self::SecretMissing => {
                "Create the Secret in the destination's namespace, with the keys that the message names."
            }
            Self::SecretIncomplete => "Add the key that the message names to the Secret, or correct its value.",
            Self::SourceUnavailable => {
                "No role is bound to the pods' service account: annotate it (IRSA), make an association (EKS Pod Identity), \
                 or name a Secret. `status.effective.identity` is the subject that a trust policy needs."
            }
            Self::AssumeRoleDenied => {
                "Compare the role's trust policy with `firehose-operator iam-policy --document trust`: subject, audience, \
                 issuer and externalID have to be the same."
            }
            Self::AssumeRoleUnavailable => {
                "Let the pods reach STS of the region: a NAT, or an interface endpoint for `sts`; or the egress proxy."
            }
            Self::CredentialsRejected => {
                "The access key is wrong, inactive or of another partition: put a valid one into the Secret."
            }
            Self::CredentialsExpired => {
                "Put new credentials into the Secret. A session token ends with its session: use an identity that renews."
            }
            Self::ClockSkew => "Synchronize the node's clock: AWS takes five minutes at most.",
            Self::EphemeralSpool => {
                "Use `spool.type: PersistentVolumeClaim`, or `delivery.acknowledge: WhenDelivered`, or live with it."
            }
            Self::NoAuthentication => {
                "Set `ingest.authentication` to `WriteKeys`, or keep others out by network policies."
            }
            Self::SwitchingKeys => "Wait until the pods are replaced. It passes by itself.",
            Self::WriteKeysMissing => "Create the Secret that the message names, with one write key a line.",
            Self::HashKeyMissing => "Create the Secret of `ingest.privacy.hashKey`.",
            Self::DiskStalled => {
                "Look at the volume and its node: the disk does not answer. Delete the pod to have it started elsewhere."
            }
            Self::CertificateMissing => "Create the Secret of `ingest.tls` (`tls.crt`, `tls.key`), or have it issued.",
            Self::SinglePutsOnly => {
                "Add `firehose:PutRecordBatch` to the policy. Nothing is lost meanwhile; each record is a call."
            }
            Self::Throttled => {
                "Nothing is lost: the proxy keeps to what Firehose takes. If it stays, ask AWS for a higher quota of the \
                 stream, or lower what is sent."
            }
            Self::StreamNotFound => {
                "Create the stream in the region of the spec, or correct `deliveryStreamName`; it is case-sensitive. Events \
                 wait, and go by the corrected mapping."
            }
            Self::AccessDenied => {
                "Compare the policy with `firehose-operator iam-policy`. A session policy, a boundary, a VPC endpoint's \
                 policy or an organization's can deny as well."
            }
            Self::KeyUnavailable => {
                "Enable the stream's KMS key and let the identity use it: `firehose-operator iam-policy --kms-key-arn`."
            }
            Self::NotDirectPut => {
                "Map to a stream whose source is Direct PUT. The source of a stream cannot be changed."
            }
            Self::RecordRejected | Self::RecordTooLarge => {
                "Look at the event with `firehose-proxy dead-letters show`, correct its sender, and drop it."
            }
            Self::CallTooLarge | Self::CallNotMade | Self::UnexpectedAnswer => {
                "A fault of the proxy, or of something between it and AWS. Delivery goes on in smaller calls; please report \
                 it with `firehose-operator report`."
            }
            Self::CallRefused => "The message holds what AWS said. Delivery goes on trying.",
            Self::ServiceFailure => {
                "Wait: AWS has a failure of its own, and nothing is lost while there is room to wait in."
            }
            Self::FirehoseUnreachable | Self::Unanswered => {
                "Let the pods reach `firehose.REGION.amazonaws.com:443`: a NAT, an interface endpoint for \
                 `kinesis-firehose`, or the egress proxy; then DNS, and network policies."
            }
            Self::DeliveryPaused => "Set `delivery.state: Running` when it may go on.",
            Self::DeadLettersWaiting => {
                "`kubectl exec POD -- firehose-proxy dead-letters list`, then `redrive` or `drop`."
            }
            Self::DeadLettersFull => {
                "See to those that wait (`redrive`, `drop`), or raise `spool.deadLetters.maxSize`."
            }
            Self::DeadLettersUnavailable => "Mend the volume: the pod's log says what the disk answered.",
            Self::ReconciliationPaused => "Set `spec.reconciliation: Active`.",
            Self::RollingOut => "Wait. If it stays, `kubectl rollout status` of the StatefulSet and the pods tell.",
            Self::ForeignSpool => {
                "Take the files `*.foreign` off the volume: a proxy whose destination has their UID delivers them \
                 (docs/durability.md). Delete them if nobody needs them."
            }
            Self::ApplyFailed => {
                "The message holds what the API server said: usually a right that the operator lacks, a quota, or an \
                 admission controller."
            }
            Self::RolloutHalted => {
                "See why the pods do not become available with the new image, or install another one; then it goes on."
            }
            Self::Unknown => "Wait for the next round. A name of a newer operator also reads so.",
        };
        Some(remedy)
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fmt::Write as _, fs};

    use super::*;

    const HEAD: &str = "# Troubleshooting

`kubectl describe firehosedestination NAME` shows conditions with a reason and a message; `status.streams` and `status.pods`
have reasons too. The message names the Secret, role, stream, pod or field. `kubectl firehose status` says the same in words, and
`kubectl firehose report` collects what somebody else needs to help, without secrets and without content of events.

This page is made of the vocabulary that the operator uses (`operator/api/src/reason.rs`, `operator/api/src/remedy.rs`); there
are no other reasons. Under each heading are the conditions, or the places, that have them first of all.
";

    /// The page: a section for each group of reasons, in their order.
    fn page() -> String {
        let (_, list) = include_str!("reason.rs").split_once("pub enum Reason {\n").unwrap();
        let (list, _) = list.split_once("\n}\n").unwrap();
        let mut page = HEAD.to_owned();
        for line in list.lines().map(str::trim) {
            if let Some(heading) = line.strip_prefix("// ") {
                let heading = heading.replace(": Ready and status.pods", "");
                write!(
                    page,
                    "\n## {heading}\n\n| reason | what it means | what to do |\n|---|---|---|\n"
                )
                .unwrap();
            } else if let Some(name) = line.strip_suffix(',')
                && name.chars().all(|letter| letter.is_ascii_alphanumeric())
            {
                let reason: Reason = serde_json::from_value(name.into()).unwrap();
                assert_eq!(reason.to_string(), name, "it is written as it is named");
                let remedy = reason.remedy().unwrap_or("—");
                writeln!(page, "| `{name}` | {} | {remedy} |", reason.sentence()).unwrap();
            }
        }
        page
    }

    #[test]
    fn the_page_of_troubles_says_of_every_reason_what_it_means_and_what_to_do() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/troubleshooting.md");
        let page = page();
        assert!(page.matches("\n| `").count() > 70, "the vocabulary is read wrongly");
        if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
            fs::write(file, &page).unwrap();
        }
        let stored = fs::read_to_string(file).unwrap();
        assert!(
            stored == page,
            "docs/troubleshooting.md is not current: INSTA_UPDATE=always cargo test --workspace --lib page_of_troubles"
        );
    }
}
