//! Of two operators, one acts.

use crate::{
    manifest::{apply, to_stream},
    server::{ApiServer, until},
};

#[tokio::test]
async fn one_operator_acts_and_another_takes_over_when_it_is_killed_or_told_to_end() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let destinations = server.destinations();
    let follows = async |stream: &str| {
        apply(&destinations, &to_stream("orders", stream)).await.unwrap();
        until(&format!("{stream} is in the configuration"), async || {
            server
                .document("orders")
                .await
                .is_some_and(|text| text.contains(stream))
        })
        .await;
    };

    let (first, second) = (server.operator("first", &[]), server.operator("second", &[]));
    follows("stream-one").await;
    let (leader, other) = if first.leads() {
        (first, second)
    } else {
        (second, first)
    };
    until("the leader tells of the configuration", async || {
        leader.says("configuration changed")
    })
    .await;
    until("the other one watches too", async || {
        other.says("every watch has listed")
    })
    .await;
    assert!(!other.leads() && !other.says("configuration changed"), "both act");

    drop(leader); // by SIGKILL: its lease has to expire
    follows("stream-two").await;
    assert!(other.leads());

    let third = server.operator("third", &[]);
    until("the third one watches too", async || {
        third.says("every watch has listed")
    })
    .await;
    assert!(!third.leads());
    let ended = other.terminate().await;
    assert!(ended.says("released the lease"));
    follows("stream-three").await;
    assert!(third.leads());
}
