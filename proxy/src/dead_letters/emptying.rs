//! Orders that make letters go: sending them again, and dropping them. What is asked for is looked through once before
//! anything goes, so that it can be told how far an order is, and what of it cannot be done.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc, time::Duration};

use firehose_proxy_config::letters::{Gone, MAX_STUCK, Progress, Stuck};
use tokio::{sync::watch, time::Instant};

use super::{DeadLetters, Failed, Selection};
use crate::{
    queue::{BatchTooLarge, EntryRef, EventBatch, Intake, Position},
    spool::{Router, disk::RealDisk, log::Later, reader::browse::Chosen},
    stream::RoutingKey,
};

/// Most letters sent again in one go: what a crash in the middle can send twice.
const TOGETHER: usize = 500;
/// Most bytes of them, unless a single letter has more: they are in memory, and the spool must have room for all at
/// once.
const TOGETHER_BYTES: usize = 4 << 20;
/// How long letters that are sent again may take to be safe.
const ACCEPT_WITHIN: Duration = Duration::from_secs(60);

/// How far an order is; whoever wants to know looks at it while it goes on.
pub type Emptying = watch::Sender<Progress>;

/// Letters that are sent again together.
struct Go {
    batch: EventBatch,
    letters: Chosen<RealDisk>,
    /// Where the next ones are looked for.
    next: Position,
}

/// What an order is about.
#[derive(Default)]
struct Survey {
    /// Letters that have a stream.
    sendable: u64,
    /// All.
    found: u64,
    /// Letters that have none, the first of them.
    stuck: Vec<Stuck>,
    /// Ids that no letter has.
    unknown: Vec<String>,
}

impl DeadLetters {
    /// Puts letters back into the spool, and drops each when its event is safe there. Interrupted by a crash, it loses
    /// nothing and sends at most the letters of one go twice. Letters without a stream stay, and so do those that are
    /// given up while it goes on.
    ///
    /// # Errors
    ///
    /// When the letters cannot be read at all. When the spool or the disk refuses later, the answer says so beside what
    /// was done until then.
    pub async fn redrive(
        &self,
        selection: &Selection,
        intake: &Intake,
        route: &Arc<Router>,
        emptying: &Emptying,
    ) -> Result<Gone, Failed> {
        let _alone = self.0.emptying.lock().await;
        let end = self.log().end();
        let survey = self.survey(selection).await?;
        emptying.send_replace(Progress {
            done: 0,
            of: survey.sendable,
        });
        let sent = self
            .send_again(usize::MAX, selection, end, intake, route, emptying)
            .await;
        Ok(Gone {
            sent: emptying.borrow().done,
            stuck_count: survey.found - survey.sendable,
            stuck: survey.stuck,
            unknown: survey.unknown,
            failed: sent.err().map(told),
            ..Gone::default()
        })
    }

    /// The same with the oldest `most` letters, and nothing said of those that cannot be sent. Returns how many went.
    ///
    /// # Errors
    ///
    /// When the spool or the disk refuses; what was put back until then is gone from here.
    pub async fn redrive_at_most(
        &self,
        most: usize,
        selection: &Selection,
        intake: &Intake,
        route: &Arc<Router>,
    ) -> Result<u64, Failed> {
        let _alone = self.0.emptying.lock().await;
        let end = self.log().end();
        let emptying = Emptying::default();
        self.send_again(most, selection, end, intake, route, &emptying).await?;
        let Progress { done, .. } = *emptying.borrow();
        Ok(done)
    }

    async fn send_again(
        &self,
        most: usize,
        selection: &Selection,
        end: Position,
        intake: &Intake,
        route: &Arc<Router>,
        emptying: &Emptying,
    ) -> Result<(), Failed> {
        let (mut from, mut left) = (None, most);
        while left > 0 {
            let (selection, route) = (selection.clone(), Arc::clone(route));
            let together = TOGETHER.min(left);
            let next = self.reading(move |letters| letters.gather(&selection, from, end, together, &route));
            let Some(go) = next.await? else {
                break;
            };
            let count = go.letters.len();
            intake.accept(go.batch, Instant::now() + ACCEPT_WITHIN).await?;
            self.forget(go.letters).await?;
            emptying.send_modify(|progress| progress.done += count as u64);
            left -= count;
            from = Some(go.next);
        }
        Ok(())
    }

