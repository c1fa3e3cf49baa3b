//! The region's API over TLS, for the region's own instances.
//!
//! What answers is what answers on the host's listener. Calls of guests have threads of their own, so that neither a long
//! listing nor a flood of handshakes keeps the fabric's other services, or the host's clients, waiting.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use eni_abi::Service;
use eni_ec2_api::{Client, QueryApi, serve_one};
use eni_model::{Source, World};
use eni_types::{AttachmentId, InstanceId, NetworkInterfaceId, VpcId};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::{debug, info, warn};

use crate::connection::{Connection, Reach, accept, listen_at};
use crate::measure;
use crate::places::{Arrival, MAX_CONNECTIONS_PER_INTERFACE, Places};
use crate::shares::{Share, Shares};
use crate::{Asker, Askers};

/// Threads that serve guests' calls.
const THREADS: usize = 2;
/// How long a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// Handshakes of an interface, or of an endpoint's client, that are worked on at once: each takes some 0.3 ms of a thread.
const MAX_HANDSHAKES: usize = 2;
/// The longest life of a connection: its client opens another. The longest answer takes as long
/// (`eni_ec2_api::long_answer`).
const LONGEST_CONNECTION: Duration = Duration::from_secs(600);
/// Connections by the interface of an endpoint that are served at once, and as many that wait: all its VPC's clients share them.
pub const MAX_CONNECTIONS_PER_ENDPOINT: usize = 256;
/// Those of one client, known by its address: as many as it has at the fabric's own address.
const MAX_CONNECTIONS_PER_CLIENT: usize = MAX_CONNECTIONS_PER_INTERFACE;
/// How often it is told that an interface is refused.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How the region's API is served to guests.
#[derive(Clone)]
pub struct GuestApi {
    /// What answers.
    pub api: Arc<QueryApi>,
    /// What the server shows that it is.
    pub tls: Arc<ServerConfig>,
}

/// Answers the calls of this machine's instances.
pub struct ApiService {
    guests: Arc<Guests>,
    /// Threads of its own; `None` only while it is dropped.
    runtime: Option<Runtime>,
}

/// A client: a vport, and at an endpoint's the address from which it calls.
type ClientKey = (u32, Option<IpAddr>);

struct Guests {
    source: Arc<dyn Source>,
    askers: Arc<Askers>,
    api: Arc<QueryApi>,
    acceptor: TlsAcceptor,
    places: Places,
    places_of_endpoints: Places,
    shares: Shares<ClientKey>,
    /// When it was told last that this attachment is refused.
    told: Mutex<BTreeMap<AttachmentId, Instant>>,
}

impl ApiService {
    /// Of the attachments that `askers` knows, in the world that `source` publishes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(
        source: Arc<dyn Source>,
        askers: Arc<Askers>,
        GuestApi { api, tls }: GuestApi,
    ) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("guests-calls")
            .enable_all()
            .build()?;
        Ok(Self {
            guests: Arc::new(Guests {
                source,
                askers,
                api,
                acceptor: TlsAcceptor::from(tls),
                places: Places::default(),
                places_of_endpoints: Places::bounded(
                    MAX_CONNECTIONS_PER_ENDPOINT,
                    MAX_CONNECTIONS_PER_ENDPOINT,
                ),
                shares: Shares::with_handshakes(MAX_HANDSHAKES),
                told: Mutex::default(),
            }),
            runtime: Some(runtime),
        })
    }

    /// Where guests' connections arrive. To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub fn listen() -> io::Result<TcpListener> {
        listen_at(Service::Api.port().number())?.into_std()
    }

    /// Serves until `stop` holds or its sender is gone.
    pub async fn serve(&self, listener: TcpListener, stop: watch::Receiver<bool>) {
        let Some(runtime) = &self.runtime else {
            return;
        };
        let guests = Arc::clone(&self.guests);
        let served = runtime.spawn(async move {
            // Here, so that these threads hear of its connections.
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => accept(listener, stop, |stream| guests.connection(stream)).await,
                Err(error) => warn!(%error, "guests' calls are not heard"),
            }
        });
        if let Err(error) = served.await {
            warn!(%error, "guests' calls are not served any more");
        }
    }
}

impl Drop for ApiService {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Others may be about to be dropped on a thread that must not wait.
            runtime.shutdown_background();
        }
    }
}

