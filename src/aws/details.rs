//! The calls of `ec2ssh info`: what DescribeInstances shows of one instance, its attributes, its screen, its SSM Agent.

use std::net::IpAddr;

use aws_sdk_ec2::types::{self, InstanceAttributeName};
use aws_sdk_ssm::types::InstanceInformationStringFilter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::model::details::{AgentState, Details, Group, Interface, Metadata};

impl Aws {
    /// Returns what DescribeInstances shows of the instance.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn details(&self, id: &str) -> Result<Details, Error> {
        let answer = self.ec2.describe_instances().instance_ids(id).send().await;
        let answer = answer.map_err(|error| self.classify(Call::DescribeInstances, id, error))?;
        let instance = answer.reservations().iter().flat_map(types::Reservation::instances).next();
        Ok(instance.map(to_details).unwrap_or_default())
    }

    /// Returns the user data as bytes, empty if there are none. It may be compressed.
    ///
    /// # Errors
    /// Any error of the API call, and an answer that is not base64.
    pub(crate) async fn user_data(&self, id: &str) -> Result<Vec<u8>, Error> {
        let call = Call::DescribeInstanceAttribute;
        let answer = self.attribute(id, InstanceAttributeName::UserData).await?;
        let encoded = answer.user_data().and_then(types::AttributeValue::value).unwrap_or_default();
        let encoded: String = encoded.split_whitespace().collect();
        STANDARD.decode(encoded).map_err(|error| Error::InvalidResponse { call, detail: error.to_string() })
    }

    /// Whether the instance is protected against termination.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn is_termination_protected(&self, id: &str) -> Result<bool, Error> {
        let answer = self.attribute(id, InstanceAttributeName::DisableApiTermination).await?;
        Ok(answer.disable_api_termination().and_then(types::AttributeBooleanValue::value).unwrap_or_default())
    }

    /// Whether the instance is protected against being stopped.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn is_stop_protected(&self, id: &str) -> Result<bool, Error> {
        let answer = self.attribute(id, InstanceAttributeName::DisableApiStop).await?;
        Ok(answer.disable_api_stop().and_then(types::AttributeBooleanValue::value).unwrap_or_default())
    }

    async fn attribute(
        &self,
        id: &str,
        name: InstanceAttributeName,
    ) -> Result<aws_sdk_ec2::operation::describe_instance_attribute::DescribeInstanceAttributeOutput, Error> {
        let answer = self.ec2.describe_instance_attribute().instance_id(id).attribute(name).send().await;
        answer.map_err(|error| self.classify(Call::DescribeInstanceAttribute, id, error))
    }

    /// Returns a picture of the instance's screen, a JPEG.
    ///
    /// # Errors
    /// Any error of the API call, and an answer that is not base64.
    pub(crate) async fn screenshot(&self, id: &str) -> Result<Vec<u8>, Error> {
        let call = Call::GetConsoleScreenshot;
        let answer = self.ec2.get_console_screenshot().instance_id(id).send().await;
        let answer = answer.map_err(|error| self.classify(call, id, error))?;
        let encoded: String = answer.image_data().unwrap_or_default().split_whitespace().collect();
        STANDARD.decode(encoded).map_err(|error| Error::InvalidResponse { call, detail: error.to_string() })
    }

    /// Returns the state of the instance's SSM Agent; `None` if none has ever reported.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn agent_state(&self, id: &str) -> Result<Option<AgentState>, Error> {
        let call = Call::DescribeInstanceInformation;
        let filter = InstanceInformationStringFilter::builder().key("InstanceIds").values(id).build();
        let filter = filter.map_err(|error| Error::InvalidResponse { call, detail: error.to_string() })?;
        let answer = self.ssm.describe_instance_information().filters(filter).send().await;
        let answer = answer.map_err(|error| self.classify(call, id, error))?;
        let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(answer.instance_information_list().first().map(|agent| AgentState {
            ping: agent.ping_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            version: text(agent.agent_version()),
            is_windows: agent.platform_type().is_some_and(|platform| platform.as_str() == "Windows"),
            last_ping: agent.last_ping_date_time().map(aws_sdk_ec2::primitives::DateTime::secs),
            platform: text(agent.platform_name()).map(|name| {
                let version = agent.platform_version().map_or(String::new(), |version| format!(" {version}"));
                name + &version
            }),
        }))
    }
}

fn to_details(from: &types::Instance) -> Details {
    let mut interfaces: Vec<_> = from.network_interfaces().iter().collect();
    interfaces.sort_by_key(|interface| {
        let attachment = interface.attachment();
        attachment.map(|attachment| (attachment.network_card_index(), attachment.device_index()))
    });
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    Details {
        architecture: from.architecture().map(|kind| kind.as_str().to_owned()),
        interfaces: interfaces.into_iter().map(to_interface).collect(),
        iam_profile: text(from.iam_instance_profile().and_then(types::IamInstanceProfile::arn)),
        metadata: from.metadata_options().map(to_metadata).unwrap_or_default(),
        tags: from
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
            .collect(),
    }
}

fn to_interface(from: &types::InstanceNetworkInterface) -> Interface {
    let ipv4 = from.private_ip_addresses().iter().flat_map(|address| {
        let public = address.association().and_then(types::InstanceNetworkInterfaceAssociation::public_ip);
        [address.private_ip_address(), public]
    });
    let ipv6 = from.ipv6_addresses().iter().map(types::InstanceIpv6Address::ipv6_address);
    let addresses = ipv4.chain(ipv6).flatten().filter_map(|text| text.parse::<IpAddr>().ok()).collect();
    let group = |group: &types::GroupIdentifier| Group {
        id: group.group_id().unwrap_or_default().to_owned(),
        name: group.group_name().unwrap_or_default().to_owned(),
    };
    Interface {
        id: from.network_interface_id().map(str::to_owned),
        subnet_id: from.subnet_id().map(str::to_owned),
        addresses,
        groups: from.groups().iter().map(group).collect(),
    }
}

fn to_metadata(from: &types::InstanceMetadataOptionsResponse) -> Metadata {
    Metadata {
        endpoint: from.http_endpoint().map(|state| state.as_str().to_owned()),
        tokens: from.http_tokens().map(|state| state.as_str().to_owned()),
        hop_limit: from.http_put_response_hop_limit(),
        instance_tags: from.instance_metadata_tags().map(|state| state.as_str().to_owned()),
        ipv6: from.http_protocol_ipv6().map(|state| state.as_str().to_owned()),
    }
}
