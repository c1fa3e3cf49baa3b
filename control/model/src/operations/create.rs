//! What the calls that make a resource share: token, quota and answer.

use alloc::format;
use core::str::FromStr;

use eni_types::{ResourceId, TypedId};

use crate::describe::{Described, Scope};
use crate::operations::lookup::not_found;
use crate::{
    Action, ChangeSet, ClientToken, Context, Ec2Error, ErrorCode, Indexed, Planned, Resource,
    Table, World,
};

/// Makes a row of `table`. A call that was made before with its token is answered with what it made then; else `make`
/// checks the request and gives the row, and what else changes with it.
///
/// # Errors
/// As [`ClientToken::made_before`], and what `make` gives.
pub(crate) fn create<A, R>(
    table: &Table<R>,
    token: Option<&str>,
    world: &World,
    context: &mut Context<'_>,
    make: impl FnOnce(&mut Context<'_>) -> Result<(R, ChangeSet), Ec2Error>,
    answer: impl FnOnce(R::Answer) -> A::Response,
) -> Planned<A>
where
    A: Action,
    R: Described + Indexed + Into<Resource>,
    R::Id: TypedId + FromStr + Into<ResourceId>,
{
    let scope = Scope::new(world, context);
    if let Some(id) = ClientToken::made_before::<R::Id>(A::NAME, token, world, context)? {
        let made = table.get(id).ok_or_else(|| not_found(id))?;
        return Ok((ChangeSet::none(), answer(made.describe(scope))));
    }
    let (row, mut changes) = make(context)?;
    let response = answer(row.describe(scope));
    if let Some(token) = token {
        changes.put(ClientToken::record(A::NAME, token, row.id(), context));
    }
    changes.put(row);
    Ok((changes, response))
}

/// Refuses one of what `noun` calls more than there may be, where there are `count`.
///
/// # Errors
/// `code`.
pub(crate) fn check_quota(
    count: usize,
    most: usize,
    code: ErrorCode,
    noun: &str,
) -> Result<(), Ec2Error> {
    if count >= most {
        return Err(code.with(format!("The maximum number of {noun} has been reached.")));
    }
    Ok(())
}
