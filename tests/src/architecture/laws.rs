//! The directions of `docs/ARCHITECTURE.md`, as data.

use super::paths::WrittenPath;

/// A crate and the laws of its modules.
#[derive(Debug)]
pub struct Unit {
    /// Name of the package.
    pub package: &'static str,
    /// Its source folder, from the workspace's root.
    pub source: &'static str,
    /// Modules that every other may use; they use each other only.
    pub leaves: &'static [&'static str],
    /// Modules that may see everything.
    pub free: &'static [&'static str],
    /// The others. A module without a law is a violation of its own: the table is complete.
    pub laws: &'static [Law],
}

/// What a module, with everything below it, may use.
#[derive(Debug)]
pub struct Law {
    /// Its path from the root, such as `deliver` or `deliver::stream`. The longest that fits counts.
    pub module: &'static str,
    /// Modules of the same crate, or single items of them, besides itself and the leaves. Holds in tests, too.
    pub may_use: &'static [&'static str],
    /// Paths outside of the crate that it must not name: `aws_*` is every crate with that beginning, `*::now` every
    /// path with that end. A test may name what it likes.
    pub must_not_name: &'static [&'static [&'static str]],
    /// Exceptions from the beginnings (not from the ends), each with its reason beside it.
    pub may_name: &'static [&'static str],
}

/// A clock, a source of randomness, a runtime, the machine around: what a function of its arguments has no use for.
const WORLD: &[&str] = &[
    "async_*",
    "futures",
    "hyper*",
    "notify",
    "rand*",
    "rustix",
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio*",
    "*::now",
    "*::now_v1",
    "*::now_v7",
    "*::new_v4",
];

const HTTP: &[&str] = &["axum", "http", "http_*", "hyper*", "tower*"];
const AWS: &[&str] = &["aws_*"];
const KUBERNETES: &[&str] = &["kube*", "k8s_openapi"];
/// The parts of `kube` that reach a cluster. Its vocabulary (metadata, resources) is free.
const CLIENT: &[&str] = &[
    "kube::Api",
    "kube::Client",
    "kube::Config",
    "kube::api",
    "kube::client",
    "kube::config",
    "kube::discovery",
    "kube::runtime",
    "kube_client",
    "kube_runtime",
];

/// What the pure core of a stream's delivery knows of the sink: its seam, and nothing that could make a call.
const STREAM_MAY_USE: &[&str] = &[
    "firehose::FailedRecord",
    "firehose::Operation",
    "firehose::Outcome",
    "firehose::Reason",
    "firehose::limits",
];

/// The crates whose insides have laws.
pub const UNITS: &[Unit] = &[
    Unit {
        package: "firehose-proxy",
        source: "proxy/src",
        // The first five are modules of `firehose-proxy-events`, which the crate hands on under their own names.
        leaves: &[
            "event",
            "privacy",
            "routing",
            "source",
            "stream",
            "shutdown",
            "telemetry",
            "descriptors",
            "account",
        ],
        // `simulation` drives everything under one seed; it exists in tests only.
        free: &["", "main", "app", "simulation"],
        laws: &[
            law("cli", &["dead_letters", "queue"], &[AWS, HTTP, KUBERNETES]),
            law("http", &["queue", "config", "dead_letters"], &[AWS, KUBERNETES]),
            law("config", &[], &[HTTP, AWS, KUBERNETES]),
            law("queue", &[], &[HTTP, AWS, KUBERNETES]),
            law("spool", &["queue"], &[HTTP, AWS, KUBERNETES]),
            // The simulated disk hands its operations to the mutants and to the fingerprint.
            law(
                "spool::disk",
                &["spool::tests::mutants", "simulation"],
                &[HTTP, AWS, KUBERNETES],
            ),
            // The only owner of what is known of the log: it moves no byte.
            law(
                "spool::index",
                &["queue", "spool::format"],
                &[WORLD, HTTP, AWS, KUBERNETES],
            ),
            law("spool::format", &["queue"], &[WORLD, HTTP, AWS, KUBERNETES]),
            law("dead_letters", &["queue", "spool"], &[HTTP, AWS, KUBERNETES]),
            law(
                "deliver",
                &["queue", "config", "firehose", "dead_letters"],
                &[KUBERNETES],
            ),
            Law {
                // A point in time is a value; who reads the clock is the driver. tokio's, so that tests can pause it.
                may_name: &["tokio::time::Instant"],
                ..law("deliver::stream", STREAM_MAY_USE, &[WORLD, HTTP, AWS, KUBERNETES])
            },
            law("firehose", &["config"], &[KUBERNETES]),
        ],
    },
    Unit {
        package: "firehose-proxy-events",
        source: "proxy/events/src",
        leaves: &["privacy", "source", "stream"],
        free: &[""],
        laws: &[
            law(
                "event",
                &["routing", "batch", "identity"],
                &[WORLD, HTTP, AWS, KUBERNETES],
            ),
            law("routing", &[], &[WORLD, HTTP, AWS, KUBERNETES]),
            law("batch", &["identity"], &[WORLD, HTTP, AWS, KUBERNETES]),
            // The key of a process is drawn here, once.
            law("identity", &[], &[HTTP, AWS, KUBERNETES]),
        ],
    },
    Unit {
        package: "firehose-operator",
        source: "operator/src",
        leaves: &["metrics", "lease"],
        // `reconcile` is what puts the steps of one round together, as `app` does with the process.
        free: &[
            "",
            "main",
            "app",
            "args",
            "admin",
            "client",
            "explain",
            "offline",
            "online",
            "reconcile",
        ],
        laws: &[
            // The labels that a watch selects by are those that the plan gives.
            law("observe", &["plan"], &[AWS]),
            law("plan", &[], &[WORLD, HTTP, AWS, CLIENT]),
            law("apply", &["plan", "observe"], &[AWS]),
            law("lifecycle", &[], &[WORLD, HTTP, AWS, CLIENT]),
            law("verify", &["lifecycle", "plan", "observe"], &[AWS]),
            law("rollout", &["plan", "observe", "apply::has_all"], &[AWS]),
            law("probe", &[], &[AWS, CLIENT]),
            law("trust", &["plan"], &[AWS, CLIENT]),
            law("cli", &["plan"], &[AWS, CLIENT]),
            // As a person and not as the controller: its own client, nothing of a round.
            law(
                "cli::cluster",
                &["plan", "client", "cli::colour", "apply::MANAGER"],
                &[AWS],
            ),
        ],
    },
];

