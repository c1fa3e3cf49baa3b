//! ClassicLink: retired with EC2-Classic. Older clients still ask for it when they read a VPC, and know EC2's answer.

use alloc::string::String;
use alloc::vec::Vec;

use eni_query::FromQuery;

use crate::describe::Filter;
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, ReturnTrue, World};

macro_rules! retired {
    ($($(#[$doc:meta])* $name:ident, $has_dry_run:literal { $($(#[$field:meta])* $field_name:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
            pub struct $name { $($(#[$field])* pub $field_name: $type,)* }

            impl Operation for $name {
                const NAME: &'static str = stringify!($name);
                const MUTATES: bool = false;
                const HAS_DRY_RUN: bool = $has_dry_run;
                type Response = ReturnTrue;

                fn plan(
                    self,
                    _world: &World,
                    _context: &mut Context<'_>,
                ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
                    let message = "The functionality you requested is not available in this region.";
                    Err(Ec2Error::new(ErrorCode::UnsupportedOperation, message))
                }
            }
        )*
    };
}

retired! {
    /// Retired: always refused.
    DescribeVpcClassicLink, true {
        /// As EC2 named it.
        #[query(name = "VpcId")]
        vpc_ids: Vec<String>,
        /// As EC2 named it.
        #[query(name = "Filter")]
        filters: Vec<Filter>,
    }
    /// Retired: always refused.
    DescribeVpcClassicLinkDnsSupport, false {
        /// As EC2 named it.
        #[query(name = "VpcIds")]
        vpc_ids: Vec<String>,
        /// As EC2 named it.
        max_results: Option<u32>,
        /// As EC2 named it.
        next_token: Option<String>,
    }
    /// Retired: always refused.
    EnableVpcClassicLink, true {
        /// As EC2 named it.
        vpc_id: String,
    }
    /// Retired: always refused.
    DisableVpcClassicLink, true {
        /// As EC2 named it.
        vpc_id: String,
    }
    /// Retired: always refused.
    EnableVpcClassicLinkDnsSupport, false {
        /// As EC2 named it.
        vpc_id: Option<String>,
    }
    /// Retired: always refused.
    DisableVpcClassicLinkDnsSupport, false {
        /// As EC2 named it.
        vpc_id: Option<String>,
    }
}
