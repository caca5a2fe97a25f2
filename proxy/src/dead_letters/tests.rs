//! Dead letters on a real disk.

use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    queue::{Outlet, memory},
    stream::StreamName,
};

fn open(directory: &Path) -> DeadLetters {
    DeadLetters::open(
        directory,
        "0b9d6f3e",
        16 << 20,
        1,
        Arc::new(Streams::default()),
        crate::account::Account::unlimited(),
    )
    .unwrap()
}

fn letter(stream: Option<&str>, reason: &str, bytes: &str) -> Letter {
    Letter {
        stream: stream.map(|name| StreamName::try_from(name).unwrap()),
        event: "product added".to_owned(),
        r#type: "track".to_owned(),
        source: String::new(),
        reason: reason.to_owned(),
        detail: "a message\nof two lines".to_owned(),
        bytes: bytes.as_bytes().to_vec(),
    }
}

fn by_route() -> Arc<Router> {
    Arc::new(Box::new(|entry| entry.stream))
}

fn all() -> Selection {
    Selection {
        all: true,
        ..Selection::default()
    }
}

/// Settles what comes out until everybody is gone; returns the records.
async fn deliver(mut outlet: Outlet) -> Vec<String> {
    let mut records = Vec::new();
    while let Some(batch) = outlet.next().await {
        for entry in batch.entries() {
            records.push(String::from_utf8(entry.record.to_vec()).unwrap());
        }
        batch.settle(u32::try_from(batch.entries().len()).unwrap());
    }
    records
}

#[tokio::test]
async fn a_letter_survives_a_restart_with_its_exact_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let first = letter(Some("orders"), "RecordTooLarge", "{\"n\": 1.50}\n\n");
    let second = letter(None, "NoIdentity", "not even\0 JSON");
    let letters = open(directory.path());
    letters.put(&first).await.unwrap();
    letters.put(&second).await.unwrap();
    drop(letters);
    let letters = open(directory.path());
    let listed = letters.list(&Selection::default()).await.unwrap();
    assert_eq!(letters.count(), 2);
    assert_eq!(
        listed.iter().map(|letter| letter.reason.as_str()).collect::<Vec<_>>(),
        ["RecordTooLarge", "NoIdentity"]
    );
    assert_eq!(letters.show(&listed[0].id).await.unwrap(), first);
    assert_eq!(letters.show(&listed[1].id).await.unwrap(), second);
    assert!(matches!(letters.show("99-0").await, Err(Failed::Unknown(_))));
}

#[tokio::test]
async fn a_redrive_delivers_what_has_a_stream_and_leaves_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(directory.path());
    for number in 0..250 {
        letters
            .put(&letter(Some("orders"), "TooOld", &format!("{number}\n")))
            .await
            .unwrap();
    }
    letters.put(&letter(None, "NoIdentity", "x")).await.unwrap();
    let (intake, outlet) = memory(1 << 20);
    let delivered = tokio::spawn(deliver(outlet));
    assert_eq!(letters.redrive(&all(), &intake, &by_route()).await.unwrap(), 250);
    drop(intake);
    let expected: Vec<String> = (0..250).map(|number| format!("{number}\n")).collect();
    assert_eq!(delivered.await.unwrap(), expected);
    drop(letters);
    assert_eq!(
        open(directory.path()).list(&Selection::default()).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn two_who_send_again_at_a_time_send_each_letter_once() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(directory.path());
    for number in 0..50 {
        letters
            .put(&letter(Some("orders"), "TooOld", &format!("{number}\n")))
            .await
            .unwrap();
    }
    let (intake, outlet) = memory(1 << 20);
    let delivered = tokio::spawn(deliver(outlet));
    let (selection, route) = (all(), by_route());
    let (one, other) = tokio::join!(
        letters.redrive(&selection, &intake, &route),
        letters.redrive(&selection, &intake, &route)
    );
    assert_eq!(one.unwrap() + other.unwrap(), 50);
    drop(intake);
    assert_eq!(delivered.await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_letter_that_cannot_be_put_back_stays() {
    let directory = tempfile::tempdir().unwrap();
    let letters = open(directory.path());
    letters
        .put(&letter(Some("orders"), "TooOld", "0123456789"))
        .await
        .unwrap();
    let (intake, _outlet) = memory(5);
    let refused = letters.redrive(&all(), &intake, &by_route()).await;
    assert!(matches!(refused, Err(Failed::Refused(_))), "{refused:?}");
    assert_eq!(letters.count(), 1);
}

#[tokio::test]
async fn letters_have_a_budget_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let letters = DeadLetters::open(
        directory.path(),
        "owner",
        8 << 20,
        2,
        Arc::new(Streams::default()),
        crate::account::Account::unlimited(),
    )
    .unwrap();
    let large = letter(Some("orders"), "TooOld", &"x".repeat(400_000));
    let mut kept = 0;
    let refused = loop {
        match letters.put(&large).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AcceptError::Full { .. }), "{refused:?}");
    assert!((5..20).contains(&kept), "{kept}");
    assert_eq!(letters.discard(&all()).await.unwrap(), kept);
    letters.put(&large).await.unwrap();
}
