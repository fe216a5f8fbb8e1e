//! The EC2 serial console's servers: their host names, and the fingerprints of their host keys that AWS publishes. Pure data, of November 2026
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/connect-to-serial-console.html>).

/// The server of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SerialHost {
    /// The DNS name of the server.
    pub name: String,
    /// The published fingerprint of its host key, `SHA256:…`; `None` for a region that is newer than this table.
    pub published: Option<String>,
}

/// The regions with the older form of the name.
const OLDER: &[(&str, &str)] = &[
    ("us-east-2", "EhwPkTzRtTY7TRSzz26XbB0/HvV9jRM7mCZN0xw/d/0"),
    ("us-east-1", "dXwn5ma/xadVMeBZGEru5l2gx+yI5LDiJaLUcz0FMmw"),
    ("us-west-1", "OHldlcMET8u7QLSX3jmRTRAPFHVtqbyoLZBMUCqiH3Y"),
    ("us-west-2", "EMCIe23TqKaBI6yGHainqZcMwqNkDhhAVHa1O2JxVUc"),
    ("ap-south-1", "oBLXcYmklqHHEbliARxEgH8IsO51rezTPiSM35BsU40"),
    ("ap-northeast-1", "RQfsDCZTOfQawewTRDV1t9Em/HMrFQe+CRlIOT5um4k"),
    ("ap-northeast-2", "FoqWXNX+DZ++GuNTztg9PK49WYMqBX+FrcZM2dSrqrI"),
    ("ap-southeast-1", "PLFNn7WnCQDHx3qmwLu1Gy/O8TUX7LQgZuaC6L45CoY"),
    ("ap-southeast-2", "yFvMwUK9lEUQjQTRoXXzuN+cW9/VSe9W984Cf5Tgzo4"),
    ("ca-central-1", "P2O2jOZwmpMwkpO6YW738FIOTHdUTyEv2gczYMMO7s4"),
    ("eu-central-1", "aCMFS/yIcOdOlkXvOl8AmZ1Toe+bBnrJJ3Fy0k0De2c"),
    ("eu-west-1", "h2AaGAWO4Hathhtm6ezs3Bj7udgUxi2qTrHjZAwCW6E"),
    ("eu-west-2", "a69rd5CE/AEG4Amm53I6lkD1ZPvS/BCV3tTPW2RnJg8"),
    ("eu-west-3", "q8ldnAf9pymeNe8BnFVngY3RPAr/kxswJUzfrlxeEWs"),
    ("eu-north-1", "tkGFFUVUDvocDiGSS3Cu8Gdl6w2uI32EPNpKFKLwX84"),
    ("sa-east-1", "rd2+/32Ognjew1yVIemENaQzC+Botbih62OqAPDq1dI"),
    ("us-gov-east-1", "tIwe19GWsoyLClrtvu38YEEh+DHIkqnDcZnmtebvF28"),
    ("us-gov-west-1", "kfOFRWLaOZfB+utbd3bRf8OlPf8nGO2YZLqXZiIw5DQ"),
];

