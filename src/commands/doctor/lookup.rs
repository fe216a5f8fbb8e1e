//! The look-up of the instance, and the codes of its failures.

use crate::aws::model::Instance;
use crate::aws::{self, Aws};
use crate::commands::options::lookup_error;
use crate::context::Ctx;
use crate::error::CommandError;
use crate::find::{self, single};
use crate::settings::Settings;

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
    match single(&aws, &settings.target.selector).await {
        Ok(instance) => Ok((aws, instance)),
        Err(error) => Err(Unfound { code: code(&error), error: lookup_error(error) }),
    }
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
