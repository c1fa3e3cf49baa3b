//! ClassicLink: retired with EC2-Classic. Older clients still ask for it when they read a VPC, and know EC2's answer.

use crate::api::vpc::{
    DescribeVpcClassicLink, DescribeVpcClassicLinkDnsSupport, DisableVpcClassicLink,
    DisableVpcClassicLinkDnsSupport, EnableVpcClassicLink, EnableVpcClassicLinkDnsSupport,
};
use crate::{Context, ErrorCode, Operation, Planned, World};

macro_rules! retired {
    ($($name:ident,)*) => {
        $(
            /// Retired: always refused.
            impl Operation for $name {
                fn plan(self, _: &World, _: &mut Context<'_>) -> Planned<Self> {
                    let message = "The functionality you requested is not available in this region.";
                    Err(ErrorCode::UnsupportedOperation.with(message))
                }
            }
        )*
    };
}

retired! {
    DescribeVpcClassicLink,
    DescribeVpcClassicLinkDnsSupport,
    DisableVpcClassicLink,
    DisableVpcClassicLinkDnsSupport,
    EnableVpcClassicLink,
    EnableVpcClassicLinkDnsSupport,
}
