//! What headers bear beside addresses and ports.

/// What the IP header has beyond its twenty bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpOptions {
    None,
    /// Something that a receiver may make use of, and a router does not.
    Harmless,
    /// Which way the packet is to go (RFC 7126, 4.3 and 4.4).
    SourceRoute,
}

/// An 802.1Q or 802.1ad tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    None,
    /// In the frame, by its EtherType.
    Within(u16),
    /// Beside the frame, where Linux moves the outermost one.
    Beside,
}
