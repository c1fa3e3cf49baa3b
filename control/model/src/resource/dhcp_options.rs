//! Sets of DHCP options.

use alloc::vec::Vec;

use eni_types::{DhcpOption, DhcpOptionsId, DomainNameServers};
use serde::{Deserialize, Serialize};

use crate::index::indexes;
use crate::tags::Tags;
use crate::{RegionSettings, Row};

/// A set of DHCP options. It never changes; VPCs are associated with another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOptions {
    /// Its id.
    pub dhcp_options_id: DhcpOptionsId,
    /// The options, as they were given.
    pub options: Vec<DhcpOption>,
    /// Its tags.
    pub tags: Tags,
}

impl DhcpOptions {
    /// The id of the set that every account has, and that VPCs use until told otherwise. It is in no table, as it follows
    /// from the region.
    #[must_use]
    pub fn default_id() -> DhcpOptionsId {
        let id = "dopt-0d0e5ca7109b3f62a".parse();
        id.expect("the text has the form of an id")
    }

    /// That set: the domain of the region's private names, and EC2's own resolver.
    #[must_use]
    pub fn default_of(region: &RegionSettings) -> Self {
        Self {
            dhcp_options_id: Self::default_id(),
            options: Vec::from([
                DhcpOption::DomainName(region.private_domain()),
                DhcpOption::DomainNameServers(DomainNameServers::AmazonProvided),
            ]),
            tags: Tags::default(),
        }
    }
}

impl Row for DhcpOptions {
    type Id = DhcpOptionsId;
    fn id(&self) -> DhcpOptionsId {
        self.dhcp_options_id
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
}

indexes! { DhcpOptions, DhcpOptionsIndexes: }
