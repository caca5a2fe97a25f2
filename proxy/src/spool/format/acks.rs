//! How acknowledgements stand in the file beside a segment: which of its slices are settled, and, once the segment is
//! complete, what it held. Pure: no file, no clock.
//!
//! ```text
//! record   magic 4 | CRC32C of the rest 4 | version 4 | kind 4 | epoch of the segment 8 | index 8 | length 4 | body
//! settled  streams 4, of each: name length 1, name | charged bytes 8 | elsewhere 1
//!          | runs 4, of each: first slice 4, slices 4
//! seal     end of the frames 8 | slices 4 | streams 4, of each: name length 1, name | charged bytes 8 | slices 4
//! ```
//!
//! Records are appended and numbered without a gap; reading stops at the first that is not sound or not next. What is
//! lost that way costs a duplicate (settled) or a longer start (seal), never an event.

use super::{
    numbers::{u32_at, u64_at},
    version::Newer,
};
use crate::stream::StreamName;

/// What this program writes, and the newest it reads. Other than that of the segments.
const VERSION: u32 = 1;
const MAGIC: u32 = u32::from_le_bytes(*b"ACKS");
const HEADER: usize = 36;
const SETTLED: u32 = 1;
const SEAL: u32 = 2;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::spool) enum Record {
    /// These slices need no more work.
    Settled(Vec<Settled>),
    /// The segment is complete.
    Seal(Seal),
}

/// Settled slices of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::spool) struct Settled {
    pub(in crate::spool) stream: StreamName,
    pub(in crate::spool) bytes: u64,
    /// Not because they were delivered, but because they are at another place, and that one counts.
    pub(in crate::spool) elsewhere: bool,
    /// First slice and number of slices.
    pub(in crate::spool) runs: Vec<(u32, u32)>,
}

impl Settled {
    /// The slices, of a segment that has `slices`.
    pub(in crate::spool) fn ordinals(&self, slices: u32) -> impl Iterator<Item = u32> {
        let runs = self.runs.iter();
        runs.flat_map(move |(first, length)| *first..first.saturating_add(*length).min(slices))
    }
}

/// What a complete segment held when nothing was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::spool) struct Seal {
    /// Where its last frame ends.
    pub(in crate::spool) end: u64,
    pub(in crate::spool) slices: u32,
    pub(in crate::spool) streams: Vec<(StreamName, Held)>,
}

/// Slices of a stream and the bytes they are charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::spool) struct Held {
    pub(in crate::spool) slices: u32,
    pub(in crate::spool) bytes: u64,
}

impl Held {
    /// One slice more.
    pub(in crate::spool) fn add(&mut self, charge: u64) {
        self.slices += 1;
        self.bytes += charge;
    }
}

/// Sorted ordinals as runs.
pub(in crate::spool) fn runs(ordinals: &[u32]) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &ordinal in ordinals {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == ordinal => *count += 1,
            _ => runs.push((ordinal, 1)),
        }
    }
    runs
}

