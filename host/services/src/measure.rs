//! What is measured of requests by HTTP.

use std::time::{Duration, Instant};

use eni_metrics::{SERVICE_REQUEST, SERVICE_TURN};
use http::{Response, StatusCode};

use crate::turns::Turns;

/// The services, as figures name them: instance metadata.
pub(crate) const METADATA: &str = "metadata";

/// The region's API.
pub(crate) const API: &str = "api";

/// A connection is reset, as its interface has as many as it may, or may not have any.
pub(crate) fn refused(service: &'static str) {
    SERVICE_REQUEST.took_for([service, "refused"], Duration::ZERO);
}

/// What `make` answers, when it is this request's turn.
pub(crate) async fn answered<B>(turns: &Turns, make: impl FnOnce() -> Response<B>) -> Response<B> {
    let asked = Instant::now();
    let turn = || {
        SERVICE_TURN.took_for([METADATA], asked.elapsed());
        make()
    };
    let response = turns.answer(turn).await;
    SERVICE_REQUEST.took_for([METADATA, outcome(response.status())], asked.elapsed());
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
