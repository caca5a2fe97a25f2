//! How AWS is called: STS as a whole, and what every call has in common.

use aws_sdk_firehose::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{
    retry::{ReconnectMode, RetryConfig},
    timeout::TimeoutConfig,
};
use firehose_proxy_config::{Sts, Toggle};

use super::{
    AwsClock,
    transport::{CALL_TIMEOUT, CONNECT_TIMEOUT},
};

/// How STS is called.
pub(super) fn sts(sts: &Sts, region: &Region, http: &SharedHttpClient, clock: &AwsClock) -> aws_config::SdkConfig {
    let mut sdk = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http.clone())
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .time_source(clock.clone())
        .retry_config(no_retries())
        .timeout_config(timeouts())
        .use_fips(sts.use_fips == Toggle::Enabled)
        .use_dual_stack(sts.use_dual_stack == Toggle::Enabled);
    sdk.set_endpoint_url(sts.endpoint_url.clone());
    sdk.build()
}

pub(super) fn no_retries() -> RetryConfig {
    RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections)
}

pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}
