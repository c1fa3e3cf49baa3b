//! The table of operations: from a service and a name to the code that reads, plans and writes the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use eni_model::operations::empty_family::EmptyFamily;
use eni_model::{
    Action, ApiService, Await, Caller, Console, Context, Ec2Error, ErrorCode, Operation, World,
};
use eni_query::QueryTree;
use eni_region::Region;
use eni_types::InstanceId;

use crate::key_maker::KeyMaker;
use crate::pieces::{self, Document, guarded};
use crate::sigv4::Service;
use crate::{Fault, xml};

/// How long an answer waits for what the agent is to bring about: an instance takes some 0.1 s, a launch of a hundred a
/// few seconds. One that does not boot must not look like a region that hangs; the SDKs give up after 60 s.
const AWAIT_PATIENCE: Duration = Duration::from_secs(5);

/// How long an answer waits for the packet tables: large groups take some 0.1 s. Longer means that the host is in trouble,
/// which `openeni status` tells; the call itself is done.
const TABLES_PATIENCE: Duration = Duration::from_secs(5);

/// Every action of EC2's API, one a line (`scripts/aws-model.py`).
const EC2_ACTIONS: &str = include_str!("../aws/ec2-actions.txt");
/// Every action of IAM's API, likewise.
const IAM_ACTIONS: &str = include_str!("../aws/iam-actions.txt");

/// Where instances' consoles are read.
pub trait Consoles: Send + Sync + 'static {
    /// That of one instance; none where it has printed nothing, or cannot be read.
    fn console(&self, instance_id: InstanceId) -> Option<Console>;
}

/// No instance prints anything.
pub(crate) struct NoConsoles;

impl Consoles for NoConsoles {
    fn console(&self, _: InstanceId) -> Option<Console> {
        None
    }
}

/// One authenticated call of a known operation.
pub(crate) struct Call<'a> {
    pub(crate) region: &'a Arc<Region>,
    pub(crate) consoles: &'a dyn Consoles,
    pub(crate) key_maker: &'a KeyMaker,
    pub(crate) caller: Caller,
    /// All parameters but `Action` and `Version`.
    pub(crate) tree: QueryTree,
    pub(crate) request_id: &'a str,
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Document, Fault>> + Send + 'a>>;
/// Runs one operation.
pub(crate) type Handler = for<'a> fn(Call<'a>) -> Answering<'a>;

macro_rules! handlers {
    ($($operation:ident,)*) => {
        [$((
            <eni_model::api::$operation as Action>::SERVICE,
            <eni_model::api::$operation as Action>::NAME,
            |call| Box::pin(run::<eni_model::api::$operation>(call)),
        ),)*]
    };
}

const HANDLERS: &[(ApiService, &str, Handler)] = &eni_model::for_each_operation!(handlers);

/// An action that is served.
#[derive(Clone, Copy)]
pub(crate) enum Served {
    Operation(&'static str, Handler),
    Family(EmptyFamily),
}

impl Served {
    /// The one of this name; those of STS are not among them.
    pub(crate) fn find(service: Service, action: &str) -> Option<Self> {
        let api = match service {
            Service::Ec2 => ApiService::Ec2,
            Service::Iam => ApiService::Iam,
            Service::Sts => return None,
        };
        let mut operations = HANDLERS.iter();
        let operation = operations.find(|(of, name, _)| (*of, *name) == (api, action));
        let family = || {
            let family = EmptyFamily::find(action).filter(|_| api == ApiService::Ec2);
            family.map(Self::Family)
        };
        operation
            .map(|(_, name, handler)| Self::Operation(name, *handler))
            .or_else(family)
    }

    /// Its declared name: nothing that a client has written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operation(name, _) => name,
            Self::Family(family) => family.action,
        }
    }

    /// Answers a call of it.
    pub(crate) async fn answer(self, call: Call<'_>) -> Result<Document, Fault> {
        match self {
            Self::Operation(_, handler) => handler(call).await,
            Self::Family(family) => list_nothing(family, call).map(Document::Whole),
        }
    }
}

