//! One call, from its bytes to its answer.

use std::net::IpAddr;
use std::sync::Arc;

use eni_model::Caller;
use eni_query::{QueryError, QueryTree};
use eni_region::Region;
use eni_sessions::SessionKey;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::uri::Authority;
use tracing::field::Empty;
use tracing::{Instrument, debug, debug_span};

use crate::access_log::Record;
use crate::key_maker::KeyMaker;
use crate::long_answer::{AnswerBody, LongAnswer};
use crate::operations::{self, Call, Consoles, NoConsoles, Served};
use crate::other_service::{self, OtherService};
use crate::pieces::{Document, PIECE_BYTES};
use crate::sigv4::{Claim, Placement, Refusal, RequestParts, Service, SigningKeys};
use crate::turns::Turns;
use crate::workers::Workers;
use crate::{Access, Client, Fault, sessions, sts, xml};

/// Where the API is.
pub(crate) const PATH: &str = "/";
/// What the query parameters of a presigned request begin with; they are none of the operation's.
const SIGNATURE_PARAMETERS: &str = "X-Amz-";

/// What is sent back.
pub struct Answer<Body = Vec<u8>> {
    /// The HTTP status.
    pub status: u16,
    /// The request's id, also in the document.
    pub request_id: String,
    /// The body's media type.
    pub content_type: &'static str,
    /// A header that the protocol asks for.
    pub header: Option<(&'static str, &'static str)>,
    /// The document.
    pub body: Body,
}

impl Answer {
    /// The same, to send.
    pub(crate) fn into_body(self) -> Answer<AnswerBody> {
        Answer {
            status: self.status,
            request_id: self.request_id,
            content_type: self.content_type,
            header: self.header,
            body: AnswerBody::Left(self.body.into()),
        }
    }
}

/// EC2's, IAM's and STS's Query APIs in front of a region.
pub struct QueryApi {
    region: Arc<Region>,
    access: Access,
    consoles: Box<dyn Consoles>,
    key_maker: KeyMaker,
    /// What temporary credentials are made with.
    sessions: Option<SessionKey>,
    signing_keys: SigningKeys,
    workers: Workers,
    turns: Turns,
}

impl QueryApi {
    /// Answers calls that `access` lets in from `region`.
    #[must_use]
    pub fn new(region: Arc<Region>, access: Access) -> Self {
        Self {
            region,
            access,
            consoles: Box::new(NoConsoles),
            key_maker: KeyMaker::default(),
            sessions: None,
            signing_keys: SigningKeys::default(),
            workers: Workers::start(),
            turns: Turns::default(),
        }
    }

    /// Reads instances' consoles there; without this they have printed nothing.
    #[must_use]
    pub fn with_consoles(self, consoles: impl Consoles) -> Self {
        Self {
            consoles: Box::new(consoles),
            ..self
        }
    }

    /// Takes and gives temporary credentials made with `key`; without this there are none.
    #[must_use]
    pub fn with_sessions(self, key: SessionKey) -> Self {
        Self {
            sessions: Some(key),
            ..self
        }
    }

    /// Answers one call of `client`.
    pub(crate) async fn answer(
        &self,
        client: &Client,
        head: &Parts,
        body: &[u8],
    ) -> Answer<AnswerBody> {
        let request_id = new_request_id();
        let mut record = Record::new(&request_id, client);
        if let Some(other) = OtherService::of_request(head, body) {
            return other.refuse(head, request_id, &mut record).into_body();
        }
        let mut service = Service::Ec2;
        let answered = self
            .call(client, (head, body), &request_id, &mut service, &mut record)
            .instrument(debug_span!("call", request_id, action = Empty))
            .await;
        let (document, rest, is_done) = match answered {
            Ok(Document::Whole(document)) => (document, None, false),
            Ok(Document::Done(document)) => (document, None, true),
            Ok(Document::Begun(begun, rest)) => (begun, Some(rest), false),
            Err(fault) => return refused(service, request_id, &fault, &mut record).into_body(),
        };
        let is_long = rest.is_some() || document.len() > PIECE_BYTES;
        let turn = match is_long {
            true => Some(self.turns.next(record.key(), client).await),
            false => None,
        };
        let body = match turn {
            Some(Ok(turn)) => {
                let long = LongAnswer::new(document, rest, &self.workers, record, turn);
                AnswerBody::Right(long)
            }
            Some(Err(fault)) if !is_done => {
                return refused(service, request_id, &fault, &mut record).into_body();
            }
            Some(Err(_)) | None => {
                record.wrote(document.len());
                record.succeeded();
                AnswerBody::Left(document.into())
            }
        };
        Answer {
            status: 200,
            request_id,
            content_type: xml::CONTENT_TYPE,
            header: None,
            body,
        }
    }

    /// Answers a request that is no call.
    pub(crate) fn refuse(&self, client: &Client, head: &Parts, fault: &Fault) -> Answer {
        let request_id = new_request_id();
        let mut record = Record::new(&request_id, client);
        if let Some(other) = OtherService::of_request(head, &[]) {
            return other.refuse(head, request_id, &mut record);
        }
        if head.uri.path() != PATH {
            record.failed(fault);
            let answer = other_service::nowhere(head, fault, request_id);
            record.wrote(answer.body.len());
            return answer;
        }
        refused(Service::Ec2, request_id, fault, &mut record)
    }

