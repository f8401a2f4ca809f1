//! Photos whose expression is known, and the pictures of a clip, through the server's landmarker.

use std::path::Path;

use duologue_engines::{
    face::{MediapipeFace, MediapipePlaces, picture},
    port::FaceEngine,
};
use duologue_testkit::face::{Expression, Face, FaceConfig, Frame, shown};

use crate::{Args, figure, say};

/// The clip has 72 pictures at 24 a second.
const CLIP_FRAME_MS: u64 = 42;

async fn look(engine: &MediapipeFace, path: &Path) -> Option<Frame> {
    let file = std::fs::read(path).ok()?;
    let picture =
        picture::unpack(&file).inspect_err(|error| say(&format!("{}: {error}", path.display()))).ok()?;
    let frame = engine.look(picture).await.inspect_err(|error| say(&error.to_string())).ok()?;
    (frame.faces > 0).then_some(frame)
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Every file of `photos/` is named by what it shows; `clip/` holds pictures of somebody who begins to smile.
pub(crate) async fn run(folder: &Path, args: &Args) -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    let (library, model) = (args.library.clone(), args.model.clone());
    let engine =
        MediapipeFace::new(MediapipePlaces { program, arguments: vec!["worker".into()], library, model });
    let mut kept = true;
    let names: Vec<&str> = Expression::ALL.iter().map(|expression| expression.name()).collect();
    say(&format!("shares in percent: {}", names.join(" ")));
    for path in files(&folder.join("photos")) {
        let label = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let Some(frame) = look(&engine, &path).await else {
            kept &= figure(&format!("photo {label}"), "no face", false);
            continue;
        };
        let mut shares = shown(&frame).unwrap_or(Expression::ALL.map(|expression| (expression, 0.0)));
        let row: Vec<String> = shares.iter().map(|(_, share)| format!("{:.0}", share * 100.0)).collect();
        shares.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
        let place = shares.iter().position(|(expression, _)| label.starts_with(expression.name()));
        let most = if label.starts_with("joy") { 0 } else { 1 };
        let value = format!("[{}] {} first", row.join(" "), shares[0].0.name());
        kept &= figure(&format!("photo {label}"), &value, place.is_some_and(|place| place <= most));
    }
    let mut face = Face::new(FaceConfig::default());
    let (mut at_ms, mut smiling) = (0, None);
    for path in files(&folder.join("clip")) {
        if let Some(frame) = look(&engine, &path).await {
            face.handle_frame(at_ms, &frame);
        }
        at_ms += CLIP_FRAME_MS;
        if face.showing().is_some_and(|showing| showing.what == "joy") {
            smiling.get_or_insert(at_ms);
        }
    }
    if at_ms > 0 {
        let scores = face.scores(at_ms);
        let joy = scores.shares[0].1;
        let value = format!(
            "joy {:.0} % of the time, first at {} ms, {} blinks",
            joy * 100.0,
            smiling.unwrap_or(0),
            scores.blinking.n
        );
        kept &= figure("clip: neutral, then a smile", &value, joy > 0.5 && smiling.is_some());
    }
    kept
}