impl Guests {
    /// A connection's life; `None` where it is reset at once.
    fn connection(
        self: &Arc<Self>,
        stream: TcpStream,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let connection = Connection::new(stream, Reach::default());
        let called = connection.called().ok()?;
        let (service, vport) = Service::called(called)?;
        if service != Service::Api {
            return None;
        }
        let way = Way {
            vport,
            from: connection.caller().ok()?,
        };
        let held = self.askers.hold(vport);
        let Some(caller) = self.caller(way) else {
            self.refuse(vport);
            return None;
        };
        let (places, address, most) = match caller {
            // Its places are its own.
            Caller::Instance(_) => (&self.places, None, usize::MAX),
            Caller::ThroughEndpoint(..) => {
                let from = Some(way.from);
                (&self.places_of_endpoints, from, MAX_CONNECTIONS_PER_CLIENT)
            }
        };
        let share = self.shares.take((vport, address), most);
        let Some((arrival, share)) = share.and_then(|share| Some((places.arrive(vport)?, share)))
        else {
            measure::refused(Service::Api);
            return None;
        };
        connection.send_at_once().ok()?;
        let guests = Arc::clone(self);
        let client = Client::guest(called, caller.instance_id(), {
            let guests = Arc::clone(self);
            move || guests.caller(way) == Some(caller)
        });
        Some(async move {
            let mut held = held;
            let served = guests.serve_one(connection, arrival, vport, client, share);
            // Whichever comes first, the connection is gone before it is held no more.
            tokio::select! {
                biased;
                () = held.is_gone() => debug!(vport, "an endpoint is gone"),
                in_time = timeout(LONGEST_CONNECTION, served) => if in_time.is_err() {
                    debug!(vport, "a guest's connection has lasted long enough");
                },
            }
        })
    }

    async fn serve_one(
        &self,
        connection: Connection,
        arrival: Arrival,
        vport: u32,
        client: Client,
        share: Share<ClientKey>,
    ) {
        let Some(place) = arrival.place().await else {
            measure::refused(Service::Api);
            return;
        };
        let handshake = async {
            let _turn = share.handshakes.acquire().await.ok()?;
            place.turns().answer(|| ()).await;
            self.acceptor.accept(connection).await.ok()
        };
        let Ok(Some(stream)) = timeout(HANDSHAKE_PATIENCE, handshake).await else {
            debug!(vport, "a guest's handshake has failed");
            return;
        };
        let api = Arc::clone(&self.api);
        if let Err(error) = serve_one(stream, client, api, place.is_wanted()).await {
            debug!(%error, vport, "a guest's connection ended early");
        }
        drop(share);
    }

    /// Who calls by `way`, if it may. Asked anew for each call: a vport's number may become another interface's, and what an
    /// instance may do can change.
    fn caller(&self, way: Way) -> Option<Caller> {
        let published = self.source.published();
        let world = published.world();
        match self.askers.asker_at(way.vport)? {
            Asker::Attachment(attachment) => {
                let eni = world.network_interface_of_attachment(attachment)?;
                let id = eni.attachment.as_ref()?.instance_id;
                may_call(world, id).then_some(Caller::Instance(id))
            }
            // Routes and rules have let it in.
            Asker::Endpoint(id) => {
                let eni = world.network_interfaces.get(id)?;
                let instance_id = client_of_endpoint(world, eni.vpc_id, way.from);
                Some(Caller::ThroughEndpoint(id, instance_id))
            }
        }
    }

    /// Tells that somebody is refused who may not call, and not again for a while.
    fn refuse(&self, vport: u32) {
        measure::refused(Service::Api);
        let Some(attachment) = self.askers.at(vport) else {
            return;
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        told.retain(|_, last| now.duration_since(*last) < TELL_AGAIN);
        if told.insert(attachment, now).is_none() {
            let published = self.source.published();
            let eni = published
                .world()
                .network_interface_of_attachment(attachment);
            let instance = eni.and_then(|eni| Some(eni.attachment.as_ref()?.instance_id));
            // An interface that has just gone is nobody's.
            if let Some(id) = instance {
                info!("the API is closed to {id}, which has no role");
            }
        }
    }
}

/// How a connection has come.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Of an interface, or of an endpoint's.
    vport: u32,
    from: IpAddr,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// By the fabric's own address.
    Instance(InstanceId),
    /// By an endpoint's interface; the instance whose address its packets come from, as far as the endpoint's VPC and its peers
    /// know.
    ThroughEndpoint(NetworkInterfaceId, Option<InstanceId>),
}

impl Caller {
    fn instance_id(self) -> Option<InstanceId> {
        match self {
            Self::Instance(id) => Some(id),
            Self::ThroughEndpoint(_, id) => id,
        }
    }
}

/// The instance that has an address in the endpoint's VPC, or in one that is peered with it.
fn client_of_endpoint(world: &World, vpc_id: VpcId, from: IpAddr) -> Option<InstanceId> {
    let IpAddr::V4(from) = from else {
        return None;
    };
    let peers = world.vpc_peering_connections.by(&vpc_id);
    let peers = peers.filter_map(|connection| connection.peer_of(vpc_id));
    let owner = [vpc_id]
        .into_iter()
        .chain(peers)
        .find_map(|vpc_id| world.owner_of_private_address(vpc_id, from))?;
    Some(owner.attachment.as_ref()?.instance_id)
}

/// Whether an instance may call the API by the fabric's own address: whether it has a role. Interface endpoints are another way,
/// with rules of their own.
fn may_call(world: &World, instance_id: InstanceId) -> bool {
    let association = world.iam_instance_profile_associations.one(&instance_id);
    let profile = association.and_then(|one| world.instance_profiles.one(&one.instance_profile_id));
    let role = profile.and_then(|profile| profile.role_name.clone());
    role.is_some_and(|name| world.roles.get(name).is_some())
}
