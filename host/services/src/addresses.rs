//! Addresses over DHCP.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use dhcproto::v4::{
    Decodable, DhcpOption, Encodable, HType, Message, MessageType, NodeType, Opcode, OptionCode,
};
use dhcproto::{Decoder, Encoder};
use eni_abi::{Service, VPC_MTU};
use eni_dhcp::{Answer, Configuration, Kind, LEASE_SECONDS, Request, answer};
use eni_model::Source;
use eni_types::MacAddress;
use tokio::sync::watch;

use crate::Askers;
use crate::datagrams::{Datagrams, Question};

/// The largest message that is read. Clients' are smaller than what every server must take, 576 bytes (RFC 2131, 2).
const MAX_MESSAGE_BYTES: usize = 1_500;
/// The bytes of a MAC address, and so of `chaddr`.
const MAC_BYTES: u8 = 6;

/// Answers clients of DHCP.
pub struct AddressService {
    source: Arc<dyn Source>,
    askers: Arc<Askers>,
}

/// Where guests ask.
pub struct AddressSocket(Datagrams);

impl AddressSocket {
    /// To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can be heard there.
    pub fn open() -> io::Result<Self> {
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, Service::Dhcp.port().number());
        Ok(Self(Datagrams::bind(address, MAX_MESSAGE_BYTES)?))
    }
}

impl AddressService {
    /// Of what `source` publishes, for the attachments that `askers` knows.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, askers: Arc<Askers>) -> Self {
        Self { source, askers }
    }

    /// Answers until `stop` holds or its sender is gone.
    pub async fn serve(&self, socket: AddressSocket, stop: watch::Receiver<bool>) {
        let AddressSocket(datagrams) = socket;
        let answer = |question: Question| {
            let caller = question.caller;
            if caller.service != Service::Dhcp {
                return;
            }
            if let Some(answer) = self.answer(&question.bytes, caller.vport) {
                datagrams.answer(&caller, &answer);
            }
        };
        datagrams.serve(stop, answer).await;
    }

    fn answer(&self, bytes: &[u8], vport: u32) -> Option<Vec<u8>> {
        let (message, request) = read(bytes)?;
        let published = self.source.published();
        let world = published.world();
        let eni = world.network_interface_of_attachment(self.askers.at(vport)?)?;
        let answer = answer(&request, eni, world, self.source.settings())?;
        write(&message, answer)
    }
}

/// A client's message, and what it asks; `None` for what is none, or comes by a relay, of which there are none here.
fn read(bytes: &[u8]) -> Option<(Message, Request)> {
    let message = Message::decode(&mut Decoder::new(bytes)).ok()?;
    // Before `chaddr` is read: it has as many bytes as the message says.
    let is_client = message.opcode() == Opcode::BootRequest
        && message.htype() == HType::Eth
        && message.hlen() == MAC_BYTES
        && message.giaddr().is_unspecified();
    if !is_client {
        return None;
    }
    let options = message.opts();
    let address = |code| match options.get(code) {
        Some(DhcpOption::RequestedIpAddress(address) | DhcpOption::ServerIdentifier(address)) => {
            Some(*address)
        }
        _ => None,
    };
    let Some(DhcpOption::MessageType(kind)) = options.get(OptionCode::MessageType) else {
        return None;
    };
    let in_use = message.ciaddr();
    let request = Request {
        kind: match kind {
            MessageType::Discover => Kind::Discover,
            MessageType::Request => Kind::Request,
            MessageType::Decline => Kind::Decline,
            MessageType::Release => Kind::Release,
            MessageType::Inform => Kind::Inform,
            _ => return None,
        },
        client: MacAddress(message.chaddr().try_into().ok()?),
        in_use: Some(in_use).filter(|address| !address.is_unspecified()),
        wanted: address(OptionCode::RequestedIpAddress),
        server: address(OptionCode::ServerIdentifier),
    };
    Some((message, request))
}

/// The message that answers `question` (RFC 2131, table 3).
fn write(question: &Message, answer: Answer) -> Option<Vec<u8>> {
    let unspecified = Ipv4Addr::UNSPECIFIED;
    let (kind, configuration, router) = match answer {
        Answer::Offer(told) => (MessageType::Offer, Some(told), None),
        Answer::Acknowledge(told) | Answer::Inform(told) => (MessageType::Ack, Some(told), None),
        Answer::Refuse(router) => (MessageType::Nak, None, Some(router)),
    };
    let is_inform = matches!(
        question.opts().get(OptionCode::MessageType),
        Some(DhcpOption::MessageType(MessageType::Inform))
    );
    let in_use = match kind {
        MessageType::Ack => question.ciaddr(),
        _ => unspecified,
    };
    let given = configuration.as_ref().filter(|_| !is_inform);
    let mut message = Message::new_with_id(
        question.xid(),
        in_use,
        given.map_or(unspecified, |told| told.address),
        unspecified,
        unspecified,
        question.chaddr(),
    );
    message.set_opcode(Opcode::BootReply);
    message.set_htype(HType::Eth);
    message.set_flags(question.flags());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    let server = configuration.as_ref().map(|told| told.router).or(router)?;
    options.insert(DhcpOption::ServerIdentifier(server));
    // RFC 6842: so that the client knows it for its own.
    let client = question.opts().get(OptionCode::ClientIdentifier);
    client.cloned().and_then(|client| options.insert(client));
    if given.is_some() {
        // RFC 2131, 4.4.5: half of it, and seven eighths.
        options.insert(DhcpOption::AddressLeaseTime(LEASE_SECONDS));
        options.insert(DhcpOption::Renewal(LEASE_SECONDS / 2));
        options.insert(DhcpOption::Rebinding(LEASE_SECONDS / 8 * 7));
    }
    if let Some(told) = configuration {
        let wanted = match question.opts().get(OptionCode::ParameterRequestList) {
            Some(DhcpOption::ParameterRequestList(wanted)) => Some(wanted),
            _ => None,
        };
        for option in parameters(told) {
            let code = OptionCode::from(&option);
            if wanted.is_none_or(|wanted| wanted.contains(&code)) {
                options.insert(option);
            }
        }
    }
    let mut bytes = Vec::new();
    message.encode(&mut Encoder::new(&mut bytes)).ok()?;
    Some(bytes)
}

/// What may be told, as options of RFC 2132.
fn parameters(told: Configuration) -> Vec<DhcpOption> {
    let mut parameters = vec![
        DhcpOption::SubnetMask(told.mask),
        DhcpOption::Router(vec![told.router]),
        DhcpOption::BroadcastAddr(told.broadcast),
        DhcpOption::Hostname(told.host_name),
        DhcpOption::InterfaceMtu(u16::try_from(VPC_MTU).unwrap_or(u16::MAX)),
    ];
    parameters.extend(told.domain_name.map(DhcpOption::DomainName));
    let mut add = |servers: Vec<Ipv4Addr>, option: fn(Vec<Ipv4Addr>) -> DhcpOption| {
        if !servers.is_empty() {
            parameters.push(option(servers));
        }
    };
    add(told.name_servers, DhcpOption::DomainNameServer);
    add(told.time_servers, DhcpOption::NtpServers);
    add(told.netbios_servers, DhcpOption::NetBiosNameServers);
    let node_type = told.netbios_node_type.map(NodeType::from);
    parameters.extend(node_type.map(DhcpOption::NetBiosNodeType));
    parameters
}
