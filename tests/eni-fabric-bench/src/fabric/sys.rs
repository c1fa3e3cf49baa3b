//! Calls into libfabric. Its data path is inline functions around tables of pointers; these are called here as those
//! functions do.

use super::{FabricError, check};
use eni_libfabric_sys as fi;
use std::ffi::{CStr, CString};
use std::os::raw::{c_int, c_void};
use std::ptr;

/// Errors that say "not now".
const AGAIN: i64 = -(fi::FI_EAGAIN as i64);
/// Completions read at a time.
const BATCH: usize = 64;
/// The tag of every message.
const TAG: u64 = 0x0e_f4;
/// Room for any provider's address.
const ADDRESS: usize = 512;

/// Text for an error number.
pub(super) fn text_of(code: i64) -> String {
    let number = c_int::try_from(-code).unwrap_or(0);
    // SAFETY: libfabric gives a text that stays.
    unsafe { CStr::from_ptr(fi::fi_strerror(number)) }
        .to_string_lossy()
        .into_owned()
}

/// An endpoint with one peer, a buffer to send from and one to receive into.
pub(crate) struct Endpoint {
    info: *mut fi::fi_info,
    fabric: *mut fi::fid_fabric,
    domain: *mut fi::fid_domain,
    vector: *mut fi::fid_av,
    sent: *mut fi::fid_cq,
    received: *mut fi::fid_cq,
    endpoint: *mut fi::fid_ep,
    registration: *mut fi::fid_mr,
    description: *mut c_void,
    memory: Vec<u8>,
    half: usize,
    peer: u64,
    inject: usize,
    contexts: Vec<fi::fi_context>,
    next_context: usize,
    pub(crate) sends_completed: u64,
    pub(crate) receives_completed: u64,
}

/// The function of a table, which all providers fill.
macro_rules! function {
    ($object:expr, $table:ident, $name:ident) => {
        (*(*$object).$table)
            .$name
            .expect("providers fill their tables")
    };
}

/// Closes an object that may not be there.
///
/// # Safety
/// `object` is null, or an object that is not used after this.
unsafe fn close<T>(object: *mut T) {
    let object: *mut fi::fid = object.cast();
    if !object.is_null() {
        // SAFETY: every object begins with a `fid`.
        unsafe { function!(object, ops, close)(object) };
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // SAFETY: users are closed before what they use, each once.
        unsafe {
            close(self.endpoint);
            close(self.registration);
            close(self.sent);
            close(self.received);
            close(self.vector);
            close(self.domain);
            close(self.fabric);
            fi::fi_freeinfo(self.info);
        }
    }
}

impl Endpoint {
    /// Opens an endpoint of a provider, with buffers of `half` bytes each. `source` is an IP address of this side, for
    /// providers that need one; `domain` a domain's name.
    pub(crate) fn open(
        provider: &str,
        domain: Option<&str>,
        source: Option<&str>,
        half: usize,
    ) -> Result<Self, FabricError> {
        let info = get_info(provider, domain, source)?;
        let mut this = Self {
            info,
            fabric: ptr::null_mut(),
            domain: ptr::null_mut(),
            vector: ptr::null_mut(),
            sent: ptr::null_mut(),
            received: ptr::null_mut(),
            endpoint: ptr::null_mut(),
            registration: ptr::null_mut(),
            description: ptr::null_mut(),
            memory: (0..2 * half).map(|index| index as u8).collect(),
            half,
            peer: 0,
            inject: 0,
            contexts: vec![fi::fi_context::default(); 4_096],
            next_context: 0,
            sends_completed: 0,
            receives_completed: 0,
        };
        // SAFETY: each call gets what the one before gave.
        unsafe { this.open_all() }?;
        Ok(this)
    }

    /// # Safety
    /// `info` is what `fi_getinfo` gave.
    unsafe fn open_all(&mut self) -> Result<(), FabricError> {
        let nothing = ptr::null_mut();
        // SAFETY: the caller promises the info; the rest is opened in order.
        unsafe {
            self.inject = (*(*self.info).tx_attr).inject_size;
            let code = fi::fi_fabric((*self.info).fabric_attr, &raw mut self.fabric, nothing);
            check("fi_fabric", code.into())?;
            let open = function!(self.fabric, ops, domain);
            let code = open(self.fabric, self.info, &raw mut self.domain, nothing);
            check("fi_domain", code.into())?;
            let mut attributes = fi::fi_av_attr {
                type_: (*(*self.info).domain_attr).av_type,
                ..fi::fi_av_attr::default()
            };
            let open = function!(self.domain, ops, av_open);
            let code = open(
                self.domain,
                &raw mut attributes,
                &raw mut self.vector,
                nothing,
            );
            check("fi_av_open", code.into())?;
            for queue in [&raw mut self.sent, &raw mut self.received] {
                let mut attributes = fi::fi_cq_attr {
                    format: fi::FI_CQ_FORMAT_CONTEXT,
                    wait_obj: fi::FI_WAIT_NONE,
                    ..fi::fi_cq_attr::default()
                };
                let open = function!(self.domain, ops, cq_open);
                let code = open(self.domain, &raw mut attributes, queue, nothing);
                check("fi_cq_open", code.into())?;
            }
            let open = function!(self.domain, ops, endpoint);
            let code = open(self.domain, self.info, &raw mut self.endpoint, nothing);
            check("fi_endpoint", code.into())?;
            let base: *mut fi::fid = self.endpoint.cast();
            let bind = function!(base, ops, bind);
            check("fi_ep_bind", bind(base, self.vector.cast(), 0).into())?;
            check(
                "fi_ep_bind",
                bind(base, self.sent.cast(), fi::FI_TRANSMIT).into(),
            )?;
            check(
                "fi_ep_bind",
                bind(base, self.received.cast(), fi::FI_RECV).into(),
            )?;
            let code = function!(base, ops, control)(base, fi::FI_ENABLE.cast_signed(), nothing);
            check("fi_enable", code.into())?;
            if (*(*self.info).domain_attr).mr_mode & (fi::FI_MR_LOCAL as c_int) != 0 {
                self.register()?;
            }
        }
        Ok(())
    }

