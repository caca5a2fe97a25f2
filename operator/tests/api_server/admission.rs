//! The rules of the definition on a real API server, which must judge as our own admission does.

use firehose_operator_api::{FirehoseDestination, admission, manifests, schema};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, ValidationDirective},
};
use serde_json::{Map, Value, json};

use crate::{
    cases::{cases, object, set, smallest},
    server::ApiServer,
};

/// What the API server would do with an object, without doing it.
async fn dry_run(api: &Api<FirehoseDestination>, object: &Value) -> Result<FirehoseDestination, kube::Error> {
    let parameters = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("test").force().dry_run()
    };
    let name = object["metadata"]["name"].as_str().unwrap();
    api.patch(name, &parameters, &Patch::Apply(object)).await
}

async fn create(api: &Api<FirehoseDestination>, changes: &Map<String, Value>) {
    let object = object(changes);
    let parameters = PatchParams::apply("test").force();
    api.patch("orders", &parameters, &Patch::Apply(&object)).await.unwrap();
}

/// The field, the reason and the sentence of a complaint; a rule about the whole object names no field.
fn names(error: &kube::Error, field: &str, sentence: &str) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let at = if field == "metadata.name" { "<nil>" } else { field };
    let reason = reason_of(&schema(), sentence).unwrap_or("FieldValueInvalid".to_owned());
    causes
        .into_iter()
        .any(|cause| cause.field == at && cause.reason == reason && cause.message.contains(sentence))
}

/// The reason of the rule that says this.
fn reason_of(node: &Value, sentence: &str) -> Option<String> {
    match node {
        Value::Object(fields) if fields.get("message").is_some_and(|message| message == sentence) => {
            Some(fields.get("reason")?.as_str()?.to_owned())
        }
        Value::Object(fields) => fields.values().find_map(|inner| reason_of(inner, sentence)),
        Value::Array(items) => items.iter().find_map(|inner| reason_of(inner, sentence)),
        _ => None,
    }
}

#[tokio::test]
async fn an_api_server_judges_every_object_as_it_is_judged_offline() {
    let server = ApiServer::start().await;
    let destinations = server.destinations();
    by_rules(&destinations).await;
    by_structure(&destinations).await;
    what_was_ever_admitted(&destinations).await;
}

async fn by_rules(destinations: &Api<FirehoseDestination>) {
    let mut wrong = Vec::new();
    for case in cases() {
        if let Some(from) = &case.from {
            create(destinations, from).await;
        }
        if let Err(error) = dry_run(destinations, &object(&case.accept)).await {
            wrong.push(format!("{:?} was refused: {error}", case.accept));
        }
        match dry_run(destinations, &object(&case.refuse)).await {
            Ok(_) => wrong.push(format!("{:?} was admitted", case.refuse)),
            Err(error) if names(&error, &case.field, &case.says) => {}
            Err(error) => wrong.push(format!("{}: {} was expected, not {error:?}", case.field, case.says)),
        }
        if case.from.is_some() {
            destinations.delete("orders", &DeleteParams::default()).await.unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn by_structure(destinations: &Api<FirehoseDestination>) {
    let long = "x".repeat(300);
    for (pointer, value) in [
        ("/spec/mappings", json!([])),
        ("/spec/mappings/0/event", json!("")),
        ("/spec/mappings/0/event", json!(long)),
        ("/spec/replicas", json!(0)),
        ("/spec/replicas", json!(101)),
        ("/spec/ingest", json!({"state": "Off"})),
        ("/spec/ingest", json!({"eventsPerSecondPerPod": 0})),
        ("/spec/ingest", json!({"trustedProxies": ["10.0.0.0/8", "10.0.0.0/8"]})),
        ("/spec/delivery", json!({"lingerMilliseconds": -1})),
        (
            "/spec/streams",
            json!([{"deliveryStreamName": "a"}, {"deliveryStreamName": "a"}]),
        ),
        ("/spec/proxy", json!({"podLabels": {"a": long}})),
        (
            "/spec/deletion",
            json!({"type": "Drain", "drain": {"timeoutSeconds": 86_401}}),
        ),
    ] {
        let mut object = smallest();
        set(&mut object, pointer, value.clone());
        let offline = admission::admit(&object).unwrap_err();
        let error = dry_run(destinations, &object).await.unwrap_err();
        let error = error.to_string();
        // A server-side apply names the list in which an item is twice, and not the item.
        let list = |field: &str| field.rsplit_once('[').map_or(field, |(list, _)| list).to_owned();
        let is_named = |field: &str| error.contains(field) || error.contains(&format!("{}: duplicate", list(field)));
        assert!(
            offline.iter().all(|one| is_named(&one.field)),
            "{value}: {offline:?}, {error}"
        );
    }
    for (pointer, field) in [
        ("/spec/endpointURL", "spec.endpointURL"),
        ("/spec/ingest/unheardOf", "spec.ingest.unheardOf"),
    ] {
        let mut object = smallest();
        set(&mut object, pointer, json!("x"));
        let error = dry_run(destinations, &object).await.unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
        assert_eq!(admission::admit(&object).unwrap_err()[0].field, field);
    }
}

async fn what_was_ever_admitted(destinations: &Api<FirehoseDestination>) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("api/tests/admitted");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        for mut object in manifests::objects(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            object["metadata"]["namespace"] = json!("default");
            let admitted = dry_run(destinations, &object).await;
            let admitted = admitted.unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let offline = admission::admit(&object).unwrap();
            assert_eq!(admitted.spec, offline.spec, "{path:?}: the defaults differ");
            tried += 1;
        }
    }
    assert!(tried >= 7, "{tried}");
}
