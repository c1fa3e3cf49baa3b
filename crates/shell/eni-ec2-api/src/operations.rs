//! The table of EC2 operations: from a name to the code that reads, plans and writes the answer.

use std::pin::Pin;
use std::time::Duration;

use eni_model::{Await, Caller, Context, Ec2Error, ErrorCode, Operation, World};
use eni_query::QueryTree;
use eni_region::Region;

use crate::{Fault, xml};

/// How long an answer waits for what the agent is to bring about: an instance takes some 0.1 s, a launch of a hundred a
/// few seconds. One that does not boot must not look like a region that hangs; the SDKs give up after 60 s.
const AWAIT_PATIENCE: Duration = Duration::from_secs(5);

/// Every action of EC2's API, one a line (`scripts/aws-model.py`).
const EC2_ACTIONS: &str = include_str!("../aws/ec2-actions.txt");

/// One authenticated call of a known operation.
pub(crate) struct Call<'a> {
    pub(crate) region: &'a Region,
    pub(crate) caller: Caller,
    /// All parameters but `Action` and `Version`.
    pub(crate) tree: QueryTree,
    pub(crate) request_id: &'a str,
}

type Document<'a> = Pin<Box<dyn Future<Output = Result<String, Fault>> + Send + 'a>>;
/// Runs one operation.
pub(crate) type Handler = for<'a> fn(Call<'a>) -> Document<'a>;

macro_rules! handlers {
    ($($operation:ident,)*) => {
        [$((
            <eni_model::operations::$operation as Operation>::NAME,
            |call| Box::pin(run::<eni_model::operations::$operation>(call)),
        ),)*]
    };
}

/// The operation `action` of EC2.
pub(crate) fn find(action: &str) -> Option<Handler> {
    let all: &'static [(&str, Handler)] = const { &eni_model::for_each_operation!(handlers) };
    all.iter()
        .find(|(name, _)| *name == action)
        .map(|(_, handler)| *handler)
}

/// Why there is no operation `action`: EC2 has no such action, or OpenENI does not serve it.
pub(crate) fn missing(action: &str) -> Fault {
    if EC2_ACTIONS.lines().any(|name| name == action) {
        let message = format!("EC2 has the action {action}, but OpenENI does not serve it yet.");
        return Ec2Error::new(ErrorCode::UnsupportedOperation, message).into();
    }
    let message = format!("The action {action} is not valid for this web service.");
    Ec2Error::new(ErrorCode::InvalidAction, message).into()
}

/// Runs one operation. A dry run answers after every check that the call itself would make, also those of states: EC2's
/// reference speaks of permissions only, which here every caller has, and the text says that the request would have
/// succeeded.
async fn run<O: Operation>(mut call: Call<'_>) -> Result<String, Fault> {
    let dry_run = O::HAS_DRY_RUN
        && call
            .tree
            .take::<Option<bool>>("DryRun")?
            .unwrap_or_default();
    let fingerprint = call.tree.fingerprint();
    let request: O = call.tree.read()?;
    let response = if dry_run || !O::MUTATES {
        let plan = |world: &World, context: &mut Context<'_>| {
            request.plan(world, context).map(|(_, response)| response)
        };
        let response = call.region.query(&call.caller, fingerprint, plan)?;
        if dry_run {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(Ec2Error::new(ErrorCode::DryRunOperation, message).into());
        }
        response
    } else {
        let asked = request.awaits();
        let plan = |world: &World, context: &mut Context<'_>| request.plan(world, context);
        let response = call.region.submit(call.caller, fingerprint, plan).await?;
        let awaited: Vec<Await> = asked
            .into_iter()
            .chain(O::response_awaits(&response))
            .collect();
        if !awaited.is_empty() {
            // Whether or not it came about, the change is made: the answer says so either way.
            let holds = |world: &World| awaited.iter().all(|awaited| awaited.holds(world));
            call.region.wait_until(holds, AWAIT_PATIENCE).await;
        }
        response
    };
    xml::ec2_response(O::NAME, call.request_id, &response).map_err(|error| Fault::internal(&error))
}
