//! The shell of a module: its memory, and how calls get at their input.
//!
//! Memory is handed out from one end and forgotten as a whole when the next input
//! comes, so that a call finds what a fresh instance would find. No other variable
//! outlives a call.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;

use crate::app::App;
use crate::wire::BadInput;

const PAGE: usize = 65_536;

unsafe extern "C" {
    /// Where the linker's own data ends.
    static __heap_base: u8;
}

/// What has been handed out: from the end of the linker's data up to `next`.
struct Arena {
    /// 0 before the first use.
    next: UnsafeCell<usize>,
}

// SAFETY: a module of this interface has no threads.
unsafe impl Sync for Arena {}

#[global_allocator]
static ARENA: Arena = Arena {
    next: UnsafeCell::new(0),
};

fn base() -> usize {
    // only the address is taken, nothing is read
    (&raw const __heap_base).addr()
}

impl Arena {
    fn next(&self) -> usize {
        // SAFETY: no threads, and no reference to the cell outlives a statement.
        match unsafe { *self.next.get() } {
            0 => base(),
            next => next,
        }
    }

    fn set(&self, next: usize) {
        // SAFETY: as in `next`.
        unsafe { *self.next.get() = next };
    }

    /// Makes sure that memory reaches up to `end`.
    fn reach(end: usize) -> bool {
        let have = core::arch::wasm32::memory_size::<0>() * PAGE;
        end <= have
            || core::arch::wasm32::memory_grow::<0>((end - have).div_ceil(PAGE)) != usize::MAX
    }
}

// SAFETY: blocks never overlap: each begins at or after the end of the last; the last one
// alone grows in place or is given back. Alignment is a power of two by `Layout`.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.next().checked_next_multiple_of(layout.align());
        let end = start.and_then(|start| start.checked_add(layout.size()));
        match (start, end) {
            (Some(start), Some(end)) if Self::reach(end) => {
                self.set(end);
                core::ptr::with_exposed_provenance_mut(start)
            }
            _ => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block.addr() + layout.size() == self.next() {
            self.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_last = block.addr() + layout.size() == self.next();
        if is_last || size <= layout.size() {
            let end = block.addr().checked_add(size);
            return match end {
                Some(end) if Self::reach(end) => {
                    if is_last {
                        self.set(end);
                    }
                    block
                }
                _ => core::ptr::null_mut(),
            };
        }
        // SAFETY: the same alignment was good for the old block; the new one is larger than
        // the old one, which stays readable.
        unsafe {
            let larger = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !larger.is_null() {
                core::ptr::copy_nonoverlapping(block, larger, layout.size());
            }
            larger
        }
    }
}

/// Ends the call. Formats nothing: that would be most of a small module.
fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

/// `input`: forgets all that was handed out and gives room for `len` bytes.
pub fn input(len: u32) -> u32 {
    ARENA.set(base());
    let end = base().checked_add(len as usize);
    match end {
        Some(end) if Arena::reach(end) => {
            ARENA.set(end);
            base() as u32
        }
        _ => trap(),
    }
}

fn output(bytes: Vec<u8>) -> u64 {
    let bytes = core::mem::ManuallyDrop::new(bytes);
    (bytes.as_ptr().addr() as u64) << 32 | bytes.len() as u64
}

/// `describe`, which no input comes before.
pub fn describe<A: App>() -> u64 {
    ARENA.set(base());
    output(crate::describe::<A>())
}

/// One of the other calls, on the `len` bytes that were written to the room for them.
pub fn call(len: u32, work: fn(&[u8]) -> Result<Vec<u8>, BadInput>) -> u64 {
    let len = len as usize;
    if ARENA.next() < base() + len {
        trap();
    }
    let start = core::ptr::with_exposed_provenance(base());
    // SAFETY: `input` gave out these bytes, which are initialised as all linear memory is;
    // nothing is handed out below their end until the next `input`.
    match work(unsafe { core::slice::from_raw_parts(start, len) }) {
        Ok(bytes) => output(bytes),
        Err(BadInput) => trap(),
    }
}
