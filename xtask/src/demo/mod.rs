//! `cargo xtask demo`: the product in a cluster, from nothing to events in delivery streams, shown step by step with
//! the commands that a person would type. It uses the cluster that `KUBECONFIG` names, else our own, which stays up.

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    cluster::{Access, kubectl::Kubectl},
    command::Run,
    image, repository, tools,
};

const SYSTEM: &str = "firehose-system";
const SIMULATOR: &str = "firehose-simulator";
const NAMESPACE: &str = "analytics";
const ENDPOINT: &str = "http://simulator.firehose-simulator.svc:4573";

/// The command line of `cargo xtask demo`.
#[derive(Args)]
pub(crate) struct DemoArgs {
    /// Cargo's profile of the programs in the images
    #[arg(long, default_value = "release")]
    pub(crate) profile: String,
}

/// Shows all of it.
///
/// # Errors
/// When a step fails; what it did so far stays.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    title("Images, and a cluster that has them");
    let images = image::build(&args.profile)?;
    let access = Access::given_or_own()?;
    access.load(&images.into_iter().map(|image| image.file).collect::<Vec<_>>())?;
    let shell = Shell {
        kubectl: Kubectl {
            program: access.tools.join("kubectl"),
            kubeconfig: access.kubeconfig.clone(),
        },
        access,
    };
    install(&shell)?;
    apply(&shell)?;

    let events = Forward::start(&shell, "service/orders-firehose", 8080)?;
    title("Events from RudderStack's SDK for Node, and where they arrived");
    send(&events.url, "before")?;
    arrived(&shell, "pages-prod")?;

    title("An edit: pages get a stream of their own, without a restart");
    shell.kubectl(
        r#"patch firehosedestination orders --namespace analytics --type json --patch [{"op":"replace","path":"/spec/mappings/1/deliveryStreamName","value":"pages-new"}]"#,
    )?;
    synced(&shell)?;
    send(&events.url, "after")?;
    arrived(&shell, "pages-new")?;
    shell.kubectl("get firehosedestinations,pods --namespace analytics")?;
    println!(
        "\nThe cluster is still up: export KUBECONFIG={}",
        shell.access.kubeconfig.display()
    );
    Ok(())
}

fn install(shell: &Shell) -> Result<()> {
    title("The operator, with its chart; the simulator is everyone's Firehose");
    shell.ensure_namespace(SIMULATOR)?;
    shell.kubectl("apply --namespace firehose-simulator --filename simulator/in-cluster.yaml")?;
    shell.kubectl("rollout status deployment/simulator --namespace firehose-simulator --timeout 60s")?;
    shell.ensure_namespace(SYSTEM)?;
    shell.helm(&format!(
        "upgrade --install firehose-operator charts/firehose-operator --namespace {SYSTEM} \
         --set proxy.endpointURL={ENDPOINT} --wait --timeout 120s"
    ))
}

fn apply(shell: &Shell) -> Result<()> {
    title("One YAML object");
    shell.ensure_namespace(NAMESPACE)?;
    print!(
        "{}",
        std::fs::read_to_string(repository().join("examples/orders.yaml"))?
    );
    shell.kubectl("apply --namespace analytics --filename examples/orders.yaml")?;
    println!("\nThere is no identity here that AWS would know, so the pods get a key. The simulator takes any.");
    let secret = shell
        .kubectl
        .run(
            "create secret generic aws-firehose --namespace analytics --dry-run=client --output yaml \
             --from-literal=AWS_ACCESS_KEY_ID=AKIDEXAMPLE --from-literal=AWS_SECRET_ACCESS_KEY=none",
        )
        .output()?;
    shell.kubectl.apply(&secret)?;
    shell.kubectl(
        r#"patch firehosedestination orders --namespace analytics --type merge --patch {"spec":{"credentials":{"type":"Static","static":{"secretRef":{"name":"aws-firehose"}}}}}"#,
    )?;
    synced(shell)?;
    // The key is another mount, so the pods are replaced, and a forwarded port would go with its pod.
    shell.kubectl("rollout status statefulset/orders-firehose --namespace analytics --timeout 120s")?;
    shell.kubectl("wait firehosedestination/orders --namespace analytics --for=condition=Ready --timeout 120s")
}

