//! How large a request is confirmed at its first try, and what is said where larger ones are allowed.

use firehose_operator::plan::{advice, effective, validate};
use serde_json::{Value, json};

use crate::{allowed, destination, installation};

/// The size in the status, and whether something is said of it.
fn told(spec: &Value) -> (Option<String>, Option<String>) {
    let validated = validate(&destination(spec), &allowed()).unwrap();
    let size = effective(&validated, &installation()).confirmable_request_size;
    (size, advice(&validated))
}

/// Was: absent, and nothing said.
#[test]
fn a_request_that_takes_several_tries_is_allowed_and_said_so() {
    let quota = |bytes: &str| json!({"quota": {"bytesPerSecond": bytes}});
    let (size, said) = told(&json!({"replicas": 2, "delivery": quota("1Mi")}));
    assert_eq!(size.as_deref(), Some("4864Ki"));
    let said = said.unwrap();
    for part in ["4864Ki", "spec.ingest.maxRequestSize is 10Mi", "512Ki a second"] {
        assert!(said.contains(part), "{said}");
    }
    let small = json!({"replicas": 2, "delivery": quota("1Mi"), "ingest": {"maxRequestSize": "4Mi"}});
    assert_eq!(told(&small), (Some("4864Ki".to_owned()), None));
    // The region's default, of one pod.
    assert_eq!(told(&json!({"replicas": 1})), (Some("48640Ki".to_owned()), None));
    let spooled = json!({"delivery": {"acknowledge": "WhenSpooled", "quota": {"bytesPerSecond": "1Mi"}}});
    assert_eq!(told(&spooled), (None, None));
}
