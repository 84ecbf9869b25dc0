//! The boundary of the module. A request goes in and an answer comes out as bytes in the
//! module's memory; the browser runs reducers when it is asked to.
//!
//! | | |
//! |---|---|
//! | `guest_alloc(len) → address` | room for so many bytes, to be given to `guest_call` or as the answer of `reducer_call` |
//! | `guest_call(address, len) → i64` | takes the request there, gives `address << 32 \| len` of the answer |
//! | `guest_free(address, len)` | gives an answer back |
//! | import `reducer_call(module, function, address, len) → i64` | calls a function of the module whose hash is there; an answer in room of `guest_alloc`, or −1 trapped, −2 over budget, −3 failed |

#![allow(unsafe_code)]

use std::cell::RefCell;

use crate::guest::Guest;
use crate::rules::{Engine, Function, Stopped};

#[link(wasm_import_module = "browser")]
unsafe extern "C" {
    fn reducer_call(module: *const u8, function: u32, input: *const u8, len: usize) -> i64;
}

thread_local! {
    static GUEST: RefCell<Guest> = RefCell::new(Guest::new());
}

/// Room for bytes. Length and capacity are the same, so that both ends know the block.
fn room(len: usize) -> *mut u8 {
    Box::into_raw(vec![0u8; len].into_boxed_slice()).cast()
}

/// Takes a block of [`room`] back.
///
/// # Safety
/// The block is one of `room(len)` that nobody has taken back.
unsafe fn taken(address: *mut u8, len: usize) -> Vec<u8> {
    let block = core::ptr::slice_from_raw_parts_mut(address, len);
    // SAFETY: by contract it came from `Box::into_raw` with this length.
    unsafe { Box::from_raw(block) }.into_vec()
}

fn packed(bytes: Vec<u8>) -> i64 {
    let bytes = bytes.into_boxed_slice();
    let len = bytes.len() as u64;
    let address = Box::into_raw(bytes).cast::<u8>().expose_provenance() as u64;
    (address << 32 | len) as i64
}

/// Room for a request, or for what a reducer gave out.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn guest_alloc(len: usize) -> *mut u8 {
    room(len)
}

/// Gives an answer back.
///
/// # Safety
/// It is one of `guest_call`, given back once.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn guest_free(address: *mut u8, len: usize) {
    // SAFETY: by contract.
    drop(unsafe { taken(address, len) });
}

/// Answers a request.
///
/// # Safety
/// The request stands in room of `guest_alloc(len)`, which is taken back here.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn guest_call(address: *mut u8, len: usize) -> i64 {
    // SAFETY: by contract.
    let request = unsafe { taken(address, len) };
    packed(GUEST.with_borrow_mut(|guest| guest.handle(&mut Browser, &request)))
}

/// The browser's own engine.
struct Browser;

impl Engine for Browser {
    fn call(
        &mut self,
        module: &[u8; 32],
        function: Function,
        input: &[u8],
    ) -> Result<Vec<u8>, Stopped> {
        // SAFETY: both are readable for as long as the call lasts, and it calls nothing
        // here but `guest_alloc`, which touches neither.
        let answer = unsafe {
            reducer_call(
                module.as_ptr(),
                function as u32,
                input.as_ptr(),
                input.len(),
            )
        };
        match answer {
            -1 => Err(Stopped::Trapped),
            -2 => Err(Stopped::OverBudget),
            answer if answer < 0 => Err(Stopped::Host),
            answer => {
                let answer = answer as u64;
                let address = core::ptr::with_exposed_provenance_mut((answer >> 32) as usize);
                // SAFETY: the browser put its answer into room of `guest_alloc` of this length.
                Ok(unsafe { taken(address, (answer & 0xffff_ffff) as usize) })
            }
        }
    }
}
