//! `DescribePrefixLists`.

use alloc::string::ToString;

use eni_types::quota;

use super::{AWS_MANAGED, PrefixList, no_prefix_list};
use crate::api::prefix_list::{
    DescribePrefixLists, DescribePrefixListsResponse, PrefixListDescription,
};
use crate::describe::listed;
use crate::describe::{Described, Scope};
use crate::{ChangeSet, Context, Operation, Planned, World};

/// A prefix list as this call shows it.
struct ServicePrefixList(PrefixList);

impl Described for ServicePrefixList {
    type Answer = PrefixListDescription;
    const IDS_AND_PAGE: (&'static str, &'static str) = ("PrefixListIds", "MaxResults");

    fn describe(&self, scope: Scope<'_>) -> PrefixListDescription {
        PrefixListDescription {
            prefix_list_id: self.0.id,
            prefix_list_name: self.0.name(scope.region),
            cidr_set: self.0.entries.to_vec().into(),
        }
    }
}

/// Finds the prefix lists of AWS services.
impl Operation for DescribePrefixLists {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (prefix_list_set, next_token) = listed(
            AWS_MANAGED.into_iter().map(ServicePrefixList),
            &self.prefix_list_ids,
            |list| list.0.id.to_string(),
            no_prefix_list,
            &self.page,
            &quota::PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribePrefixListsResponse {
            prefix_list_set,
            next_token,
        })
    }
}
