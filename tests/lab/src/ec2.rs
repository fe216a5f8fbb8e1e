//! EC2's query protocol: DescribeInstances with filters and paging, DescribeImages, StartInstances.

use axum::body::Body;
use axum::http::Response;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fault::{error, escape, respond};
use crate::state::{Instance, State};

/// Returns the parameters of a call in their order.
pub(crate) fn parameters(body: &str) -> Vec<(String, String)> {
    let uri = format!("/?{body}").parse();
    let decoded = uri.ok().and_then(|uri| axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
    decoded.map(|query| query.0).unwrap_or_default()
}

/// Returns one parameter of a call.
pub(crate) fn parameter(body: &str, name: &str) -> Option<String> {
    parameters(body).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Returns the values of `PREFIX.1`, `PREFIX.2` and so on.
pub(crate) fn numbered(parameters: &[(String, String)], prefix: &str) -> Vec<String> {
    (1..)
        .map_while(|n| {
            let name = format!("{prefix}.{n}");
            parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
        })
        .collect()
}

/// Returns the filters of a call as names and values.
pub(crate) fn filters(parameters: &[(String, String)]) -> Vec<(String, Vec<String>)> {
    let names = (1..).map_while(|n| {
        let name = format!("Filter.{n}.Name");
        let found = parameters.iter().find(|(key, _)| *key == name)?;
        Some((found.1.clone(), numbered(parameters, &format!("Filter.{n}.Value"))))
    });
    names.collect()
}

/// Answers DescribeInstances, with filters and paging.
pub(crate) fn describe_instances(state: &mut State, body: &str, region: &str) -> Response<Body> {
    let parameters = parameters(body);
    let of = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let ids = numbered(&parameters, "InstanceId");
    if !ids.is_empty() && of("MaxResults").is_some() {
        return error(400, "InvalidParameterCombination", "MaxResults goes not with InstanceIds", false);
    }
    if let Some(unknown) = ids.iter().find(|id| !state.instances.iter().any(|instance| instance.id == **id)) {
        return unknown_instance(unknown);
    }
    let filters = filters(&parameters);
    let wanted = |instance: &&Instance| {
        instance.region.is_none_or(|own| own == region)
            && (ids.is_empty() || ids.contains(&instance.id))
            && filters.iter().all(|(name, values)| {
                attribute(instance, name).iter().any(|has| values.iter().any(|value| matches(value, has)))
            })
    };
    let found: Vec<Instance> = state.instances.iter().filter(wanted).cloned().collect();
    for instance in &mut state.instances {
        advance_start(instance, found.iter().any(|other| other.id == instance.id));
    }
    let asked: usize = of("MaxResults").and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
    let size = if state.page_limit == 0 { asked } else { asked.min(state.page_limit) };
    let start: usize = of("NextToken").and_then(|token| token.strip_prefix("page-")?.parse().ok()).unwrap_or(0);
    let page: String = found.iter().skip(start).take(size).map(reservation).collect();
    let end = start.saturating_add(size);
    let next = if end < found.len() { format!("<nextToken>page-{end}</nextToken>") } else { String::new() };
    xml("DescribeInstances", &format!("<reservationSet>{page}</reservationSet>{next}"))
}

/// Advances a started instance at each lookup: after some lookups it is running, after more it has a public address.
fn advance_start(instance: &mut Instance, looked_at: bool) {
    if !looked_at {
        return;
    }
    match (instance.state, instance.pending_for, instance.without_ip_for) {
        ("pending", 0, _) => instance.state = "running",
        ("pending", ..) => instance.pending_for -= 1,
        ("running", _, 0) if instance.started => drop(instance.public_ip.get_or_insert("127.0.0.1".to_owned())),
        ("running", ..) if instance.started => instance.without_ip_for -= 1,
        _ => {}
    }
}

/// Returns the instance's values for a filter name.
fn attribute(instance: &Instance, filter: &str) -> Vec<String> {
    let one = |value: &Option<String>| value.iter().cloned().collect();
    match filter {
        "instance-id" => vec![instance.id.clone()],
        "ip-address" => one(&instance.public_ip),
        "network-interface.addresses.private-ip-address" => {
            instance.private_ip.iter().chain(instance.interfaces.iter().map(|(private, _)| private)).cloned().collect()
        }
        "network-interface.addresses.association.public-ip" => instance
            .public_ip
            .iter()
            .chain(instance.interfaces.iter().filter_map(|(_, public)| public.as_ref()))
            .cloned()
            .collect(),
        "private-ip-address" => one(&instance.private_ip),
        "network-interface.ipv6-addresses.ipv6-address" | "ipv6-address" => one(&instance.ipv6),
        "dns-name" => one(&instance.public_dns),
        "private-dns-name" => one(&instance.private_dns),
        "instance-state-name" => vec![instance.state.to_owned()],
        other => match other.strip_prefix("tag:") {
            Some(key) => instance.tags.iter().filter(|(name, _)| name == key).map(|(_, value)| value.clone()).collect(),
            None => Vec::new(),
        },
    }
}

/// Matches EC2's wildcards: `*`, `?`, and `\` before a literal one.
fn matches(pattern: &str, text: &str) -> bool {
    fn go(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skip| go(rest, &text[skip..])),
            ['?', rest @ ..] => text.split_first().is_some_and(|(_, text)| go(rest, text)),
            ['\\', literal, rest @ ..] => text.split_first().is_some_and(|(c, text)| c == literal && go(rest, text)),
            [literal, rest @ ..] => text.split_first().is_some_and(|(c, text)| c == literal && go(rest, text)),
        }
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    go(&pattern, &text)
}

fn reservation(instance: &Instance) -> String {
    format!("<item><instancesSet>{}</instancesSet></item>", item(instance))
}

fn item(instance: &Instance) -> String {
    let element = |name: &str, value: &Option<String>| {
        value.as_ref().map_or(String::new(), |value| format!("<{name}>{}</{name}>", escape(value)))
    };
    let tags: String = instance
        .tags
        .iter()
        .map(|(key, value)| format!("<item><key>{}</key><value>{}</value></item>", escape(key), escape(value)))
        .collect();
    let address = |private: &Option<String>, public: &Option<String>| {
        let public = element("publicIp", public);
        let association = if public.is_empty() { public } else { format!("<association>{public}</association>") };
        format!(
            "<privateIpAddressesSet><item>{}{association}</item></privateIpAddressesSet>",
            element("privateIpAddress", private)
        )
    };
    let first = address(&instance.private_ip, &instance.public_ip);
    let others: String = instance
        .interfaces
        .iter()
        .enumerate()
        .map(|(index, (private, public))| {
            let attachment = format!("<attachment><deviceIndex>{}</deviceIndex></attachment>", index + 1);
            format!("<item>{attachment}{}</item>", address(&Some(private.clone()), public))
        })
        .collect();
    let groups: String = instance
        .groups
        .iter()
        .map(|(id, name)| {
            format!("<item><groupId>{}</groupId><groupName>{}</groupName></item>", escape(id), escape(name))
        })
        .collect();
    let profile = element("arn", &instance.iam_profile);
    let profile =
        if profile.is_empty() { profile } else { format!("<iamInstanceProfile>{profile}</iamInstanceProfile>") };
    let ipv6 = element("ipv6Address", &instance.ipv6);
    let ipv6_items = if ipv6.is_empty() { String::new() } else { format!("<item>{ipv6}</item>") };
    format!(
        "<item><instanceId>{id}</instanceId><imageId>{image}</imageId>\
         <instanceState><code>{code}</code><name>{state}</name></instanceState>\
         {private_dns}{public_dns}{key_name}<instanceType>{kind}</instanceType><launchTime>{launched}</launchTime>\
         <placement><availabilityZone>{zone}</availabilityZone></placement>{private_ip}{public_ip}{ipv6}\
         <platformDetails>{platform}</platformDetails><vpcId>{vpc}</vpcId><subnetId>{subnet}</subnetId>\
         <tagSet>{tags}</tagSet><metadataOptions><state>applied</state><httpTokens>required</httpTokens>\
         <httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>{metadata}</httpEndpoint></metadataOptions>\
         {profile}<architecture>x86_64</architecture>\
         <networkInterfaceSet><item><networkInterfaceId>eni-{id}</networkInterfaceId><subnetId>{subnet}</subnetId><groupSet>{groups}</groupSet>\
         <attachment><deviceIndex>0</deviceIndex></attachment><ipv6AddressesSet>{ipv6_items}\
         </ipv6AddressesSet>{first}</item>{others}</networkInterfaceSet></item>",
        id = escape(&instance.id),
        image = escape(&instance.image_id),
        code = instance.state_code(),
        state = instance.state,
        private_dns = element("privateDnsName", &instance.private_dns),
        public_dns = element("dnsName", &instance.public_dns),
        key_name = element("keyName", &instance.key_name),
        kind = escape(&instance.instance_type),
        launched = escape(&instance.launched),
        zone = escape(&instance.zone),
        private_ip = element("privateIpAddress", &instance.private_ip),
        public_ip = element("ipAddress", &instance.public_ip),
        metadata = instance.metadata,
        platform = escape(&instance.platform),
        vpc = instance.vpc_id,
        subnet = instance.subnet_id,
    )
}

/// Answers DescribeRegions: two are enabled.
pub(crate) fn describe_regions() -> Response<Body> {
    let names = ["eu-west-1", "us-east-1"].map(|name| format!("<item><regionName>{name}</regionName></item>"));
    xml("DescribeRegions", &format!("<regionInfo>{}</regionInfo>", names.concat()))
}

/// Answers DescribeImages; as in EC2, an unknown id is an error.
pub(crate) fn describe_images(state: &State, body: &str) -> Response<Body> {
    let ids = numbered(&parameters(body), "ImageId");
    let found: Vec<_> = state.images.iter().filter(|image| ids.contains(&image.id)).collect();
    if found.len() < ids.len() {
        return error(400, "InvalidAMIID.NotFound", "The image id does not exist", false);
    }
    let items: String = found
        .iter()
        .map(|image| {
            format!(
                "<item><imageId>{}</imageId><name>{}</name><imageOwnerId>{}</imageOwnerId><description>{}</description></item>",
                escape(&image.id),
                escape(&image.name),
                escape(&image.owner),
                escape(&image.description)
            )
        })
        .collect();
    xml("DescribeImages", &format!("<imagesSet>{items}</imagesSet>"))
}

/// Answers StartInstances; only stopped instances can be started.
pub(crate) fn start_instances(state: &mut State, body: &str) -> Response<Body> {
    let ids = numbered(&parameters(body), "InstanceId");
    for instance in state.instances.iter_mut().filter(|instance| ids.contains(&instance.id)) {
        if instance.state != "stopped" {
            return error(
                400,
                "IncorrectInstanceState",
                "the instance is not in a state from which it can be started",
                false,
            );
        }
        (instance.state, instance.started) = ("pending", true);
    }
    xml("StartInstances", "<instancesSet></instancesSet>")
}

/// Returns the error for an unknown instance id.
pub(crate) fn unknown_instance(id: &str) -> Response<Body> {
    error(400, "InvalidInstanceID.NotFound", &format!("The instance ID '{id}' does not exist"), false)
}

/// Returns a successful response in EC2's XML format.
pub(crate) fn xml(operation: &str, inner: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
         <requestId>00000000-0000-0000-0000-000000000000</requestId>{inner}</{operation}Response>"
    );
    respond(200, "text/xml;charset=UTF-8", body)
}

