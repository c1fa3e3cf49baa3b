//! One line for each call, when it is answered: of a long answer, when its end is written.

use std::time::Instant;

use tracing::Span;

use crate::{Client, Fault};

/// The log target of the calls' lines, for filters: `openeni::api=warn` turns them off.
pub const ACCESS_LOG: &str = "openeni::api";

/// What is shown of a text that a client chose, at most. EC2's longest action has 58 characters, an access key id 20.
const SHOWN_CHARACTERS: usize = 64;
/// What a call is answered with that EC2 has no code for.
const SUCCESS: &str = "OK";
/// What stands for a code where nobody was answered, or not to the end.
const HUNG_UP: &str = "-";
/// What stands in figures for an action that is not served: what clients write must not make figures without end.
const OTHER: &str = "other";

/// What is known of a call so far. Written when it is dropped: a client that hangs up, which ends the call where it
/// waits, leaves a line too.
pub(crate) struct Record {
    request_id: String,
    /// Shown at the end of the line.
    client: String,
    is_guest: bool,
    began: Instant,
    action: String,
    served: &'static str,
    access_key_id: String,
    status: u16,
    code: &'static str,
    bytes: usize,
}

impl Record {
    /// A call that begins.
    pub(crate) fn new(request_id: &str, client: &Client) -> Self {
        Self {
            request_id: request_id.into(),
            client: client.to_string(),
            is_guest: client.is_guest(),
            began: Instant::now(),
            action: "-".into(),
            served: OTHER,
            access_key_id: "-".into(),
            status: 0,
            code: HUNG_UP,
            bytes: 0,
        }
    }

    /// What is called, and the action of ours that this is; of another service of AWS, its name.
    pub(crate) fn action(&mut self, action: Option<&str>, served: Option<&'static str>) {
        if let Some(action) = action {
            self.action = shown(action);
            self.served = served.unwrap_or(OTHER);
            Span::current().record("action", self.served);
        }
    }

    /// Of the key pair that the call claims to be signed with; whether it is tells the code.
    pub(crate) fn access_key_id(&mut self, access_key_id: &str) {
        self.access_key_id = shown(access_key_id);
    }

    /// The same, as it is shown.
    pub(crate) fn key(&self) -> &str {
        &self.access_key_id
    }

    /// As much more of a document.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    pub(crate) fn succeeded(&mut self) {
        (self.status, self.code) = (200, SUCCESS);
    }

    pub(crate) fn failed(&mut self, fault: &Fault) {
        (self.status, self.code) = (fault.status, fault.code);
    }
}

/// What a figure says of an HTTP status.
fn class(status: u16) -> &'static str {
    match status {
        0 => "hung up",
        200..=299 => "2xx",
        500..=599 => "5xx",
        _ => "4xx",
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Self {
            request_id,
            client,
            is_guest,
            began,
            action,
            served,
            access_key_id,
            status,
            code,
            bytes,
        } = self;
        let took = began.elapsed();
        eni_metrics::CALL.took_for([served, class(*status)], took);
        if *is_guest {
            eni_metrics::SERVICE_REQUEST.took_for([eni_metrics::API, class(*status)], took);
        }
        let milliseconds = took.as_secs_f64() * 1000.0;
        if *code == HUNG_UP {
            tracing::info!(target: ACCESS_LOG, "{action} - hung up {milliseconds:.1} ms {bytes} bytes {access_key_id} {request_id}{client}");
        } else {
            tracing::info!(target: ACCESS_LOG, "{action} {status} {code} {milliseconds:.1} ms {bytes} bytes {access_key_id} {request_id}{client}");
        }
    }
}

/// A client's text in one word, so that it can neither end the line nor pass for another part of it.
fn shown(text: &str) -> String {
    let graphic = |character: char| {
        if character.is_ascii_graphic() {
            character
        } else {
            '?'
        }
    };
    text.chars().take(SHOWN_CHARACTERS).map(graphic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_text_stays_one_word_of_the_line() {
        for (text, want) in [
            ("RunInstances", "RunInstances"),
            ("Run 200 OK\n2026", "Run?200?OK?2026"),
            ("\u{1b}[2J\u{202e}", "?[2J?"),
        ] {
            assert_eq!(shown(text), want);
        }
        assert_eq!(shown(&"a".repeat(1000)).len(), SHOWN_CHARACTERS);
    }
}