/// The regions with the newer form of the name.
const NEWER: &[(&str, &str)] = &[
    ("af-south-1", "RMWWZ2fVePeJUqzjO5jL2KIgXsczoHlz21Ed00biiWI"),
    ("ap-east-1", "T0Q1lpiXxChoZHplnAkjbP7tkm2xXViC9bJFsjYnifk"),
    ("ap-northeast-3", "Am0/jiBKBnBuFnHr9aXsgEV3G8Tu/vVHFXE/3UcyjsQ"),
    ("ap-south-2", "WJgPBSwV4/shN+OPITValoewAuYj15DVW845JEhDKRs"),
    ("ap-southeast-3", "5ZwgrCh+lfns32XITqL/4O0zIfbx4bZgsYFqy3o8mIk"),
    ("ap-southeast-4", "Avaq27hFgLvjn5gTSShZ0oV7h90p0GG46wfOeT6ZJvM"),
    ("ap-southeast-5", "cQXTHQMRcqRdIjmAGoAMBSExeoRobYyRwT67yTjnEiA"),
    ("ap-southeast-7", "KCAZiRYrR1Q2lqsg7vTwixWmvc2wmjVT31XRgSdEfDY"),
    ("ca-west-1", "s3rc8lI2xhbhr3iedjJNxGAFLPGOLjx7IxxXrGckk6Q"),
    ("eu-central-2", "8Ppx2mBMf6WdCw0NUlzKfwM4/IfRz4OaXFutQXWp6mk"),
    ("eu-south-1", "lC0kOVJnpgFyBVrxn0A7n99ecLbXSX95cuuS7X7QK30"),
    ("eu-south-2", "GoCW2DFRlu669QNxqFxEcsR6fZUz/4F4n7T45ZcwoEc"),
    ("il-central-1", "JR6q8v6kNNPi8+QSFQ4dj5dimNmZPTgwgsM1SNvtYyU"),
    ("me-central-1", "zpb5duKiBZ+l0dFwPeyykB4MPBYhI/XzXNeFSDKBvLE"),
    ("me-south-1", "nPjLLKHu2QnLdUq2kVArsoK5xvPJOMRJKCBzCDqC3k8"),
    ("mx-central-1", "BCuVl13iQNk+CcVnt18Ef4p2ZHUrBBAOxlFetB32GS0"),
    ("cn-north-1", "2gHVFy4H7uU3+WaFUxD28v/ggMeqjvSlgngpgLgGT+Y"),
    ("cn-northwest-1", "TdgrNZkiQOdVfYEBUhO4SzUA09VWI5rYOZGTogpwmiM"),
];

/// Returns the server of a region. One that is in no table is taken to have the newer name.
pub(crate) fn serial_host(region: &str) -> SerialHost {
    let find = |table: &[(&str, &str)]| {
        table.iter().find(|(name, _)| *name == region).map(|(_, fingerprint)| format!("SHA256:{fingerprint}"))
    };
    if let Some(published) = find(OLDER) {
        let domain = if region.starts_with("us-gov-") { "amazonaws.com" } else { "aws" };
        let name = format!("serial-console.ec2-instance-connect.{region}.{domain}");
        return SerialHost { name, published: Some(published) };
    }
    let domain = if region.starts_with("cn-") { "api.amazonwebservices.com.cn" } else { "api.aws" };
    SerialHost { name: format!("ec2-serial-console.{region}.{domain}"), published: find(NEWER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_depends_on_the_region() {
        for (region, name) in [
            ("eu-west-1", "serial-console.ec2-instance-connect.eu-west-1.aws"),
            ("us-gov-west-1", "serial-console.ec2-instance-connect.us-gov-west-1.amazonaws.com"),
            ("af-south-1", "ec2-serial-console.af-south-1.api.aws"),
            ("cn-north-1", "ec2-serial-console.cn-north-1.api.amazonwebservices.com.cn"),
            ("xx-new-1", "ec2-serial-console.xx-new-1.api.aws"),
        ] {
            assert_eq!(serial_host(region).name, name);
        }
        let published = serial_host("eu-west-1").published;
        assert_eq!(published.as_deref(), Some("SHA256:h2AaGAWO4Hathhtm6ezs3Bj7udgUxi2qTrHjZAwCW6E"));
        assert_eq!(serial_host("xx-new-1").published, None);
    }

    /// A SHA-256 in base64 without padding has 43 characters.
    #[test]
    fn fingerprints_are_well_formed_and_unique() {
        let all: Vec<&(&str, &str)> = OLDER.iter().chain(NEWER).collect();
        let unique: std::collections::BTreeSet<&str> = all.iter().map(|(_, fingerprint)| *fingerprint).collect();
        assert_eq!(unique.len(), all.len());
        assert!(all.iter().all(|(_, fingerprint)| fingerprint.len() == 43));
    }
}
