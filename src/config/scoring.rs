//! `[coach]` and `[face]`: what a person is judged by. The defaults are those of the core; every band is here so that an
//! operator can choose otherwise.

use duologue_domain::{
    coach::CoachConfig,
    face::{FaceConfig, Needs},
    score::Band,
    voice::ToneBands,
};
use serde::Deserialize;

/// Where a score is 0, 100, 100 and 0 again, in rising order; `inf` where it has no end.
type Points = [f32; 4];

/// `[coach]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoachSection {
    /// The person's share of the talk, 0 to 1.
    pub talk_share: Points,
    /// Their questions a minute.
    pub questions_per_minute: Points,
    /// Share of their turns that bring a topic.
    pub new_topics: Points,
    /// Share of the turns that were not asked for in which they went on.
    pub continuation: Points,
    /// Weights of these four in `initiative`.
    pub initiative_weights: [f32; 4],
    /// Spread of the pitch in semitones.
    pub pitch_semitones: Points,
    /// English words a minute.
    pub words_per_minute: Points,
    /// Korean syllables a second over the speaker's own.
    pub rate_to_own: Points,
    /// Spread of the loudness over the speaker's own.
    pub loudness_to_own: Points,
    /// Weights of pitch, speed and loudness in `tone`.
    pub tone_weights: [f32; 3],
    /// Weights in the total, in the order of the feedback document.
    pub weights: [f32; 8],
    /// Turns without which there is no total.
    pub least_turns: u64,
    /// Seconds without which there is no total.
    pub least_s: u64,
    /// Observed share of the time without which there is no total.
    pub least_coverage: f32,
    /// Where likability begins.
    pub first_likability: u8,
    /// What one turn changes of it at most.
    pub likability_step: u8,
    /// Points for remembering, empathy, asking, kindness; against unanswered questions, familiarity, distance, curtness,
    /// interruptions.
    pub likability_points: [i8; 9],
    /// Seconds between two tips.
    pub tip_every_s: u64,
    /// Seconds between two tips of the same kind.
    pub tip_again_s: u64,
    /// A score below is worth a tip.
    pub tip_below: u8,
    /// Fillers per hundred words that are worth a tip.
    pub fillers_per_100: f32,
    /// Time constant of what is shown.
    pub smoothing_ms: u64,
    /// What a shown score moves in a second at most.
    pub points_per_second: f32,
}

/// `[face]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceSection {
    /// Whether faces are looked at, on the whole server.
    pub enabled: bool,
    /// Blinks a minute.
    pub blinking: Points,
    /// Share of the time on the lens.
    pub gaze: Points,
    /// Share of the time turned to it with open eyes.
    pub concentration: Points,
    /// Share of the time upright.
    pub posture: Points,
    /// Tilt of the head in degrees against its own baseline.
    pub tilt: Points,
    /// Sinking of the head in heights of the face.
    pub sinking: Points,
    /// Logarithm of how much nearer the face is.
    pub leaning: Points,
    /// Share of the time smiling less share frowning.
    pub expression: Points,
    /// Share of the own open eye below which it is closed.
    pub closed_below: f32,
    /// The narrowest gaze cone, in degrees.
    pub least_cone_deg: f32,
    /// The gaze cone without calibration, in degrees.
    pub uncalibrated_cone_deg: f32,
    /// Yaw and pitch beyond which nobody attends, in degrees.
    pub attentive_deg: [f32; 2],
    /// How long a bad posture must last.
    pub bad_after_ms: u64,
    /// Seconds that blinking, gaze, concentration, posture and expression need.
    pub needs_s: [u64; 5],
}

impl CoachSection {
    /// For the core.
    pub fn to_domain(&self) -> CoachConfig {
        CoachConfig {
            talk_share: Band::new(self.talk_share),
            questions: Band::new(self.questions_per_minute),
            new_topics: Band::new(self.new_topics),
            continuation: Band::new(self.continuation),
            initiative_weights: self.initiative_weights,
            tone: ToneBands {
                pitch_st: Band::new(self.pitch_semitones),
                words_per_minute: Band::new(self.words_per_minute),
                rate_to_own: Band::new(self.rate_to_own),
                loudness_to_own: Band::new(self.loudness_to_own),
                weights: self.tone_weights,
            },
            weights: self.weights,
            least_turns: self.least_turns,
            least_ms: self.least_s * 1000,
            least_coverage: self.least_coverage,
            first_likability: self.first_likability,
            likability_step: self.likability_step,
            likability: self.likability_points,
            tip_every_ms: self.tip_every_s * 1000,
            tip_again_ms: self.tip_again_s * 1000,
            tip_below: self.tip_below,
            smoothing_ms: self.smoothing_ms,
            points_per_second: self.points_per_second,
            fillers_per_100: self.fillers_per_100,
        }
    }

