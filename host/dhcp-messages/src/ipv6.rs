//! Messages of DHCPv6 (RFC 8415).

use std::net::Ipv6Addr;

use dhcproto::Encoder;
use dhcproto::v6::{
    DhcpOption, DhcpOptions, Encodable, IAAddr, IANA, IAPD, IATA, Message, MessageType,
    NtpSuboption, OptionCode, StatusCode, UnknownOption,
};
use eni_dhcp::ipv6::{
    Answer, Association, Configuration, Given, Kind, Lifetimes, MAX_ASSOCIATIONS, Purpose, Request,
    Status, answer as decide,
};
use eni_model::resource::NetworkInterface;
use eni_model::{RegionSettings, World};
use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::BinEncodable;

/// The port at which clients listen, from whichever they ask (section 7.2).
pub const CLIENT_PORT: u16 = 546;
/// Bytes of what a client may call itself (section 11.1: 128 behind the type of the name).
const NAME_BYTES: std::ops::RangeInclusive<usize> = 3..=130;
/// Addresses of an association that are read.
const MAX_ADDRESSES: usize = 64;

/// The message that answers what the client at `eni` has sent; `None` for nothing.
#[must_use]
pub fn answer(
    bytes: &[u8],
    eni: &NetworkInterface,
    world: &World,
    region: &RegionSettings,
) -> Option<Vec<u8>> {
    let asked = read(bytes)?;
    write(&asked, &decide(&asked.request, eni, world, region)?)
}

/// What is read of a client's message.
struct Asked {
    request: Request,
    number: [u8; 3],
    /// What it calls itself.
    client: Option<Vec<u8>>,
    /// Which options it wants; all if it does not say.
    wanted: Option<Vec<u16>>,
}

/// Reads a client's message; `None` for what is none, or has an option that is cut.
fn read(bytes: &[u8]) -> Option<Asked> {
    let ([kind, number @ ..], rest) = bytes.split_first_chunk::<4>()?;
    let (mut client, mut server, mut wanted) = (None, None, None);
    let (mut rapid_commit, mut associations) = (false, Vec::new());
    for (code, value) in options(rest)? {
        let purpose = match code {
            OptionCode::ClientId if NAME_BYTES.contains(&value.len()) => {
                client = Some(value.to_vec());
                continue;
            }
            OptionCode::ClientId => return None,
            OptionCode::ServerId => {
                server = Some(value.to_vec());
                continue;
            }
            OptionCode::ORO => {
                let (codes, _) = value.as_chunks();
                let codes = codes.iter().map(|code| u16::from_be_bytes(*code));
                wanted = Some(codes.collect());
                continue;
            }
            OptionCode::RapidCommit => {
                rapid_commit = true;
                continue;
            }
            OptionCode::IANA => Purpose::Lasting,
            OptionCode::IATA => Purpose::Temporary,
            OptionCode::IAPD => Purpose::Prefixes,
            _ => continue,
        };
        if associations.len() < MAX_ASSOCIATIONS {
            associations.push(association(purpose, value)?);
        }
    }
    let kind = match MessageType::from(*kind) {
        MessageType::Solicit => Kind::Solicit { rapid_commit },
        MessageType::Request => Kind::Request,
        MessageType::Confirm => Kind::Confirm,
        MessageType::Renew => Kind::Renew,
        MessageType::Rebind => Kind::Rebind,
        MessageType::Release => Kind::Release,
        MessageType::Decline => Kind::Decline,
        MessageType::InformationRequest => Kind::Inform,
        _ => return None,
    };
    Some(Asked {
        request: Request {
            kind,
            is_named: client.is_some(),
            server,
            associations,
        },
        number: *number,
        client,
        wanted,
    })
}

/// Options with what they have; `None` where one is cut (section 21.1).
fn options(mut bytes: &[u8]) -> Option<Vec<(OptionCode, &[u8])>> {
    let mut options = Vec::new();
    while !bytes.is_empty() {
        let ([c0, c1, l0, l1], rest) = bytes.split_first_chunk()?;
        let length = u16::from_be_bytes([*l0, *l1]).into();
        let (value, rest) = rest.split_at_checked(length)?;
        options.push((u16::from_be_bytes([*c0, *c1]).into(), value));
        bytes = rest;
    }
    Some(options)
}

