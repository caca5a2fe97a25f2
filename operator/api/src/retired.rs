//! Fields of earlier shapes of the custom resource, and what to write in their place.
//!
//! An object that has one is refused as one with an unknown field, which it is; its author is told the line to change.

/// A field as it was, and what it is now. `[]` stands for every item of a list.
const RETIRED: &[(&str, &str)] = &[
    (
        "spec.endpointURL",
        "spec.endpoints.firehose: {type: Custom, custom: {url: …}}",
    ),
    ("spec.useFIPS", "spec.endpoints.firehose.type: FIPS"),
    ("spec.useDualStack", "spec.endpoints.firehose.type: DualStack"),
    (
        "spec.credentials.static.secretName",
        "spec.credentials.static.secretRef.name",
    ),
    (
        "spec.credentials.static.accessKeyIDKey",
        "spec.credentials.static.keys.accessKeyID",
    ),
    (
        "spec.credentials.static.secretAccessKeyKey",
        "spec.credentials.static.keys.secretAccessKey",
    ),
    (
        "spec.credentials.static.sessionTokenKey",
        "spec.credentials.static.keys.sessionToken",
    ),
    (
        "spec.credentials.assumeRole",
        "spec.credentials.assumeRoles: [{roleARN: …}]",
    ),
    (
        "spec.credentials.assumeRoles[].endpointURL",
        "spec.endpoints.sts: {type: Custom, custom: {url: …}}",
    ),
    (
        "spec.ingest.writeKeys",
        "spec.ingest.authentication: {type: WriteKeys, writeKeys: {secretKeyRef: {name: …, key: …}}}",
    ),
    ("spec.streams[].name", "spec.streams[].deliveryStreamName"),
    (
        "spec.spool.persistentVolumeClaim.storageClassName",
        "spec.spool.persistentVolumeClaim.template.spec.storageClassName",
    ),
    (
        "spec.spool.persistentVolumeClaim.resources",
        "spec.spool.persistentVolumeClaim.template.spec.resources",
    ),
    (
        "spec.deletionPolicy",
        "spec.deletion.type: Immediate or Drain, and spec.spool.persistentVolumeClaim.retentionPolicy",
    ),
    ("spec.drainTimeoutSeconds", "spec.deletion.drain.timeoutSeconds"),
];

/// What to write in the place of the unknown field at `path`, if it once was known.
pub(crate) fn successor(path: &str) -> Option<&'static str> {
    let mut general = String::with_capacity(path.len());
    let mut inside = false;
    for character in path.chars() {
        inside = character != ']' && (inside || character == '[');
        if !inside || character == '[' {
            general.push(character);
        }
    }
    let found = RETIRED.iter().find(|(was, _)| *was == general);
    found.map(|(_, now)| *now)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_retired_field_is_found_in_every_item_of_a_list() {
        assert_eq!(
            successor("spec.streams[12].name"),
            Some("spec.streams[].deliveryStreamName")
        );
        assert_eq!(successor("spec.streams[12].quota"), None);
        assert_eq!(successor("spec.region"), None);
    }

    #[test]
    fn no_retired_field_is_in_use_and_what_takes_its_place_is() {
        let schema = crate::schema();
        let find = |path: &str| {
            path.split('.').try_fold(&schema, |node: &Value, name| {
                let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
                let node = node["properties"].get(name)?;
                Some(if is_list { &node["items"] } else { node })
            })
        };
        for (was, now) in RETIRED {
            assert!(find(was).is_none(), "{was}");
            let field = now.split([':', ' ', ',']).next().unwrap_or_default();
            assert!(find(field).is_some(), "{was}: {field}");
        }
    }
}