    /// What cannot work.
    pub(super) fn problems(&self) -> Vec<String> {
        let bands = [
            ("talk_share", self.talk_share),
            ("questions_per_minute", self.questions_per_minute),
            ("new_topics", self.new_topics),
            ("continuation", self.continuation),
            ("pitch_semitones", self.pitch_semitones),
            ("words_per_minute", self.words_per_minute),
            ("rate_to_own", self.rate_to_own),
            ("loudness_to_own", self.loudness_to_own),
        ];
        let weights = [
            ("initiative_weights", &self.initiative_weights[..]),
            ("tone_weights", &self.tone_weights),
            ("weights", &self.weights),
        ];
        let bad_weights = weights.into_iter().filter(|(_, weights)| !are_weights(weights));
        let bad_weights = bad_weights
            .map(|(key, _)| format!("coach.{key}: weights must be 0 or more, and one of them more than 0"));
        bad_bands("coach", &bands).chain(bad_weights).collect()
    }
}

impl FaceSection {
    /// For the core; `None` when faces are not looked at.
    pub fn to_domain(&self) -> Option<FaceConfig> {
        let [blinking, gaze, concentration, posture, expression] = self.needs_s.map(|seconds| seconds * 1000);
        self.enabled.then(|| FaceConfig {
            blinking: Band::new(self.blinking),
            gaze: Band::new(self.gaze),
            concentration: Band::new(self.concentration),
            posture: Band::new(self.posture),
            tilt: Band::new(self.tilt),
            sinking: Band::new(self.sinking),
            leaning: Band::new(self.leaning),
            expression: Band::new(self.expression),
            closed_below: self.closed_below,
            least_cone_deg: self.least_cone_deg,
            uncalibrated_cone_deg: self.uncalibrated_cone_deg,
            attentive_deg: self.attentive_deg,
            bad_after_ms: self.bad_after_ms,
            needs: Needs { blinking, gaze, concentration, posture, expression },
        })
    }

    /// What cannot work.
    pub(super) fn problems(&self) -> Vec<String> {
        let bands = [
            ("blinking", self.blinking),
            ("gaze", self.gaze),
            ("concentration", self.concentration),
            ("posture", self.posture),
            ("tilt", self.tilt),
            ("sinking", self.sinking),
            ("leaning", self.leaning),
            ("expression", self.expression),
        ];
        let degrees = self.attentive_deg.iter().all(|degrees| (1.0..=90.0).contains(degrees));
        let seconds = self.needs_s.iter().all(|seconds| (1..=600).contains(seconds));
        let rules = [
            (degrees, "face.attentive_deg: both must be between 1 and 90"),
            (seconds, "face.needs_s: each must be between 1 and 600"),
        ];
        let broken = rules.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned());
        bad_bands("face", &bands).chain(broken).collect()
    }
}

fn bad_bands(section: &str, bands: &[(&str, Points)]) -> impl Iterator<Item = String> {
    let bad =
        bands.iter().filter(|(_, points)| !points.is_sorted() || points.iter().any(|point| point.is_nan()));
    let told = bad
        .map(|(key, points)| format!("{section}.{key}: the four points of a band must rise, not {points:?}"));
    told.collect::<Vec<_>>().into_iter()
}

fn are_weights(weights: &[f32]) -> bool {
    weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0)
        && weights.iter().any(|weight| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    fn load(flags: &[(&str, &str)]) -> Result<Config, crate::config::ConfigError> {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config::load(Sources { env: vec![("HOME".into(), "/tmp".into())], flags, ..Sources::default() })
    }

    #[test]
    fn the_file_says_what_the_core_does_by_itself() {
        let config = load(&[]).expect("the defaults are valid");
        assert_eq!(config.coach.to_domain(), CoachConfig::default());
        assert_eq!(config.face.to_domain(), Some(FaceConfig::default()));
    }

    #[test]
    fn bands_must_rise_and_weights_must_weigh() {
        let mut config = load(&[]).expect("valid");
        config.coach.talk_share = [0.5, 0.4, 0.6, 0.7];
        config.coach.weights = [0.0; 8];
        config.coach.tone_weights = [1.0, f32::NAN, 0.0];
        config.face.gaze = [f32::NAN; 4];
        config.face.attentive_deg = [0.0, 20.0];
        config.face.needs_s = [0; 5];
        let problems = [config.coach.problems(), config.face.problems()].concat().join("\n");
        for key in [
            "coach.talk_share",
            "coach.weights",
            "coach.tone_weights",
            "face.gaze",
            "face.attentive_deg",
            "face.needs_s",
        ] {
            assert!(problems.contains(key), "{key} in {problems}");
        }
    }

    #[test]
    fn it_can_be_switched_off_and_ranges_are_checked() {
        let off = load(&[("face.enabled", "false")]).expect("valid");
        assert_eq!(off.face.to_domain(), None);
        for key in ["coach.tip_every_s", "coach.likability_step", "face.bad_after_ms"] {
            assert!(load(&[(key, "100000000")]).is_err(), "{key}");
        }
    }
}
