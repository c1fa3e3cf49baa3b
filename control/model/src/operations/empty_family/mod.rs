//! Listings of families that have no members here, such as NAT gateways: an empty list, or an error for what is named.
//!
//! Tools look at many families on their way, and go on where there are none. How each is asked is a line of a table
//! that `scripts/aws-model.py` makes from botocore's model of EC2.

mod parameter;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use eni_query::{FromQuery, QueryError, QueryNode};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::describe::{Filter, check_filter, check_size, no_such_token};
use crate::{Ec2Error, ItemSet, World};
use parameter::Parameter;

/// The table, with its heading.
const TABLE: &str = include_str!("../../../empty-families.tsv");
/// The page sizes that the model gives no bounds for are anything.
const ANY_SIZE: RangeInclusive<u32> = 0..=u32::MAX;

/// One listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyFamily {
    /// Such as `DescribeNatGateways`.
    pub action: &'static str,
    /// The elements of the answer's lists, with bars between them.
    lists: &'static str,
    /// `5-1000`, or nothing.
    page_sizes: &'static str,
    /// `NAME=KIND`, with bars between them.
    parameters: &'static str,
    /// Names of filters, with bars between them; a star where the model lists none.
    filters: &'static str,
}

/// The answer: lists without members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyLists(&'static str);

/// The parameters of a call, as they come.
#[derive(Clone, Debug, Default)]
pub struct EmptyFamilyRequest(QueryNode);

impl FromQuery for EmptyFamilyRequest {
    fn from_query(node: Option<&QueryNode>, _path: &str) -> Result<Self, QueryError> {
        Ok(Self(node.cloned().unwrap_or_default()))
    }
}

impl EmptyFamily {
    /// The listing `action`.
    #[must_use]
    pub fn find(action: &str) -> Option<Self> {
        Self::all().find(|family| family.action == action)
    }

    /// All of them, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.lines().skip(1).filter_map(|line| {
            let mut fields = line.split('\t');
            Some(Self {
                action: fields.next()?,
                lists: fields.next()?,
                page_sizes: fields.next()?,
                parameters: fields.next()?,
                filters: fields.next()?,
            })
        })
    }

    /// Whether the call takes `DryRun`.
    #[must_use]
    pub fn has_dry_run(self) -> bool {
        self.parameters()
            .any(|parameter| parameter.name == "DryRun")
    }

    /// Checks the call as if the family had members, and finds none.
    ///
    /// # Errors
    /// As other listings; the family's code for an id that the call names.
    pub fn plan(self, request: &EmptyFamilyRequest, world: &World) -> Result<EmptyLists, Ec2Error> {
        let node = &request.0;
        QueryNode::check_names(Some(node), "", |name| {
            self.parameters().any(|parameter| parameter.name == name)
        })?;
        for parameter in self.parameters() {
            parameter.check(node)?;
        }
        self.check_filters(node)?;
        self.check_page(node)?;
        for parameter in self.parameters() {
            parameter.look_up(node, world)?;
        }
        Ok(EmptyLists(self.lists))
    }

    fn parameters(self) -> impl Iterator<Item = Parameter> {
        self.parameters.split('|').filter_map(Parameter::read)
    }

    fn check_filters(self, node: &QueryNode) -> Result<(), Ec2Error> {
        let Some(parameter) = self.parameters().find(Parameter::is_filters) else {
            return Ok(());
        };
        let filters: Vec<Filter> = QueryNode::read_child(Some(node), "", parameter.name)?;
        for filter in &filters {
            let is_listed =
                self.filters == "*" || self.filters.split('|').any(|name| name == filter.name);
            check_filter(filter, is_listed || filter.looks_at_tags())?;
        }
        Ok(())
    }

    fn check_page(self, node: &QueryNode) -> Result<(), Ec2Error> {
        if let Some(results) = QueryNode::read_child(Some(node), "", "MaxResults")? {
            check_size(results, &self.page_sizes().unwrap_or(ANY_SIZE))?;
        }
        // No answer had one.
        match QueryNode::read_child::<Option<String>>(Some(node), "", "NextToken")? {
            Some(_) => Err(no_such_token()),
            None => Ok(()),
        }
    }

    fn page_sizes(self) -> Option<RangeInclusive<u32>> {
        let (least, most) = self.page_sizes.split_once('-')?;
        Some(least.parse().ok()?..=most.parse().ok()?)
    }
}

impl Serialize for EmptyLists {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.split('|').filter(|name| !name.is_empty());
        let mut fields = serializer.serialize_struct("EmptyLists", names.clone().count())?;
        for name in names {
            fields.serialize_field(name, &ItemSet::<()>::default())?;
        }
        fields.end()
    }
}
