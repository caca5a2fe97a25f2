//! Who is known by which key, and what is said of the files.

use std::fs;

use firehose_proxy_config::WriteKeys;
use firehose_tests::document::DocumentText;

use super::*;

#[test]
fn a_key_is_known_by_all_of_its_bytes() {
    let keys = Keys(vec!["alpha".to_owned(), "beta".to_owned()]);
    assert!(keys.contain("alpha") && keys.contain("beta"));
    for other in [
        "",
        "alph",
        "alphab",
        "Alpha",
        "alpha\0",
        "alpha\nbeta",
        &"a".repeat(1000),
    ] {
        assert!(!keys.contain(other), "{other:?}");
    }
}

#[test]
fn a_file_has_one_key_a_line_and_at_least_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(WriteKeys::FILE);
    assert!(read(&path).is_err());
    for (text, keys) in [
        ("one\n", vec!["one"]),
        (" one \r\n\n two", vec!["one", "two"]),
        ("", vec![]),
        ("\n \n", vec![]),
        (&"k".repeat(MAX_KEY_BYTES + 1), vec![]),
        (&"k\n".repeat(40_000), vec![]),
    ] {
        fs::write(&path, text).unwrap();
        let read = read(&path).map_or(Vec::new(), |keys| keys.0);
        assert_eq!(read, keys, "{:?}", text.get(..20));
    }
}

fn configured(more: &str) -> Arc<Snapshot> {
    let document = DocumentText::everything_to("orders").more(more).to_string();
    Arc::new(Snapshot::unrouted(firehose_proxy_config::parse(&document).unwrap()))
}

fn with_keys(directory: &Path) -> Arc<Snapshot> {
    configured(&format!(
        "ingest: {{ writeKeys: {{ directory: {:?} }} }}",
        directory.display()
    ))
}

async fn until(ring: &KeyRing, state: WriteKeysState) {
    let reported = async {
        while ring.report().0.state != state {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let reported = tokio::time::timeout(std::time::Duration::from_secs(20), reported).await;
    reported.unwrap_or_else(|_| panic!("{state:?} is not reported, but {:?}", ring.report()));
}

#[tokio::test]
async fn a_process_that_served_without_keys_stays_open_while_its_pod_has_no_place_for_them() {
    let pod = tempfile::tempdir().unwrap();
    let mount = pod.path().join("write-keys");
    let named = with_keys(&mount).key_places.clone().unwrap();
    let (configure, configuration) = watch::channel(Some(configured("")));
    let ring = KeyRing::default();
    let followed = ring.clone();
    tokio::spawn(async move { followed.follow(configuration).await });
    until(&ring, WriteKeysState::NotRequired).await;

    configure.send_replace(Some(with_keys(&mount)));
    until(&ring, WriteKeysState::Open).await;
    assert_eq!(ring.judge(&named, ""), Verdict::StillOpen);

    // A pod with a place for them refuses, whatever it did before.
    fs::create_dir(&mount).unwrap();
    configure.send_replace(Some(with_keys(&mount)));
    until(&ring, WriteKeysState::Missing).await;
    assert_eq!(ring.judge(&named, "one"), Verdict::NoKeys);
    fs::write(mount.join(WriteKeys::FILE), "one\n").unwrap();
    until(&ring, WriteKeysState::Loaded).await;
    assert_eq!(ring.judge(&named, "one"), Verdict::Known(None));
    let revision = ring.report().0.revision.unwrap();
    assert!(!revision.contains("one") && revision.len() == 16, "{revision}");
    fs::write(mount.join(WriteKeys::FILE), "\n").unwrap();
    until(&ring, WriteKeysState::Incomplete).await;
    assert!(ring.report().0.detail.is_some());
}

#[tokio::test]
async fn a_process_that_starts_without_a_place_for_its_keys_lets_nobody_in() {
    let pod = tempfile::tempdir().unwrap();
    let mount = pod.path().join("write-keys");
    let (_configure, configuration) = watch::channel(Some(with_keys(&mount)));
    let ring = KeyRing::default();
    let followed = ring.clone();
    tokio::spawn(async move { followed.follow(configuration).await });
    until(&ring, WriteKeysState::Missing).await;
    let named = with_keys(&mount).key_places.clone().unwrap();
    assert_eq!(ring.judge(&named, ""), Verdict::NoKeys);
}

#[tokio::test]
async fn a_key_says_whose_it_is_and_one_list_that_is_missing_shuts_nobody_else_out() {
    let pod = tempfile::tempdir().unwrap();
    let mounts = ["write-keys", "sources"].map(|name| pod.path().join(name));
    for mount in &mounts {
        fs::create_dir(mount).unwrap();
    }
    fs::write(mounts[0].join(WriteKeys::FILE), "nobody\nboth\n").unwrap();
    fs::write(mounts[1].join("web"), "web-old\nweb-new\nboth\n").unwrap();
    let snapshot = configured(&format!(
        "ingest: {{ writeKeys: {{ directory: {:?} }}, sources: {{ directory: {:?}, names: [web, shop] }} }}",
        mounts[0].display(),
        mounts[1].display()
    ));
    let named = snapshot.key_places.clone().unwrap();
    let (_configure, configuration) = watch::channel(Some(snapshot));
    let ring = KeyRing::default();
    let followed = ring.clone();
    tokio::spawn(async move { followed.follow(configuration).await });
    let source = |name| Verdict::Known(Some(SourceName::try_from(name).unwrap()));
    until(&ring, WriteKeysState::Missing).await;
    let detail = ring.report().0.detail.unwrap();
    assert_eq!(detail, "source shop: there are none");
    let states: Vec<_> = ring
        .report()
        .1
        .into_iter()
        .map(|source| (source.name, source.write_keys.state))
        .collect();
    assert_eq!(
        states,
        [
            ("web".to_owned(), WriteKeysState::Loaded),
            ("shop".to_owned(), WriteKeysState::Missing)
        ]
    );
    for (key, verdict) in [
        ("web-old", source("web")),
        ("web-new", source("web")),
        ("both", source("web")),
        ("nobody", Verdict::Known(None)),
        // It may be one of those that are missing: a 401 would make an SDK drop its events.
        ("other", Verdict::NoKeys),
    ] {
        assert_eq!(ring.judge(&named, key), verdict, "{key}");
    }
    assert!(ring.has_any(&named));

    fs::write(mounts[1].join("shop"), "shop-key\n").unwrap();
    until(&ring, WriteKeysState::Loaded).await;
    assert_eq!(ring.judge(&named, "shop-key"), source("shop"));
    assert_eq!(ring.judge(&named, "other"), Verdict::Unknown);
}
