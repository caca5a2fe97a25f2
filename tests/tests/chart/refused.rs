//! Values that the schema refuses, by the name of the value.

use crate::{HELMS, template};

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn a_value_that_could_not_work_is_refused_and_named() {
    for (setting, path) in [
        ("typo=1", "typo"),
        ("crds.create=true", "crds"),
        ("crds.keep=maybe", "crds.keep"),
        ("nameOverride=Not_A_Label", "nameOverride"),
        (
            "fullnameOverride=abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijx",
            "fullnameOverride",
        ),
        ("replicas=6", "replicas"),
        ("replicas=two", "replicas"),
        ("logFormat=xml", "logFormat"),
        ("logLevel=not a level", "logLevel"),
        ("podLabels.app\\.kubernetes\\.io/name=mine", "podLabels"),
        ("podAnnotations.a=1", "podAnnotations"),
        ("tolerations[0].efect=NoSchedule", "tolerations"),
        ("affinity.podAfinity.a=b", "affinity"),
        ("resources.limit.cpu=1", "resources"),
        ("extraArgs[0]=run", "extraArgs"),
        ("proxy.caBundle.pem=nothing", "proxy.caBundle.pem"),
        (
            "proxy.egressProxy.url=http://user:word@proxy.example:3128",
            "proxy.egressProxy.url",
        ),
        ("extraEnv[0].value=a", "extraEnv"),
        ("extraVolumeMounts[0].name=a", "extraVolumeMounts"),
        ("extraObjects[0].kind=ConfigMap", "extraObjects"),
    ] {
        for helm in HELMS {
            let refusal = template(helm, "release", &["--set", setting]).expect_err(setting);
            // The two Helms write the path of a value differently.
            let named = refusal.contains(path) || refusal.contains(&path.replace('.', "/"));
            assert!(named, "{helm} {setting}: {path} is not in {refusal}");
        }
    }
}