    /// # Safety
    /// The domain is open.
    unsafe fn register(&mut self) -> Result<(), FabricError> {
        // SAFETY: the memory lives as long as this value, and the caller promises the domain.
        unsafe {
            let code = function!(self.domain, mr, reg)(
                self.domain.cast(),
                self.memory.as_ptr().cast(),
                self.memory.len(),
                fi::FI_SEND | fi::FI_RECV,
                0,
                1,
                0,
                &raw mut self.registration,
                ptr::null_mut(),
            );
            check("fi_mr_reg", code.into())?;
            self.description = (*self.registration).mem_desc;
        }
        Ok(())
    }

    /// Sends no more messages without a completion.
    pub(crate) fn complete_all(&mut self) {
        self.inject = 0;
    }

    /// Its address, for the peer.
    pub(crate) fn address(&mut self) -> Result<Vec<u8>, FabricError> {
        let mut bytes = vec![0; ADDRESS];
        let mut length = bytes.len();
        // SAFETY: there is room for `length` bytes.
        let code = unsafe {
            let get = function!(self.endpoint, cm, getname);
            get(
                self.endpoint.cast(),
                bytes.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        check("fi_getname", code.into())?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Makes `address` the peer.
    pub(crate) fn set_peer(&mut self, address: &[u8]) -> Result<(), FabricError> {
        let mut peer = 0;
        // SAFETY: the address is one of this provider's, and there is room for its number.
        let code = unsafe {
            let insert = function!(self.vector, ops, insert);
            insert(
                self.vector,
                address.as_ptr().cast(),
                1,
                &raw mut peer,
                0,
                ptr::null_mut(),
            )
        };
        if code != 1 {
            return Err(FabricError {
                function: "fi_av_insert",
                code: code.into(),
            });
        }
        self.peer = peer;
        Ok(())
    }

    fn context(&mut self) -> *mut c_void {
        self.next_context = (self.next_context + 1) % self.contexts.len();
        (&raw mut self.contexts[self.next_context]).cast()
    }

    /// Sends `length` bytes; a short message counts as completed at once.
    #[inline]
    pub(crate) fn send(&mut self, length: usize) -> Result<(), FabricError> {
        assert!(length <= self.half);
        let context = self.context();
        loop {
            let buffer: *const c_void = self.memory.as_ptr().cast();
            // SAFETY: the buffer has `length` bytes and stays.
            let code = unsafe {
                if length <= self.inject {
                    function!(self.endpoint, tagged, inject)(
                        self.endpoint,
                        buffer,
                        length,
                        self.peer,
                        TAG,
                    )
                } else {
                    let (peer, description) = (self.peer, self.description);
                    function!(self.endpoint, tagged, send)(
                        self.endpoint,
                        buffer,
                        length,
                        description,
                        peer,
                        TAG,
                        context,
                    )
                }
            };
            match code as i64 {
                0 => break,
                AGAIN => self.progress()?,
                code => {
                    return Err(FabricError {
                        function: "fi_tsend",
                        code,
                    });
                }
            }
        }
        if length <= self.inject {
            self.sends_completed += 1;
        }
        Ok(())
    }

    /// Posts the receive buffer.
    #[inline]
    pub(crate) fn post(&mut self, length: usize) -> Result<(), FabricError> {
        assert!(length <= self.half);
        let context = self.context();
        loop {
            // SAFETY: the buffer has `length` bytes and stays. Messages that overlap in it carry the same bytes.
            let code = unsafe {
                let buffer = self.memory.as_mut_ptr().add(self.half).cast();
                let (peer, description) = (self.peer, self.description);
                function!(self.endpoint, tagged, recv)(
                    self.endpoint,
                    buffer,
                    length,
                    description,
                    peer,
                    TAG,
                    0,
                    context,
                )
            };
            match code as i64 {
                0 => return Ok(()),
                AGAIN => self.progress()?,
                code => {
                    return Err(FabricError {
                        function: "fi_trecv",
                        code,
                    });
                }
            }
        }
    }

    /// Reads both queues.
    #[inline]
    pub(crate) fn progress(&mut self) -> Result<(), FabricError> {
        self.receives_completed += read(self.received)?;
        self.sends_completed += read(self.sent)?;
        Ok(())
    }

    /// Reads the queue of receives, until there were `count` since the beginning, and that of sends where it would fill.
    #[inline]
    pub(crate) fn await_received(&mut self, count: u64) -> Result<(), FabricError> {
        while self.receives_completed < count {
            self.receives_completed += read(self.received)?;
        }
        if self.inject == 0 {
            self.sends_completed += read(self.sent)?;
        }
        Ok(())
    }

    /// Reads both queues, until there were `count` sends since the beginning.
    pub(crate) fn await_sent(&mut self, count: u64) -> Result<(), FabricError> {
        while self.sends_completed < count {
            self.progress()?;
        }
        Ok(())
    }

    /// Puts a number into the messages that follow.
    pub(crate) fn set_number(&mut self, number: u64) {
        self.memory[..8].copy_from_slice(&number.to_le_bytes());
    }

    /// The number in the last message.
    pub(crate) fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.memory[self.half..self.half + 8]);
        u64::from_le_bytes(bytes)
    }

    /// Whether what came in is what the peer's buffer has.
    pub(crate) fn is_intact(&mut self, length: usize) -> bool {
        let (sent, received) = self.memory.split_at_mut(self.half);
        // The first eight bytes may be a number.
        let intact = sent[8..length.max(8)] == received[8..length.max(8)];
        received[..length].fill(0xee);
        intact
    }
}

/// Completions that a queue has now, at most [`BATCH`].
#[inline]
fn read(queue: *mut fi::fid_cq) -> Result<u64, FabricError> {
    let mut entries = [fi::fi_cq_entry {
        op_context: ptr::null_mut(),
    }; BATCH];
    // SAFETY: there is room for as many entries of the queue's format.
    let code = unsafe { function!(queue, ops, read)(queue, entries.as_mut_ptr().cast(), BATCH) };
    match code as i64 {
        AGAIN => Ok(0),
        code if code < 0 => {
            let mut failure = fi::fi_cq_err_entry::default();
            // SAFETY: there is room for one.
            let read = unsafe { function!(queue, ops, readerr)(queue, &raw mut failure, 0) };
            let code = if read == 1 {
                -i64::from(failure.err)
            } else {
                code
            };
            Err(FabricError {
                function: "completion",
                code,
            })
        }
        code => Ok(code.cast_unsigned()),
    }
}

/// The first offer that fits.
fn get_info(
    provider: &str,
    domain: Option<&str>,
    source: Option<&str>,
) -> Result<*mut fi::fi_info, FabricError> {
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let source = source.map(text);
    let mut info = ptr::null_mut();
    // SAFETY: hints are libfabric's own, and their texts are its to free.
    let code = unsafe {
        // `fi_allocinfo` is this call.
        let hints = fi::fi_dupinfo(ptr::null());
        if hints.is_null() {
            return Err(FabricError {
                function: "fi_allocinfo",
                code: AGAIN,
            });
        }
        // As MPI does: receives name their sender.
        (*hints).caps = fi::FI_TAGGED | fi::FI_DIRECTED_RECV;
        (*hints).mode = fi::FI_CONTEXT;
        (*(*hints).ep_attr).type_ = fi::FI_EP_RDM;
        // What MPI asks for: one thread at a time.
        (*(*hints).domain_attr).threading = fi::FI_THREAD_DOMAIN;
        (*(*hints).domain_attr).mr_mode =
            (fi::FI_MR_LOCAL | fi::FI_MR_ALLOCATED | fi::FI_MR_VIRT_ADDR | fi::FI_MR_PROV_KEY)
                as c_int;
        (*(*hints).fabric_attr).prov_name = text(provider).into_raw();
        if let Some(domain) = domain {
            (*(*hints).domain_attr).name = text(domain).into_raw();
        }
        let version = fi::fi_version().min((1 << 16) | 17);
        let node = source
            .as_ref()
            .map_or(ptr::null(), |source| source.as_ptr());
        let flags = if node.is_null() { 0 } else { fi::FI_SOURCE };
        let code = fi::fi_getinfo(version, node, ptr::null(), flags, hints, &raw mut info);
        // Rust's allocator made these two texts, so it frees them.
        for slot in [
            &raw mut (*(*hints).fabric_attr).prov_name,
            &raw mut (*(*hints).domain_attr).name,
        ] {
            if !(*slot).is_null() {
                drop(CString::from_raw(*slot));
                *slot = ptr::null_mut();
            }
        }
        fi::fi_freeinfo(hints);
        code
    };
    check("fi_getinfo", code.into())?;
    Ok(info)
}
