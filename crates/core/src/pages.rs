//! Lists that come in pages, in IAM with a marker, in Organizations with a token.
//!
//! By hand and not with the SDK's paginators: those do not look at `IsTruncated`, and take a repeated marker for the
//! end of the list.

use std::collections::HashSet;

use crate::call::CallError;

/// One page, as AWS gives it.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_truncated: bool,
    pub(crate) marker: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl<T> Page<T> {
    /// A page of a list that goes on wherever there is a token, though the page be empty.
    pub(crate) fn with_token(items: Vec<T>, token: Option<String>, request_id: Option<&str>) -> Self {
        let request_id = request_id.map(str::to_owned);
        Self { items, is_truncated: token.is_some(), marker: token, request_id }
    }
}

/// Reads pages until AWS says that there are no more, and gives each one's items to `take`.
///
/// # Errors
/// That of a page that could not be read, or did not say where the next one begins. What came before it was taken.
pub(crate) async fn each<T>(
    operation: &'static str,
    mut fetch: impl AsyncFnMut(Option<String>) -> Result<Page<T>, CallError>,
    mut take: impl FnMut(Vec<T>),
) -> Result<(), CallError> {
    let mut markers = HashSet::new();
    let mut marker = None;
    loop {
        let page = fetch(marker).await?;
        take(page.items);
        if !page.is_truncated {
            return Ok(());
        }
        let wrong = |message| CallError::malformed(operation, message, page.request_id.as_deref());
        let next = page.marker.filter(|marker| !marker.is_empty());
        let next =
            next.ok_or_else(|| wrong("the list goes on, but the answer has no marker to go on from"))?;
        if !markers.insert(next.clone()) {
            return Err(wrong("the list goes on from a marker that it has gone on from before"));
        }
        marker = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CallError, Page, each};

    fn page(items: &[u32], is_truncated: bool, marker: Option<&str>) -> Page<u32> {
        Page { items: items.to_vec(), is_truncated, marker: marker.map(str::to_owned), request_id: None }
    }

    fn read(mut pages: Vec<Page<u32>>) -> (Vec<u32>, Result<(), CallError>) {
        let mut taken = Vec::new();
        pages.reverse();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let fetch = async |_: Option<String>| Ok(pages.pop().expect("no page was asked for past the last"));
        let ended = runtime.block_on(each("ListUsers", fetch, |items| taken.extend(items)));
        (taken, ended)
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_list(items in proptest::collection::vec(any::<u32>(), 0..40), cuts in any::<u64>()) {
            let mut pages = vec![page(&[], true, None)];
            for (index, item) in items.iter().enumerate() {
                pages.last_mut().unwrap().items.push(*item);
                // Up to two page ends behind an item: AWS gives empty pages too.
                for _ in 0..(cuts >> (index % 32 * 2)) & 3 {
                    pages.push(page(&[], true, None));
                }
            }
            for (index, page) in pages.iter_mut().enumerate() {
                page.marker = Some(format!("m{index}"));
            }
            let last = pages.last_mut().unwrap();
            (last.is_truncated, last.marker) = (false, None);
            let (taken, ended) = read(pages);
            prop_assert_eq!(taken, items);
            prop_assert!(ended.is_ok());
        }
    }

    #[test]
    fn a_list_that_goes_on_from_nowhere_is_an_error_and_keeps_what_came() {
        for marker in [None, Some("")] {
            let (taken, ended) = read(vec![page(&[1, 2], true, marker)]);
            assert_eq!(taken, [1, 2]);
            assert!(ended.unwrap_err().message.contains("no marker"));
        }
        let pages =
            vec![page(&[1], true, Some("a")), page(&[2], true, Some("b")), page(&[3], true, Some("a"))];
        let (taken, ended) = read(pages);
        assert_eq!(taken, [1, 2, 3]);
        assert!(ended.unwrap_err().message.contains("before"));
    }
}
