//! `firehose-operator dead-letters`: the dead letters of every pod of a destination, by the proxies' own command in
//! each.
//!
//! A letter's name in the fleet is its pod's name, `/`, and its id there. What a pod does not answer is said beside
//! what the others do: nothing is taken for empty that was not seen.

use std::{collections::BTreeMap, time::Instant};

use firehose_operator_api::FirehoseDestination;
use firehose_proxy_config::letters::{Gone, Progress, Summary, Told};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use serde::Serialize;

use super::{
    connection::Cluster,
    exec::{Lines, NoAnswer, exec},
};
use crate::plan::{DESTINATION_LABEL, Names, POD_SELECTOR};

/// Pods that are asked at a time.
const AT_ONCE: usize = 8;
/// Words about progress that may wait to be heard.
const UNTOLD: usize = 64;
/// Most pods of a destination.
const MAX_PODS: u32 = 1_000;

/// Which letters.
#[derive(Debug, Clone, Default)]
pub struct Letters {
    /// These, by their names in the fleet.
    pub ids: Vec<String>,
    /// All, unless narrowed down.
    pub all: bool,
    /// Those for this delivery stream.
    pub stream: Option<String>,
    /// Those with this reason.
    pub reason: Option<String>,
    /// Of each pod at most so many.
    pub limit: Option<usize>,
}

/// What makes letters go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Send them again.
    Redrive,
    /// Drop them.
    Drop,
}

/// Something about one pod.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfPod<T> {
    /// Its name.
    pub pod: String,
    /// What it is.
    #[serde(flatten)]
    pub said: Said<T>,
}

/// What a pod says, or why it says nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Said<T> {
    /// Its answer.
    Answer(T),
    /// Why there is none.
    Error(String),
}

/// How far an order is, in all pods.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetProgress {
    /// Letters that are gone.
    pub done: u64,
    /// Letters that can go, in the pods that have said so.
    pub of: u64,
    /// How many go in a second.
    pub per_second: f64,
    /// How long it takes at that rate; absent while there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<f64>,
}

/// Why nobody was asked.
#[derive(Debug, thiserror::Error)]
pub enum NoFleet {
    /// The API server does not answer, or not to this person.
    #[error("failed to read {0} of the destination {1:?}")]
    Call(&'static str, String, #[source] Box<kube::Error>),
    /// A letter's name has no pod in it.
    #[error("{0:?} is no letter's name: POD/ID, as list shows it")]
    NoName(String),
    /// Nobody has said which.
    #[error("say which: ids, --all, --stream or --reason")]
    Which,
    /// The letter cannot be had.
    #[error("{0}: {1}")]
    Letter(String, String),
}

/// The pods of a destination.
#[derive(Clone)]
pub struct Fleet {
    pods: Api<Pod>,
    /// Those that are there.
    names: Vec<String>,
    /// Those that should be there, and are not.
    absent: Vec<String>,
}

impl Fleet {
    /// Finds the pods.
    ///
    /// # Errors
    ///
    /// When the API server does not answer or has no such destination.
    pub async fn of(cluster: &Cluster, destination: &str) -> Result<Self, NoFleet> {
        let failed = |what| move |error| NoFleet::Call(what, destination.to_owned(), Box::new(error));
        let destinations: Api<FirehoseDestination> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let object = destinations.get(destination).await.map_err(failed("the object"))?;
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let selector = format!("{POD_SELECTOR},{DESTINATION_LABEL}={destination}");
        let found = pods
            .list(&ListParams::default().labels(&selector).limit(MAX_PODS))
            .await;
        let mut names: Vec<String> = found
            .map_err(failed("the pods"))?
            .iter()
            .map(kube::ResourceExt::name_any)
            .collect();
        names.sort();
        let workload = Names::of(destination).workload;
        let desired = object.status.as_ref().and_then(|status| status.proxies.as_ref());
        let desired = desired.map_or(0, |proxies| proxies.desired);
        let absent = (0..desired).map(|ordinal| format!("{workload}-{ordinal}"));
        Ok(Self {
            absent: absent.filter(|name| !names.contains(name)).collect(),
            names,
            pods,
        })
    }