impl Record {
    /// Appends the record, the `index`th of the file beside the segment with this epoch.
    pub(in crate::spool) fn encode(&self, epoch: u64, index: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = match self {
            Self::Settled(_) => SETTLED,
            Self::Seal(_) => SEAL,
        };
        for number in [MAGIC, 0, VERSION, kind] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&epoch.to_le_bytes());
        out.extend_from_slice(&index.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        match self {
            Self::Settled(streams) => {
                put_count(streams.len(), out);
                for settled in streams {
                    put_name(&settled.stream, out);
                    out.extend_from_slice(&settled.bytes.to_le_bytes());
                    out.push(u8::from(settled.elsewhere));
                    put_count(settled.runs.len(), out);
                    for (first, count) in &settled.runs {
                        out.extend_from_slice(&first.to_le_bytes());
                        out.extend_from_slice(&count.to_le_bytes());
                    }
                }
            }
            Self::Seal(seal) => {
                out.extend_from_slice(&seal.end.to_le_bytes());
                out.extend_from_slice(&seal.slices.to_le_bytes());
                put_count(seal.streams.len(), out);
                for (stream, held) in &seal.streams {
                    put_name(stream, out);
                    out.extend_from_slice(&held.bytes.to_le_bytes());
                    out.extend_from_slice(&held.slices.to_le_bytes());
                }
            }
        }
        let length = u32::try_from(out.len() - start - HEADER).expect("a record of one segment is smaller than 4 GiB");
        out[start + 32..start + 36].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32c::crc32c(&out[start + 8..]);
        out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The sound records at the beginning of a file, and where they end.
///
/// # Errors
///
/// When a sound record is of a newer version: what a newer program has written down must stay as it is.
pub(in crate::spool) fn decode(bytes: &[u8], epoch: u64) -> Result<(Vec<Record>, usize), Newer> {
    let (mut records, mut end) = (Vec::new(), 0);
    while let Some((record, length)) = decode_one(&bytes[end..], epoch, records.len() as u64)? {
        records.push(record);
        end += length;
    }
    Ok((records, end))
}

/// The record at the beginning of `bytes`, which must be the `index`th, and its length. `None` when there is no sound
/// one.
///
/// # Errors
///
/// When it is sound and of a newer version.
pub(in crate::spool) fn decode_one(bytes: &[u8], epoch: u64, index: u64) -> Result<Option<(Record, usize)>, Newer> {
    let Some(record) = sound(bytes, epoch, index) else {
        return Ok(None);
    };
    match u32_at(record, 8) {
        newer if newer > VERSION => Err(Newer(newer)),
        _ => Ok(body_of(record).map(|decoded| (decoded, record.len()))),
    }
}

/// The bytes of the record at the beginning of `bytes`, if they are sound.
fn sound(bytes: &[u8], epoch: u64, index: u64) -> Option<&[u8]> {
    let header = bytes.get(..HEADER)?;
    let end = HEADER.checked_add(u32_at(header, 32) as usize)?;
    let record = bytes.get(..end)?;
    let is_sound = u32_at(header, 0) == MAGIC
        && u64_at(header, 16) == epoch
        && u64_at(header, 24) == index
        && crc32c::crc32c(&record[8..]) == u32_at(header, 4);
    is_sound.then_some(record)
}

/// What a sound record says.
fn body_of(record: &[u8]) -> Option<Record> {
    let mut body = Reader(&record[HEADER..]);
    Some(match u32_at(record, 12) {
        SETTLED => {
            let mut streams = Vec::new();
            for _ in 0..body.u32()? {
                let (stream, bytes) = (body.name()?, body.u64()?);
                let elsewhere = *body.take(1)?.first()? != 0;
                let mut runs = Vec::new();
                for _ in 0..body.u32()? {
                    runs.push((body.u32()?, body.u32()?));
                }
                streams.push(Settled {
                    stream,
                    bytes,
                    elsewhere,
                    runs,
                });
            }
            Record::Settled(streams)
        }
        SEAL => {
            let (end, slices) = (body.u64()?, body.u32()?);
            let mut streams = Vec::new();
            for _ in 0..body.u32()? {
                let (stream, bytes) = (body.name()?, body.u64()?);
                let slices = body.u32()?;
                streams.push((stream, Held { slices, bytes }));
            }
            Record::Seal(Seal { end, slices, streams })
        }
        _ => return None,
    })
}

fn put_count(count: usize, out: &mut Vec<u8>) {
    let count = u32::try_from(count).expect("a segment has fewer than 2^32 slices");
    out.extend_from_slice(&count.to_le_bytes());
}

fn put_name(stream: &StreamName, out: &mut Vec<u8>) {
    out.push(u8::try_from(stream.as_str().len()).expect("a stream's name has at most 64 bytes"));
    out.extend_from_slice(stream.as_str().as_bytes());
}

/// Takes numbers off the front of a body.
struct Reader<'body>(&'body [u8]);

impl<'body> Reader<'body> {
    fn take(&mut self, length: usize) -> Option<&'body [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|bytes| u32_at(bytes, 0))
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8).map(|bytes| u64_at(bytes, 0))
    }

    fn name(&mut self) -> Option<StreamName> {
        let length = usize::from(*self.take(1)?.first()?);
        StreamName::try_from(std::str::from_utf8(self.take(length)?).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> [Record; 2] {
        let orders = StreamName::try_from("orders").unwrap();
        let held = Held { slices: 9, bytes: 1000 };
        [
            Record::Settled(vec![Settled {
                stream: orders.clone(),
                bytes: 77,
                elsewhere: false,
                runs: runs(&[1, 2, 3, 7]),
            }]),
            Record::Seal(Seal {
                end: 4096,
                slices: 9,
                streams: vec![(orders, held)],
            }),
        ]
    }

    fn file() -> Vec<u8> {
        let mut file = Vec::new();
        for (index, record) in records().iter().enumerate() {
            record.encode(5, index as u64, &mut file);
        }
        file
    }

    #[test]
    fn records_come_back_as_they_were_written() {
        assert_eq!(runs(&[1, 2, 3, 7]), [(1, 3), (7, 1)]);
        assert_eq!(decode(&file(), 5), Ok((records().to_vec(), file().len())));
        assert_eq!(decode(&file(), 6), Ok((vec![], 0)));
    }

    #[test]
    fn a_broken_record_ends_the_file_wherever_it_is_broken() {
        let file = file();
        for byte in 0..file.len() {
            let mut damaged = file.clone();
            damaged[byte] ^= 0x10;
            let (sound, end) = decode(&damaged, 5).unwrap();
            assert!(sound.len() < 2 && end <= byte, "byte {byte}");
            assert!(decode(&file[..byte], 5).unwrap().0.len() < 2, "cut at {byte}");
        }
    }

    #[test]
    fn a_newer_record_is_told_from_damage() {
        let mut file = file();
        file[8] = 2;
        let end = HEADER + u32_at(&file, 32) as usize;
        let checksum = crc32c::crc32c(&file[8..end]);
        file[4..8].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode(&file, 5), Err(Newer(2)));
    }
}
