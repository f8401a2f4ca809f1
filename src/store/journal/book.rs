//! The journal's file: records one after the other, each with its length and its checksum, on disk once appended.
//!
//! A record is `length u32 · checksum u64 · payload`, little-endian, after a header of 8 bytes. A record that the
//! process was writing when it died is torn: it was never acknowledged, and is cut off at the next start. All calls
//! block.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tracing::{error, warn};

/// What the file begins with: the format and its version.
const HEADER: &[u8; 8] = b"DUOLOG\x00\x01";

/// Length and checksum.
const FRAME: u64 = 12;

/// Larger than any record that passes the store's limits; a length above it is not a length.
const MAX_RECORD: u64 = 4 * 1024 * 1024;

/// Why nothing was appended.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// It has its largest size.
    Full,
    /// The disk said so.
    Disk(String),
}

/// One open journal, locked against other processes.
#[derive(Debug)]
pub(super) struct Book {
    file: File,
    path: PathBuf,
    largest: u64,
    /// Where the next record goes.
    end: u64,
    /// Where the first record is that is still waited for.
    next: u64,
    /// How many wait.
    waiting: u64,
}

impl Book {
    /// Opens or makes the file. `None` when another process has it.
    pub(super) fn open(path: &Path, largest: u64) -> io::Result<Option<Self>> {
        // What people said is in it, so nobody else may read it.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let start = HEADER.len() as u64;
        let mut book = Self { file, path: path.to_owned(), largest, end: start, next: start, waiting: 0 };
        book.read_in()?;
        Ok(Some(book))
    }

    /// One over a file as it is, such as a device that is always full.
    #[cfg(test)]
    pub(super) fn over(file: File, path: &Path) -> Self {
        let start = HEADER.len() as u64;
        Self { file, path: path.to_owned(), largest: MAX_RECORD, end: start, next: start, waiting: 0 }
    }

    /// Finds the end of what was written whole.
    fn read_in(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut header = [0; HEADER.len()];
        let known =
            length >= self.end && self.file.read_exact_at(&mut header, 0).is_ok() && &header == HEADER;
        if !known {
            if length > self.end {
                self.set_aside("it does not begin as a journal does")?;
            }
            self.file.set_len(0)?;
            self.file.write_all_at(HEADER, 0)?;
            return self.file.sync_all();
        }
        while let Some(size) = self.size_at(self.end, length)? {
            self.end += FRAME + size;
            self.waiting += 1;
        }
        self.drop_torn_end()?;
        if self.end < length {
            warn!(bytes = length - self.end, "torn end of the journal cut off; it was never acknowledged");
            self.file.set_len(self.end)?;
            self.file.sync_all()?;
        }
        Ok(())
    }

    /// The last record may have its length but not all of its bytes.
    fn drop_torn_end(&mut self) -> io::Result<()> {
        let (mut at, mut last) = (self.next, None);
        while at < self.end {
            last = Some(at);
            let Some(size) = self.size_at(at, self.end)? else { break };
            at += FRAME + size;
        }
        if let Some(last) = last
            && self.payload_at(last)?.is_none()
        {
            self.end = last;
            self.waiting -= 1;
        }
        Ok(())
    }

    /// Keeps a damaged file for whoever looks after the server.
    fn set_aside(&self, why: &str) -> io::Result<()> {
        let aside = self.path.with_extension("damaged");
        error!(file = %self.path.display(), kept_as = %aside.display(), why, "journal cannot be read");
        std::fs::copy(&self.path, aside).map(drop)
    }

    fn size_at(&self, at: u64, length: u64) -> io::Result<Option<u64>> {
        if at + FRAME > length {
            return Ok(None);
        }
        let mut size = [0; 4];
        self.file.read_exact_at(&mut size, at)?;
        let size = u64::from(u32::from_le_bytes(size));
        Ok((size > 0 && size <= MAX_RECORD && at + FRAME + size <= length).then_some(size))
    }

    /// The record there, unless its checksum says that it is not what was written.
    fn payload_at(&self, at: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(size) = self.size_at(at, self.end)? else { return Ok(None) };
        let mut bytes = vec![0; size as usize + 8];
        self.file.read_exact_at(&mut bytes, at + 4)?;
        let payload = bytes.split_off(8);
        Ok((checksum(&payload)[..] == bytes[..]).then_some(payload))
    }

    /// Appends records in their order, with one trip to the disk; on it when it returns. Each has its own answer.
    pub(super) fn append(&mut self, payloads: &[Vec<u8>]) -> Vec<Result<(), Refused>> {
        let (mut bytes, mut kept, mut answers) = (Vec::new(), 0, Vec::with_capacity(payloads.len()));
        for payload in payloads {
            let size = payload.len() as u64;
            let end = self.end + bytes.len() as u64 + FRAME + size;
            if size > MAX_RECORD || end > self.largest {
                answers.push(Err(Refused::Full));
                continue;
            }
            bytes.extend((size as u32).to_le_bytes());
            bytes.extend(checksum(payload));
            bytes.extend(payload);
            kept += 1;
            answers.push(Ok(()));
        }
        if kept == 0 {
            return answers;
        }
        let written = self.file.write_all_at(&bytes, self.end).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a record at the end is what a crash would leave too; without it the next one has its place.
            let _ = self.file.set_len(self.end);
            let disk = Refused::Disk(error.to_string());
            return answers.into_iter().map(|answer| answer.and(Err(disk.clone()))).collect();
        }
        self.end += bytes.len() as u64;
        self.waiting += kept;
        answers
    }

    /// How many records wait.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The oldest record that waits. One that is damaged in the middle is passed over, and told.
    pub(super) fn oldest(&mut self) -> io::Result<Option<Vec<u8>>> {
        while self.next < self.end {
            if let Some(payload) = self.payload_at(self.next)? {
                return Ok(Some(payload));
            }
            self.pass_over("a record in it does not have its checksum")?;
        }
        Ok(None)
    }

    /// Goes on without the oldest record; the file as it is now is kept for whoever looks after the server.
    pub(super) fn pass_over(&mut self, why: &str) -> io::Result<()> {
        self.set_aside(why)?;
        self.settle()
    }

    /// The oldest record is in the store. After the last one the file is empty again.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let Some(size) = self.size_at(self.next, self.end)? else { return Ok(()) };
        self.next += FRAME + size;
        self.waiting = self.waiting.saturating_sub(1);
        if self.next >= self.end {
            let start = HEADER.len() as u64;
            self.file.set_len(start)?;
            self.file.sync_data()?;
            (self.next, self.end, self.waiting) = (start, start, 0);
        }
        Ok(())
    }

    /// Everything that waits, oldest first.
    pub(super) fn each(&self, mut see: impl FnMut(Vec<u8>)) -> io::Result<()> {
        let mut at = self.next;
        while let Some(size) = self.size_at(at, self.end)? {
            if let Some(payload) = self.payload_at(at)? {
                see(payload);
            }
            at += FRAME + size;
        }
        Ok(())
    }

    /// Removes the file, which must have nothing in it that waits.
    pub(super) fn remove(self) -> io::Result<()> {
        debug_assert_eq!(self.waiting, 0, "nothing that was acknowledged is thrown away");
        std::fs::remove_file(&self.path)
    }
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(payload);
    std::array::from_fn(|index| digest[index])
}