    /// The letters of each pod, oldest first; their ids are their names in the fleet.
    ///
    /// # Errors
    ///
    /// See [`NoFleet`]. That a pod does not answer is in the list.
    pub async fn list(&self, letters: &Letters) -> Result<Vec<OfPod<Vec<Summary>>>, NoFleet> {
        let asked = self.asked(letters, true)?;
        let mut found: Vec<_> = stream::iter(asked)
            .map(|(pod, arguments)| async move {
                let said = self.list_of(&pod, arguments).await;
                OfPod { said: said.into(), pod }
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        found.extend(self.absences(letters));
        Ok(found)
    }

    async fn list_of(&self, pod: &str, arguments: Vec<String>) -> Result<Vec<Summary>, NoAnswer> {
        let (mut lines, mut letters, mut unread) = (Lines::default(), Vec::new(), 0_usize);
        let command = command("list", &["-o", "json"], arguments);
        let take = |piece: &[u8]| {
            lines.take(piece, |line| match serde_json::from_slice::<Summary>(line) {
                Ok(letter) => letters.push(Summary {
                    id: format!("{pod}/{}", letter.id),
                    ..letter
                }),
                Err(_) => unread += 1,
            })
        };
        exec(&self.pods, pod, &command, take).await?;
        match unread {
            0 => Ok(letters),
            _ => Err(NoAnswer::Failed(format!(
                "{unread} lines of its answer are not understood"
            ))),
        }
    }

    /// The exact bytes of a letter.
    ///
    /// # Errors
    ///
    /// See [`NoFleet`].
    pub async fn show(&self, name: &str) -> Result<Vec<u8>, NoFleet> {
        let (pod, id) = split(name)?;
        let mut bytes = Vec::new();
        let command = command("show", &[], vec![id.to_owned()]);
        let take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        let shown = exec(&self.pods, pod, &command, take).await;
        shown
            .map(|_| bytes)
            .map_err(|error| NoFleet::Letter(name.to_owned(), chain(&error)))
    }

    /// Carries out an order in every pod that it is about, and tells how far it is whenever a pod does.
    ///
    /// # Errors
    ///
    /// See [`NoFleet`]. What could not be done in a pod, or is not known to be done, is in the answer.
    pub async fn carry_out(
        &self,
        order: Order,
        letters: &Letters,
        mut tell: impl FnMut(FleetProgress),
    ) -> Result<Vec<OfPod<Gone>>, NoFleet> {
        let is_deliberate =
            letters.all || !letters.ids.is_empty() || letters.stream.is_some() || letters.reason.is_some();
        if !is_deliberate {
            return Err(NoFleet::Which);
        }
        let asked = self.asked(letters, false)?;
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<(String, Progress)>(UNTOLD);
        let orders = stream::iter(asked)
            .map(move |(pod, arguments)| {
                let sender = sender.clone();
                async move {
                    let said = self.carry_out_in(&pod, order, arguments, |progress| {
                        // One word more or less: the next one says it all again.
                        let _ = sender.try_send((pod.clone(), progress));
                    });
                    OfPod {
                        said: said.await.into(),
                        pod,
                    }
                }
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>();
        let mut orders = std::pin::pin!(orders);
        let (begun, mut far) = (Instant::now(), BTreeMap::new());
        let mut gone = loop {
            tokio::select! {
                gone = &mut orders => break gone,
                Some((pod, progress)) = receiver.recv() => {
                    far.insert(pod, progress);
                    tell(together(far.values(), begun.elapsed().as_secs_f64()));
                }
            }
        };
        gone.extend(self.absences(letters));
        Ok(gone)
    }

    async fn carry_out_in(
        &self,
        pod: &str,
        order: Order,
        arguments: Vec<String>,
        mut tell: impl FnMut(Progress),
    ) -> Result<Gone, NoAnswer> {
        let (mut lines, mut gone, mut done) = (Lines::default(), None, 0);
        let verb = match order {
            Order::Redrive => "redrive",
            Order::Drop => "drop",
        };
        let command = command(verb, &["-o", "json"], arguments);
        let take = |piece: &[u8]| {
            lines.take(piece, |line| match serde_json::from_slice(line) {
                Ok(Told::Progress(progress)) => {
                    done = progress.done;
                    tell(progress);
                }
                Ok(Told::Gone(told)) => gone = Some(told),
                Err(_) => {}
            })
        };
        let ended = exec(&self.pods, pod, &command, take).await;
        match (gone, ended) {
            (Some(gone), _) => Ok(Gone {
                stuck: gone
                    .stuck
                    .iter()
                    .map(|stuck| firehose_proxy_config::letters::Stuck {
                        id: format!("{pod}/{}", stuck.id),
                        ..stuck.clone()
                    })
                    .collect(),
                unknown: gone.unknown.iter().map(|id| format!("{pod}/{id}")).collect(),
                ..gone
            }),
            (None, Err(error)) if done == 0 => Err(error),
            (None, ended) => Err(NoAnswer::Failed(format!(
                "it ended after {done} were gone, at least: {}; list shows what is left",
                ended.err().map_or_else(
                    || "it did not say how the order ended".to_owned(),
                    |error| chain(&error)
                )
            ))),
        }
    }

    /// What each pod is asked: its name, and the arguments that say which letters. Pods that the letters' names do not
    /// name are left alone.
    fn asked(&self, letters: &Letters, is_list: bool) -> Result<Vec<(String, Vec<String>)>, NoFleet> {
        let mut by_pod: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for name in &letters.ids {
            let (pod, id) = split(name)?;
            by_pod.entry(pod).or_default().push(id.to_owned());
        }
        let mut narrowing = Vec::new();
        for (flag, value) in [("--stream", &letters.stream), ("--reason", &letters.reason)] {
            narrowing.extend(value.iter().map(|value| format!("{flag}={value}")));
        }
        if is_list {
            narrowing.extend(letters.limit.map(|limit| format!("--limit={limit}")));
        }
        if letters.ids.is_empty() {
            if letters.all && !is_list {
                narrowing.push("--all".to_owned());
            }
            return Ok(self.names.iter().map(|pod| (pod.clone(), narrowing.clone())).collect());
        }
        let asked = by_pod
            .into_iter()
            .filter(|(pod, _)| self.names.iter().any(|name| name == pod));
        Ok(asked
            .map(|(pod, ids)| (pod.to_owned(), [narrowing.clone(), ids].concat()))
            .collect())
    }

    /// The pods that are asked for and are not there.
    fn absences<T>(&self, letters: &Letters) -> Vec<OfPod<T>> {
        let named = letters
            .ids
            .iter()
            .filter_map(|name| split(name).ok())
            .map(|(pod, _)| pod.to_owned());
        let mut absent: Vec<String> = match letters.ids.is_empty() {
            true => self.absent.clone(),
            false => named.filter(|pod| !self.names.contains(pod)).collect(),
        };
        absent.sort();
        absent.dedup();
        let absence = "the pod is not there; its letters are on its volume, if it has one that stays".to_owned();
        absent
            .into_iter()
            .map(|pod| OfPod {
                pod,
                said: Said::Error(absence.clone()),
            })
            .collect()
    }
}

impl<T> From<Result<T, NoAnswer>> for Said<T> {
    fn from(answer: Result<T, NoAnswer>) -> Self {
        match answer {
            Ok(answer) => Self::Answer(answer),
            Err(error) => Self::Error(chain(&error)),
        }
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

fn split(name: &str) -> Result<(&str, &str), NoFleet> {
    let parts = name
        .split_once('/')
        .filter(|(pod, id)| !pod.is_empty() && !id.is_empty() && !id.starts_with('-'));
    parts.ok_or_else(|| NoFleet::NoName(name.to_owned()))
}

fn command(verb: &str, flags: &[&str], arguments: Vec<String>) -> Vec<String> {
    let words = ["firehose-proxy", "dead-letters", verb].into_iter();
    let words = words.chain(flags.iter().copied()).map(str::to_owned);
    words.chain(arguments).collect()
}

/// How far all pods are, after so many seconds.
fn together<'a>(pods: impl Iterator<Item = &'a Progress>, seconds: f64) -> FleetProgress {
    let (done, of) = pods.fold((0, 0), |(done, of), one| (done + one.done, of + one.of));
    let per_second = if seconds > 0.0 { done as f64 / seconds } else { 0.0 };
    FleetProgress {
        done,
        of,
        per_second,
        seconds_left: (done > 0 && per_second > 0.0).then(|| of.saturating_sub(done) as f64 / per_second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_of_all_pods_with_a_rate_and_the_time_that_is_left() {
        let pods = [Progress { done: 30, of: 100 }, Progress { done: 0, of: 20 }];
        let progress = together(pods.iter(), 3.0);
        assert_eq!((progress.done, progress.of, progress.per_second), (30, 120, 10.0));
        assert_eq!(progress.seconds_left, Some(9.0));
        assert_eq!(together([].iter(), 0.0).seconds_left, None);
    }

    #[test]
    fn a_name_has_a_pod_and_an_id_that_is_no_flag() {
        assert_eq!(split("orders-firehose-0/12-0").unwrap(), ("orders-firehose-0", "12-0"));
        for bad in ["12-0", "/12-0", "pod/", "pod/--all"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
