//! Buffers of what is read window by window. They are used again: a fresh one has its pages from the system, and is filled
//! with zeros just to be written over, which is a third of what a segment costs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes of a window.
pub(super) const WINDOW: u64 = 512 * 1024;

/// Most buffers that wait to be used again: 16 MiB of windows.
const SPARE_MAX: usize = 32;

/// Those of this process.
pub(super) static WINDOWS: Windows = Windows(Mutex::new(Vec::new()));

/// Buffers that wait to be used again.
#[derive(Debug)]
pub(super) struct Windows(Mutex<Vec<Vec<u8>>>);

/// A buffer, which goes back to the others when it is dropped, unless it is larger than a window.
#[derive(Debug)]
struct Window {
    bytes: Vec<u8>,
    others: &'static Windows,
}

impl Windows {
    /// So many bytes, all of which `fill` writes: what was in them before may have been for somebody else.
    pub(super) fn filled<E>(
        &'static self,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        let mut window = self.window(length);
        window.bytes.resize(length, 0);
        fill(&mut window.bytes)?;
        Ok(Bytes::from_owner(window))
    }

    /// What `write` adds to nothing, some `length` bytes.
    pub(super) fn written<E>(
        &'static self,
        length: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        let mut window = self.window(length);
        window.bytes.clear();
        write(&mut window.bytes)?;
        Ok(Bytes::from_owner(window))
    }

    /// A buffer with room for so many bytes, and with any in it.
    fn window(&'static self, length: usize) -> Window {
        let mut bytes = self.spare().pop().unwrap_or_default();
        bytes.reserve_exact(length.saturating_sub(bytes.len()));
        Window { bytes, others: self }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Window {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let mut spare = self.others.spare();
        if spare.len() < SPARE_MAX && self.bytes.capacity() as u64 <= WINDOW {
            spare.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_at_every_length() {
        // Others than those that other tests use.
        static OWN: Windows = Windows(Mutex::new(Vec::new()));
        let with = |byte: u8, length| {
            OWN.filled(length, |bytes| {
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
        assert_eq!(OWN.spare().len(), SPARE_MAX);
        assert_eq!(with(4, WINDOW as usize + 1).len(), WINDOW as usize + 1);
        assert_eq!(OWN.spare().len(), SPARE_MAX - 1, "what is larger than a window is not kept");
        assert!(OWN.filled(10, |_| Err(())).is_err());
        let added = OWN.written(3, |bytes| {
            bytes.extend([5, 6]);
            Ok::<_, ()>(())
        });
        assert_eq!(&added.unwrap()[..], [5, 6], "behind nothing that was there");
    }
}
