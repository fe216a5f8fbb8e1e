//! DescribeImages: reads an image's name, description, owner and platform.

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::model::Image;

impl Aws {
    /// Returns the image, or `None` if it was deregistered or is no longer shared.
    ///
    /// # Errors
    /// Any other error of the API call.
    pub(crate) async fn image(&self, id: &str) -> Result<Option<Image>, Error> {
        let answer = self.ec2.describe_images().image_ids(id).send().await;
        let answer = match answer.map_err(|error| self.classify(Call::DescribeImages, id, error)) {
            Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidAMIID")) => return Ok(None),
            other => other?,
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Ok(answer.images().first().map(|image| Image {
            name: text(image.name()),
            description: text(image.description()),
            owner: text(image.owner_id()),
            platform_details: text(image.platform_details()),
        }))
    }
}
