//! The time over NTP.

use std::io;

use eni_abi::Service;
use tokio::sync::watch;

use crate::datagrams::{Datagrams, Question};
use crate::{clock, measure, sys};

/// The largest question: with what a client may add that is not answered, such as the codes of keys.
const MAX_QUESTION_BYTES: usize = 1_024;

/// Tells instances the time by this machine's clock.
pub struct TimeService(Datagrams);

impl TimeService {
    /// Where guests ask. To be called in the services' network namespace.
    ///
    /// # Errors
    /// When nobody can be heard there.
    pub fn listen() -> io::Result<Self> {
        Self::listen_at(Service::Time.port().number())
    }

    fn listen_at(port: u16) -> io::Result<Self> {
        Ok(Self(Datagrams::bind(port, MAX_QUESTION_BYTES)?))
    }

    /// Answers until `stop` holds or its sender is gone.
    pub async fn serve(self, stop: watch::Receiver<bool>) {
        let Self(datagrams) = self;
        let answer = |question: Question| {
            if question.caller.service != Service::Time {
                return;
            }
            let (received, now) = (question.received, clock::now());
            let answer = eni_ntp::answer(&question.bytes, &sys::clock(), received, now);
            if let Some(answer) = &answer {
                datagrams.answer(&question.caller, answer);
            }
            measure::datagram(Service::Time, received, answer.is_some());
        };
        datagrams.serve(stop, answer).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    use super::*;

    /// Linux has all of 127.0.0.0/8 on its loopback device, so that the services' addresses are here as they are in their
    /// namespace.
    #[tokio::test]
    async fn a_question_is_answered_from_where_it_was_asked() {
        let service = TimeService::listen_at(0).unwrap();
        let port = service.0.port();
        let (stop, stopped) = watch::channel(false);
        let served = service.serve(stopped);
        let asked = tokio::task::spawn_blocking(move || {
            let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            client
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let mut question = [0; 48];
            question[0] = 4 << 3 | 3;
            let mut answer = [0; 512];
            for vport in [3, 259] {
                let address: Ipv4Addr = Service::Time.address(vport).into();
                let elsewhere: Ipv4Addr = Service::InstanceMetadata.address(vport).into();
                let before = clock::now().as_secs();
                for not_asked in [elsewhere, Ipv4Addr::LOCALHOST] {
                    client.send_to(&question, (not_asked, port)).unwrap();
                }
                // Too short, and too long.
                client.send_to(&question[..47], (address, port)).unwrap();
                client
                    .send_to(&[question[0]; 2_000], (address, port))
                    .unwrap();
                client.send_to(&question, (address, port)).unwrap();
                let (length, from) = client.recv_from(&mut answer).unwrap();
                assert_eq!((length, from), (48, (address, port).into()));
                let (received, sent) = (&answer[32..40], &answer[40..48]);
                assert!(received <= sent, "{answer:?}");
                let seconds = u32::from_be_bytes(*received.first_chunk().unwrap());
                let told = u64::from(seconds.wrapping_sub(2_208_988_800_u32));
                assert!((before..=before + 60).contains(&told), "{before} {told}");
            }
        });
        let ended = async {
            asked.await.unwrap();
            stop.send_replace(true);
        };
        tokio::join!(served, ended);
    }
}
