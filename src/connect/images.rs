//! What an image is, remembered by its id: an image never changes, so it is asked for once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Event, Events};
use crate::aws::Aws;
use crate::aws::model::{Image, Instance};
use crate::store;

/// The cache's file: image id to image. What cannot be read is as good as absent.
fn file() -> Option<PathBuf> {
    Some(store::cache_folder()?.join("images.json"))
}

fn load(path: &PathBuf) -> BTreeMap<String, Image> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The image if it is in the cache. Asks nobody.
pub fn remembered(id: Option<&str>) -> Option<Image> {
    load(&file()?).remove(id?)
}

/// The instance's image: from the cache, else asked for and remembered. A denied or failed call is no obstacle: it
/// leaves the user to a guess, and `-v` says so.
pub async fn image(aws: &Aws, instance: &Instance, events: &Events) -> Option<Image> {
    let id = instance.image_id.as_deref()?;
    if let Some(image) = remembered(Some(id)) {
        return Some(image);
    }
    match aws.image(id).await {
        Ok(Some(image)) => {
            remember(id, &image, events);
            Some(image)
        }
        // Deregistered or not shared any more: the instance itself says a little.
        Ok(None) => {
            instance.platform_details.clone().map(|platform_details| Image { platform_details, ..Image::default() })
        }
        Err(error) => {
            events(Event::Step(format!("the image's user is not known: {error}")));
            None
        }
    }
}

fn remember(id: &str, image: &Image, events: &Events) {
    let Some(path) = file() else { return };
    let saved = store::under_lock(&path, || {
        let mut all = load(&path);
        all.insert(id.to_owned(), image.clone());
        store::replace(&path, &serde_json::to_vec(&all).map_err(std::io::Error::other)?)
    });
    if let Err(error) = saved {
        events(Event::Step(format!("cannot write {}: {error}", path.display())));
    }
}
