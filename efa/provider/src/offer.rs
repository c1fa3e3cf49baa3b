//! What `fi_getinfo` is asked for, and what it offers. Facts of libfabric: `man 3 fi_getinfo`, `man 3 fi_endpoint`.

use crate::buffer::STRETCHES;
use eni_libfabric_sys as fi;

/// Capabilities that have nothing below them.
const PRIMARY: u64 = fi::FI_MSG | fi::FI_TAGGED | fi::FI_RMA | fi::FI_ATOMIC;
/// Modifiers of [`PRIMARY`] for what this end starts.
const TRANSMIT: u64 = fi::FI_SEND | fi::FI_READ | fi::FI_WRITE;
/// Modifiers of [`PRIMARY`] for what peers start.
const RECEIVE: u64 = fi::FI_RECV | fi::FI_REMOTE_READ | fi::FI_REMOTE_WRITE;
/// Capabilities that a program gets only if it asks.
const SECONDARY: u64 = fi::FI_SOURCE | fi::FI_DIRECTED_RECV | fi::FI_MULTI_RECV;
/// Where peers may be.
const REACH: u64 = fi::FI_LOCAL_COMM | fi::FI_REMOTE_COMM;
/// Everything.
const CAPABILITIES: u64 = PRIMARY | TRANSMIT | RECEIVE | SECONDARY | REACH;
/// Messages match in the order in which they were sent; nothing else is promised.
pub(crate) const MESSAGE_ORDER: u64 = fi::FI_ORDER_SAS;
/// Bytes that may be sent without keeping their buffer: less than any record carries.
pub(crate) const INJECT: usize = 4_096;
/// No bound of the provider's own: a message is streamed.
pub(crate) const MAX_MESSAGE: usize = 1 << 40;
/// Operations that may be outstanding, as a hint to programs; what is beyond is told to try again.
pub(crate) const CONTEXTS: usize = 1_024;

/// What of the hints decides. Zero means that the program does not mind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) capabilities: u64,
    pub(crate) address_format: u32,
    pub(crate) endpoint_type: u32,
    pub(crate) protocol: u32,
    pub(crate) message_length: usize,
    pub(crate) domain: Option<String>,
    pub(crate) fabric: Option<String>,
    pub(crate) threading: u32,
    pub(crate) data_progress: u32,
    pub(crate) address_vector: u32,
    pub(crate) region_mode: u32,
    pub(crate) data_length: usize,
    pub(crate) transmit_capabilities: u64,
    pub(crate) receive_capabilities: u64,
    pub(crate) message_order: u64,
    pub(crate) completion_order: u64,
    pub(crate) transmit_flags: u64,
    pub(crate) receive_flags: u64,
    pub(crate) inject: usize,
    pub(crate) stretches: usize,
    pub(crate) remote_stretches: usize,
    pub(crate) shared_contexts: bool,
}

/// What the program gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) capabilities: u64,
    pub(crate) transmit_capabilities: u64,
    pub(crate) receive_capabilities: u64,
    pub(crate) transmit_flags: u64,
    pub(crate) receive_flags: u64,
    pub(crate) threading: u32,
    pub(crate) address_vector: u32,
    pub(crate) region_mode: u32,
}

/// The offer for a device called `name` of the fabric called `fabric`; `None` where it is not what is wanted.
pub(crate) fn offer(wanted: &Wanted, name: &str, fabric: &str) -> Option<Offer> {
    let matches = |wanted: &Option<String>, is: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(is))
    };
    let asked = wanted.capabilities | wanted.transmit_capabilities | wanted.receive_capabilities;
    let fits = asked & !CAPABILITIES == 0
        && (wanted.address_format == 0 || wanted.address_format == fi::FI_FORMAT_UNSPEC)
        && matches!(wanted.endpoint_type, fi::FI_EP_UNSPEC | fi::FI_EP_RDM)
        && wanted.protocol == fi::FI_PROTO_UNSPEC
        && wanted.message_length <= MAX_MESSAGE
        && matches(&wanted.domain, name)
        && matches(&wanted.fabric, fabric)
        && wanted.data_progress != fi::FI_PROGRESS_AUTO
        && wanted.data_length <= size_of::<u64>()
        && wanted.message_order & !MESSAGE_ORDER == 0
        && wanted.completion_order & !fi::FI_ORDER_DATA == 0
        && wanted.inject <= INJECT
        && wanted.stretches <= STRETCHES
        && wanted.remote_stretches <= 1
        && !wanted.shared_contexts;
    if !fits {
        return None;
    }
    let capabilities = capabilities(wanted.capabilities);
    Some(Offer {
        capabilities,
        transmit_capabilities: capabilities & (PRIMARY | TRANSMIT),
        receive_capabilities: capabilities & (PRIMARY | RECEIVE | SECONDARY),
        transmit_flags: wanted.transmit_flags,
        receive_flags: wanted.receive_flags,
        threading: if wanted.threading == fi::FI_THREAD_UNSPEC {
            fi::FI_THREAD_SAFE
        } else {
            wanted.threading
        },
        address_vector: if wanted.address_vector == fi::FI_AV_UNSPEC {
            fi::FI_AV_TABLE
        } else {
            wanted.address_vector
        },
        region_mode: region_mode(wanted.region_mode),
    })
}

