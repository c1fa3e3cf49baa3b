//! `DescribePrefixLists`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use eni_query::FromQuery;
use eni_types::quota;
use serde::Serialize;

use super::{AWS_MANAGED, no_prefix_list};
use crate::describe::{Page, Scope};
use crate::operations::inventory::listed;
use crate::{ChangeSet, Context, Ec2Error, ItemSet, Operation, World};

/// Finds the prefix lists of AWS services.
#[derive(Clone, Debug, PartialEq, Eq, FromQuery)]
pub struct DescribePrefixLists {
    /// Only these.
    #[query(name = "PrefixListId")]
    pub prefix_list_ids: Vec<String>,
    /// Filters and paging.
    #[query(flatten)]
    pub page: Page,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribePrefixListsResponse {
    prefix_list_set: ItemSet<PrefixListDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrefixListDescription {
    prefix_list_id: &'static str,
    prefix_list_name: String,
    cidr_set: ItemSet<&'static str>,
}

impl Operation for DescribePrefixLists {
    const NAME: &'static str = "DescribePrefixLists";
    const MUTATES: bool = false;
    type Response = DescribePrefixListsResponse;

    fn plan(
        self,
        world: &World,
        context: &mut Context<'_>,
    ) -> Result<(ChangeSet, Self::Response), Ec2Error> {
        let (lists, next_token) = listed(
            AWS_MANAGED.into_iter(),
            &self.prefix_list_ids,
            |list| list.id.to_string(),
            no_prefix_list,
            &self.page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        let described = lists.into_iter().map(|list| PrefixListDescription {
            prefix_list_id: list.id,
            prefix_list_name: list.name(context.region),
            cidr_set: list.entries.to_vec().into(),
        });
        let response = DescribePrefixListsResponse {
            prefix_list_set: described.collect(),
            next_token,
        };
        Ok((ChangeSet::none(), response))
    }
}
