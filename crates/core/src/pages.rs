//! Reads paginated lists: IAM pages with `Marker`, Organizations with `NextToken`.
//!
//! The SDK's paginators are not used: they ignore `IsTruncated`, and treat a repeated marker as the end of the list.

use std::collections::HashSet;

use crate::call::CallError;

/// One page of a list, as AWS returned it.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_truncated: bool,
    pub(crate) marker: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl<T> Page<T> {
    /// A page of a list that continues if there is a token, even where the page is empty.
    pub(crate) fn with_token(items: Vec<T>, token: Option<String>, request_id: Option<&str>) -> Self {
        let request_id = request_id.map(str::to_owned);
        Self { items, is_truncated: token.is_some(), marker: token, request_id }
    }
}

/// Reads pages until AWS says that there are no more, and passes the items of each to `take`. `key` identifies an item.
///
/// # Errors
/// The error of a page that could not be read, that has no valid marker for the next page, or that repeats an item: a page
/// that comes twice stands where another page should be. `take` has received all earlier pages, and the new items of that
/// page.
pub(crate) async fn for_each<T>(
    operation: &'static str,
    mut fetch: impl AsyncFnMut(Option<String>) -> Result<Page<T>, CallError>,
    key: impl Fn(&T) -> String,
    mut take: impl FnMut(Vec<T>),
) -> Result<(), CallError> {
    let (mut markers, mut keys) = (HashSet::new(), HashSet::new());
    let mut marker = None;
    loop {
        let mut page = fetch(marker).await?;
        let count = page.items.len();
        page.items.retain(|item| keys.insert(key(item)));
        let is_repeated = page.items.len() < count;
        take(page.items);
        let invalid = |message| CallError::malformed(operation, message, page.request_id.as_deref());
        if is_repeated {
            return Err(invalid("the response repeats an item that was already listed"));
        }
        if !page.is_truncated {
            return match page.marker {
                Some(_) => {
                    Err(invalid("the response has a marker for a next page, and says that it is the last"))
                }
                None => Ok(()),
            };
        }
        let next = page.marker.filter(|marker| !marker.is_empty());
        let next =
            next.ok_or_else(|| invalid("the response is truncated, but has no marker for the next page"))?;
        if !markers.insert(next.clone()) {
            return Err(invalid("the response repeats the marker of an earlier page"));
        }
        marker = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CallError, Page, for_each};

    fn page(items: &[u32], is_truncated: bool, marker: Option<&str>) -> Page<u32> {
        Page { items: items.to_vec(), is_truncated, marker: marker.map(str::to_owned), request_id: None }
    }

    fn read(mut pages: Vec<Page<u32>>) -> (Vec<u32>, Result<(), CallError>) {
        let mut taken = Vec::new();
        pages.reverse();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let fetch = async |_: Option<String>| Ok(pages.pop().expect("no page is requested after the last"));
        let result =
            runtime.block_on(for_each("ListUsers", fetch, u32::to_string, |items| taken.extend(items)));
        (taken, result)
    }

    proptest! {
        #[test]
        fn any_split_into_pages_gives_the_same_list(
            items in proptest::collection::btree_set(any::<u32>(), 0..40),
            cuts in any::<u64>(),
        ) {
            let items: Vec<u32> = items.into_iter().collect();
            let mut pages = vec![page(&[], true, None)];
            for (index, item) in items.iter().enumerate() {
                pages.last_mut().unwrap().items.push(*item);
                // Up to three page ends after an item: AWS returns empty pages too.
                for _ in 0..(cuts >> (index % 32 * 2)) & 3 {
                    pages.push(page(&[], true, None));
                }
            }
            for (index, page) in pages.iter_mut().enumerate() {
                page.marker = Some(format!("m{index}"));
            }
            let last = pages.last_mut().unwrap();
            (last.is_truncated, last.marker) = (false, None);
            let (taken, result) = read(pages);
            prop_assert_eq!(taken, items);
            prop_assert!(result.is_ok());
        }
    }

    #[test]
    fn a_truncated_page_without_a_new_marker_is_an_error_and_earlier_items_are_kept() {
        for marker in [None, Some("")] {
            let (taken, result) = read(vec![page(&[1, 2], true, marker)]);
            assert_eq!(taken, [1, 2]);
            assert!(result.unwrap_err().message.contains("no marker"));
        }
        let pages =
            vec![page(&[1], true, Some("a")), page(&[2], true, Some("b")), page(&[3], true, Some("a"))];
        let (taken, result) = read(pages);
        assert_eq!(taken, [1, 2, 3]);
        assert!(result.unwrap_err().message.contains("earlier page"));
    }

    #[test]
    fn a_page_that_comes_twice_or_that_is_last_and_not_last_is_an_error() {
        let (taken, result) = read(vec![page(&[1, 2], true, Some("a")), page(&[1, 2], false, None)]);
        assert_eq!(taken, [1, 2]);
        assert!(result.unwrap_err().message.contains("repeats an item"));
        let (taken, result) = read(vec![page(&[1], false, Some("a"))]);
        assert_eq!(taken, [1]);
        assert!(result.unwrap_err().message.contains("says that it is the last"));
    }
}
