//! Tests of the time limits of calls, on a paused clock.

use aws_config::Region;
use aws_credential_types::Credentials;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::time::Instant;

use super::{CALL_TIMEOUT, loader};
use crate::aws::call::Call;
use crate::aws::environment::sdk_files;
use crate::aws::error::classify;
use crate::aws::http::Http;
use crate::aws::shared_config::SharedConfig;
use crate::web::Connector;

#[tokio::test]
async fn service_that_hangs_is_given_up() {
    // The system accepts the connections, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = Http::new(Connector::with_proxies(Matcher::builder().build(), None));
    let config = loader(&http, Region::from_static("eu-west-1"), sdk_files(&SharedConfig::default(), "default"))
        .endpoint_url(format!("http://{}", silent.local_addr().unwrap()))
        .credentials_provider(Credentials::for_tests())
        .load()
        .await;
    tokio::time::pause();
    let begun = Instant::now();
    let error = aws_sdk_ec2::Client::new(&config).describe_instances().send().await.unwrap_err();
    assert_eq!(classify(Call::DescribeInstances, "", error).to_string(), "DescribeInstances timed out");
    assert!(begun.elapsed() >= CALL_TIMEOUT && begun.elapsed() < CALL_TIMEOUT * 2, "{:?}", begun.elapsed());
}