/// Answers DescribeInstanceAttribute for the user data and the protections.
pub(crate) fn describe_attribute(state: &State, body: &str) -> Response<Body> {
    let id = parameter(body, "InstanceId").unwrap_or_default();
    let Some(instance) = state.instances.iter().find(|instance| instance.id == id) else {
        return unknown_instance(&id);
    };
    let [termination, stop] = instance.protected;
    let value = match parameter(body, "Attribute").as_deref() {
        // The element is empty if there are none.
        Some("userData") if instance.user_data.is_empty() => "<userData/>".to_owned(),
        Some("userData") => format!("<userData><value>{}</value></userData>", STANDARD.encode(&instance.user_data)),
        Some("disableApiTermination") => {
            format!("<disableApiTermination><value>{termination}</value></disableApiTermination>")
        }
        Some("disableApiStop") => format!("<disableApiStop><value>{stop}</value></disableApiStop>"),
        _ => return error(400, "InvalidParameterValue", "the embedded cloud does not have this attribute", false),
    };
    xml("DescribeInstanceAttribute", &format!("<instanceId>{id}</instanceId>{value}"))
}

/// Answers GetConsoleScreenshot with the beginning of a JPEG; a stopped instance has no screen.
pub(crate) fn screenshot(state: &State, body: &str) -> Response<Body> {
    let id = parameter(body, "InstanceId").unwrap_or_default();
    match state.instances.iter().find(|instance| instance.id == id) {
        None => unknown_instance(&id),
        Some(instance) if instance.state != "running" => {
            error(400, "IncorrectInstanceState", "The instance is not in a state from which it can be captured", false)
        }
        Some(_) => {
            let picture = STANDARD.encode(JPEG);
            xml("GetConsoleScreenshot", &format!("<instanceId>{id}</instanceId><imageData>{picture}</imageData>"))
        }
    }
}

/// The beginning of a JPEG (its start and JFIF markers).
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00";