/// Why there is no operation `action`: EC2 or IAM has no such action, or OpenENI does not serve it.
pub(crate) fn missing(service: Service, action: &str) -> Fault {
    let (name, actions) = match service {
        Service::Iam => ("IAM", IAM_ACTIONS),
        Service::Ec2 | Service::Sts => ("EC2", EC2_ACTIONS),
    };
    if actions.lines().any(|known| known == action) {
        let message = format!("{name} has the action {action}, but OpenENI does not serve it yet.");
        return Ec2Error::new(ErrorCode::UnsupportedOperation, message).into();
    }
    let message = match service {
        Service::Iam => {
            format!(
                "Could not find operation {action} for version {}",
                service.version()
            )
        }
        Service::Ec2 | Service::Sts => {
            format!("The action {action} is not valid for this web service.")
        }
    };
    Ec2Error::new(ErrorCode::InvalidAction, message).into()
}

/// Whether the call is only to be checked.
fn is_dry(call: &mut Call<'_>, has_dry_run: bool) -> Result<bool, Fault> {
    if !has_dry_run {
        return Ok(false);
    }
    Ok(call
        .tree
        .take::<Option<bool>>("DryRun")?
        .unwrap_or_default())
}

/// The answer to a dry run that found no fault.
fn would_have_succeeded() -> Fault {
    let message = "Request would have succeeded, but DryRun flag is set.";
    Ec2Error::new(ErrorCode::DryRunOperation, message).into()
}

/// Runs the listing of a family that has no members.
fn list_nothing(family: EmptyFamily, mut call: Call<'_>) -> Result<String, Fault> {
    let dry_run = is_dry(&mut call, family.has_dry_run())?;
    let request = call.tree.read()?;
    let response = call.region.read(|world| family.plan(&request, world))?;
    if dry_run {
        return Err(would_have_succeeded());
    }
    xml::ec2_response(family.action, call.request_id, &response)
        .map_err(|error| Fault::internal(&error))
}

/// Runs one operation. A dry run answers after every check that the call itself would make, also those of states: EC2's
/// reference speaks of permissions only, which here every caller has, and the text says that the request would have
/// succeeded.
async fn run<O: Operation>(mut call: Call<'_>) -> Result<Document, Fault> {
    let dry_run = is_dry(&mut call, O::HAS_DRY_RUN)?;
    let request: O = eni_model::read_request(&mut call.tree)?;
    if !O::MUTATES {
        let snapshot = call.region.snapshot();
        if let Some(listing) = guarded(|| request.listing(snapshot.world()))?? {
            if dry_run {
                return Err(would_have_succeeded());
            }
            let region = Arc::clone(call.region);
            return pieces::begin::<O>(listing, region, snapshot, call.request_id);
        }
    }
    let fingerprint = call.tree.fingerprint();
    let mut response = if dry_run || !O::MUTATES {
        let plan = |world: &World, context: &mut Context<'_>| {
            request.plan(world, context).map(|(_, response)| response)
        };
        let response = call.region.query(&call.caller, fingerprint, plan)?;
        if dry_run {
            return Err(would_have_succeeded());
        }
        response
    } else {
        let asked = request.awaits();
        let wanted = call.region.read(|world| request.wants_key_pair(world))?;
        let made = match wanted {
            Some(wanted) => Some(call.key_maker.make(wanted).await?),
            None => None,
        };
        let plan = |world: &World, context: &mut Context<'_>| {
            context.key_pair = made;
            request.plan(world, context)
        };
        let submission = call.region.submit(call.caller, fingerprint, plan);
        let (response, revision) = submission.await?;
        let tables = call.region.wait_until_followed(revision, TABLES_PATIENCE);
        if O::AWAITS_TABLES && !tables.await {
            tracing::warn!(
                action = O::NAME,
                "answered before the packet tables followed"
            );
        }
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
    if let Some(id) = O::wants_console(&response)
        && let Some(console) = call.consoles.console(id)
    {
        O::show_console(&mut response, &console);
    }
    let document = match O::SERVICE {
        ApiService::Ec2 => xml::ec2_response(O::NAME, call.request_id, &response),
        ApiService::Iam => xml::iam_response(O::NAME, call.request_id, &response),
    };
    let document = document.map_err(|error| Fault::internal(&error))?;
    Ok(if O::MUTATES {
        Document::Done(document)
    } else {
        Document::Whole(document)
    })
}
