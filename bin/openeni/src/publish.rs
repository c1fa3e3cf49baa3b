//! `openeni dev --publish`: ports of the host that lead to addresses of the region.
//!
//! A connection to such a port is taken here, and continued to the region by the host's own way there: so it needs no forwarding, no
//! rules of the host's packet filter, and works by loopback. In the region it comes from the host, and everything on its way is
//! asked as of any other that comes in by the internet gateway.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use eni_model::World;
use eni_region::Region;
use eni_types::Ipv4Cidr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

/// Connections of one port at once; more wait to be taken.
const MOST_CONNECTIONS: usize = 1024;
/// How long the region may take to agree to a connection: what a group does not let in is not answered.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken, as where no descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A port of the host, and where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) listen: SocketAddr,
    address: Ipv4Addr,
    port: u16,
}

/// What is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum PublicationError {
    #[error(
        "[HOST:]PORT:ADDRESS:PORT it must be, such as 8080:203.0.113.25:80 or 127.0.0.1:8080:10.0.1.5:80"
    )]
    Form,
    #[error("{0} is no port")]
    Port(String),
    #[error("{0} is no address of this host; give one, or leave it away for all")]
    Host(String),
    #[error(
        "{0} is no IPv4 address: published ports lead to Elastic IP addresses, or private ones that have one"
    )]
    Address(String),
    #[error(
        "{0} is an IPv6 address: ADDRESS is one of IPv4, an Elastic IP address, or a private one that has one"
    )]
    Ipv6(Ipv6Addr),
}

impl FromStr for Publication {
    type Err = PublicationError;

    fn from_str(text: &str) -> Result<Self, PublicationError> {
        let mut parts = text.rsplitn(4, ':');
        let (Some(port), Some(address), Some(own)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(PublicationError::Form);
        };
        let leads_to = address.parse().ok();
        if leads_to.is_none()
            && let Some(address) = ipv6_led_to(text)
        {
            return Err(PublicationError::Ipv6(address));
        }
        let read = |port: &str| match port.parse() {
            Ok(0) | Err(_) => Err(PublicationError::Port(port.into())),
            Ok(port) => Ok(port),
        };
        let host = match parts.next() {
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Some(host) => {
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                let read = bare.parse();
                read.map_err(|_| PublicationError::Host(host.into()))?
            }
        };
        Ok(Self {
            listen: SocketAddr::new(host, read(own)?),
            address: leads_to.ok_or_else(|| PublicationError::Address(address.into()))?,
            port: read(port)?,
        })
    }
}

/// The address of IPv6 that a text would lead to which leads to none of IPv4: one behind the host's port, in brackets or without.
fn ipv6_led_to(text: &str) -> Option<Ipv6Addr> {
    let (before, _port) = text.rsplit_once(':')?;
    let address = match before.strip_suffix(']') {
        Some(before) => before.rsplit_once(":[")?.1,
        None => before.split_once(':')?.1,
    };
    address.parse().ok()
}

impl fmt::Display for Publication {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} to {}:{}",
            self.listen, self.address, self.port
        )
    }
}

/// Why a connection is not continued.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no interface with a public address has the address {0}")]
    NobodyHas(Ipv4Addr),
    #[error("interfaces of several VPCs have the address {0} and public ones: name a public one")]
    SeveralHave(Ipv4Addr),
    #[error("nothing answers")]
    Silence,
    #[error(transparent)]
    Refused(#[from] io::Error),
}

/// Where the host reaches an address: itself, if it is one of the region's public ones, else the public one of the only private one.
fn reached(address: Ipv4Addr, pool: Ipv4Cidr, world: &World) -> Result<Ipv4Addr, Refusal> {
    if pool.contains(address) {
        return Ok(address);
    }
    let owners = world.network_interfaces.by(&address);
    let public =
        owners.filter_map(|eni| world.public_address_of(eni.network_interface_id, address));
    let mut public = public.map(|row| row.public_ip);
    match (public.next(), public.next()) {
        (Some(address), None) => Ok(address),
        (None, _) => Err(Refusal::NobodyHas(address)),
        (Some(_), Some(_)) => Err(Refusal::SeveralHave(address)),
    }
}

/// Ports that are published, until this is dropped.
pub(crate) struct Published {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Published {
    /// Publishes the ports of `listeners` by a thread of their own: calls of the API do not wait for what they carry.
    ///
    /// # Errors
    /// When there is no thread.
    pub(crate) fn begin(
        listeners: Vec<(Publication, std::net::TcpListener)>,
        region: &Arc<Region>,
    ) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let region = Arc::clone(region);
        let work = move || runtime.block_on(serve(listeners, region, stopped));
        let thread = thread::Builder::new()
            .name("published".into())
            .spawn(work)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It has told of a panic.
            drop(thread.join());
        }
    }
}

