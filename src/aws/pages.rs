//! [`Pages`]: follows the tokens of a list that comes in pages, and ends one that has no end.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::call::Call;
use super::error::Error;

/// The time limit of a whole list. A page of 1,000 instances takes 1 to 3 s.
const LIST_TIMEOUT: Duration = Duration::from_secs(300);

/// The number of pages of one list: a page has up to 1,000 instances, and all are kept.
const MAX_PAGES: usize = 1_000;

/// The pages of one list that have been read so far.
pub(super) struct Pages {
    call: Call,
    seen: HashSet<String>,
    begun: Instant,
}

impl Pages {
    /// Begins a list that this call reads.
    pub(super) fn new(call: Call) -> Self {
        Self { call, seen: HashSet::new(), begun: Instant::now() }
    }

    /// Takes the token of the page that was read, and returns it if another page is to be read. A page may be empty although more
    /// pages follow; only a missing token ends the list.
    ///
    /// # Errors
    /// The token was there before, or the list takes too long.
    pub(super) fn next(&mut self, token: Option<&str>) -> Result<Option<String>, Error> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        let invalid = |detail| Err(Error::InvalidResponse { call: self.call, detail });
        if !self.seen.insert(token.to_owned()) {
            return invalid("the list does not end: the same NextToken came twice".to_owned());
        }
        if self.seen.len() > MAX_PAGES {
            return invalid(format!("the list has more than {MAX_PAGES} pages"));
        }
        if self.begun.elapsed() > LIST_TIMEOUT {
            return invalid(format!("the list did not end within {} s", LIST_TIMEOUT.as_secs()));
        }
        Ok(Some(token.to_owned()))
    }
}

/// Reads a whole list: `page` sends the call with a token, and returns the page's items and the next token.
///
/// # Errors
/// Any error of a page, and a list without end.
pub(super) async fn read_all<T>(
    call: Call,
    mut page: impl AsyncFnMut(Option<String>) -> Result<(Vec<T>, Option<String>), Error>,
) -> Result<Vec<T>, Error> {
    let (mut pages, mut token, mut found) = (Pages::new(call), None, Vec::new());
    loop {
        let (items, next) = page(token).await?;
        found.extend(items);
        token = pages.next(next.as_deref())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(result: Result<Option<String>, Error>) -> String {
        match result {
            Err(Error::InvalidResponse { detail, .. }) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn list_ends_by_token_repetition_or_time() {
        let mut pages = Pages::new(Call::DescribeInstances);
        for token in ["a", "b", "c"] {
            assert_eq!(pages.next(Some(token)).unwrap().as_deref(), Some(token));
        }
        assert_eq!(pages.next(None).unwrap(), None);
        assert_eq!(pages.next(Some("")).unwrap(), None);
        // A circle may be longer than one page.
        assert!(detail(pages.next(Some("a"))).contains("came twice"));
        tokio::time::advance(LIST_TIMEOUT).await;
        assert_eq!(pages.next(Some("d")).unwrap().as_deref(), Some("d"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(detail(pages.next(Some("e"))).contains("within 300 s"));
    }
}
