//! Addresses over DHCP, of both families.

use std::io;
use std::sync::Arc;

use eni_abi::Service;
use eni_dhcp_messages::{MAX_MESSAGE_BYTES, ipv4, ipv6};
use eni_model::Source;
use tokio::sync::watch;

use crate::Askers;
use crate::datagrams::{Datagrams, Question};
use crate::measure;

/// Answers clients of DHCP.
pub struct AddressService {
    source: Arc<dyn Source>,
    askers: Arc<Askers>,
}

/// Where guests ask: for addresses of IPv4, and of IPv6.
pub struct AddressSockets([Datagrams; 2]);

impl AddressSockets {
    /// To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can be heard there.
    pub fn open() -> io::Result<Self> {
        let [ipv4, ipv6] = [Service::Dhcp, Service::Dhcpv6].map(|service| {
            let port = service.port().number();
            Datagrams::bind(port, MAX_MESSAGE_BYTES)
        });
        Ok(Self([ipv4?, ipv6?]))
    }
}

impl AddressService {
    /// Of what `source` publishes, for the attachments that `askers` knows.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, askers: Arc<Askers>) -> Self {
        Self { source, askers }
    }

    /// Answers until `stop` holds or its sender is gone.
    pub async fn serve(&self, sockets: AddressSockets, stop: watch::Receiver<bool>) {
        let AddressSockets([ipv4, ipv6]) = sockets;
        tokio::join!(
            self.serve_one(ipv4, stop.clone()),
            self.serve_one(ipv6, stop),
        );
    }

    async fn serve_one(&self, datagrams: Datagrams, stop: watch::Receiver<bool>) {
        let answer = |question: Question| {
            let Question {
                caller,
                received,
                bytes,
            } = question;
            let service = caller.service;
            let answer = self.answer(&bytes, service, caller.vport);
            let caller = match service {
                Service::Dhcpv6 => caller.at_port(ipv6::CLIENT_PORT),
                _ => caller,
            };
            if let Some(answer) = &answer {
                datagrams.answer(&caller, answer);
            }
            measure::datagram(service, received, answer.is_some());
        };
        datagrams.serve(stop, answer).await;
    }

    fn answer(&self, bytes: &[u8], service: Service, vport: u32) -> Option<Vec<u8>> {
        let published = self.source.published();
        let world = published.world();
        let eni = world.network_interface_of_attachment(self.askers.at(vport)?)?;
        let settings = self.source.settings();
        match service {
            Service::Dhcp => ipv4::answer(bytes, eni, world, settings),
            Service::Dhcpv6 => ipv6::answer(bytes, eni, world, settings),
            _ => None,
        }
    }
}
