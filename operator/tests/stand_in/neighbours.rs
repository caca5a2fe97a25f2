//! A tenant who asks for much delays what he asked for, and not what his neighbours do.

use std::time::Duration;

use crate::{
    operator::{Operator, config_map, path, to_stream},
    server::{Fault, Server, until},
};

/// Destinations that one tenant creates at once.
const FLOOD: usize = 120;

fn of_the_flood(path: &str) -> String {
    path.replace("/namespaces/shop/", "/namespaces/flood/")
}

#[tokio::test]
async fn many_destinations_of_one_namespace_do_not_delay_anothers() {
    let server = Server::start().await;
    // What is asked of the API server takes a while, so that there is a queue.
    server.fail(|seen| seen.is_write().then_some(Fault::Late(Duration::from_millis(50))));
    for number in 0..FLOOD {
        server.put(&of_the_flood(&path(&format!("one-{number}"))), &to_stream("orders"));
    }
    let operator = Operator::start(&server, "a");
    let served = || {
        let is_there = |number: &usize| {
            let name = config_map(&format!("one-{number}"));
            !server.get(&of_the_flood(&name)).is_null()
        };
        (0..FLOOD).filter(is_there).count()
    };
    until("the flood is being served", Duration::from_secs(30), || served() > 0).await;
    let neighbours: Vec<String> = (0..10).map(|number| format!("neighbour-{number}")).collect();
    for name in &neighbours {
        server.put(&path(name), &to_stream("orders"));
    }
    // Ten, because one may be lucky.
    until("each neighbour is served", Duration::from_secs(60), || {
        neighbours.iter().all(|name| !server.get(&config_map(name)).is_null())
    })
    .await;
    let before = served();
    assert!(before < FLOOD / 2, "{before} of the flood came first");
    until("all of the flood is served, too", Duration::from_secs(60), || {
        served() == FLOOD
    })
    .await;
    operator.terminate().await;
}
