//! Generated files are what their generators write today.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{env, fs, process::Command};

use firehose_tests::{chart_values, workspace};

#[test]
fn the_custom_resource_definition_is_what_the_operator_prints() {
    let printed = Command::new(workspace::program("firehose-operator"))
        .arg("crd")
        .output()
        .unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let file = workspace::root().join("crds/firehosedestinations.yaml");
    assert!(
        fs::read(&file).unwrap() == printed.stdout,
        "{0} is not current: cargo run -p firehose-operator -- crd > {0}",
        "crds/firehosedestinations.yaml"
    );
}

/// What stands between two marks of a file is `generated`. With `INSTA_UPDATE=always`, it is written there.
fn is_current_between_marks(file: &str, name: &str, generated: &str) {
    let path = workspace::root().join(file);
    let text = fs::read_to_string(&path).unwrap();
    let [begin, end] = ["begin", "end"].map(|mark| format!("<!-- {name}: {mark} -->\n"));
    let (head, rest) = text.split_once(&begin).unwrap();
    let (_, tail) = rest.split_once(&end).unwrap();
    let wanted = format!("{head}{begin}{generated}{end}{tail}");
    if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&path, &wanted).unwrap();
    } else {
        let hint = "INSTA_UPDATE=always cargo test --workspace --test generated";
        assert!(text == wanted, "{file} is not current: {hint}");
    }
}

#[test]
fn the_table_of_the_charts_values_is_what_their_comments_say() {
    let values = fs::read_to_string(workspace::root().join("charts/firehose-operator/values.yaml")).unwrap();
    let table = chart_values::table(&values);
    is_current_between_marks("charts/firehose-operator/README.md", "values", &table);
}
