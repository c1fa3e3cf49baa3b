//! The messages of the control socket: one message per packet of a `SOCK_SEQPACKET` socket, encoded by postcard,
//! regions attached as descriptors.

use alloc::string::String;
use alloc::vec::Vec;

use eni_types::MacAddress;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::gid::{Gid, Peer};
use crate::limits::MAX_CONTROL_MESSAGE;
use crate::record::Outcome;

/// Version of these messages; the service's welcome carries it.
pub const PROTOCOL_VERSION: u32 = 2;

/// What a device is, as a program sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAttributes {
    /// Name, such as `efa_0`.
    pub name: String,
    /// The device's address.
    pub gid: Gid,
    /// MAC address of its network interface.
    pub mac: [u8; 6],
    /// The subnet; devices of different subnets never converse.
    pub subnet: String,
    /// What InfiniBand calls the node's GUID.
    pub node_guid: u64,
    /// Largest datagram in bytes.
    pub max_transfer: u32,
    /// Endpoints that the device can have at a time.
    pub max_endpoints: u32,
    /// Whether the service carries records to other hosts.
    pub reaches_other_hosts: bool,
}

impl DeviceAttributes {
    /// MAC address of the device's network interface.
    pub const fn mac(&self) -> MacAddress {
        MacAddress(self.mac)
    }
}

/// What an endpoint is for. The service treats all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointKind {
    /// An SRD queue pair of face A.
    Srd,
    /// A UD queue pair of face A.
    Datagram,
    /// An endpoint of face B.
    Provider,
}

/// What a program asks of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Makes an endpoint. Where the device reaches other hosts, the program's two regions of the rings with the
    /// service are attached: the records', then the completions'.
    CreateEndpoint {
        /// Comes back with the answer.
        request: u32,
        /// Index into the welcome's devices.
        device: u16,
        /// What it is for.
        kind: EndpointKind,
    },
    /// Ends an endpoint and all its lanes.
    DestroyEndpoint {
        /// The service's number for it.
        endpoint: u32,
    },
    /// Asks whether a device may talk to another, and for a number for that.
    CreateAddressHandle {
        /// Comes back with the answer.
        request: u32,
        /// Index into the welcome's devices.
        device: u16,
        /// The other.
        gid: Gid,
    },
    /// Offers a ring pair to a peer: the program's region is attached.
    Offer {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// The program's number for the offer.
        attempt: u32,
        /// With whom.
        peer: Peer,
    },
    /// Answers another's offer: the program's region is attached.
    Answer {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// Which.
        conversation: u64,
    },
    /// The service slept (a region's bell rang) while the program wrote to another host.
    Wake,
    /// Ends a conversation.
    Close {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// Which.
        conversation: u64,
    },
    /// The peer leaves unread for long what the program wrote: it is to be nudged.
    Nudge {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// Which.
        conversation: u64,
    },
    /// The program has looked after an endpoint for which it was nudged, and may be again.
    Nudged {
        /// The service's number for the endpoint.
        endpoint: u32,
    },
}

/// What the service tells a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The first message on every connection.
    Welcome {
        /// [`PROTOCOL_VERSION`].
        version: u32,
        /// The devices that the program may open.
        devices: Vec<DeviceAttributes>,
    },
    /// An endpoint is there. The service's regions are attached as the program's were.
    EndpointCreated {
        /// The program's.
        request: u32,
        /// The service's number for it.
        endpoint: u32,
        /// Its number on the device.
        queue_pair: u32,
    },
    /// The device may talk to the other.
    AddressHandleCreated {
        /// The program's.
        request: u32,
        /// The handle's number within the device.
        number: u16,
    },
    /// No.
    Refused {
        /// The program's.
        request: u32,
        /// Why.
        refusal: Refusal,
    },
    /// A peer's region is attached.
    Region {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// Names the ring pair from now on.
        conversation: u64,
        /// Whose.
        peer: Peer,
        /// The program's offer that this answers. Where there is none, the peer offers, and the program answers;
        /// an offer of its own to that peer that is under way is the answer.
        attempt: Option<u32>,
    },
    /// An offer was for a peer on another host: records reach it through the rings with the service.
    Remote {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// The program's offer.
        attempt: u32,
    },
    /// An offer came to nothing.
    Failed {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// The program's offer.
        attempt: u32,
        /// Why.
        cause: Cause,
    },
    /// A conversation has ended.
    Broken {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// Which.
        conversation: u64,
        /// Why.
        cause: Cause,
    },
    /// The way to a peer on another host has ended.
    RemoteBroken {
        /// The service's number for the endpoint.
        endpoint: u32,
        /// Whose.
        peer: Peer,
        /// Why.
        cause: Cause,
    },
    /// What others wrote for this endpoint stays unread for long. Comes once until the program says
    /// [`Request::Nudged`].
    Nudge {
        /// The service's number for the endpoint.
        endpoint: u32,
    },
}

