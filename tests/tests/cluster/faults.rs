//! What goes wrong in a cluster: bad manifests, hands in the configuration, an operator that is away, a node that dies.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    destination::{Destination, Pod, ROUTED},
    environment::xtask,
    http, installation,
    kubectl::{kubectl, try_apply, wait_for},
    simulator,
    traffic::{self, Load, Sent},
};

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn the_api_server_refuses_an_invalid_manifest_and_names_the_field() {
    let destination = Destination::prepare("firehose-invalid", "invalid", simulator::ENDPOINT);
    let valid = destination.manifest(&[("*", "invalid-all")]);
    for (what, manifest, field) in [
        ("no region", valid.replace("region: eu-west-1", ""), "spec.region"),
        (
            "an empty event",
            valid.replace("event: \"*\"", "event: \"\""),
            "spec.mappings[0].event",
        ),
        (
            "a stream name that AWS does not allow",
            valid.replace("invalid-all", "\"not a name\""),
            "spec.mappings[0].deliveryStreamName",
        ),
        (
            "static credentials without a Secret",
            valid.replace("static: {secretRef: {name: aws-firehose}}", ""),
            "spec.credentials",
        ),
        (
            "a negative number of replicas",
            valid.replace("replicas: 2", "replicas: -1"),
            "spec.replicas",
        ),
    ] {
        assert_ne!(manifest, valid, "{what}: the case changes nothing");
        let refusal = try_apply(&manifest).expect_err(what);
        assert!(refusal.contains(field), "{what}: {field:?} is not in {refusal:?}");
    }
    destination.remove();
}

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn a_configuration_broken_by_hand_keeps_the_last_good_table_is_reported_and_is_repaired() {
    let simulator = simulator::start();
    let destination = Destination::ready("firehose-broken", "broken", simulator::ENDPOINT, &[("*", "broken-all")]);
    let good = destination.get("configmap")["data"].clone();
    let pods = destination.pods();

    // The operator would repair it before a pod sees it: it is away.
    installation::stop_operator();
    kubectl(&format!(
        r#"patch configmap {} --namespace {} --type merge --patch {{"data":{{"config.yaml":"mappings:["}}}}"#,
        destination.child(),
        destination.namespace
    ));
    for pod in &pods {
        let mut pokes = 0;
        let error = wait_for("the pod reports the broken document", Duration::from_secs(120), || {
            // What the operator does after an edit: kubelet renews a pod's volumes when the pod changes. Again and
            // again, because a change that kubelet sees before that of the ConfigMap is of no use.
            pokes += 1;
            kubectl(&format!(
                "annotate pod {} --namespace {} test=broken-{pokes} --overwrite",
                pod.name, destination.namespace
            ));
            let report = destination.report(pod)?;
            report["configError"]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| report.to_string())
        });
        let metrics = http::get(&format!("{}/metrics", destination.pod_url(pod, 9090))).unwrap();
        assert!(
            reload_failures(&metrics) > 0.0,
            "no failed reload is counted:\n{metrics}"
        );
        let log = kubectl(&format!("logs {} --namespace {}", pod.name, destination.namespace));
        assert!(log.contains("configuration refused"), "not in the log: {error}\n{log}");
        let sent = traffic::send(&destination.pod_url(pod, 8080), "anything");
        assert_eq!(sent.answer, Ok(200));
        let arrived = simulator.arrived();
        let place = arrived.places().get(sent.message_id.as_str()).cloned();
        assert_eq!(place, Some(vec!["broken-all"]), "the last good table is not in force");
    }

    installation::start_operator();
    wait_for("the ConfigMap is repaired", Duration::from_secs(60), || {
        let data = destination.get("configmap")["data"].clone();
        if data == good { Ok(()) } else { Err(data.to_string()) }
    });
    for pod in &pods {
        wait_for("the pod has no complaint any more", Duration::from_secs(60), || {
            let report = destination.report(pod)?;
            if report["configError"].is_null() {
                Ok(())
            } else {
                Err(report.to_string())
            }
        });
    }
    destination.wait_until_ready(2);
    assert_eq!(destination.condition("ConfigSynced").0, "True");
    assert_eq!(destination.pods(), pods, "a pod was restarted or replaced");
    destination.remove();
}

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn a_minute_without_the_operator_fails_no_request_and_a_deleted_pod_comes_back() {
    let simulator = simulator::start();
    let destination = Destination::ready("firehose-alone", "alone", simulator::ENDPOINT, &[("*", "alone-all")]);
    installation::stop_operator();
    let begin = Instant::now();
    let load = Load::start(&vec![destination.url(); 4], &["steady"], Duration::from_millis(30));

    thread::sleep(Duration::from_secs(10));
    let deleted: Pod = destination.pods().remove(0);
    kubectl(&format!(
        "delete pod {} --namespace {} --wait=false",
        deleted.name, destination.namespace
    ));
    let back = wait_for("the pod comes back", Duration::from_secs(60), || {
        let pod = destination.pods().into_iter().find(|pod| pod.name == deleted.name);
        pod.filter(|pod| pod.ready && pod.uid != deleted.uid)
            .ok_or_else(|| "it is not ready".to_owned())
    });
    println!(
        "a deleted proxy is ready again after {:.1} s",
        (begin.elapsed() - Duration::from_secs(10)).as_secs_f64()
    );
    assert_eq!(traffic::send(&destination.pod_url(&back, 8080), "back").answer, Ok(200));
    thread::sleep(Duration::from_secs(60).saturating_sub(begin.elapsed()));
    let sent = load.stop().concat();
    installation::start_operator();

    let failed: Vec<&Sent> = sent.iter().filter(|sent| sent.answer != Ok(200)).collect();
    println!(
        "{} events in {:.0} s without the operator",
        sent.len(),
        begin.elapsed().as_secs_f64()
    );
    // How many there are is the machine's matter, but there were some all the time.
    for second in 0..59 {
        let at = begin + Duration::from_secs(second);
        assert!(
            sent.iter()
                .any(|sent| sent.ended >= at && sent.began <= at + Duration::from_secs(1)),
            "nothing was sent {second} s after the operator's end"
        );
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed: {failed:?}",
        failed.len(),
        sent.len()
    );
    let arrived = simulator.arrived();
    let arrived = arrived.places();
    let missing: Vec<&Sent> = sent
        .iter()
        .filter(|sent| !arrived.contains_key(sent.message_id.as_str()))
        .collect();
    assert!(missing.is_empty(), "answered 200 and lost: {missing:?}");
    destination.wait_until_ready(2);
    destination.remove();
}

