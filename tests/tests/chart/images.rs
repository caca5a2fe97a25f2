//! The images that the chart names.

use crate::{HELMS, by_both, template};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn images_come_from_any_registry_by_tag_or_by_digest() {
    let by_digest = format!("image.digest={DIGEST}");
    let version = env!("CARGO_PKG_VERSION");
    for (values, reference) in [
        (&[][..], format!("ghcr.io/firehose-operator/{{program}}:{version}")),
        (
            &["image.tag=main"],
            "ghcr.io/firehose-operator/{program}:main".to_owned(),
        ),
        (
            &[by_digest.as_str()],
            format!("ghcr.io/firehose-operator/{{program}}@{DIGEST}"),
        ),
        (
            &[
                "image.repository=localhost:5000/{program}",
                "image.tag=1.2.3",
                by_digest.as_str(),
            ],
            format!("localhost:5000/{{program}}:1.2.3@{DIGEST}"),
        ),
        (
            &["image.repository=registry.example.com/a/b/{program}"],
            format!("registry.example.com/a/b/{{program}}:{version}"),
        ),
    ] {
        let mut settings = Vec::new();
        for value in values {
            settings.push(value.replace("{program}", "firehose-operator"));
            settings.push(format!("proxy.{}", value.replace("{program}", "firehose-proxy")));
        }
        let arguments: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let rendered = by_both("release", &arguments);
        let operator = format!("image: {}\n", reference.replace("{program}", "firehose-operator"));
        assert!(rendered.contains(&operator), "no {operator:?} in\n{rendered}");
        let proxy = format!("- --proxy-image={}\n", reference.replace("{program}", "firehose-proxy"));
        assert!(rendered.contains(&proxy), "no {proxy:?} in\n{rendered}");
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn an_image_that_no_registry_could_have_is_refused_and_the_value_is_named() {
    for (value, path) in [
        ("image.repository=registry.example.com/operator:1.0", "image.repository"),
        ("image.repository=", "image.repository"),
        ("proxy.image.digest=sha256:12", "proxy.image.digest"),
        ("image.tag=not a tag", "image.tag"),
        ("image.sha=1", "image"),
    ] {
        for helm in HELMS {
            let refusal = template(helm, "release", &["--set", value]).expect_err(value);
            // The two Helms write the path of a value differently.
            let named = refusal.contains(path) || refusal.contains(&path.replace('.', "/"));
            assert!(named, "{helm} {value}: {path} is not in {refusal}");
        }
    }
}
