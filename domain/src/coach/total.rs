//! One number for all: `Σ w·s·q / Σ w·q` over the scores that there are, with the weights `w` of the configuration and
//! `q` = coverage × quality. There is none below two turns, a minute, or half of what could be observed.

use super::{CoachConfig, ScoreName};
use crate::score::{Score, Source, WhyNot};

/// What the total has to go by.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoFar {
    /// Turns of the person.
    pub(super) turns: u64,
    /// Since the first thing was said or seen.
    pub(super) ms: u64,
    /// Whether there is a face to observe; if not, nobody is blamed for what the camera did not see.
    pub(super) face: bool,
}

/// The total of `scores`, in the order of [`ScoreName::ALL`].
pub(super) fn total(scores: &[Score; 8], so_far: SoFar, config: &CoachConfig) -> Score {
    let observable = || {
        ScoreName::ALL.into_iter().filter(|name| so_far.face || !name.is_of_face()).map(|name| name as usize)
    };
    let weights = observable().map(|index| config.weights[index]).sum::<f32>();
    let observed = observable().map(|index| match scores[index].value {
        Ok(_) => config.weights[index] * scores[index].coverage.clamp(0.0, 1.0),
        Err(_) => 0.0,
    });
    let coverage = if weights > 0.0 { observed.sum::<f32>() / weights } else { 0.0 };
    let (mut sum, mut trust, mut counted) = (0.0, 0.0, 0);
    for (index, score) in scores.iter().enumerate() {
        let Ok(value) = score.value else { continue };
        let weight = config.weights[index] * score.trust();
        sum += weight * f32::from(value);
        trust += weight;
        counted += 1;
    }
    let least = (config.least_coverage * 100.0).round() as u64;
    let percent = (coverage * 100.0).round() as u64;
    let needs = [
        ("needs_turns", config.least_turns, so_far.turns),
        ("needs_time", config.least_ms, so_far.ms),
        ("needs_coverage", least, percent),
    ];
    let missing = needs.into_iter().find(|(_, needs, has)| has < needs);
    let value = match missing {
        Some((code, needs, has)) => Err(WhyNot { code, needs, has }),
        None if trust <= 0.0 => Err(WhyNot { code: "needs_coverage", needs: least, has: 0 }),
        None => Ok((sum / trust).round().clamp(0.0, 100.0) as u8),
    };
    Score {
        value,
        measure: (trust > 0.0).then(|| sum / trust),
        unit: "points",
        band: None,
        n: counted,
        coverage,
        quality: if weights > 0.0 { (trust / weights).min(1.0) } else { 0.0 },
        source: Source::Fused,
        evidence: Vec::new(),
    }
}
