//! The control connection, and the thread that waits for the service's events.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use eni_efa_abi::control::{self, Event, Refusal, Request};
use eni_efa_abi::limits::CONTROL_TIMEOUT;
use eni_efa_channel::{ControlSocket, Received};
use nix::sys::signal::{SigSet, SigmaskHow};
use parking_lot::{Condvar, Mutex};
use rustix::process::{Pid, getpid};

use crate::mailbox::Mailbox;

/// A connection with its thread. Ends with its last user.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Arc<Connection>,
    thread: Option<JoinHandle<()>>,
    process: Pid,
}

impl Session {
    pub(crate) fn start(socket: ControlSocket) -> io::Result<Self> {
        let connection = Arc::new(Connection {
            socket,
            state: Mutex::default(),
            answered: Condvar::new(),
        });
        // The program's signal handlers are not to run on a thread that it does not know.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let listener = Arc::clone(&connection);
        let thread = thread::Builder::new()
            .name("openeni-efa".to_owned())
            .spawn(move || listener.listen());
        mask.thread_set_mask()?;
        Ok(Self {
            connection,
            thread: Some(thread?),
            process: getpid(),
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A child of fork shares the socket with its parent, but has not the thread.
        if getpid() != self.process {
            return;
        }
        self.connection.socket.shut_down();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    socket: ControlSocket,
    state: Mutex<State>,
    answered: Condvar,
}

/// That others wrote what an endpoint leaves unread. Dropped, however that comes about, it tells the service that this has
/// been looked at: the endpoint can be nudged again.
#[derive(Debug)]
pub struct Nudge {
    connection: Weak<Connection>,
    endpoint: u32,
}

impl Drop for Nudge {
    fn drop(&mut self) {
        let endpoint = self.endpoint;
        if let Some(connection) = self.connection.upgrade() {
            // It waits, for the socket's timeout at most: where nobody polls, nobody would send it later.
            let _told = connection.send(&Request::Nudged { endpoint }, &[], true);
        }
    }
}

#[derive(Debug, Default)]
struct State {
    is_gone: bool,
    last_request: u32,
    /// Requests that someone waits for, and their answers.
    answers: HashMap<u32, Option<Answer>>,
    endpoints: HashMap<u32, Arc<Mailbox>>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Endpoint {
        endpoint: u32,
        queue_pair: u32,
        mailbox: Arc<Mailbox>,
        regions: Vec<OwnedFd>,
    },
    AddressHandle(u16),
    Refused(Refusal),
}

impl Connection {
    /// Asks, and waits for the answer for [`CONTROL_TIMEOUT`] at most.
    pub(crate) fn ask(
        &self,
        request: impl FnOnce(u32) -> Request,
        attached: &[BorrowedFd<'_>],
    ) -> Result<Answer, Refusal> {
        let number = {
            let mut state = self.state.lock();
            if state.is_gone {
                return Err(Refusal::ServiceGone);
            }
            state.last_request = state.last_request.wrapping_add(1);
            let number = state.last_request;
            state.answers.insert(number, None);
            number
        };
        let sent = self.send(&request(number), attached, true);
        let deadline = Instant::now() + CONTROL_TIMEOUT;
        let mut state = self.state.lock();
        loop {
            if let Some(Some(_)) = state.answers.get(&number) {
                break;
            }
            if sent.is_err() || state.is_gone {
                break;
            }
            if self.answered.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        match state.answers.remove(&number).flatten() {
            Some(Answer::Refused(refusal)) => Err(refusal),
            Some(answer) => Ok(answer),
            None => Err(Refusal::ServiceGone),
        }
    }

    /// Sends a message that has no answer, or whose answer is an event.
    pub(crate) fn send(
        &self,
        request: &Request,
        attached: &[BorrowedFd<'_>],
        wait: bool,
    ) -> io::Result<()> {
        let bytes = control::encode(request).map_err(io::Error::other)?;
        self.socket.send(&bytes, attached, wait)
    }

    pub(crate) fn forget(&self, endpoint: u32) {
        self.state.lock().endpoints.remove(&endpoint);
        // The service notices by itself where it cannot be told.
        let _told = self.send(&Request::DestroyEndpoint { endpoint }, &[], true);
    }

    fn listen(self: &Arc<Self>) {
        while let Ok(Received::Message(event, attached)) = self.socket.receive() {
            self.handle(event, attached);
        }
        self.socket.shut_down();
        let mut state = self.state.lock();
        state.is_gone = true;
        for mailbox in state.endpoints.values() {
            mailbox.cut();
        }
        self.answered.notify_all();
    }

    fn handle(self: &Arc<Self>, event: Event, attached: Vec<OwnedFd>) {
        let endpoint = match event {
            Event::Welcome { .. } => return,
            Event::EndpointCreated {
                request,
                endpoint,
                queue_pair,
            } => return self.enroll(request, endpoint, queue_pair, attached),
            Event::AddressHandleCreated { request, number } => {
                return self.answer(request, Answer::AddressHandle(number));
            }
            Event::Refused { request, refusal } => {
                return self.answer(request, Answer::Refused(refusal));
            }
            Event::Region { endpoint, .. }
            | Event::Remote { endpoint, .. }
            | Event::Failed { endpoint, .. }
            | Event::Broken { endpoint, .. }
            | Event::RemoteBroken { endpoint, .. } => endpoint,
            Event::Nudge { endpoint } => return self.nudge(endpoint),
        };
        let mailbox = self.state.lock().endpoints.get(&endpoint).cloned();
        let reply = mailbox.and_then(|mailbox| mailbox.take(event, attached));
        if let Some((request, file)) = reply {
            let files: Vec<_> = file.iter().map(AsFd::as_fd).collect();
            if self.send(&request, &files, true).is_err() {
                // Without an answer the service's view and ours would differ: end it for both.
                self.socket.shut_down();
            }
        }
    }

    fn nudge(self: &Arc<Self>, endpoint: u32) {
        let mailbox = self.state.lock().endpoints.get(&endpoint).cloned();
        if let Some(mailbox) = mailbox {
            let connection = Arc::downgrade(self);
            mailbox.nudge(Nudge {
                connection,
                endpoint,
            });
        }
    }

    fn answer(&self, request: u32, answer: Answer) {
        if let Some(place) = self.state.lock().answers.get_mut(&request) {
            *place = Some(answer);
            self.answered.notify_all();
        }
    }

    /// The endpoint has a mailbox before any other event for it is read.
    fn enroll(&self, request: u32, endpoint: u32, queue_pair: u32, regions: Vec<OwnedFd>) {
        let mailbox = Arc::new(Mailbox::default());
        let mut state = self.state.lock();
        let Some(place) = state.answers.get_mut(&request) else {
            drop(state);
            // Nobody waits any more.
            return self.forget(endpoint);
        };
        *place = Some(Answer::Endpoint {
            endpoint,
            queue_pair,
            mailbox: Arc::clone(&mailbox),
            regions,
        });
        state.endpoints.insert(endpoint, mailbox);
        self.answered.notify_all();
    }
}