const fn law(
    module: &'static str,
    may_use: &'static [&'static str],
    must_not_name: &'static [&'static [&'static str]],
) -> Law {
    Law {
        module,
        may_use,
        must_not_name,
        may_name: &[],
    }
}

impl Unit {
    /// What is wrong with a path that a module of this crate writes: the path from the root, and the reason.
    pub(super) fn objection(&self, module: &[String], written: &WrittenPath) -> Option<(String, String)> {
        if self.free.contains(&module.first().map_or("", String::as_str)) {
            return None;
        }
        let mut place = module.to_vec();
        place.extend(written.within.iter().cloned());
        let objection = |path: &[String], why: String| Some((path.join("::"), why));
        match resolve(&place, &written.segments) {
            Target::Inside(path) => {
                let target = path.first().map_or("the crate's root", String::as_str);
                if self.may_use(module, &path) {
                    return None;
                }
                objection(
                    &[vec!["crate".to_owned()], path.clone()].concat(),
                    format!("`{}` must not use `{target}`", module.join("::")),
                )
            }
            Target::Outside(_) if written.is_test => None,
            Target::Outside(path) => {
                let banned = self.law(module)?.bans(path)?;
                objection(path, format!("`{}` must not name `{banned}`", module.join("::")))
            }
        }
    }

    /// Whether the table says anything about a module.
    pub(super) fn knows(&self, module: &[String]) -> bool {
        let top = module.first().map_or("", String::as_str);
        self.free.contains(&top) || self.leaves.contains(&top) || self.law(module).is_some()
    }

    /// Whether a module may use something at `path` from the crate's root. A module with a law of its own below
    /// another's does not know the rest of that one unless it says so.
    fn may_use(&self, module: &[String], path: &[String]) -> bool {
        let target = path.first().map_or("", String::as_str);
        if self.leaves.contains(&target) {
            return true;
        }
        let Some(law) = self.law(module) else {
            return module.first().is_some_and(|own| own == target);
        };
        starts_with(path, law.module) || law.may_use.iter().any(|allowed| starts_with(path, allowed))
    }

    fn law(&self, module: &[String]) -> Option<&Law> {
        let fits = |law: &&Law| {
            let mut parts = module.iter();
            law.module
                .split("::")
                .all(|part| parts.next().is_some_and(|own| own == part))
        };
        self.laws.iter().filter(fits).max_by_key(|law| law.module.len())
    }
}

impl Law {
    /// The ban that a path falls under.
    fn bans(&self, path: &[String]) -> Option<&'static str> {
        let excepted = self.may_name.iter().any(|allowed| starts_with(path, allowed));
        self.must_not_name
            .iter()
            .flat_map(|bans| bans.iter().copied())
            .find(|ban| match ban.strip_prefix("*::") {
                Some(end) => path.last().is_some_and(|last| last == end),
                None => !excepted && (starts_with(path, ban) || opens_up(path, ban)),
            })
    }
}

/// Whether a path is `beginning` or something below it. `aws_*` fits every first segment with that beginning.
fn starts_with(path: &[String], beginning: &str) -> bool {
    let mut own = path.iter();
    beginning.split("::").all(|part| {
        own.next().is_some_and(|segment| match part.strip_suffix('*') {
            Some(stem) => segment.starts_with(stem),
            None => segment == part,
        })
    })
}

/// Whether a path imports everything around the banned one, `std::*` or plain `std` for `std::fs`, so that it could be
/// named without being seen.
fn opens_up(path: &[String], banned: &str) -> bool {
    let around = match path.split_last() {
        Some((last, around)) if last == "*" || last == "self" => around,
        _ if path.len() == 1 => path,
        _ => return false,
    };
    !around.is_empty()
        && starts_with(
            &banned.split("::").map(str::to_owned).collect::<Vec<_>>(),
            &around.join("::"),
        )
}

/// Where a path leads.
enum Target<'path> {
    /// Segments from this crate's root.
    Inside(Vec<String>),
    /// Another crate, or a name that is in scope by an import of its own.
    Outside(&'path [String]),
}

fn resolve<'path>(place: &[String], written: &'path [String]) -> Target<'path> {
    let mut at = match written.first().map(String::as_str) {
        Some("crate") => Vec::new(),
        Some("self" | "super") => place.to_vec(),
        _ => return Target::Outside(written),
    };
    for segment in written {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => drop(at.pop()),
            other => at.push(other.to_owned()),
        }
    }
    Target::Inside(at)
}
