//! Messages of DHCP for IPv4 (RFC 2131).

use std::net::Ipv4Addr;

use dhcproto::Encoder;
use dhcproto::v4::{
    DhcpOption, Encodable, Flags, HType, Message, MessageType, NodeType, Opcode, OptionCode,
    borrowed,
};
use eni_abi::VPC_MTU;
use eni_dhcp::{Answer, Configuration, Kind, LEASE_SECONDS, Request};
use eni_model::resource::NetworkInterface;
use eni_model::{RegionSettings, World};
use eni_types::MacAddress;

/// The options that are looked into.
const READ: [OptionCode; 5] = [
    OptionCode::RequestedIpAddress,
    OptionCode::MessageType,
    OptionCode::ServerIdentifier,
    OptionCode::ParameterRequestList,
    OptionCode::ClientIdentifier,
];
/// The bytes of a MAC address, and so of `chaddr`.
const MAC_BYTES: u8 = 6;

/// The message that answers what the client at `eni` has sent; `None` for nothing.
#[must_use]
pub fn answer(
    bytes: &[u8],
    eni: &NetworkInterface,
    world: &World,
    region: &RegionSettings,
) -> Option<Vec<u8>> {
    let asked = read(bytes)?;
    write(
        &asked,
        eni_dhcp::answer(&asked.request, eni, world, region)?,
    )
}

/// What is read of a client's message.
struct Asked {
    request: Request,
    number: u32,
    flags: Flags,
    /// Which parameters it wants; all if it does not say.
    parameters: Option<Vec<OptionCode>>,
    /// By which name it wants to be known.
    identifier: Option<DhcpOption>,
}

/// Reads a client's message; `None` for what is none, or comes by a relay, of which there are none here. Of the options only
/// those that matter are looked into.
fn read(bytes: &[u8]) -> Option<Asked> {
    let message = borrowed::Message::new(bytes).ok()?;
    // Before `chaddr` is read: it has as many bytes as the message says.
    let is_client = message.opcode() == Opcode::BootRequest
        && message.htype() == HType::Eth
        && message.hlen() == MAC_BYTES
        && message.giaddr().is_unspecified();
    if !is_client {
        return None;
    }
    let client = MacAddress(message.chaddr().try_into().ok()?);
    let (mut kind, mut wanted, mut server) = (None, None, None);
    let (mut parameters, mut identifier) = (None, None);
    for option in message.opts() {
        if !READ.contains(&option.code()) {
            continue;
        }
        match option.into_option().ok()? {
            DhcpOption::MessageType(of) => kind = Some(of),
            DhcpOption::RequestedIpAddress(address) => wanted = Some(address),
            DhcpOption::ServerIdentifier(address) => server = Some(address),
            DhcpOption::ParameterRequestList(codes) => parameters = Some(codes),
            other => identifier = Some(other),
        }
    }
    let in_use = message.ciaddr();
    let request = Request {
        kind: match kind? {
            MessageType::Discover => Kind::Discover,
            MessageType::Request => Kind::Request,
            MessageType::Decline => Kind::Decline,
            MessageType::Release => Kind::Release,
            MessageType::Inform => Kind::Inform,
            _ => return None,
        },
        client,
        in_use: Some(in_use).filter(|address| !address.is_unspecified()),
        wanted,
        server,
    };
    Some(Asked {
        request,
        number: message.xid(),
        flags: message.flags(),
        parameters,
        identifier,
    })
}

