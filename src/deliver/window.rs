//! Buffers of what is read window by window. They are used again: a fresh one has its pages from the system, and is filled
//! with zeros just to be written over, which is a third of what a segment costs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes of a window.
pub(super) const WINDOW: u64 = 512 * 1024;

/// Most buffers that wait to be used again: 16 MiB of windows.
const SPARE_MAX: usize = 32;

/// Buffers that wait to be used again.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn spare() -> MutexGuard<'static, Vec<Vec<u8>>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer, which goes back to the others when it is dropped, unless it is larger than a window.
#[derive(Debug)]
struct Window(Vec<u8>);

/// So many bytes, all of which `fill` writes: what was in them before may have been for somebody else.
pub(super) fn filled<E>(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Bytes, E> {
    let mut window = Window::of(length);
    window.0.resize(length, 0);
    fill(&mut window.0)?;
    Ok(Bytes::from_owner(window))
}

/// What `write` adds to nothing, some `length` bytes.
pub(super) fn written<E>(length: usize, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Bytes, E> {
    let mut window = Window::of(length);
    window.0.clear();
    write(&mut window.0)?;
    Ok(Bytes::from_owner(window))
}

impl Window {
    /// One with room for so many bytes, and with any in it.
    fn of(length: usize) -> Window {
        let mut bytes = spare().pop().unwrap_or_default();
        bytes.reserve_exact(length.saturating_sub(bytes.len()));
        Window(bytes)
    }
}

impl AsRef<[u8]> for Window {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let mut spare = spare();
        if spare.len() < SPARE_MAX && self.0.capacity() as u64 <= WINDOW {
            spare.push(std::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_at_every_length() {
        let with = |byte: u8, length| {
            filled(length, |bytes| {
                bytes.fill(byte);
                Ok::<_, ()>(())
            })
            .unwrap()
        };
        let first = with(1, 1000);
        let place = first.as_ptr();
        assert_eq!(&first[..], [1; 1000]);
        drop(first.slice(10..20));
        let other = with(2, 1000);
        assert_ne!(other.as_ptr(), place, "the first is still held");
        drop(first);
        let shorter = with(3, 10);
        assert_eq!((&shorter[..], shorter.as_ptr()), (&[3; 10][..], place));
        let all: Vec<Bytes> = (0..100).map(|byte| with(byte, 700)).collect();
        assert!(all.iter().zip(0..).all(|(bytes, byte)| bytes[..] == [byte; 700]));
        drop(all);
        assert_eq!(spare().len(), SPARE_MAX);
        assert_eq!(with(4, WINDOW as usize + 1).len(), WINDOW as usize + 1);
        assert_eq!(spare().len(), SPARE_MAX - 1, "what is larger than a window is not kept");
        assert!(filled(10, |_| Err(())).is_err());
        let added = written(3, |bytes| {
            bytes.extend([5, 6]);
            Ok::<_, ()>(())
        });
        assert_eq!(&added.unwrap()[..], [5, 6], "behind nothing that was there");
    }
}