#[test]
#[ignore = "needs a cluster of our own: cargo xtask cluster test"]
fn node_fault_a_power_cut_loses_no_event_that_was_answered_200_and_both_proxies_come_back() {
    let simulator = simulator::start();
    let destination = Destination::ready("firehose-power", "power", simulator::ENDPOINT, &[("*", "power-all")]);
    // Our way to Services, and the simulator, are on node-1.
    let load = Load::start(&vec![destination.url(); 4], &["steady"], Duration::from_millis(50));
    thread::sleep(Duration::from_secs(2));
    node("power-off", "node-2");
    let cut = Instant::now();
    wait_for("one proxy is left in the Service", Duration::from_secs(60), || {
        let ready = destination.pods().iter().filter(|pod| pod.ready).count();
        if ready == 1 {
            Ok(())
        } else {
            Err(format!("{ready} are ready"))
        }
    });
    let alone = Instant::now();
    thread::sleep(Duration::from_secs(5));
    node("power-on", "node-2");
    let on = Instant::now();
    destination.wait_until_ready(2);
    println!(
        "power cut: one proxy left after {:.1} s; both ready {:.1} s after power is back",
        (alone - cut).as_secs_f64(),
        on.elapsed().as_secs_f64()
    );
    // Until then a Service may lead to a pod that is gone, and a client has to try again. Ready is not yet routed.
    wait_for("the Service leads to nothing that is gone", ROUTED, || {
        (0..20).try_for_each(|_| match traffic::send(&destination.url(), "routed").answer {
            Ok(200) => Ok(()),
            other => Err(format!("{other:?}")),
        })
    });
    let settled = Instant::now();
    thread::sleep(Duration::from_secs(3));
    let sent = load.stop().concat();
    let (safe, failed): (Vec<&Sent>, Vec<&Sent>) = sent.iter().partition(|sent| sent.answer == Ok(200));
    let late: Vec<&&Sent> = failed.iter().filter(|sent| sent.began > settled).collect();
    assert!(late.is_empty(), "failed although both proxies are back: {late:?}");
    let arrived = simulator.arrived();
    let arrived = arrived.places();
    let missing: Vec<&&Sent> = safe
        .iter()
        .filter(|sent| !arrived.contains_key(sent.message_id.as_str()))
        .collect();
    assert!(missing.is_empty(), "answered 200 and lost: {missing:?}");
    println!(
        "{} events answered 200, {} failed during the cut",
        safe.len(),
        failed.len()
    );
    destination.remove();
}

/// Does something to one of our own nodes.
fn node(action: &str, node: &str) {
    let status = xtask().args(["cluster", action, node]).status();
    assert!(status.unwrap().success(), "{action} {node}");
}

/// The counter of documents that were refused.
fn reload_failures(metrics: &str) -> f64 {
    metrics
        .lines()
        .filter(|line| line.starts_with("firehose_proxy_config_refused_total"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