/// Why the service says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The program has no such device.
    #[error("no such device")]
    NoSuchDevice,
    /// Nobody knows a device with this address.
    #[error("no device has this address")]
    UnknownGid,
    /// EFA traffic does not leave its subnet.
    #[error("the devices are in different subnets")]
    DifferentSubnet,
    /// The security groups of both ends must let everything through to and from themselves.
    #[error("the security groups do not allow it")]
    NotAllowed,
    /// A limit of [`crate::limits`] is reached.
    #[error("a limit is reached")]
    Limit,
    /// The request did not carry the regions that it needs, or not such as the contract says.
    #[error("the regions are not what they must be")]
    BadRegion,
    /// The service did not answer, or is gone.
    #[error("the fabric service does not answer")]
    ServiceGone,
}

/// Why a lane ended. Faces make completion errors of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Cause {
    /// The peer's program, or its endpoint, is gone.
    #[error("the peer is gone")]
    PeerGone,
    /// The policy does not let these two converse.
    #[error("the conversation is not allowed")]
    Refused,
    /// The policy no longer lets them.
    #[error("the conversation is no longer allowed")]
    Revoked,
    /// The other side wrote what no honest one writes.
    #[error("the peer broke the protocol")]
    Protocol,
    /// The fabric service is gone.
    #[error("the fabric service is gone")]
    ServiceGone,
    /// There is no such peer, or no way to its host.
    #[error("the peer cannot be reached")]
    Unreachable,
}

impl From<Outcome> for Result<(), Cause> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Ok(()),
            Outcome::PeerGone => Err(Cause::PeerGone),
            Outcome::Refused => Err(Cause::Refused),
            Outcome::Revoked => Err(Cause::Revoked),
            Outcome::Protocol => Err(Cause::Protocol),
            Outcome::Unreachable => Err(Cause::Unreachable),
        }
    }
}

/// A control message that cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than [`MAX_CONTROL_MESSAGE`].
    #[error("a control message is longer than {MAX_CONTROL_MESSAGE} bytes")]
    TooLong,
    /// Not one message, or more than one.
    #[error("a control message cannot be read")]
    Malformed,
}

/// The bytes of a message.
///
/// # Errors
/// [`MessageError::TooLong`].
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, MessageError> {
    let bytes = postcard::to_allocvec(message).map_err(|_| MessageError::Malformed)?;
    if bytes.len() > MAX_CONTROL_MESSAGE {
        return Err(MessageError::TooLong);
    }
    Ok(bytes)
}

/// The message in these bytes, all of which it must take.
///
/// # Errors
/// Either [`MessageError`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageError> {
    if bytes.len() > MAX_CONTROL_MESSAGE {
        return Err(MessageError::TooLong);
    }
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) | Err(_) => Err(MessageError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_survive_their_bytes() {
        let request = Request::Answer {
            endpoint: 7,
            conversation: u64::MAX,
        };
        let bytes = encode(&request).unwrap();
        assert_eq!(decode(&bytes), Ok(request));
        let more = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<Request>(&more), Err(MessageError::Malformed));
        assert_eq!(decode::<Request>(&bytes[..1]), Err(MessageError::Malformed));
    }

    #[test]
    fn the_longest_welcome_fits_a_message() {
        let device = DeviceAttributes {
            name: "n".repeat(16),
            gid: Gid([0xff; 16]),
            mac: [0xff; 6],
            subnet: "s".repeat(32),
            node_guid: u64::MAX,
            max_transfer: u32::MAX,
            max_endpoints: u32::MAX,
            reaches_other_hosts: true,
        };
        let devices = alloc::vec![device; crate::limits::MAX_DEVICES];
        let welcome = Event::Welcome {
            version: u32::MAX,
            devices,
        };
        assert!(encode(&welcome).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _: Result<Request, _> = decode(&bytes);
            let _: Result<Event, _> = decode(&bytes);
        }
    }
}
