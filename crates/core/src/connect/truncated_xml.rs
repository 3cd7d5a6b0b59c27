//! Rejects XML responses that were cut short.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::call::TruncatedXml;

/// Rejects responses with incomplete XML.
///
/// The SDK's XML reader takes the end of the input for the end of every open element: half a list of users, cut by
/// something in between, would pass for the complete list.
#[derive(Debug)]
pub(crate) struct RejectTruncatedXml;

#[dyn_dispatch_hint]
impl Intercept for RejectTruncatedXml {
    fn name(&self) -> &'static str {
        "RejectTruncatedXml"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        match response.body().bytes() {
            Some(body) if response.status().is_success() && !is_complete_xml(body) => {
                Err(TruncatedXml.into())
            }
            _ => Ok(()),
        }
    }
}

fn is_complete_xml(body: &[u8]) -> bool {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_reader(body);
    let (mut depth, mut elements) = (0_usize, 0_usize);
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => {
                depth += 1;
                elements += 1;
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => return depth == 0 && elements > 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_complete_xml;

    #[test]
    fn xml_that_was_cut_anywhere_is_not_complete() {
        let complete = "<?xml version=\"1.0\"?>\n<A xmlns=\"x\"><B><C>1 &amp; 2</C><D/></B></A>";
        assert!(is_complete_xml(complete.as_bytes()));
        assert!(is_complete_xml(format!("{complete}\n").as_bytes()));
        for end in 0..complete.len() {
            assert!(!is_complete_xml(&complete.as_bytes()[..end]), "{}", &complete[..end]);
        }
        assert!(!is_complete_xml(b"<A><B></A></B>"));
        assert!(!is_complete_xml(b"Bad Gateway"));
    }
}
