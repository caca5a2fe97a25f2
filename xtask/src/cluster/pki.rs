//! Keys, certificates and kubeconfigs of a cluster: one authority, one certificate a component. They live as long as
//! the cluster's folder and protect nothing but a test on this machine.

use std::fs;

use anyhow::{Context as _, Result};

use super::{network, state::State};
use crate::command::Run;

/// What a certificate says about its holder.
struct Certificate<'a> {
    name: &'a str,
    /// Common name is the user, organization the group that the API server sees.
    subject: &'a str,
    usage: &'a str,
    alternative_names: Option<String>,
}

/// Clients of the API server that get a kubeconfig, with the user that each is.
const CLIENTS: [(&str, &str); 4] = [
    ("admin", "/O=system:masters/CN=admin"),
    ("kube-controller-manager", "/CN=system:kube-controller-manager"),
    ("kube-scheduler", "/CN=system:kube-scheduler"),
    ("kube-proxy", "/CN=system:kube-proxy"),
];

/// Makes whatever is not there yet.
///
/// # Errors
/// When openssl fails or a file cannot be written.
pub(crate) fn create(state: &State) -> Result<()> {
    authority(state)?;
    let api = network::HOST;
    issue(
        state,
        &Certificate {
            name: "apiserver",
            subject: "/CN=kube-apiserver",
            usage: "serverAuth",
            alternative_names: Some(format!(
                "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
                 DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:{},IP:{api},IP:127.0.0.1",
                network::API_SERVICE
            )),
        },
    )?;
    issue(
        state,
        &Certificate {
            name: "apiserver-kubelet",
            subject: "/O=system:masters/CN=kube-apiserver-kubelet",
            usage: "clientAuth",
            alternative_names: None,
        },
    )?;
    issue(
        state,
        &Certificate {
            name: "registry",
            subject: "/CN=registry",
            usage: "serverAuth",
            alternative_names: Some(format!("IP:{api}")),
        },
    )?;
    for (name, subject) in CLIENTS {
        issue(
            state,
            &Certificate {
                name,
                subject,
                usage: "clientAuth",
                alternative_names: None,
            },
        )?;
        kubeconfig(state, name)?;
    }
    for node in network::nodes() {
        issue(
            state,
            &Certificate {
                name: &node.name(),
                subject: &format!("/O=system:nodes/CN=system:node:{}", node.name()),
                usage: "clientAuth,serverAuth",
                alternative_names: Some(format!("DNS:{},IP:{}", node.name(), node.address())),
            },
        )?;
        kubeconfig(state, &node.name())?;
    }
    Ok(())
}

fn authority(state: &State) -> Result<()> {
    let (key, certificate) = (state.pki("ca.key"), state.pki("ca.crt"));
    if certificate.exists() {
        return Ok(());
    }
    new_key(&key)?;
    Run::line("openssl req -x509 -new -days 3650 -subj /CN=test-cluster -key")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .quietly()?;
    // Signs the tokens of service accounts; the API server wants RSA or ECDSA, clients are used to RSA.
    Run::line("openssl genrsa -out")
        .arg(state.pki("service-accounts.key"))
        .arg("2048")
        .quietly()
}

fn issue(state: &State, certificate: &Certificate<'_>) -> Result<()> {
    let file = |extension: &str| state.pki(&format!("{}.{extension}", certificate.name));
    if file("crt").exists() {
        return Ok(());
    }
    new_key(&file("key"))?;
    Run::line("openssl req -new -key")
        .arg(file("key"))
        .args(["-subj", certificate.subject, "-out"])
        .arg(file("csr"))
        .quietly()?;
    let mut extensions = format!("extendedKeyUsage={}\n", certificate.usage);
    if let Some(names) = &certificate.alternative_names {
        extensions.push_str(&format!("subjectAltName={names}\n"));
    }
    fs::write(file("ext"), extensions)?;
    Run::line("openssl x509 -req -days 3650 -CAcreateserial -in")
        .arg(file("csr"))
        .arg("-CA")
        .arg(state.pki("ca.crt"))
        .arg("-CAkey")
        .arg(state.pki("ca.key"))
        .arg("-extfile")
        .arg(file("ext"))
        .arg("-out")
        .arg(file("crt"))
        .quietly()
}

fn new_key(path: &std::path::Path) -> Result<()> {
    Run::line("openssl ecparam -name prime256v1 -genkey -noout -out")
        .arg(path)
        .quietly()
}

fn kubeconfig(state: &State, client: &str) -> Result<()> {
    let text = format!(
        r#"apiVersion: v1
kind: Config
current-context: test
contexts:
- {{name: test, context: {{cluster: test, user: {client}}}}}
clusters:
- name: test
  cluster: {{server: "https://{}:6443", certificate-authority: "{}"}}
users:
- name: {client}
  user: {{client-certificate: "{}", client-key: "{}"}}
"#,
        network::HOST,
        state.pki("ca.crt").display(),
        state.pki(&format!("{client}.crt")).display(),
        state.pki(&format!("{client}.key")).display(),
    );
    let path = state.kubeconfig(client);
    fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
}
