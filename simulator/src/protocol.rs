//! What every Firehose operation shares of the service's JSON protocol: members read out of a body, outputs written
//! into one.
//!
//! Knows no operation and no state.

use serde::{Deserialize, Serialize};

use crate::{
    error::{ApiError, ErrorCode},
    registry::valid_name,
};

pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    // The service's own text names Java classes; what matters to a client is the type.
    serde_json::from_slice(body).map_err(|error| ApiError::new(ErrorCode::SerializationException, error.to_string()))
}

pub(crate) fn stream_name(name: Option<String>) -> Result<String, ApiError> {
    let name = name.ok_or_else(|| missing("deliveryStreamName"))?;
    let constraint = match name.len() {
        0 => "have length greater than or equal to 1",
        1..=64 => "satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        _ => "have length less than or equal to 64",
    };
    if valid_name(&name) {
        return Ok(name);
    }
    Err(ApiError::constraint(
        &format!("'{name}'"),
        "deliveryStreamName",
        constraint,
    ))
}

pub(crate) fn missing(member: &str) -> ApiError {
    ApiError::constraint("null", member, "not be null")
}

pub(crate) fn to_json(output: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(output).expect("the outputs have string keys and no fallible serializer")
}
