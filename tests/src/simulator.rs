//! The simulator's control API, as its documentation describes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{arrived::Arrived, http};

/// Records asked for at once.
const PAGE: usize = 1_000;

/// A running simulator, by its address.
#[derive(Debug, Clone)]
pub struct Simulator {
    /// Where it listens: `http://…`.
    pub url: String,
}

impl Simulator {
    /// Everything that has arrived.
    ///
    /// # Panics
    ///
    /// When the simulator does not answer as documented.
    pub fn arrived(&self) -> Arrived {
        let mut arrived = Arrived::default();
        let streams: Vec<Value> = serde_json::from_str(&self.read("/_simulator/streams")).unwrap();
        for stream in &streams {
            let name = stream["name"].as_str().unwrap();
            let mut after = 0;
            loop {
                let page = self.read(&format!(
                    "/_simulator/streams/{name}/records?after={after}&limit={PAGE}"
                ));
                let Some(last) = read_page(&mut arrived, name, &page) else {
                    break;
                };
                after = last;
            }
        }
        arrived
    }

    fn read(&self, path: &str) -> String {
        let answer = http::get(&format!("{}{path}", self.url)).unwrap();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }
}

/// Adds the records of one answer, and returns the sequence number of the last.
///
/// # Panics
///
/// When it is not as documented: one JSON object a line.
pub fn read_page(arrived: &mut Arrived, stream: &str, page: &str) -> Option<u64> {
    let mut last = None;
    for line in page.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        last = record["sequence"].as_u64();
        arrived.add(stream, &STANDARD.decode(record["data"].as_str().unwrap()).unwrap());
    }
    last
}
