//! The look-up of the instance, and the codes of its failures.

use crate::aws::model::Instance;
use crate::aws::{self, Aws};
use crate::commands::options::lookup_error;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::find::{self, elsewhere, single};
use crate::settings::Settings;
use crate::text::instance_word;

/// The number of instances in other regions that are listed.
const MAX_REGIONS: usize = 5;

/// Why there is no instance to look at.
pub(super) struct Unfound {
    /// The stable code of the reason.
    pub code: &'static str,
    /// The reason in words, with what to type.
    pub error: CommandError,
}

/// Finds the instance, whatever its state.
pub(super) async fn find(ctx: &Ctx, settings: &Settings) -> Result<(Aws, Instance), Unfound> {
    let aws = ctx.aws.get(&settings.access, false).await;
    let aws = aws.map_err(|error| Unfound { code: code_of_aws(&error), error: error.into() })?;
    let selector = &settings.target.selector;
    match single(&aws, selector).await {
        Ok(instance) => Ok((aws, instance)),
        Err(error @ find::Error::NotFound { .. }) => {
            let others = elsewhere(&aws, selector).await;
            let code = if others.is_empty() { code(&error) } else { "instance-elsewhere" };
            Err(Unfound { code, error: with_regions(lookup_error(error), &selector.to_string(), &others) })
        }
        Err(error) => Err(Unfound { code: code(&error), error: lookup_error(error) }),
    }
}

/// Says in which other regions there is such an instance, and how to get there.
fn with_regions(mut error: CommandError, target: &str, others: &[(String, Instance)]) -> CommandError {
    for (region, instance) in others.iter().take(MAX_REGIONS) {
        error = error.cause(format!("{} is in {region}: {}", instance.id, instance.state.as_str()));
    }
    if let Some((region, _)) = others.first() {
        error.hints.insert(0, format!("look there: ec2ssh doctor --region {region} {}", instance_word(target)));
    }
    error
}

fn code(error: &find::Error) -> &'static str {
    match error {
        find::Error::NotFound { .. } => "instance-not-found",
        find::Error::Ambiguous { .. } => "several-instances",
        find::Error::Aws(error) => code_of_aws(error),
        _ => "instance-not-usable",
    }
}

fn code_of_aws(error: &aws::Error) -> &'static str {
    match error {
        aws::Error::Clock { .. } => "clock-wrong",
        aws::Error::NoRegion | aws::Error::BadRegion(_) => "region-unusable",
        error if error.is_denial() => "not-allowed",
        aws::Error::Service { code, .. } if code.contains("Expired") => "credentials-expired",
        aws::Error::Service { code, .. }
            if ["AuthFailure", "InvalidClientTokenId", "UnrecognizedClient", "SignatureDoesNotMatch"]
                .iter()
                .any(|word| code.starts_with(word)) =>
        {
            "credentials-invalid"
        }
        error if error.is_outage() => "aws-unreachable",
        aws::Error::Service { .. } => "aws-error",
        _ => "credentials-unusable",
    }
}
