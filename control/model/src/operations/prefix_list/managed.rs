//! `DescribeManagedPrefixLists`, `GetManagedPrefixListEntries` and `GetManagedPrefixListAssociations`.

use alloc::format;
use alloc::string::ToString;
use core::ops::RangeInclusive;

use super::{AWS_MANAGED, PrefixList, no_prefix_list};
use crate::api::prefix_list::{
    DescribeManagedPrefixLists, DescribeManagedPrefixListsResponse,
    GetManagedPrefixListAssociations, GetManagedPrefixListAssociationsResponse,
    GetManagedPrefixListEntries, GetManagedPrefixListEntriesResponse, PrefixListEntryDescription,
};
use crate::describe::listed;
use crate::describe::{Scope, check_size, no_such_token};
use crate::{ChangeSet, Context, Ec2Error, ErrorCode, Operation, Planned, World};

/// The page sizes of prefix lists and their entries (EC2 API reference).
const PAGE_SIZES: RangeInclusive<u32> = 1..=100;
/// Those of what uses a list.
const ASSOCIATION_PAGE_SIZES: RangeInclusive<u32> = 5..=255;
/// Lists of AWS's own have this version.
const VERSION: i64 = 1;

/// Finds managed prefix lists: AWS's own, as there are no others.
impl Operation for DescribeManagedPrefixLists {
    fn plan(self, world: &World, context: &mut Context<'_>) -> Planned<Self> {
        let (prefix_list_set, next_token) = listed(
            AWS_MANAGED.into_iter(),
            &self.prefix_list_ids,
            |list| list.id.to_string(),
            no_prefix_list,
            &self.page,
            &PAGE_SIZES,
            Scope::new(world, context),
        )?;
        ChangeSet::none().answered(DescribeManagedPrefixListsResponse {
            prefix_list_set,
            next_token,
        })
    }
}

/// Gives the CIDR blocks of a prefix list.
impl Operation for GetManagedPrefixListEntries {
    fn plan(self, _: &World, _: &mut Context<'_>) -> Planned<Self> {
        let list = known(&self.prefix_list_id)?;
        if let Some(version) = self.target_version.filter(|version| *version != VERSION) {
            let message = format!(
                "The version {version} of the prefix list {} does not exist.",
                list.id
            );
            return Err(ErrorCode::InvalidParameterValue.with(message));
        }
        self.max_results
            .map_or(Ok(()), |results| check_size(results, &PAGE_SIZES))?;
        let limit = self
            .max_results
            .map_or(usize::MAX, |results| results as usize);
        // A token is the place to go on at.
        let start = match &self.next_token {
            Some(token) => token
                .parse()
                .ok()
                .filter(|start| *start < list.entries.len())
                .ok_or_else(no_such_token)?,
            None => 0,
        };
        let rest = &list.entries[start..];
        ChangeSet::none().answered(GetManagedPrefixListEntriesResponse {
            entry_set: rest
                .iter()
                .take(limit)
                .map(|cidr| PrefixListEntryDescription { cidr })
                .collect(),
            next_token: (rest.len() > limit).then(|| (start + limit).to_string()),
        })
    }
}

/// Says what uses a prefix list: nothing, as rules and routes here take none.
impl Operation for GetManagedPrefixListAssociations {
    fn plan(self, _: &World, _: &mut Context<'_>) -> Planned<Self> {
        known(&self.prefix_list_id)?;
        self.max_results.map_or(Ok(()), |results| {
            check_size(results, &ASSOCIATION_PAGE_SIZES)
        })?;
        match self.next_token {
            Some(_) => Err(no_such_token()),
            None => Ok((
                ChangeSet::none(),
                GetManagedPrefixListAssociationsResponse::default(),
            )),
        }
    }
}

fn known(id: &str) -> Result<PrefixList, Ec2Error> {
    AWS_MANAGED
        .into_iter()
        .find(|list| list.id == id)
        .ok_or_else(|| no_prefix_list(id))
}
