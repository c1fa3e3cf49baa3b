//! `DescribePrefixLists`.

use alloc::string::ToString;

use eni_types::quota;

use super::{AWS_MANAGED, no_prefix_list};
use crate::api::prefix_list::{
    DescribePrefixLists, DescribePrefixListsResponse, PrefixListDescription,
};
use crate::describe::Scope;
use crate::operations::inventory::listed;
use crate::{ChangeSet, Context, Operation, Planned, World};

/// Finds the prefix lists of AWS services.
impl Operation for DescribePrefixLists {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
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
