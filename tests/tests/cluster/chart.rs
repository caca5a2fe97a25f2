//! What the chart makes of its values, without a cluster to apply it to.

use std::process::Command;

use firehose_tests::workspace;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
#[ignore = "needs Helm: cargo xtask cluster test"]
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
        let rendered = template(&settings).unwrap();
        let operator = format!("image: {}\n", reference.replace("{program}", "firehose-operator"));
        assert!(rendered.contains(&operator), "no {operator:?} in\n{rendered}");
        let proxy = format!("- --proxy-image={}\n", reference.replace("{program}", "firehose-proxy"));
        assert!(rendered.contains(&proxy), "no {proxy:?} in\n{rendered}");
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask cluster test"]
fn an_image_that_no_registry_could_have_is_refused_and_the_value_is_named() {
    for (value, path) in [
        ("image.repository=registry.example.com/operator:1.0", "image.repository"),
        ("image.repository=", "image.repository"),
        ("proxy.image.digest=sha256:12", "proxy.image.digest"),
        ("image.tag=not a tag", "image.tag"),
        ("image.sha=1", "image"),
    ] {
        let refusal = template(&[value.to_owned()]).expect_err(value);
        // The two Helms write the path of a value differently.
        let named = refusal.contains(path) || refusal.contains(&path.replace('.', "/"));
        assert!(named, "{value}: {path} is not in {refusal}");
    }
}

fn template(settings: &[String]) -> Result<String, String> {
    let chart = workspace::root().join("charts/firehose-operator");
    let mut command = Command::new("helm");
    command.args(["template", "release"]).arg(chart);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