/// What is asked for, with everything that it implies.
fn capabilities(asked: u64) -> u64 {
    let mut granted = if asked & PRIMARY == 0 {
        // Nothing in particular: everything that costs nothing.
        PRIMARY | asked
    } else {
        asked
    };
    let any = |flags: u64, granted: u64| granted & flags != 0;
    if any(fi::FI_MSG | fi::FI_TAGGED, granted) && !any(fi::FI_SEND | fi::FI_RECV, granted) {
        granted |= fi::FI_SEND | fi::FI_RECV;
    }
    let remote = fi::FI_READ | fi::FI_WRITE | fi::FI_REMOTE_READ | fi::FI_REMOTE_WRITE;
    if any(fi::FI_RMA | fi::FI_ATOMIC, granted) && !any(remote, granted) {
        granted |= remote;
    }
    granted | REACH
}

/// The provider needs nothing of the program. Old programs ask for one of two modes as a whole.
fn region_mode(asked: u32) -> u32 {
    match asked {
        fi::FI_MR_BASIC | fi::FI_MR_SCALABLE => asked,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(wanted: &Wanted) -> Option<Offer> {
        offer(wanted, "efa_0", "openeni")
    }

    #[test]
    fn those_who_ask_for_nothing_get_everything_that_costs_nothing() {
        let got = offered(&Wanted::default()).unwrap();
        assert_eq!(got.capabilities, PRIMARY | TRANSMIT | RECEIVE | REACH);
        assert_eq!(got.threading, fi::FI_THREAD_SAFE);
        assert_eq!(got.address_vector, fi::FI_AV_TABLE);
    }

    #[test]
    fn capabilities_imply_their_modifiers_only() {
        let wanted = Wanted {
            capabilities: fi::FI_TAGGED | fi::FI_DIRECTED_RECV,
            ..Wanted::default()
        };
        let got = offered(&wanted).unwrap();
        assert_eq!(
            got.capabilities,
            fi::FI_TAGGED | fi::FI_DIRECTED_RECV | fi::FI_SEND | fi::FI_RECV | REACH
        );
        assert_eq!(got.transmit_capabilities, fi::FI_TAGGED | fi::FI_SEND);
    }

    #[test]
    fn what_layered_providers_probe_for_is_not_offered() {
        let base = Wanted::default;
        let refused = [
            // ofi_rxm wants connections, ofi_rxd datagrams
            Wanted {
                endpoint_type: fi::FI_EP_MSG,
                ..base()
            },
            Wanted {
                endpoint_type: fi::FI_EP_DGRAM,
                ..base()
            },
            Wanted {
                data_progress: fi::FI_PROGRESS_AUTO,
                ..base()
            },
            Wanted {
                domain: Some("eth0".to_owned()),
                ..base()
            },
            Wanted {
                capabilities: fi::FI_HMEM,
                ..base()
            },
            Wanted {
                message_order: fi::FI_ORDER_RAW,
                ..base()
            },
            Wanted {
                inject: INJECT + 1,
                ..base()
            },
            Wanted {
                stretches: STRETCHES + 1,
                ..base()
            },
            Wanted {
                address_format: fi::FI_SOCKADDR_IN,
                ..base()
            },
        ];
        for wanted in refused {
            assert_eq!(offered(&wanted), None, "{wanted:?}");
        }
    }
}
