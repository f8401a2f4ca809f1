//! Silero against human speech, silence, noise and trouble.

use std::{path::PathBuf, time::Instant};

use super::*;
use crate::{
    models_for_tests::{human_clips, runtime, scratch_file, test_model},
    port::{ErrorKind, Health, VAD_FRAME, VadEngine},
};

fn vad() -> SileroVad {
    SileroVad::new(runtime(), test_model("silero_vad.onnx"))
}

/// Whole frames of `audio`, zeros at the end.
fn framed(audio: &[f32]) -> Vec<f32> {
    let mut frames = audio.to_vec();
    frames.resize(audio.len().next_multiple_of(VAD_FRAME), 0.0);
    frames
}

/// Reproducible white noise of the given amplitude.
fn noise(samples: usize, amplitude: f32) -> Vec<f32> {
    let mut seed = 0x2545_F491_u32;
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 8_388_608.0 - 1.0
    })
    .take(samples)
    .map(|sample| sample * amplitude)
    .collect()
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

#[tokio::test]
async fn speech_is_speech_and_silence_and_noise_are_not() {
    let vad = vad();
    for (words, audio) in human_clips() {
        let mut stream = vad.open(1).expect("a stream");
        let spoken = stream.probabilities(framed(&audio)).await.expect("probabilities");
        assert_eq!(spoken.len(), audio.len().div_ceil(VAD_FRAME));
        assert!(mean(&spoken) > 0.6, "{words}: {}", mean(&spoken));
        let after = stream.probabilities(vec![0.0; 30 * VAD_FRAME]).await.expect("probabilities");
        assert!(mean(&after[10..]) < 0.1, "silence after {words}: {after:?}");
    }
    for (what, audio) in [("zeros", vec![0.0; 64 * VAD_FRAME]), ("noise", noise(64 * VAD_FRAME, 0.02))] {
        let heard = vad.open(2).expect("a stream").probabilities(audio).await.expect("probabilities");
        assert!(heard.iter().all(|&probability| probability < 0.4), "{what}: {heard:?}");
    }
}

#[tokio::test]
async fn frame_by_frame_equals_all_at_once_and_sessions_do_not_mix() {
    let vad = vad();
    let (_, audio) = human_clips().swap_remove(1);
    let frames = framed(&audio);
    let whole = vad.open(1).expect("a stream").probabilities(frames.clone()).await.expect("probabilities");
    let mut piecewise = vad.open(2).expect("a stream");
    let mut other = vad.open(3).expect("a stream");
    let mut pieces = Vec::new();
    for frame in frames.chunks(VAD_FRAME) {
        pieces.extend(piecewise.probabilities(frame.to_vec()).await.expect("a probability"));
        other.probabilities(noise(VAD_FRAME, 0.5)).await.expect("a probability");
    }
    assert_eq!(whole, pieces);
}

#[tokio::test]
async fn samples_that_are_no_numbers_do_not_poison_the_stream() {
    let vad = vad();
    let mut stream = vad.open(1).expect("a stream");
    let bad = vec![f32::NAN; VAD_FRAME];
    let heard = stream.probabilities(bad).await.expect("a probability");
    assert!(heard[0].is_finite());
    let (_, audio) = human_clips().swap_remove(0);
    let after = stream.probabilities(framed(&audio)).await.expect("probabilities");
    assert!(mean(&after) > 0.6);
}

#[tokio::test]
async fn a_part_of_a_frame_is_bad_input_and_nothing_is_nothing() {
    let vad = vad();
    let mut stream = vad.open(1).expect("a stream");
    let error = stream.probabilities(vec![0.0; VAD_FRAME + 1]).await.expect_err("no whole frame");
    assert_eq!(error.kind, ErrorKind::BadInput);
    assert_eq!(stream.probabilities(Vec::new()).await.expect("nothing"), Vec::<f32>::new());
}

#[tokio::test]
async fn a_dropped_question_leaves_the_stream_usable() {
    let vad = vad();
    let mut stream = vad.open(1).expect("a stream");
    drop(stream.probabilities(vec![0.0; VAD_FRAME]));
    let long = stream.probabilities(noise(4_000 * VAD_FRAME, 0.1));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(1), long).await.is_err());
    let after = stream.probabilities(vec![0.0; VAD_FRAME]).await.expect("a probability");
    assert_eq!(after.len(), 1);
}

#[tokio::test]
async fn a_missing_or_garbage_model_is_unavailable_and_says_what_to_do() {
    let garbage = scratch_file("vad.onnx", &[7; 4096]);
    for model in [PathBuf::from("/nowhere/silero.onnx"), garbage.path().to_owned()] {
        let vad = SileroVad::new(runtime(), model);
        let end = Instant::now() + std::time::Duration::from_secs(20);
        while !matches!(vad.health(), Health::Unavailable(_)) {
            assert!(Instant::now() < end, "{:?}", vad.health());
            tokio::task::yield_now().await;
        }
        let error = vad.open(1).err().expect("no stream");
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.contains("models pull"), "{error}");
    }
}