/// An association: its number, times that are the server's to say (of a temporary one none), and addresses.
fn association(purpose: Purpose, value: &[u8]) -> Option<Association> {
    let (id, mut rest) = value.split_first_chunk()?;
    if purpose != Purpose::Temporary {
        (_, rest) = rest.split_first_chunk::<8>()?;
    }
    let addresses = options(rest)?
        .into_iter()
        .filter(|(code, _)| *code == OptionCode::IAAddr)
        .take(MAX_ADDRESSES)
        .map(|(_, value)| {
            // Two times follow.
            let (address, _) = value.split_first_chunk::<16>()?;
            Some(Ipv6Addr::from(*address))
        })
        .collect::<Option<_>>()?;
    Some(Association {
        purpose,
        id: u32::from_be_bytes(*id),
        addresses,
    })
}

/// The message that answers `asked` (section 18.3). The server's name comes first, by which the data plane knows whose it is.
fn write(asked: &Asked, answer: &Answer) -> Option<Vec<u8>> {
    let kind = if answer.is_offer {
        MessageType::Advertise
    } else {
        MessageType::Reply
    };
    let mut options = vec![DhcpOption::ServerId(answer.server.to_vec())];
    options.extend(asked.client.clone().map(DhcpOption::ClientId));
    let given = answer.given.iter();
    options.extend(given.map(|given| written(given, answer.lifetimes)));
    options.extend(answer.status.map(status));
    options.extend(answer.rapid_commit.then_some(DhcpOption::RapidCommit));
    let is_wanted = |option: &DhcpOption| {
        let code = code_of(option);
        let wanted = asked.wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.contains(&code))
    };
    let parameters = parameters(&answer.configuration);
    options.extend(parameters.into_iter().filter(is_wanted));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    let message = Message::new_with_id(kind, asked.number);
    message.encode(&mut encoder).ok()?;
    // One by one: the crate's own list of options would bring them into another order.
    for option in options {
        option.encode(&mut encoder).ok()?;
    }
    Some(bytes)
}

fn written(given: &Given, lifetimes: Lifetimes) -> DhcpOption {
    let own = given.addresses.iter().map(|address| (address, lifetimes));
    let never = Lifetimes {
        preferred: 0,
        valid: 0,
    };
    let withdrawn = given.withdrawn.iter().map(|address| (address, never));
    let mut opts = DhcpOptions::new();
    // The list puts an option before its like.
    for (address, lifetimes) in own.chain(withdrawn).rev() {
        opts.insert(DhcpOption::IAAddr(IAAddr {
            addr: *address,
            preferred_life: lifetimes.preferred,
            valid_life: lifetimes.valid,
            opts: DhcpOptions::new(),
        }));
    }
    if let Some(said) = given.status {
        opts.insert(status(said));
    }
    let (id, [t1, t2]) = (given.id, [lifetimes.renewal(), lifetimes.rebinding()]);
    match given.purpose {
        Purpose::Lasting => DhcpOption::IANA(IANA { id, t1, t2, opts }),
        Purpose::Temporary => DhcpOption::IATA(IATA { id, opts }),
        Purpose::Prefixes => DhcpOption::IAPD(IAPD { id, t1, t2, opts }),
    }
}

fn status(said: Status) -> DhcpOption {
    use dhcproto::v6::Status as Code;
    let (status, text) = match said {
        Status::Success => (Code::Success, "done"),
        Status::NoAddresses => (Code::NoAddrsAvail, "no address"),
        Status::NoPrefix => (Code::NoPrefixAvail, "no prefix"),
        Status::NotOnLink => (Code::NotOnLink, "not of this interface"),
    };
    DhcpOption::StatusCode(StatusCode {
        status,
        msg: text.to_owned(),
    })
}

/// The number of an option, also of one that is written as its bytes.
fn code_of(option: &DhcpOption) -> u16 {
    OptionCode::from(option).into()
}

