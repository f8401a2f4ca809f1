//! The features against an independent numpy computation, the judgements against ONNX Runtime in Python.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    features::{FRAMES, LogMel, MELS},
    *,
};
use crate::{
    models_for_tests::{human_clips, runtime, scratch_file, test_model},
    port::{ErrorKind, Health, TurnEngine},
};

/// What the reference says of one human clip, whole or cut at three fifths.
struct Reference {
    clip: usize,
    cut: bool,
    probability: f32,
    /// Features at (mel, frame) (0, 799), (10, 780), (40, 700), (79, 799).
    points: [f32; 4],
    mean: f32,
}

const fn reference((clip, cut): (usize, bool), probability: f32, points: [f32; 4], mean: f32) -> Reference {
    Reference { clip, cut, probability, points, mean }
}

/// Computed with numpy 2.4 in double precision and onnxruntime 1.31 on the CPU.
const REFERENCES: [Reference; 6] = [
    reference((0, false), 0.985_435, [0.986_100, 0.127_590, 0.866_975, -0.095_689], 0.528_038),
    reference((0, true), 0.006_422, [0.771_220, 1.160_841, 1.215_555, 0.274_665], 0.341_923),
    reference((1, false), 0.099_241, [1.103_582, 0.487_251, 0.852_183, -0.195_615], 0.154_158),
    reference((2, true), 0.201_242, [0.941_821, 1.516_276, 0.323_611, -0.034_833], 0.259_303),
    reference((3, false), 0.984_858, [0.730_810, 0.347_483, 0.767_026, -0.085_233], 0.435_039),
    reference((4, true), 0.126_754, [1.360_962, 1.547_932, 1.420_578, -0.110_586], 0.114_289),
];

fn clip(reference: &Reference) -> Vec<f32> {
    let (_, mut audio) = human_clips().swap_remove(reference.clip);
    if reference.cut {
        audio.truncate(audio.len() * 3 / 5);
    }
    audio
}

fn engine() -> SmartTurn {
    SmartTurn::new(runtime(), test_model("smart-turn-v3.2-cpu.onnx"))
}

#[test]
fn features_equal_the_reference() {
    let mut log_mel = LogMel::new();
    for reference in &REFERENCES {
        let features = log_mel.compute(&clip(reference));
        let points =
            [(0, 799), (10, 780), (40, 700), (79, 799)].map(|(mel, frame)| features[mel * FRAMES + frame]);
        for (point, expected) in points.iter().zip(reference.points) {
            assert!((point - expected).abs() < 2e-3, "clip {}: {points:?}", reference.clip);
        }
        let mean = features.iter().sum::<f32>() / (MELS * FRAMES) as f32;
        assert!((mean - reference.mean).abs() < 1e-3, "clip {}: {mean}", reference.clip);
    }
}

#[test]
fn features_of_silence_noise_and_long_audio_are_finite_and_quick() {
    let mut log_mel = LogMel::new();
    assert!(log_mel.compute(&[]).iter().all(|value| value.is_finite()));
    assert!(log_mel.compute(&[0.0; 16_000]).iter().all(|value| value.is_finite()));
    let long: Vec<f32> = (0..480_000).map(|i| (i as f32 * 0.05).sin()).collect();
    let whole = log_mel.compute(&long);
    assert_eq!(whole, log_mel.compute(&long[480_000 - 128_000..]), "only the last 8 s count");
    // The best of several runs: other tests share the CPU.
    let best = (0..10)
        .map(|_| {
            let began = Instant::now();
            log_mel.compute(&long);
            began.elapsed()
        })
        .min()
        .expect("ten runs");
    assert!(best < Duration::from_millis(15), "{best:?}");
}

#[tokio::test]
async fn judgements_equal_the_reference() {
    let engine = engine();
    for reference in &REFERENCES {
        let (probability, took) = engine.completeness(1, clip(reference).into()).await.expect("a judgement");
        // The model is quantised: rounding in another order moves the middle of the scale a little.
        assert!((probability - reference.probability).abs() < 0.06, "clip {}: {probability}", reference.clip);
        assert!(took > Duration::ZERO);
    }
    assert_eq!(engine.health(), Health::Ready);
    assert_eq!(engine.info().model, "smart-turn-v3.2-cpu");
}

#[tokio::test]
async fn a_newer_question_replaces_the_waiting_one_and_a_dropped_one_is_skipped() {
    let engine = engine();
    let audio: Arc<[f32]> = vec![0.1; 16_000].into();
    engine.completeness(1, Arc::clone(&audio)).await.expect("loaded");
    let questions: Vec<_> =
        (0..6).map(|_| tokio::spawn(engine.completeness(1, Arc::clone(&audio)))).collect();
    let mut overtaken = 0;
    for question in questions {
        match question.await.expect("no panic") {
            Ok((probability, _)) => assert!((0.0..=1.0).contains(&probability)),
            // On a machine that is busy with other tests the last one may come too late.
            Err(error) => match error.kind {
                ErrorKind::Overloaded => overtaken += 1,
                kind => assert_eq!(kind, ErrorKind::Timeout, "{error}"),
            },
        }
    }
    assert!(overtaken >= 3, "only {overtaken} of 6 were overtaken");
    drop(engine.completeness(1, Arc::clone(&audio)));
    assert_eq!(engine.health(), Health::Ready);
}

#[tokio::test]
async fn bad_audio_and_bad_models_are_errors() {
    let engine = engine();
    for audio in [vec![], vec![f32::NAN; 100], vec![f32::INFINITY]] {
        let error = engine.completeness(1, audio.into()).await.expect_err("bad audio");
        assert_eq!(error.kind, ErrorKind::BadInput);
    }
    let garbage = scratch_file("turn.onnx", &[0xFF; 512]);
    let other = test_model("silero_vad.onnx");
    for model in [PathBuf::from("/nowhere/turn.onnx"), garbage.path().to_owned(), other] {
        let broken = SmartTurn::new(runtime(), model);
        let error = broken.completeness(1, vec![0.1; 100].into()).await.expect_err("no model");
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(matches!(broken.health(), Health::Unavailable(_)));
    }
}
