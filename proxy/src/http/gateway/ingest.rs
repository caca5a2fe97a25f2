//! From a request with events to its answer: let it in, read the body, judge the events, wait until they are safe.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use firehose_proxy_config::InvalidEventPolicy;
use http::request::Parts;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{
    Gateway, Opened,
    auth::{self, Presented},
    forwarded,
    judging::Judging,
    routes::Payload,
    taken_out::TakenOut,
};
use crate::{
    config::Snapshot,
    dead_letters::Letter,
    event::{self, Admission, Kept, Refused},
    http::{
        connection::{
            body::{Body, Payer},
            peer::Peer,
        },
        reply::Refusal,
    },
    source::SourceName,
};

impl Gateway {
    /// Resolves when every valid event of the request is safe.
    pub(super) async fn ingest(
        &self,
        head: &Parts,
        incoming: &mut Incoming,
        peer: Peer<'_>,
        payload: Payload,
    ) -> Result<(), Refusal> {
        // Until this request is answered, the pod is not known to be empty.
        let _pass = self.enter()?;
        let configuration = self.configuration()?;
        let presented = auth::presented(&configuration, head);
        let source: OnceLock<SourceName> = OnceLock::new();
        let check = |key: Option<&str>| -> Result<(), Refusal> {
            if let Some(found) = auth::check(&configuration, &self.endpoint.keys, key)? {
                source.get_or_init(|| found);
            }
            Ok(())
        };
        match &presented {
            Presented::Needless => {}
            Presented::InHead(key) => check(Some(key))?,
            // A client must not be told that it lacks a key by a pod that has none itself.
            Presented::InBody => auth::are_there(&configuration, &self.endpoint.keys)?,
        }
        let taken_out = TakenOut::under(&configuration, &self.endpoint.secrets.hash_key)?;
        self.within_rate(&configuration)?;
        self.opened()?;

        let limit = body_limit(&configuration);
        let entrance = |beginning: &[u8]| match presented {
            Presented::InBody => check(event::write_key(beginning).as_deref()),
            Presented::Needless | Presented::InHead(_) => Ok(()),
        };
        let pace = self.endpoint.body_pace;
        let payer = Payer {
            account: self.endpoint.account.clone(),
            peer: forwarded::payer(&head.headers, peer.address.ip(), &configuration.trusted_proxies),
        };
        let body = Body::read(&head.headers, incoming, limit, &payer, pace, &entrance).await?;
        self.endpoint.metrics.received(body.bytes().len());
        let source = source.into_inner();
        let judging = self.judging(&configuration, taken_out, source.clone(), head, peer.address, payload);
        let admission = self.judges.judge(judging?, body.content()).await?;
        // The records are in the batch; unless something else is kept of it, the body's memory is free for others while
        // this request waits.
        let body = sets_aside(&configuration, &admission).then_some(body);
        self.accept(&configuration, admission, source.as_ref(), body, peer)
            .await
    }

    /// The same for an event that is not in a body.
    pub(super) async fn ingest_pixel(
        &self,
        head: &Parts,
        event: &[u8],
        peer: Peer<'_>,
        payload: Payload,
    ) -> Result<(), Refusal> {
        let _pass = self.enter()?;
        let configuration = self.configuration()?;
        let key = auth::query_key(head).or_else(|| auth::basic_user(&head.headers));
        let source = auth::check(&configuration, &self.endpoint.keys, key.as_deref())?;
        let taken_out = TakenOut::under(&configuration, &self.endpoint.secrets.hash_key)?;
        self.within_rate(&configuration)?;
        let judging = self.judging(&configuration, taken_out, source.clone(), head, peer.address, payload);
        let admission = judging?.judge(event)?;
        self.accept(&configuration, admission, source.as_ref(), None, peer)
            .await
    }

