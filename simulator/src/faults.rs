//! What a stream can be told to do wrong: the words of the control API. Decides nothing; `script` does.

use serde::{Deserialize, Serialize};

use crate::{error::ErrorCode, quota::Quota};

/// All that can be set for a stream through the control API. Putting it replaces what was set before; an absent field
/// has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StreamSettings {
    /// Throughput; without limit by default.
    pub quota: Quota,
    /// How going over the quota shows.
    pub throttle: Throttle,
    /// Faults, the first that applies to a call decides.
    pub faults: Vec<Rule>,
}

/// How a call that goes over the quota is answered. Clients of the service see both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Throttle {
    /// 200, and `ServiceUnavailableException` for each record that does not fit.
    #[default]
    PerRecord,
    /// 503 for the whole call, of which nothing is kept, when one of its records does not fit.
    WholeCall,
}

/// Which call a rule is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Both.
    #[default]
    Any,
    /// `PutRecord` only.
    PutRecord,
    /// `PutRecordBatch` only.
    PutRecordBatch,
}

/// One fault and the calls that it hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// What goes wrong.
    pub fault: Fault,
    /// The operation whose calls are counted.
    #[serde(default)]
    pub operation: Operation,
    /// Calls that pass before the rule starts.
    #[serde(default)]
    pub skip_calls: u64,
    /// Every how many calls after that: 1 is each of them, 10 every tenth. 0 is taken as 1.
    #[serde(default = "one")]
    pub every_calls: u64,
    /// How often it happens at most; absent is for ever.
    #[serde(default)]
    pub times: Option<u64>,
    /// Chance that a call, chosen by the fields above, is hit.
    #[serde(default = "certain")]
    pub probability: f64,
}

/// What can go wrong with a put. `kind` is the variant's name on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Fault {
    /// 200 with an error for some records, which are not kept. A `PutRecord` fails as a whole, as it does at the
    /// service.
    RecordsFail {
        /// `ServiceUnavailableException` or `InternalFailure`; the service knows no other for a record.
        error_code: ErrorCode,
        /// Which records of the call.
        #[serde(default)]
        records: Records,
    },
    /// An error for the whole call, of which nothing is kept.
    CallFails {
        /// The `__type`; the status follows from it.
        error_code: ErrorCode,
        /// Absent: what the service usually says.
        #[serde(default)]
        message: Option<String>,
        /// The `code` member of a KMS or source error, such as `KMS.DisabledException`.
        #[serde(default)]
        detail: Option<String>,
    },
    /// 400 for the whole call when a record contains this text: one poisoned record among good ones.
    RejectContaining {
        /// Compared byte by byte with the decoded data.
        text: String,
        /// The `__type`.
        #[serde(default = "invalid_argument")]
        error_code: ErrorCode,
    },
    /// The connection is reset before anything took effect.
    Reset,
    /// The call takes effect, then the connection is reset: the client cannot know.
    AppliedThenReset,
    /// The call takes effect, then a 500 says that it failed.
    AppliedThenInternalFailure,
    /// The call takes effect, the answer's head is sent, and the connection is reset in the middle of the body.
    AppliedThenTruncated,
    /// The answer comes late.
    Slow {
        /// How late.
        milliseconds: u64,
        /// Whether a client that does not wait was served all the same.
        #[serde(default)]
        takes_effect: TakesEffect,
    },
    /// `200 {}`: nothing took effect, and no entry says so.
    EmptyAnswer,
    /// The call takes effect, and the answer lacks the last entry.
    ShortAnswer,
    /// 200 with a body that is not JSON, as a proxy in between writes it. Nothing took effect.
    NotJson,
}

/// Which records of a call fail.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "which", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Records {
    /// Every one.
    #[default]
    All,
    /// The first so many.
    First {
        /// How many.
        count: usize,
    },
    /// These, counted from 0; an index that the call does not have fails nothing.
    At {
        /// Positions.
        indexes: Vec<usize>,
    },
    /// Every n-th record of the stream, counted over its calls: with 10, the tenth, the twentieth …
    Every {
        /// The n; 0 is taken as 1.
        n: u64,
    },
    /// Each with this chance.
    Chance {
        /// 0 to 1.
        probability: f64,
    },
}

/// When a slow call takes effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakesEffect {
    /// Before the wait: a client that gives up has written all the same.
    #[default]
    BeforeTheWait,
    /// After the wait: a client that gives up has written nothing.
    AfterTheWait,
}

fn one() -> u64 {
    1
}

fn certain() -> f64 {
    1.0
}

fn invalid_argument() -> ErrorCode {
    ErrorCode::InvalidArgumentException
}

impl Rule {
    /// The fault on each call.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            operation: Operation::Any,
            skip_calls: 0,
            every_calls: 1,
            times: None,
            probability: 1.0,
        }
    }

    /// What is wrong with it, as a sentence; checked when it is set, so that a typo is not a fault that never happens.
    pub(crate) fn complaint(&self) -> Option<String> {
        let in_range = |chance: f64| (0.0..=1.0).contains(&chance);
        if !in_range(self.probability) {
            return Some(format!("\"probability\" is {}, not between 0 and 1", self.probability));
        }
        if let Fault::RecordsFail { error_code, records } = &self.fault {
            if !matches!(
                error_code,
                ErrorCode::ServiceUnavailableException | ErrorCode::InternalFailure
            ) {
                let name = error_code.name();
                return Some(format!(
                    "\"errorCode\" of RecordsFail is \"{name}\", not ServiceUnavailableException or InternalFailure"
                ));
            }
            if let Records::Chance { probability } = records
                && !in_range(*probability)
            {
                return Some(format!(
                    "\"probability\" of the records is {probability}, not between 0 and 1"
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Records, Rule, StreamSettings};
    use crate::error::ErrorCode;

    #[test]
    fn settings_read_as_the_manual_writes_them() {
        let settings: StreamSettings = serde_json::from_str(
            r#"{"quota":{"bytesPerSecond":1048576},"throttle":"WholeCall","faults":[
                {"fault":{"kind":"RecordsFail","errorCode":"InternalFailure","records":{"which":"At","indexes":[0,3]}},"everyCalls":10},
                {"fault":{"kind":"Slow","milliseconds":500,"takesEffect":"AfterTheWait"},"operation":"PutRecord","times":1},
                {"fault":{"kind":"Reset"},"probability":0.01}]}"#,
        )
        .unwrap();
        assert_eq!(settings.faults.len(), 3);
        assert!(settings.faults.iter().all(|rule| rule.complaint().is_none()));
        let again: StreamSettings = serde_json::from_value(serde_json::to_value(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
    }

    #[test]
    fn a_typo_in_settings_is_refused() {
        for text in [
            r#"{"quotas":{}}"#,
            r#"{"faults":[{"fault":{"kind":"Rest"}}]}"#,
            r#"{"faults":[{"fault":{"kind":"Slow","seconds":1}}]}"#,
            r#"{"throttle":"perRecord"}"#,
        ] {
            assert!(serde_json::from_str::<StreamSettings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_record_cannot_fail_with_an_error_the_service_has_for_calls_only() {
        let fault = |error_code| Fault::RecordsFail {
            error_code,
            records: Records::All,
        };
        assert!(
            Rule::always(fault(ErrorCode::AccessDeniedException))
                .complaint()
                .is_some()
        );
        assert!(Rule::always(fault(ErrorCode::InternalFailure)).complaint().is_none());
    }
}