/// What may be told, as options of RFC 3646 and RFC 5908.
fn parameters(told: &Configuration) -> Vec<DhcpOption> {
    let mut parameters = Vec::new();
    if !told.name_servers.is_empty() {
        let servers = told.name_servers.clone();
        parameters.push(DhcpOption::DomainNameServers(servers));
    }
    // One by one: together they would be compressed, which they must not be (RFC 8415, section 10).
    let names = told.domains.iter();
    let names = names.filter_map(|name| Name::from_ascii(name).ok()?.to_bytes().ok());
    let names = names.flatten().collect::<Vec<u8>>();
    if !names.is_empty() {
        let list = UnknownOption::new(OptionCode::DomainSearchList, names);
        parameters.push(DhcpOption::Unknown(list));
    }
    if !told.time_servers.is_empty() {
        let servers = told.time_servers.iter().copied();
        let servers = servers.map(NtpSuboption::ServerAddress).collect();
        parameters.push(DhcpOption::NtpServer(servers));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use dhcproto::Decoder;
    use dhcproto::v6::{Decodable, ORO};
    use eni_dhcp::ipv6::server_name;
    use eni_types::MacAddress;
    use proptest::prelude::{any, proptest};

    use super::*;

    const CLIENT: [u8; 10] = [0, 3, 0, 1, 2, 0, 0, 0, 0, 9];
    const MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 9]);

    fn own() -> Ipv6Addr {
        "2001:db8::9".parse().unwrap()
    }

    fn question(kind: MessageType, options: Vec<DhcpOption>) -> Vec<u8> {
        let mut message = Message::new_with_id(kind, [7, 8, 9]);
        let name = DhcpOption::ClientId(CLIENT.to_vec());
        for option in options.into_iter().chain([name]) {
            message.opts_mut().insert(option);
        }
        let mut bytes = Vec::new();
        message.encode(&mut Encoder::new(&mut bytes)).unwrap();
        bytes
    }

    fn lasting(addresses: &[Ipv6Addr]) -> DhcpOption {
        let option = |addr: &Ipv6Addr| {
            DhcpOption::IAAddr(IAAddr {
                addr: *addr,
                preferred_life: 1,
                valid_life: 2,
                opts: DhcpOptions::new(),
            })
        };
        DhcpOption::IANA(IANA {
            id: 77,
            t1: 0,
            t2: 0,
            opts: addresses.iter().map(option).collect(),
        })
    }

    fn told() -> Answer {
        Answer {
            is_offer: false,
            rapid_commit: false,
            server: server_name(MAC),
            status: None,
            given: vec![Given {
                purpose: Purpose::Lasting,
                id: 77,
                addresses: vec![own()],
                withdrawn: vec!["2001:db8::8".parse().unwrap()],
                status: None,
            }],
            lifetimes: Lifetimes {
                preferred: 140,
                valid: 450,
            },
            configuration: Configuration {
                domains: vec!["lab.test".to_owned(), "corp.test.".to_owned()],
                name_servers: vec!["fd00:ec2::253".parse().unwrap()],
                time_servers: vec!["fd00:ec2::123".parse().unwrap()],
            },
        }
    }

    fn codes(message: &Message) -> Vec<u16> {
        let options = message.opts().iter();
        options
            .map(|option| OptionCode::from(option).into())
            .collect()
    }

    #[test]
    fn a_question_is_read_as_it_was_meant() {
        let options = vec![
            lasting(&[own()]),
            DhcpOption::ServerId(vec![0, 4, 1]),
            DhcpOption::RapidCommit,
            DhcpOption::IATA(IATA {
                id: 78,
                opts: DhcpOptions::new(),
            }),
        ];
        let asked = read(&question(MessageType::Solicit, options)).unwrap();
        let want = Request {
            kind: Kind::Solicit { rapid_commit: true },
            is_named: true,
            server: Some(vec![0, 4, 1]),
            associations: vec![
                Association {
                    purpose: Purpose::Lasting,
                    id: 77,
                    addresses: vec![own()],
                },
                Association {
                    purpose: Purpose::Temporary,
                    id: 78,
                    addresses: vec![],
                },
            ],
        };
        assert_eq!(asked.request, want);
        assert_eq!(asked.number, [7, 8, 9]);
        assert_eq!(asked.client.as_deref(), Some(&CLIENT[..]));
        assert!(asked.wanted.is_none());
    }

    #[test]
    fn what_is_no_clients_question_is_not_read() {
        let good = question(MessageType::Solicit, vec![lasting(&[])]);
        assert!(read(&good).is_some());
        for kind in [0, 2, 7, 10, 12, 13, 20, 255] {
            let mut other = good.clone();
            other[0] = kind;
            assert!(read(&other).is_none(), "{kind}");
        }
        for length in 0..good.len() {
            let cut = read(&good[..length]);
            // Between two options it is a shorter message.
            assert!(cut.is_none() || length == 4 || length == 4 + 14, "{length}");
        }
        let nameless = |name: Vec<u8>| {
            let question = question(MessageType::Solicit, vec![DhcpOption::ClientId(name)]);
            read(&question).is_none()
        };
        assert!(nameless(vec![0, 1]) && nameless(vec![0; 131]));
        assert!(!nameless(vec![0; 130]));
        // Lengths over which readers fall: a status, a vendor's class and options without what they begin with.
        for code in [11, 13, 16, 17, 61] {
            let mut odd = good.clone();
            odd.extend([0, code, 0, 0]);
            assert!(read(&odd).is_some(), "{code}");
        }
    }

    #[test]
    fn a_client_is_told_what_it_asks_for_and_what_it_must_know() {
        let wanted = DhcpOption::ORO(ORO {
            opts: vec![OptionCode::DomainSearchList],
        });
        let asked = question(MessageType::Request, vec![lasting(&[]), wanted]);
        let bytes = write(&read(&asked).unwrap(), &told()).unwrap();
        // Where the data plane looks for it.
        assert_eq!(bytes[..8], [7, 7, 8, 9, 0, 2, 0, 18]);
        assert_eq!(bytes[20..26], MAC.0);
        let reply = Message::decode(&mut Decoder::new(&bytes)).unwrap();
        assert_eq!(codes(&reply), [1, 2, 3, 24]);
        let Some(DhcpOption::IANA(given)) = reply.opts().get(OptionCode::IANA) else {
            panic!("{reply:?}");
        };
        assert_eq!((given.id, given.t1, given.t2), (77, 70, 112));
        let lives: Vec<_> = given
            .opts
            .iter()
            .map(|option| match option {
                DhcpOption::IAAddr(address) => {
                    (address.addr, address.preferred_life, address.valid_life)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        let withdrawn = "2001:db8::8".parse().unwrap();
        assert_eq!(lives, [(own(), 140, 450), (withdrawn, 0, 0)]);
        let asked = question(MessageType::Request, vec![lasting(&[])]);
        let bytes = write(&read(&asked).unwrap(), &told()).unwrap();
        let all = Message::decode(&mut Decoder::new(&bytes)).unwrap();
        assert_eq!(codes(&all), [1, 2, 3, 23, 24, 56]);
        let domains = b"\x03lab\x04test\0\x04corp\x04test\0";
        assert!(bytes.windows(domains.len()).any(|part| part == domains));
    }

    #[test]
    fn offers_refusals_and_commitments_are_called_so() {
        let asked = read(&question(MessageType::Solicit, vec![])).unwrap();
        let none = |purpose| Given {
            purpose,
            id: 1,
            addresses: vec![],
            withdrawn: vec![],
            status: Some(Status::NoAddresses),
        };
        let answer = Answer {
            is_offer: true,
            rapid_commit: true,
            status: Some(Status::Success),
            given: vec![none(Purpose::Temporary), none(Purpose::Prefixes)],
            configuration: Configuration::default(),
            ..told()
        };
        let bytes = write(&asked, &answer).unwrap();
        let offer = Message::decode(&mut Decoder::new(&bytes)).unwrap();
        assert_eq!(offer.msg_type(), MessageType::Advertise);
        assert_eq!(codes(&offer), [1, 2, 4, 13, 14, 25]);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(
            noise in proptest::collection::vec(any::<u8>(), 0..400),
            at in 0_usize..40,
            byte: u8,
        ) {
            let _whatever = read(&noise);
            let mut message = question(MessageType::Renew, vec![lasting(&[own()])]);
            let at = at % message.len();
            message[at] = byte;
            message.extend(&noise);
            if let Some(asked) = read(&message) {
                assert!(write(&asked, &told()).is_some());
            }
        }
    }
}