    fn within_rate(&self, configuration: &Snapshot) -> Result<(), Refusal> {
        let limit = configuration.document.ingest.events_per_second_per_pod;
        match limit.and_then(|_| self.rate.wait(Instant::now())) {
            Some(retry_after) => Err(Refusal::TooMany { retry_after }),
            None => Ok(()),
        }
    }

    fn judging(
        &self,
        configuration: &Arc<Snapshot>,
        taken_out: Option<TakenOut>,
        source: Option<SourceName>,
        head: &Parts,
        peer: SocketAddr,
        payload: Payload,
    ) -> Result<Judging, Refusal> {
        let request_ip = forwarded::request_ip(&head.headers, peer.ip(), &configuration.trusted_proxies);
        Ok(Judging {
            configuration: Arc::clone(configuration),
            taken_out,
            source,
            request_ip: forwarded::kept(request_ip, configuration.document.ingest.request_ip)
                .map_or_else(String::new, |address| address.to_string()),
            received_at: (self.endpoint.clock)(),
            payload,
            most_frame_bytes: body_limit(configuration).saturating_mul(event::MOST_GROWTH),
            recent: self.opened()?.intake.recent().clone(),
            random: Arc::clone(&self.endpoint.random),
        })
    }

    /// From here on the request is ours, whether its client waits or not: only an answer changes that.
    async fn accept(
        &self,
        configuration: &Arc<Snapshot>,
        admission: Admission,
        source: Option<&SourceName>,
        body: Option<Body>,
        peer: Peer<'_>,
    ) -> Result<(), Refusal> {
        let Admission { batch, counts, refused } = admission;
        let ingest = &configuration.document.ingest;
        if let Some(per_second) = ingest.events_per_second_per_pod {
            self.rate.charge(counts.total(), per_second, Instant::now());
        }
        let name = source.map(SourceName::as_str);
        self.complaints.note(&counts, name, Instant::now());
        if let Some(invalid) = counts.first_invalid {
            self.endpoint.metrics.refused(&counts);
            if counts.valid() == 0 || ingest.invalid_event_policy == InvalidEventPolicy::RejectBatch {
                return Err(invalid.into());
            }
        }
        let deadline = Instant::now() + self.endpoint.acknowledge_timeout;
        let has_left = || {
            let has_left = peer.has_left();
            if has_left {
                self.endpoint.metrics.unanswered();
            }
            has_left
        };
        let Opened { intake, dead_letters } = self.opened()?;
        let accepted = intake.accept_from(batch, deadline, has_left).await?;
        self.endpoint.metrics.accepted(&counts, accepted, name);
        if let (Some(body), Some(dead_letters)) = (body, dead_letters) {
            let letters = refused.iter().map(|refused| letter(refused, name, body.bytes()));
            // The client cannot mend them and the others are safe: without room for them they are what was counted
            // above.
            let _ = timeout_at(deadline, dead_letters.put_all(letters).synced()).await;
        }
        Ok(())
    }
}

/// Whether events of a batch that are not valid are set aside, so that the others can be accepted.
fn sets_aside(configuration: &Snapshot, admission: &Admission) -> bool {
    configuration.document.ingest.invalid_event_policy == InvalidEventPolicy::DeadLetter
        && !admission.refused.is_empty()
        && admission.counts.valid() > 0
}

fn letter(refused: &Refused, source: Option<&str>, body: &[u8]) -> Letter {
    Letter {
        stream: None,
        event: String::new(),
        r#type: String::new(),
        source: source.unwrap_or_default().to_owned(),
        reason: refused.reason.as_str().to_owned(),
        detail: match refused.kept {
            Kept::At(_) | Kept::Redacted(_) => "not a valid event",
            Kept::Nothing => "not a valid event, and not kept under the destination's privacy rules",
        }
        .to_owned(),
        bytes: refused.bytes(body).to_vec(),
    }
}

fn body_limit(configuration: &Snapshot) -> usize {
    usize::try_from(configuration.document.ingest.max_request_size_bytes).unwrap_or(usize::MAX)
}
