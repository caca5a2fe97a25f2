//! The `integrations` member: whether an event's sender wants it here.

use crate::event::json::scan::{Cursor, Value};

/// This destination's key, which is compared as it is.
const DESTINATION: &str = "Amazon Kinesis Firehose";

/// Whether the event is to be sent: what is said about this destination, else what is said about all of them.
///
/// `false` keeps an event back; `true` and an object (a destination's options) let it pass; anything else says nothing.
pub(in crate::event) fn lets_pass(integrations: Option<Value<'_>>) -> bool {
    let Some(integrations) = integrations.filter(|value| value.is_object()) else {
        return true;
    };
    let (mut here, mut everywhere) = (None, None);
    let read = Cursor::new(integrations.text).object(|cursor, key| {
        // One level below the event's own, which has been read under the same limit.
        let value = cursor.value(0)?;
        let says = match value.text {
            "true" => Some(true),
            "false" => Some(false),
            _ => value.is_object().then_some(true),
        };
        if key.is(DESTINATION) {
            here = says;
        } else if key.is("All") {
            everywhere = says;
        }
        Ok(())
    });
    debug_assert!(read.is_ok(), "the value was read as part of its event");
    here.or(everywhere).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_about_this_destination_goes_before_all() {
        for (integrations, passes) in [
            (r"{}", true),
            (r#"{"All":true}"#, true),
            (r#"{"All":false}"#, false),
            (r#"{"All":false,"Amazon Kinesis Firehose":true}"#, true),
            (r#"{"Amazon Kinesis Firehose":{"a":1},"All":false}"#, true),
            (r#"{"All":true,"Amazon Kinesis Firehose":false}"#, false),
            (r#"{"Amazon Kinesis Firehose":false}"#, false),
            (r#"{"Amazon\u0020Kinesis Firehose":false}"#, false),
            (r#"{"amazon kinesis firehose":false}"#, true),
            (r#"{"all":false}"#, true),
            (r#"{"All":false,"Amazon Kinesis Firehose":null}"#, false),
            (
                r#"{"Amazon Kinesis Firehose":false,"Amazon Kinesis Firehose":true}"#,
                true,
            ),
            (r#"{"All":"false"}"#, true),
            (r#"{"\ud800":false}"#, true),
            ("null", true),
            ("false", true),
            (r#"["All"]"#, true),
        ] {
            let value = Cursor::new(integrations).value(1).unwrap();
            assert_eq!(lets_pass(Some(value)), passes, "{integrations}");
        }
        assert!(lets_pass(None));
    }
}
