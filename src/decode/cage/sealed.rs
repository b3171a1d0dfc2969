//! Memory that one process fills and seals, and another then reads without a copy.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// What makes memory constant for whoever holds it: neither its bytes nor its length change any more, in no process.
const CONSTANT: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW);

/// Memory being filled.
#[derive(Debug)]
pub(super) struct Filling {
    memory: OwnedFd,
    length: u64,
}

impl Filling {
    /// Empty memory.
    pub(super) fn new() -> io::Result<Filling> {
        let memory = memfd_create(c"frame", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        Ok(Filling { memory, length: 0 })
    }

    /// Adds bytes at the end.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = rustix::io::write(&self.memory, bytes)?;
            self.length += count as u64;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// The memory, constant from here on.
    pub(super) fn seal(self) -> io::Result<Sealed> {
        fcntl_add_seals(&self.memory, CONSTANT | SealFlags::SEAL)?;
        Ok(Sealed { memory: self.memory, length: self.length })
    }
}

/// Memory that its maker calls constant and of a length.
#[derive(Debug)]
pub(super) struct Sealed {
    memory: OwnedFd,
    length: u64,
}

impl Sealed {
    /// What came as memory of `length` bytes.
    pub(super) fn received(memory: OwnedFd, length: u64) -> Sealed {
        Sealed { memory, length }
    }

    /// What it is behind.
    pub(super) fn into_descriptor(self) -> OwnedFd {
        self.memory
    }

    /// Its length in bytes, as its maker says.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Its bytes. Fails where it is not constant, not as long as it was said to be, or empty.
    pub(super) fn open(&self) -> io::Result<Bytes> {
        let seals = fcntl_get_seals(&self.memory)?;
        let size = fstat(&self.memory)?.st_size;
        let length = usize::try_from(self.length).ok().filter(|&length| length > 0);
        let Some(length) = length.filter(|_| u64::try_from(size) == Ok(self.length) && seals.contains(CONSTANT)) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "memory that is not what it was said to be"));
        };
        // SAFETY: a new mapping at an address of the system's choice overlaps nothing.
        let start = unsafe {
            mmap(ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED | MapFlags::POPULATE, &self.memory, 0)?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Bytes::from_owner(Mapping { start, length }))
    }
}

impl AsFd for Sealed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

/// Constant memory as this process sees it.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is owned by this value alone, and its bytes are constant.
unsafe impl Send for Mapping {}
// SAFETY: as above; all access is reading.
unsafe impl Sync for Mapping {}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: mapped for reading at that length until this value is dropped. `open` saw that the memory is sealed, so that
        // no process writes to it or takes pages away.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` and unmapped once, here. A failure leaves the mapping, which harms nobody.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::ftruncate;

    use super::*;

    fn filled(bytes: &[u8]) -> Filling {
        let mut filling = Filling::new().unwrap();
        filling.append(bytes).unwrap();
        filling
    }

    #[test]
    fn sealed_memory_is_read_and_stays_as_it_is() {
        let sealed = filled(b"planes").seal().unwrap();
        let bytes = sealed.open().unwrap();
        assert_eq!((sealed.len(), &bytes[..]), (6, &b"planes"[..]));
        assert!(rustix::io::write(&sealed.memory, b"x").is_err() && ftruncate(&sealed.memory, 0).is_err());
        drop(sealed);
        assert_eq!(&bytes[..], b"planes");
    }

    #[test]
    fn memory_that_may_still_change_is_refused() {
        let Filling { memory, length } = filled(b"planes");
        assert!(Sealed::received(memory, length).open().is_err());
        let Filling { memory, length } = filled(b"planes");
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::GROW).unwrap();
        assert!(Sealed::received(memory, length).open().is_err(), "it may be cut short");
    }

    #[test]
    fn memory_of_another_length_is_refused() {
        for length in [0, 5, 7, u64::MAX] {
            let sealed = filled(b"planes").seal().unwrap();
            assert!(Sealed::received(sealed.memory, length).open().is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_no_such_memory_is_refused() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let length = file.metadata().unwrap().len();
        assert!(Sealed::received(file.into(), length).open().is_err());
    }
}