async fn serve(
    listeners: Vec<(Publication, std::net::TcpListener)>,
    region: Arc<Region>,
    mut stopped: watch::Receiver<bool>,
) {
    for (publication, listener) in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                info!("published: {publication}");
                tokio::spawn(accept(publication, listener, Arc::clone(&region)));
            }
            Err(error) => warn!(%error, "not published: {publication}"),
        }
    }
    // What runs ends with the runtime.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn accept(publication: Publication, listener: TcpListener, region: Arc<Region>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, from)) => {
                let region = Arc::clone(&region);
                tokio::spawn(async move {
                    if let Err(refusal) = carry(publication, stream, &region).await {
                        debug!(%refusal, %from, "a connection ends: {publication}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                debug!(%error, "no connection is taken: {publication}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection's life. One that is not continued is closed.
async fn carry(
    publication: Publication,
    mut stream: TcpStream,
    region: &Region,
) -> Result<(), Refusal> {
    let pool = region.settings().public_pool;
    let address = region.read(|world| reached(publication.address, pool, world))?;
    let connecting = TcpStream::connect((address, publication.port));
    let connected = timeout(CONNECT_PATIENCE, connecting).await;
    let mut inside = connected.map_err(|_| Refusal::Silence)??;
    for end in [&stream, &inside] {
        end.set_nodelay(true)?;
    }
    copy_bidirectional(&mut stream, &mut inside).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use eni_model::testing::TestWorld;

    use super::*;

    #[test]
    fn what_is_published_is_read_as_docker_writes_it() {
        let read = |text: &str| text.parse::<Publication>().map(|one| one.to_string());
        for (text, read_as) in [
            ("8080:203.0.113.25:80", "0.0.0.0:8080 to 203.0.113.25:80"),
            (
                "127.0.0.1:8080:10.0.1.5:80",
                "127.0.0.1:8080 to 10.0.1.5:80",
            ),
            ("[::1]:8080:10.0.1.5:80", "[::1]:8080 to 10.0.1.5:80"),
            (
                "2001:db8::1:8080:10.0.1.5:80",
                "[2001:db8::1]:8080 to 10.0.1.5:80",
            ),
        ] {
            assert_eq!(read(text), Ok(read_as.to_owned()));
        }
        use PublicationError::{Address, Form, Host, Ipv6, Port};
        let ipv6 = "2001:db8::1".parse().unwrap();
        for (text, error) in [
            ("", Form),
            ("8080", Form),
            ("8080:80", Form),
            ("0:10.0.1.5:80", Port("0".into())),
            ("8080:10.0.1.5:http", Port("http".into())),
            ("8080:10.0.1.5:65536", Port("65536".into())),
            ("localhost:8080:10.0.1.5:80", Host("localhost".into())),
            ("8080:web:80", Address("web".into())),
            ("9008:[2001:db8::1]:80", Ipv6(ipv6)),
            ("9008:2001:db8::1:80", Ipv6(ipv6)),
            ("[::1]:9008:[2001:db8::1]:80", Ipv6(ipv6)),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_private_address_leads_to_the_only_public_one_behind_it() {
        let mut region = TestWorld::bootstrapped();
        let pool = region.region.public_pool;
        let wanted: Ipv4Addr = "10.0.1.5".parse().unwrap();
        let found = |region: &TestWorld| {
            let found = reached(wanted, pool, &region.world);
            found.map_err(|refusal| refusal.to_string())
        };
        assert!(found(&region).unwrap_err().starts_with("no interface"));
        let public = pool.nth(7).unwrap();
        assert_eq!(reached(public, pool, &region.world).unwrap(), public);
        for count in 0..2 {
            let vpc = region.make("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "/vpc/vpcId");
            let block = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.1.0/24")];
            let subnet = region.make("CreateSubnet", &block, "/subnet/subnetId");
            let place = [
                ("SubnetId", subnet.as_str()),
                ("PrivateIpAddress", "10.0.1.5"),
            ];
            let made = "/networkInterface/networkInterfaceId";
            let eni = region.make("CreateNetworkInterface", &place, made);
            let made = "/internetGateway/internetGatewayId";
            let gateway = region.make("CreateInternetGateway", &[], made);
            let both = [("InternetGatewayId", gateway.as_str()), ("VpcId", &vpc)];
            region.must("AttachInternetGateway", &both);
            let allocated = region.must("AllocateAddress", &[]);
            let id = allocated["allocationId"].as_str().unwrap();
            let both = [("AllocationId", id), ("NetworkInterfaceId", &eni)];
            region.must("AssociateAddress", &both);
            let public = allocated["publicIp"].as_str().unwrap().to_owned();
            match count {
                0 => assert_eq!(found(&region).unwrap().to_string(), public),
                _ => assert!(found(&region).unwrap_err().contains("several VPCs")),
            }
        }
    }
}
