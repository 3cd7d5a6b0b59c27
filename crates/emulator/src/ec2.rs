//! The one operation of Amazon EC2 that programs call before they read IAM: which regions there are.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>

use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Xml};

/// The API version that a request names.
pub(crate) const VERSION: &str = "2016-11-15";

/// The XML namespace of responses.
pub(crate) const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// The regions of the partition `aws`, and whether an account must opt in to them, as no account of a world does.
///
/// Source: <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
const REGIONS: [(&str, bool); 34] = [
    ("af-south-1", true),
    ("ap-east-1", true),
    ("ap-east-2", true),
    ("ap-northeast-1", false),
    ("ap-northeast-2", false),
    ("ap-northeast-3", false),
    ("ap-south-1", false),
    ("ap-south-2", true),
    ("ap-southeast-1", false),
    ("ap-southeast-2", false),
    ("ap-southeast-3", true),
    ("ap-southeast-4", true),
    ("ap-southeast-5", true),
    ("ap-southeast-6", true),
    ("ap-southeast-7", true),
    ("ca-central-1", false),
    ("ca-west-1", true),
    ("eu-central-1", false),
    ("eu-central-2", true),
    ("eu-north-1", false),
    ("eu-south-1", true),
    ("eu-south-2", true),
    ("eu-west-1", false),
    ("eu-west-2", false),
    ("eu-west-3", false),
    ("il-central-1", true),
    ("me-central-1", true),
    ("me-south-1", true),
    ("mx-central-1", true),
    ("sa-east-1", false),
    ("us-east-1", false),
    ("us-east-2", false),
    ("us-west-1", false),
    ("us-west-2", false),
];

/// Whether an account must opt in to a region; `None` if there is no such region.
pub(crate) fn is_opt_in(region: &str) -> Option<bool> {
    REGIONS.iter().find(|(name, _)| *name == region).map(|(_, is_opt_in)| *is_opt_in)
}

/// `ec2:DescribeRegions`, by names, and with `AllRegions` also those that the account has not opted in to.
pub(crate) fn describe_regions(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    call.allow(&AuthorizationRequest::new("ec2:DescribeRegions", "*", "*"))?;
    let parameters = call.parameters;
    if parameters.get("Filter.1.Name").is_some() {
        let message = "This emulator does not support Filter; it supports RegionName and AllRegions.";
        return Err(ApiError::new(400, "UnsupportedOperation", message));
    }
    let names: Vec<&str> =
        (1..).map_while(|number| parameters.get(&format!("RegionName.{number}"))).collect();
    if let Some(unknown) = names.iter().find(|name| !REGIONS.iter().any(|(region, _)| region == *name)) {
        let message = format!("Invalid region names: ({unknown})");
        return Err(ApiError::new(400, "InvalidParameterValue", message));
    }
    let is_all = parameters.get("AllRegions").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let is_listed = |(name, is_opt_in): &(&str, bool)| {
        if names.is_empty() { is_all || !is_opt_in } else { names.contains(name) }
    };
    let region = |(name, is_opt_in): (&str, bool)| {
        Xml::new()
            .text("regionName", name)
            .text("regionEndpoint", format!("ec2.{name}.amazonaws.com"))
            .text("optInStatus", if is_opt_in { "not-opted-in" } else { "opt-in-not-required" })
    };
    let regions = REGIONS.into_iter().filter(is_listed).map(region);
    let items = regions.fold(Xml::new(), |items, region| items.element("item", &region));
    Ok(Xml::new().element("regionInfo", &items))
}
