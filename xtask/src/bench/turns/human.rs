//! Human English for `bench turns`, from Debian's packages: five sentences read from a novel
//! (`pocketsphinx-testdata`) and the prompts of a telephone exchange (`asterisk-core-sounds-en-g722`, spoken by
//! Allison Smith, CC-BY-SA-3.0), which are fetched for the measurement and never kept in the repository.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use super::{HALVES, sentences::PROMPTS};

const NOVEL: &str = "/usr/share/pocketsphinx/test/data/librivox";
const PACKAGE: &str = "asterisk-core-sounds-en-g722=1.6.1-1";
const SHA256: &str = "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806";
const INSIDE: &str = "usr/share/asterisk/sounds/en_US_f_Allison";

/// Lays the human clips into their halves.
pub(super) fn prepare(folder: &Path, clips: &Path) -> anyhow::Result<()> {
    let listing = fs::read_to_string(format!("{NOVEL}/fileids"))
        .with_context(|| format!("{NOVEL}: install Debian's pocketsphinx-testdata"))?;
    let names = listing.lines().map(str::trim).filter(|name| !name.is_empty());
    for (index, name) in names.enumerate() {
        let half = clips.join(HALVES[index % 2]);
        lay(&Path::new(NOVEL).join(format!("{name}.wav")), &half, "human-novel", index)?;
    }
    let prompts = folder.join("prompts");
    if !prompts.join(INSIDE).is_dir() {
        fetch(folder, &prompts)?;
    }
    for (half, names) in HALVES.iter().zip(PROMPTS) {
        for (index, name) in names.split_whitespace().enumerate() {
            let prompt = prompts.join(INSIDE).join(format!("{name}.g722"));
            lay(&prompt, &clips.join(half), "human-prompts", index)?;
        }
    }
    Ok(())
}

fn fetch(folder: &Path, prompts: &Path) -> anyhow::Result<()> {
    run(Command::new("apt-get").args(["download", PACKAGE]).current_dir(folder))?;
    let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let package = entries
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get fetched nothing")?;
    let digest = Sha256::digest(fs::read(&package)?);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(digest == SHA256, "{}: sha256 {digest} is not {SHA256}", package.display());
    run(Command::new("dpkg").arg("-x").arg(&package).arg(prompts))
}

/// As 16 kHz mono WAV.
fn lay(source: &Path, half: &Path, name: &str, index: usize) -> anyhow::Result<()> {
    let folder = half.join("en").join(name);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{index:02}-0.wav"));
    if path.is_file() {
        return Ok(());
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error", "-i"]).arg(source);
    run(command.args(["-ac", "1", "-ar", "16000"]).arg(path))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let status = command.status().with_context(|| format!("{} cannot be run", program.display()))?;
    ensure!(status.success(), "{} failed", program.display());
    Ok(())
}