    /// The next letters that are sent together, from a place on and before another.
    fn gather(
        &self,
        selection: &Selection,
        from: Option<Position>,
        end: Position,
        together: usize,
        route: &Router,
    ) -> Result<Option<Go>, Later> {
        let (mut batch, mut letters, mut last) = (EventBatch::default(), Chosen::of(self.log()), None);
        self.select(selection, from, |_, letter, slice| {
            if slice.position >= end || (letters.len() > 0 && batch.size() + letter.bytes.len() > TOGETHER_BYTES) {
                return ControlFlow::Break(());
            }
            last = Some(slice.position);
            if let Some(stream) = &letter.stream
                && letters.add(slice)
            {
                let key = RoutingKey {
                    event: &letter.event,
                    r#type: &letter.r#type,
                    source: &letter.source,
                };
                let stream = self.0.streams.intern(stream);
                let stream = route(EntryRef {
                    stream,
                    key,
                    record: &letter.bytes,
                });
                let write = |out: &mut Vec<u8>| {
                    out.extend_from_slice(&letter.bytes);
                    Ok::<(), BatchTooLarge>(())
                };
                batch
                    .push(stream, key, write)
                    .expect("what is sent together is far smaller than 4 GiB");
            }
            match letters.len() < together {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok(last.map(|last| Go {
            batch,
            letters,
            next: Position {
                ordinal: last.ordinal + 1,
                ..last
            },
        }))
    }

    /// Drops letters for good.
    ///
    /// # Errors
    ///
    /// When the letters cannot be read. When the disk has not confirmed in time, the answer says so.
    pub async fn discard(&self, selection: &Selection) -> Result<Gone, Failed> {
        let _alone = self.0.emptying.lock().await;
        let unknown = self.survey(selection).await?.unknown;
        let selection = selection.clone();
        let chosen = self.reading(move |letters| {
            let mut chosen = Chosen::of(letters.log());
            letters.select(&selection, None, |_, _, slice| {
                chosen.add(slice);
                ControlFlow::Continue(())
            })?;
            Ok(chosen)
        });
        let chosen = chosen.await?;
        let dropped = chosen.len() as u64;
        let forgotten = self.forget(chosen).await;
        Ok(Gone {
            dropped,
            unknown,
            failed: forgotten.err().map(told),
            ..Gone::default()
        })
    }

    /// Looks through what an order is about.
    async fn survey(&self, selection: &Selection) -> Result<Survey, Failed> {
        let selection = selection.clone();
        self.reading(move |letters| {
            let mut survey = Survey::default();
            let mut wanted: BTreeSet<&str> = selection.ids.iter().map(String::as_str).collect();
            letters.select(&selection, None, |summary, letter, _| {
                wanted.remove(summary.id.as_str());
                survey.found += 1;
                if letter.stream.is_some() {
                    survey.sendable += 1;
                } else if survey.stuck.len() < MAX_STUCK {
                    survey.stuck.push(Stuck {
                        id: summary.id,
                        reason: summary.reason,
                        why: NO_STREAM.to_owned(),
                    });
                }
                ControlFlow::Continue(())
            })?;
            survey.unknown = wanted.into_iter().map(str::to_owned).collect();
            Ok(survey)
        })
        .await
    }
}

/// The one reason for which a letter cannot be sent again.
const NO_STREAM: &str =
    "it never had a delivery stream, because it is no valid event: mend it, send it anew and drop this";

fn told(failed: Failed) -> String {
    format!("{:#}", anyhow::Error::new(failed))
}