/// The message that answers `asked` (RFC 2131, table 3).
fn write(asked: &Asked, answer: Answer) -> Option<Vec<u8>> {
    let unspecified = Ipv4Addr::UNSPECIFIED;
    let gives_address = matches!(answer, Answer::Offer(_) | Answer::Acknowledge(_));
    let (kind, server, told) = match answer {
        Answer::Offer(told) => (MessageType::Offer, told.router, Some(told)),
        Answer::Acknowledge(told) | Answer::Inform(told) => {
            (MessageType::Ack, told.router, Some(told))
        }
        Answer::Refuse(router) => (MessageType::Nak, router, None),
    };
    let in_use = asked.request.in_use.filter(|_| kind == MessageType::Ack);
    let given = told.as_ref().filter(|_| gives_address);
    let mut message = Message::new_with_id(
        asked.number,
        in_use.unwrap_or(unspecified),
        given.map_or(unspecified, |told| told.address),
        unspecified,
        unspecified,
        &asked.request.client.0,
    );
    message.set_opcode(Opcode::BootReply);
    message.set_htype(HType::Eth);
    message.set_flags(asked.flags);
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(server));
    if let Some(identifier) = &asked.identifier {
        // RFC 6842: so that the client knows it for its own.
        options.insert(identifier.clone());
    }
    if gives_address {
        // RFC 2131, 4.4.5: half of it, and seven eighths.
        options.insert(DhcpOption::AddressLeaseTime(LEASE_SECONDS));
        options.insert(DhcpOption::Renewal(LEASE_SECONDS / 2));
        options.insert(DhcpOption::Rebinding(LEASE_SECONDS / 8 * 7));
    }
    let wanted = asked.parameters.as_ref();
    for option in told.map(parameters).unwrap_or_default() {
        let code = OptionCode::from(&option);
        if wanted.is_none_or(|wanted| wanted.contains(&code)) {
            options.insert(option);
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

#[cfg(test)]
mod tests {
    use dhcproto::Decoder;
    use dhcproto::v4::Decodable;
    use proptest::prelude::{any, proptest};

    use super::*;

    const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 9];
    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 9);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
    /// Where a message says how long the client's MAC address is (RFC 2131, figure 1).
    const HARDWARE_LENGTH: usize = 2;

    fn question(kind: MessageType, options: Vec<DhcpOption>) -> Message {
        let none = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(77, none, none, none, none, &CLIENT);
        message.opts_mut().insert(DhcpOption::MessageType(kind));
        for option in options {
            message.opts_mut().insert(option);
        }
        message
    }

    fn bytes(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.encode(&mut Encoder::new(&mut bytes)).unwrap();
        bytes
    }

    fn told() -> Configuration {
        Configuration {
            address: OWN,
            mask: Ipv4Addr::new(255, 255, 255, 0),
            broadcast: Ipv4Addr::new(10, 0, 1, 255),
            router: ROUTER,
            host_name: "ip-10-0-1-9".to_owned(),
            domain_name: Some("ec2.internal".to_owned()),
            name_servers: vec![Ipv4Addr::new(10, 0, 0, 2)],
            time_servers: vec![],
            netbios_servers: vec![],
            netbios_node_type: None,
        }
    }

    fn written(question: &Message, answer: Answer) -> Message {
        let asked = read(&bytes(question)).unwrap();
        let bytes = write(&asked, answer).unwrap();
        Message::decode(&mut Decoder::new(&bytes)).unwrap()
    }

    #[test]
    fn a_request_is_read_as_it_was_meant() {
        let wanted = vec![
            DhcpOption::RequestedIpAddress(OWN),
            DhcpOption::ServerIdentifier(ROUTER),
        ];
        let asked = read(&bytes(&question(MessageType::Request, wanted))).unwrap();
        let want = Request {
            kind: Kind::Request,
            client: MacAddress(CLIENT),
            in_use: None,
            wanted: Some(OWN),
            server: Some(ROUTER),
        };
        assert_eq!(asked.request, want);
    }

    #[test]
    fn what_is_no_clients_question_is_not_read() {
        let good = question(MessageType::Discover, vec![]);
        assert!(read(&bytes(&good)).is_some());
        let with = |change: &dyn Fn(&mut Message)| {
            let mut changed = good.clone();
            change(&mut changed);
            read(&bytes(&changed)).is_some()
        };
        let reply: &dyn Fn(&mut Message) = &|message| {
            message.set_opcode(Opcode::BootReply);
        };
        let relayed: &dyn Fn(&mut Message) = &|message| {
            message.set_giaddr(OWN);
        };
        let of_no_ethernet: &dyn Fn(&mut Message) = &|message| {
            message.set_htype(HType::Unknown(9));
        };
        let without_kind: &dyn Fn(&mut Message) = &|message| {
            message.opts_mut().remove(OptionCode::MessageType);
        };
        for change in [reply, relayed, of_no_ethernet, without_kind] {
            assert!(!with(change));
        }
        for kind in [MessageType::Offer, MessageType::Ack, MessageType::Nak] {
            assert!(read(&bytes(&question(kind, vec![]))).is_none());
        }
        // It says that its MAC address is longer than there is room for.
        for length in [0, 5, 7, 16, 17, 255] {
            let mut bytes = bytes(&good);
            bytes[HARDWARE_LENGTH] = length;
            assert!(read(&bytes).is_none(), "{length}");
        }
        assert!(read(&[]).is_none() && read(&[1; 239]).is_none());
    }

    #[test]
    fn a_client_is_told_what_it_asks_for_and_what_it_must_know() {
        let identifier = DhcpOption::ClientIdentifier(vec![1, 2, 3]);
        let wanted = DhcpOption::ParameterRequestList(vec![OptionCode::Router, OptionCode::Pad]);
        let asked = question(MessageType::Discover, vec![identifier.clone(), wanted]);
        let offer = written(&asked, Answer::Offer(told()));
        assert_eq!(
            (offer.xid(), offer.yiaddr(), offer.chaddr()),
            (77, OWN, &CLIENT[..])
        );
        let codes: Vec<u8> = offer
            .opts()
            .iter()
            .map(|(code, _)| (*code).into())
            .collect();
        assert_eq!(codes, [3, 51, 53, 54, 58, 59, 61]);
        let all = written(
            &question(MessageType::Discover, vec![]),
            Answer::Offer(told()),
        );
        let codes: Vec<u8> = all.opts().iter().map(|(code, _)| (*code).into()).collect();
        assert_eq!(codes, [1, 3, 6, 12, 15, 26, 28, 51, 53, 54, 58, 59]);
    }

    #[test]
    fn who_has_an_address_is_given_none_and_who_is_refused_is_told_nothing() {
        let inform = question(MessageType::Inform, vec![]);
        let told = written(&inform, Answer::Inform(told()));
        assert!(told.yiaddr().is_unspecified());
        assert!(told.opts().get(OptionCode::AddressLeaseTime).is_none());
        assert!(told.opts().get(OptionCode::Router).is_some());
        let refused = written(
            &question(MessageType::Request, vec![]),
            Answer::Refuse(ROUTER),
        );
        assert!(refused.yiaddr().is_unspecified());
        let codes: Vec<u8> = refused
            .opts()
            .iter()
            .map(|(code, _)| (*code).into())
            .collect();
        assert_eq!(codes, [53, 54]);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(
            noise in proptest::collection::vec(any::<u8>(), 0..400),
            at in 0_usize..240,
            byte: u8,
        ) {
            let _whatever = read(&noise);
            let mut message = bytes(&question(MessageType::Request, vec![]));
            message[at] = byte;
            // In place of the end.
            message.pop();
            message.extend(&noise);
            if let Some(asked) = read(&message) {
                assert!(write(&asked, Answer::Acknowledge(told())).is_some());
            }
        }
    }
}
