//! The machine's clock is not AWS's.

use firehose_simulator::{AccessSettings, ErrorCode, Signatures, StreamSettings};
use http::StatusCode;

use super::{
    credentials::{ROLE, Source, known, role, signed_by_role},
    rig::{Rig, Setup, batch},
};

const MINUTES: i64 = 60;
const HOURS: i64 = 60 * MINUTES;

fn orders() -> Vec<(&'static str, StreamSettings)> {
    vec![("orders", StreamSettings::default())]
}

/// Who signs.
#[derive(Debug, Clone, Copy)]
enum Signer {
    Key,
    Role(Source),
}

async fn signed_by(signer: Signer) -> Rig {
    match signer {
        Signer::Role(source) => signed_by_role(source, orders()).await,
        Signer::Key => {
            let streams = orders();
            Rig::start(Setup {
                streams,
                ..Setup::default()
            })
            .await
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_is_corrected_by_what_aws_says_whoever_signs() {
    let mut number = 0;
    for signer in [
        Signer::Key,
        Signer::Role(Source::Assumed),
        Signer::Role(Source::WebIdentity),
    ] {
        let rig = signed_by(signer).await;
        for code in [ErrorCode::InvalidSignatureException, ErrorCode::RequestExpired] {
            // Each begins where the last one ended, and the last one is right again.
            for ahead in [10 * MINUTES, -10 * MINUTES, 2 * HOURS, -2 * HOURS, 0] {
                let actions = &["sts:AssumeRole", "firehose:PutRecordBatch"];
                rig.simulator.configure_access(AccessSettings {
                    signatures: Signatures::Verified,
                    clock_offset_seconds: ahead,
                    clock_error_code: Some(code),
                    credentials: vec![known("AKIDEXAMPLE", "secret", actions)],
                    roles: vec![role()],
                });
                number += 1;
                let answer = rig.send(0, batch("orders", [format!("m-{number}")], 10)).await;
                let case = format!("{signer:?} {code:?} {ahead}");
                assert_eq!(answer.status, StatusCode::OK, "{case}");
                rig.until(&case, async || {
                    let status: serde_json::Value = serde_json::from_str(&rig.admin(0, "/status").await).unwrap();
                    let told = status["clockSkewSeconds"].as_i64().unwrap();
                    let word = if ahead == 0 { "CredentialsAccepted" } else { "ClockSkew" };
                    let credentials = &status["credentials"];
                    (told - ahead).abs() <= 2
                        && credentials["state"] == "Ready"
                        && credentials["reason"] == word
                        && status["streams"][0]["state"] == "Delivering"
                })
                .await;
                let told = rig.metric(0, "firehose_proxy_clock_skew_seconds").await;
                assert!((told - ahead as f64).abs() <= 2.0, "{case}: {told}");
            }
        }
    }
}

/// STS is the first that is asked, and so the first that says what time it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_assumed_by_a_machine_whose_clock_is_off() {
    for (ahead, code) in [
        (10 * MINUTES, ErrorCode::InvalidSignatureException),
        (-10 * MINUTES, ErrorCode::RequestExpired),
        (2 * HOURS, ErrorCode::RequestExpired),
        (-2 * HOURS, ErrorCode::InvalidSignatureException),
    ] {
        let rig = signed_by(Signer::Key).await;
        rig.simulator.configure_access(AccessSettings {
            signatures: Signatures::Verified,
            clock_offset_seconds: ahead,
            clock_error_code: Some(code),
            credentials: vec![known("AKIDEXAMPLE", "secret", &["sts:AssumeRole"])],
            roles: vec![role()],
        });
        rig.assume(ROLE);
        rig.until("the role is in use", async || {
            rig.send(0, batch("orders", ["m".to_owned()], 10)).await.status == StatusCode::OK
        })
        .await;
        rig.until("the skew is told", async || {
            rig.admin(0, "/status").await.contains(r#""reason":"ClockSkew""#)
        })
        .await;
    }
}
