//! What the document asks of one stream's delivery.

use firehose_proxy_config::Document;

use crate::{config::Snapshot, deliver::stream::Settings, stream::StreamName};

/// What one stream's delivery does: what the document says, as far as there is a place for what is set aside.
pub(in crate::deliver) fn settings(name: &StreamName, document: &Document, keeps: bool) -> Settings {
    let settings = Settings::of(name.as_str(), document);
    Settings {
        sets_aside: settings.sets_aside && keeps,
        ..settings
    }
}

/// The rows that lead to a stream, as a person finds them: the first, and how many more.
pub(in crate::deliver) fn mapping(snapshot: &Snapshot, stream: &str) -> Option<String> {
    let rows = snapshot.document.mappings.iter().enumerate();
    let mut rows = rows.filter(|(_, row)| row.delivery_stream_name == stream);
    let (first, _) = rows.next()?;
    Some(match rows.count() {
        0 => format!("spec.mappings[{first}]"),
        more => format!("spec.mappings[{first}] and {more} more"),
    })
}
