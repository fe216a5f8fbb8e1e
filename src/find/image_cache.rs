//! Images by id: an image never changes, so each is asked for once.

use super::located::Located;
use crate::aws::Aws;
use crate::aws::model::{Account, Image};
use crate::event::{Event, Events};
use crate::store::cache::JsonCache;
use crate::when;

/// Images do not change; the age only bounds the file, in seconds.
const MAX_AGE: i64 = 365 * 24 * 3600;
const MAX_ENTRIES: usize = 1000;
const CACHE: JsonCache<Image> = JsonCache::new("images.json", MAX_AGE, MAX_ENTRIES);

/// Returns the instance's image if it is in the cache, without a call.
pub(crate) fn cached_image(located: &Located) -> Option<Image> {
    get(&located.account, located.instance.image_id.as_deref()?)
}

fn get(account: &Account, id: &str) -> Option<Image> {
    CACHE.get(&account.cache_key(id), when::now())
}

/// Returns the instance's image, from the cache or by DescribeImages. A denied or failed call is not an error: the login
/// user is then a fallback, and a `-v` step says so.
pub(crate) async fn image(aws: &Aws, located: &Located, events: &Events) -> Option<Image> {
    let instance = &located.instance;
    let id = instance.image_id.as_deref()?;
    if let Some(image) = get(&located.account, id) {
        return Some(image);
    }
    match aws.image(id).await {
        Ok(Some(image)) => {
            if let Err(error) = CACHE.put(&located.account.cache_key(id), image.clone(), when::now()) {
                events(Event::Step(format!("cannot cache the image {id}: {error}")));
            }
            Some(image)
        }
        // Deregistered or no longer shared: the platform details of the instance itself are left.
        Ok(None) => {
            instance.platform_details.clone().map(|platform_details| Image { platform_details, ..Image::default() })
        }
        Err(error) => {
            events(Event::Step(format!("the image's default user is unknown: {error}")));
            None
        }
    }
}
