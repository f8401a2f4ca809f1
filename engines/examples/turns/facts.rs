//! What is known in each silence, as JSON lines: for whoever tunes the rules.

use duologue_domain::endpoint::tail_of;

use crate::{
    models::{Heard, Models},
    play::{HEARING_PARTIAL, PARTIAL_EVERY, silences},
    sound::MS,
};

/// When the judge is asked, in frames of silence.
const ASKS: [usize; 8] = [4, 5, 7, 10, 14, 20, 30, 40];

/// One line for each silence of the sessions.
pub(crate) async fn of(models: &mut Models, heard: &[Heard<'_>], half: &str) -> String {
    let mut lines = String::new();
    for session in heard {
        for silence in silences(session) {
            let start = silence.turn.saturating_sub(300 * MS as u64) as usize;
            let mut judged = serde_json::Map::new();
            for frames in ASKS {
                let end = silence.from as usize + frames * 512;
                if end as u64 <= silence.to {
                    let answer = models.completeness(session, start, end).await;
                    judged.insert(frames.to_string(), f64::from(answer).into());
                }
            }
            let whole = models.words(session, (start, silence.from as usize + 3 * 512), false).await;
            // The latest partial that was there by the pause.
            let latest = (silence.from + 256 * MS as u64).saturating_sub(HEARING_PARTIAL).min(silence.from);
            let asked = latest / PARTIAL_EVERY * PARTIAL_EVERY;
            let asked = asked.div_ceil(512) * 512;
            let before = match asked > silence.turn + 300 * MS as u64 {
                true => models.words(session, (start, asked as usize), true).await,
                false => String::new(),
            };
            let frame = silence.from as usize / 512;
            let around = &session.speech[frame.saturating_sub(12)..(frame + 8).min(session.speech.len())];
            let level = |from: usize| {
                let samples = &session.session.audio[from.min(session.session.audio.len())..];
                let samples = &samples[..samples.len().min(512)];
                let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / 512.0;
                f64::from(10.0 * power.max(1e-9).log10())
            };
            let levels: Vec<f64> = (0..24)
                .map(|back| level((silence.from as usize).saturating_sub((24 - back) * 512)))
                .collect();
            let line = serde_json::json!({
                "half": half, "lang": session.language.code(), "source": session.source,
                "turn": silence.turn, "from": silence.from,
                "ms": silence.ms(), "end": silence.is_end, "judge": judged, "words": whole,
                "tail": format!("{:?}", tail_of(&whole)), "before": before,
                "age": silence.from.saturating_sub(asked) / MS as u64, "vad": around, "levels": levels,
            });
            lines += &format!("{line}\n");
        }
    }
    lines
}