    /// The document of the answer. `service` is set as soon as it is known, since it decides how errors look.
    async fn call(
        &self,
        client: &Client,
        (head, body): (&Parts, &[u8]),
        request_id: &str,
        service: &mut Service,
        record: &mut Record,
    ) -> Result<Document, Fault> {
        let mut tree = read_parameters(head, body)?;
        let version: Option<String> = tree.take("Version")?;
        let action: Option<String> = tree.take("Action")?;
        *service = Service::of_version(version.as_deref());
        let served = action.as_deref();
        let served = served.and_then(|action| Served::find(*service, action));
        record.action(action.as_deref(), served.map(Served::name));
        let authenticated = self.authenticate(client, (head, body), *service, record);
        let caller = authenticated.map_err(|refusal| {
            debug!(%refusal, "a call is refused");
            match refusal {
                Refusal::Unsigned if action.is_none() => no_call(),
                refusal => refusal.fault(*service),
            }
        })?;
        let action = action.ok_or_else(no_call)?;
        if *service == Service::Sts {
            let asked = sts::Asked {
                caller: &caller,
                region: &self.region,
                sessions: self.sessions.as_ref(),
                request_id,
            };
            return asked.answer(&action, &tree).map(Document::Whole);
        }
        let version = version.ok_or_else(|| QueryError::missing("Version"))?;
        if version != service.version() {
            return Err(Fault::client(
                "NoSuchVersion",
                format!("The requested version ({version}) of service AmazonEC2 does not exist"),
            ));
        }
        let call = Call {
            region: &self.region,
            consoles: &*self.consoles,
            key_maker: &self.key_maker,
            caller,
            tree,
            request_id,
        };
        match served {
            Some(served) => served.answer(call).await,
            None => Err(operations::missing(*service, &action)),
        }
    }

    /// Who calls. With temporary credentials that is a session of a role, also where no signature is looked at.
    fn authenticate(
        &self,
        client: &Client,
        (head, body): (&Parts, &[u8]),
        service: Service,
        record: &mut Record,
    ) -> Result<Caller, Refusal> {
        let query = head.uri.query().unwrap_or_default();
        let claim = Claim::read(&head.headers, query)?;
        record.access_key_id(&claim.access_key_id);
        let session = || sessions::caller(&claim, self.sessions.as_ref(), &self.region);
        let store = match &self.access {
            Access::AnyCredentials { account_id } => {
                // A guest's connection has come by a way that browsers of this machine do not have.
                if !client.is_guest() {
                    refuse_browsers(&claim, &head.headers)?;
                }
                let session = session().ok().flatten();
                return Ok(session.map_or_else(|| Caller::root(account_id), |(caller, _)| caller));
            }
            Access::Verified(store) => store,
        };
        claim.check_scope(service, &self.region.settings().region, self.region.now())?;
        let (caller, credentials) = match session()? {
            Some(session) => session,
            None => {
                let found = store.find(&claim.access_key_id);
                let credentials = found.ok_or(Refusal::UnknownAccessKey)?;
                (Caller::root(&credentials.account_id), credentials)
            }
        };
        let key = self.signing_keys.get(
            &credentials.access_key_id,
            credentials.secret_access_key.reveal(),
            claim.scope(),
        );
        let parts = RequestParts {
            method: head.method.as_str(),
            path: head.uri.path(),
            query,
            headers: &head.headers,
            body,
        };
        claim.verify(&parts, &key)?;
        Ok(caller)
    }
}

/// What a browser or `curl` is told that looks at the endpoint.
fn no_call() -> Fault {
    let message = "The request must contain the parameter Action. This is the endpoint of an OpenENI region: AWS clients \
         call Amazon EC2's API here.";
    Fault::client("MissingAction", message)
}

/// The parameters of the query and of the body, without those of a presigned request's signature.
fn read_parameters(head: &Parts, body: &[u8]) -> Result<QueryTree, QueryError> {
    let presigned = !head.headers.contains_key(AUTHORIZATION);
    let mut tree = QueryTree::default();
    let query = head.uri.query().unwrap_or_default();
    tree.add_form(query.as_bytes(), |name| {
        presigned && name.starts_with(SIGNATURE_PARAMETERS)
    })?;
    tree.add_form(body, |_| false)?;
    Ok(tree)
}

/// Where no signature is looked at, a page in a browser of this machine must not be able to call. It can send a form
/// anywhere, but no `Authorization` header without asking first (Fetch Standard, CORS preflight), which is not answered;
/// and it can have its own name lead here (DNS rebinding), but then that name is in `Host`.
fn refuse_browsers(claim: &Claim<'_>, headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let is_loopback = host.is_some_and(|host| {
        let name = host.host().trim_matches(['[', ']']);
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    if is_loopback && claim.placement == Placement::Header {
        return Ok(());
    }
    let reason = "Any credentials are accepted in the Authorization header of requests to a loopback address.";
    Err(Refusal::Scope {
        reason: reason.into(),
    })
}

fn refused(service: Service, request_id: String, fault: &Fault, record: &mut Record) -> Answer {
    let body = xml::error(service, &request_id, fault);
    record.wrote(body.len());
    record.failed(fault);
    Answer {
        status: fault.status,
        content_type: xml::CONTENT_TYPE,
        header: None,
        body: body.into(),
        request_id,
    }
}

fn new_request_id() -> String {
    uuid::Builder::from_random_bytes(rand::random())
        .into_uuid()
        .to_string()
}
