//! What is measured of guests' requests.

use std::time::{Duration, Instant};

use eni_abi::Service;
use eni_metrics::{SERVICE_REQUEST, SERVICE_TURN};
use http::{Response, StatusCode};

use crate::clock;
use crate::turns::Turns;

/// What figures call a service.
const fn name_of(service: Service) -> &'static str {
    match service {
        Service::InstanceMetadata => "metadata",
        Service::Time => "time",
        Service::Resolver | Service::VpcResolver => "names",
        Service::Dhcp => "dhcp",
        Service::Dhcpv6 => "dhcpv6",
        Service::Api => eni_metrics::API,
    }
}

/// A connection is reset, as its interface has as many as it may, or may not have any.
pub(crate) fn refused(service: Service) {
    SERVICE_REQUEST.took_for([name_of(service), "refused"], Duration::ZERO);
}

/// A datagram is lost, as so many of its interface wait.
pub(crate) fn dropped(service: Service) {
    SERVICE_REQUEST.took_for([name_of(service), "dropped"], Duration::ZERO);
}

/// A datagram that came at `received`, since 1970, is answered, or ignored.
pub(crate) fn datagram(service: Service, received: Duration, is_answered: bool) {
    let outcome = if is_answered { "answered" } else { "ignored" };
    let took = clock::now().saturating_sub(received);
    SERVICE_REQUEST.took_for([name_of(service), outcome], took);
}

/// A question of names that took so long is answered by this message; ignored by none.
pub(crate) fn question(answer: Option<&[u8]>, took: Duration) {
    let outcome = answer.map_or("ignored", response_code);
    SERVICE_REQUEST.took_for([name_of(Service::Resolver), outcome], took);
}

/// The code in an answer's header, as RFC 1035, 4.1.1, and IANA name it.
fn response_code(answer: &[u8]) -> &'static str {
    /// Of the fourth byte.
    const CODE: u8 = 0x0f;
    match answer.get(3).map(|flags| flags & CODE) {
        Some(0) => "NOERROR",
        Some(1) => "FORMERR",
        Some(2) => "SERVFAIL",
        Some(3) => "NXDOMAIN",
        Some(4) => "NOTIMP",
        Some(5) => "REFUSED",
        _ => "other",
    }
}

/// What `make` answers, when it is this request's turn.
pub(crate) async fn answered<B>(turns: &Turns, make: impl FnOnce() -> Response<B>) -> Response<B> {
    let asked = Instant::now();
    let turn = || {
        SERVICE_TURN.took_for([name_of(Service::InstanceMetadata)], asked.elapsed());
        make()
    };
    let response = turns.answer(turn).await;
    let outcome = outcome(response.status());
    let service = name_of(Service::InstanceMetadata);
    SERVICE_REQUEST.took_for([service, outcome], asked.elapsed());
    response
}

/// The statuses that EC2's service answers with; figures take no others, which would come without end.
fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200 => "200",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        _ => "other",
    }
}
