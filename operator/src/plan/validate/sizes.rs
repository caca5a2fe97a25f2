//! Sizes as people write them → bytes within their bounds.

use firehose_operator_api::{ByteSize, FirehoseDestinationSpec, Quota, Reason, StreamQuota};
use firehose_proxy_config as config;

use crate::plan::Rejection;

const KI: u64 = 1 << 10;
const MI: u64 = 1 << 20;
const TI: u64 = 1 << 40;

const DEFAULT_EPHEMERAL_SPOOL_BYTES: u64 = 256 * MI;
const DEFAULT_DEAD_LETTERS_BYTES: u64 = 64 * MI;
/// Room for some of the largest.
const MIN_DEAD_LETTERS_BYTES: u64 = 8 * MI;

/// A record may have 1,000 KiB before base64.
/// Source: [PutRecord](https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html).
const MAX_RECORD_BYTES: u64 = 1000 * KI;

/// Firehose bills a record of Direct PUT in steps of 5 KB of 1,024 bytes (docs/adr/0006): packing below one step would
/// save nothing.
const BILLING_STEP_BYTES: u64 = 5 * KI;

/// Every size of a spec, in bytes.
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) max_request: u64,
    pub(super) spool: u64,
    pub(super) dead_letters: u64,
    pub(super) quota: Option<config::Quota>,
    pub(super) streams: Vec<config::Stream>,
}

/// Reads every size; what is out of its bounds is added to `rejections` and read as its lower bound.
pub(super) fn read(spec: &FirehoseDestinationSpec, rejections: &mut Vec<Rejection>) -> Sizes {
    let mut reader = Reader { rejections };
    let claim = spec.spool.persistent_volume_claim.as_ref();
    let volume = claim.map(|claim| {
        let field = "spec.spool.persistentVolumeClaim.template.spec.resources.requests.storage";
        reader.bytes(field, &claim.template.spec.resources.requests.storage, 64 * MI, 64 * TI)
    });
    let dead_letters = match &spec.spool.dead_letters {
        Some(budget) => {
            let field = "spec.spool.deadLetters.maxSize";
            reader.bytes(field, &budget.max_size, MIN_DEAD_LETTERS_BYTES, TI)
        }
        None => volume.map_or(DEFAULT_DEAD_LETTERS_BYTES, |volume| {
            DEFAULT_DEAD_LETTERS_BYTES.min(volume / 8)
        }),
    };
    let spool = match &spec.spool.max_size {
        Some(size) => reader.bytes("spec.spool.maxSize", size, 16 * MI, 64 * TI),
        None => volume.map_or(DEFAULT_EPHEMERAL_SPOOL_BYTES, |volume| volume / 4 * 3),
    };
    if let Some(volume) = volume.filter(|volume| spool.saturating_add(dead_letters) > *volume) {
        let message = format!("{spool} bytes and {dead_letters} bytes of dead letters exceed the volume's {volume}");
        reader.refuse("spec.spool.maxSize", message);
    }
    let max_request = reader.bytes("spec.ingest.maxRequestSize", &spec.ingest.max_request_size, KI, 64 * MI);
    // A stream alone may fill most of the spool, and events grow a little on their way into it.
    let least = max_request + max_request / 2;
    if spool < least {
        let message = format!(
            "{spool} bytes cannot take the largest request: {least} bytes are needed for spec.ingest.maxRequestSize of {max_request}"
        );
        reader.refuse("spec.spool.maxSize", message);
    }
    Sizes {
        max_request,
        spool,
        dead_letters,
        quota: spec
            .delivery
            .quota
            .as_ref()
            .map(|quota| reader.quota("spec.delivery.quota", &stated(quota))),
        streams: reader.streams(spec),
    }
}

/// The same three numbers; in the schema they differ by what it can say about quantities in a list.
fn stated(quota: &Quota) -> StreamQuota {
    StreamQuota {
        bytes_per_second: quota.bytes_per_second.clone(),
        records_per_second: quota.records_per_second,
        requests_per_second: quota.requests_per_second,
    }
}

struct Reader<'a> {
    rejections: &'a mut Vec<Rejection>,
}

impl Reader<'_> {
    fn refuse(&mut self, field: &str, message: String) {
        self.rejections.push(Rejection::new(field, Reason::Invalid, message));
    }

    fn bytes(&mut self, field: &str, size: &ByteSize, least: u64, most: u64) -> u64 {
        match size.bytes().filter(|bytes| (least..=most).contains(bytes)) {
            Some(bytes) => bytes,
            None => {
                self.refuse(field, format!("{size} is not between {least} and {most} bytes"));
                least
            }
        }
    }

    fn quota(&mut self, field: &str, quota: &StreamQuota) -> config::Quota {
        let bytes = quota.bytes_per_second.as_ref();
        let count = |number: Option<i32>| number.map(|number| u64::from(number.unsigned_abs()));
        config::Quota {
            bytes_per_second: bytes.map(|size| self.bytes(&format!("{field}.bytesPerSecond"), size, KI, TI)),
            records_per_second: count(quota.records_per_second),
            requests_per_second: count(quota.requests_per_second),
        }
    }

    fn streams(&mut self, spec: &FirehoseDestinationSpec) -> Vec<config::Stream> {
        let mut streams = Vec::with_capacity(spec.streams.len());
        for (index, stream) in spec.streams.iter().enumerate() {
            let field = format!("spec.streams[{index}]");
            let packing = stream.packing.as_ref().map(|packing| {
                let size = &packing.max_record_size;
                self.bytes(
                    &format!("{field}.packing.maxRecordSize"),
                    size,
                    BILLING_STEP_BYTES,
                    MAX_RECORD_BYTES,
                )
            });
            streams.push(config::Stream {
                name: stream.delivery_stream_name.clone(),
                quota: stream
                    .quota
                    .as_ref()
                    .map(|quota| self.quota(&format!("{field}.quota"), quota)),
                packing: packing.map(|bytes| config::Packing {
                    max_record_size_bytes: u32::try_from(bytes).expect("a record has at most 1,024,000 bytes"),
                }),
            });
        }
        streams
    }
}