/// Waits until the newest generation is live in every pod, as the object's status says.
fn synced(shell: &Shell) -> Result<()> {
    let generation = shell
        .kubectl
        .run("get firehosedestination orders --namespace analytics --output jsonpath={.metadata.generation}")
        .output()?;
    shell.kubectl(&format!(
        "wait firehosedestination/orders --namespace analytics --for=jsonpath={{.status.observedGeneration}}={generation} \
         --timeout 60s"
    ))?;
    shell.kubectl("wait firehosedestination/orders --namespace analytics --for=condition=ConfigSynced --timeout 120s")
}

fn send(url: &str, prefix: &str) -> Result<()> {
    let sdk = repository().join("tests/sdk");
    println!("\n$ node tests/sdk/send.cjs {url} {prefix} 20");
    Run::new("node")
        .arg(sdk.join("send.cjs"))
        .args([url, prefix, "20"])
        .env("NODE_PATH", tools::node("sdk-node", &sdk)?)
        .visibly()?;
    println!("20 identify, 20 track \"Product Added\", 20 page: the SDK says that all were taken");
    Ok(())
}

/// Shows every stream; the pages must be where the object says.
fn arrived(shell: &Shell, pages: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{SIMULATOR}/services/simulator:4573/proxy/_simulator/streams");
    println!("\n$ kubectl get --raw {path}");
    let answer = shell.kubectl.run("get --raw").arg(path).output()?;
    let streams: Vec<serde_json::Value> = serde_json::from_str(&answer).context("the simulator's list of streams")?;
    for stream in &streams {
        println!(
            "{:>20} {:>5} records {:>8} bytes",
            stream["name"].as_str().unwrap_or_default(),
            stream["records"],
            stream["bytes"]
        );
    }
    let pages_arrived = streams
        .iter()
        .any(|stream| stream["name"] == pages && stream["records"] != 0);
    ensure!(pages_arrived, "no page has arrived in {pages}");
    Ok(())
}

fn title(text: &str) {
    println!("\n== {text}");
}

/// kubectl and Helm, said before they are done.
struct Shell {
    access: Access,
    kubectl: Kubectl,
}

impl Shell {
    fn kubectl(&self, line: &str) -> Result<()> {
        println!("\n$ kubectl {line}");
        self.kubectl.run(line).within(&repository()).visibly()
    }

    fn helm(&self, line: &str) -> Result<()> {
        println!("\n$ helm {line}");
        Run::new(self.access.tools.join("helm"))
            .args(line.split_whitespace())
            .env("KUBECONFIG", &self.access.kubeconfig)
            .within(&repository())
            .visibly()
    }

    /// A second demonstration finds the namespaces of the first.
    fn ensure_namespace(&self, name: &str) -> Result<()> {
        let manifest = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}\n"
        );
        println!("\n$ kubectl create namespace {name}");
        self.kubectl.apply(&manifest)
    }
}

/// A port of this machine that leads to a Service, on any cluster.
struct Forward {
    process: Child,
    url: String,
}

impl Forward {
    fn start(shell: &Shell, target: &str, port: u16) -> Result<Self> {
        println!("\n$ kubectl port-forward --namespace {NAMESPACE} {target} :{port}");
        let mut process = Command::new(&shell.kubectl.program)
            .arg("--kubeconfig")
            .arg(&shell.kubectl.kubeconfig)
            .args(["port-forward", "--namespace", NAMESPACE, target, &format!(":{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start kubectl port-forward")?;
        let mut line = String::new();
        let stdout = process.stdout.take().expect("standard output is a pipe");
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line)?;
        // It says a line for each connection, and ends when nobody reads them.
        thread::spawn(move || io::copy(&mut stdout, &mut io::sink()));
        // `Forwarding from 127.0.0.1:40000 -> 8080`
        let address = line
            .split_whitespace()
            .nth(2)
            .context("kubectl port-forward names no port")?;
        Ok(Self {
            url: format!("http://{address}"),
            process,
        })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        // One that has ended by itself is as good.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
