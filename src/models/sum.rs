//! sha256 of streams.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// Large enough that the hash, not the system calls, is the work.
const BLOCK: usize = 256 * 1024;

/// A writer that sums what passes through it.
#[derive(Debug)]
pub(super) struct Summing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Summing<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// Flushes, and returns the sum in hexadecimal and the bytes that passed.
    pub(super) fn finish(mut self) -> io::Result<(String, u64)> {
        self.inner.flush()?;
        Ok((hexadecimal(&self.hash.finalize()), self.bytes))
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Sums a file; `on_bytes` hears of every block.
pub(super) fn of_file(path: &Path, mut on_bytes: impl FnMut(u64)) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        let count = file.read(&mut block).with_context(|| format!("cannot read {}", path.display()))?;
        if count == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(&block[..count]);
        on_bytes(count as u64);
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
