//! Tests of the time limits of calls, on a paused clock.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_ec2::config::SharedCredentialsProvider;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::time::Instant;

use super::{CALL_TIMEOUT, call_timeouts};
use crate::aws::call::Call;
use crate::aws::error::classify;
use crate::aws::http::Http;
use crate::web::Connector;

#[tokio::test(start_paused = true)]
async fn service_that_hangs_is_given_up() {
    // The system accepts the connections, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-1"))
        .endpoint_url(format!("http://{}", silent.local_addr().unwrap()))
        .http_client(Http::new(Connector::with(Matcher::builder().build(), None)))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .retry_config(RetryConfig::standard())
        .sleep_impl(aws_sdk_ec2::config::SharedAsyncSleep::new(TokioSleep))
        .timeout_config(call_timeouts())
        .build();
    let begun = Instant::now();
    let error = aws_sdk_ec2::Client::new(&config).describe_instances().send().await.unwrap_err();
    assert_eq!(classify(Call::DescribeInstances, "", error).to_string(), "DescribeInstances timed out");
    assert!(begun.elapsed() >= CALL_TIMEOUT && begun.elapsed() < CALL_TIMEOUT * 2, "{:?}", begun.elapsed());
}

/// Sleeps by tokio's clock, which the test has paused.
#[derive(Debug)]
struct TokioSleep;

impl aws_sdk_ec2::config::AsyncSleep for TokioSleep {
    fn sleep(&self, duration: std::time::Duration) -> aws_sdk_ec2::config::Sleep {
        aws_sdk_ec2::config::Sleep::new(tokio::time::sleep(duration))
    }
}
