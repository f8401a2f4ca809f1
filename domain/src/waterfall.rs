//! Where the time of one turn went.
//!
//! The turn is cut at its stages; in each interval one model works, and what it reports as its own
//! compute is its share, never more than the interval. The rest of the first interval is the wait for
//! the person (was that the end?), the rest of the others is time outside the models:
//! `total = wait + models + outside`.

/// A point in a turn, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The person stopped speaking.
    SpeechEnd,
    /// It was decided that the turn is over.
    TurnDecided,
    /// The words are known.
    Transcript,
    /// The language model said its first token.
    FirstToken,
    /// The first clause is ready to be spoken.
    FirstClause,
    /// The first sound of the reply left.
    FirstAudio,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::SpeechEnd,
        Self::TurnDecided,
        Self::Transcript,
        Self::FirstToken,
        Self::FirstClause,
        Self::FirstAudio,
    ];

    /// The stable name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::SpeechEnd => "speech_end",
            Self::TurnDecided => "turn_decided",
            Self::Transcript => "transcript",
            Self::FirstToken => "first_token",
            Self::FirstClause => "first_clause",
            Self::FirstAudio => "first_audio",
        }
    }
}

/// A model on the critical path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModelPart {
    /// Judges completeness; between speech end and turn decided.
    TurnDetector,
    /// The final transcription; between turn decided and transcript.
    Stt,
    /// Prompt to first clause, decoding included; between transcript and first clause.
    Llm,
    /// To the first sound of the first clause; between first clause and first audio.
    Tts,
}

impl ModelPart {
    /// Every part, in order.
    pub const ALL: [Self; 4] = [Self::TurnDetector, Self::Stt, Self::Llm, Self::Tts];

    /// The stable name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::TurnDetector => "turn_detector",
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
        }
    }

    /// The interval in which this model is waited for.
    fn interval(self) -> (Stage, Stage) {
        match self {
            Self::TurnDetector => (Stage::SpeechEnd, Stage::TurnDecided),
            Self::Stt => (Stage::TurnDecided, Stage::Transcript),
            Self::Llm => (Stage::Transcript, Stage::FirstClause),
            Self::Tts => (Stage::FirstClause, Stage::FirstAudio),
        }
    }
}

/// The marks of one turn, on any clock of milliseconds.
#[derive(Clone, Debug)]
pub struct Waterfall {
    base_ms: u64,
    marks: [Option<u64>; 6],
    models: [Option<u32>; 4],
}

/// What a [`Waterfall`] adds up to, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each stage that was reached, since the end of speech (or the arrival of a text).
    pub stages: Vec<(Stage, u64)>,
    /// To the last stage that was reached.
    pub total_ms: u64,
    /// Silence waited out before the turn was decided, the detector's own time taken off.
    pub wait_ms: u64,
    /// What each model reported.
    pub models: Vec<(ModelPart, u32)>,
    /// Neither wait nor model: queues, hand-overs, resampling.
    pub outside_ms: u64,
}

impl Waterfall {
    /// A spoken turn whose speech ended at `speech_end_ms`.
    pub fn new(speech_end_ms: u64) -> Self {
        let mut waterfall = Self::for_text(speech_end_ms);
        waterfall.mark(Stage::SpeechEnd, speech_end_ms);
        waterfall
    }

    /// A written turn that arrived at `arrived_ms`: no speech, no decision; stages start at the transcript.
    pub fn for_text(arrived_ms: u64) -> Self {
        Self { base_ms: arrived_ms, marks: [None; 6], models: [None; 4] }
    }

    /// `stage` was reached; the first mark of a stage wins.
    pub fn mark(&mut self, stage: Stage, at_ms: u64) {
        self.marks[stage as usize].get_or_insert(at_ms);
    }

    /// What a model itself took; the latest figure wins.
    pub fn model(&mut self, part: ModelPart, ms: u32) {
        self.models[part as usize] = Some(ms);
    }

    /// The sums so far.
    pub fn report(&self) -> Report {
        let since = |at: u64| at.saturating_sub(self.base_ms);
        let stages: Vec<(Stage, u64)> = Stage::ALL
            .iter()
            .filter_map(|&stage| self.marks[stage as usize].map(|at| (stage, since(at))))
            .collect();
        let models = ModelPart::ALL
            .iter()
            .filter_map(|&part| self.models[part as usize].map(|ms| (part, ms)))
            .collect();
        let total_ms = stages.iter().map(|&(_, at)| at).max().unwrap_or(0);
        let decided = self.marks[Stage::TurnDecided as usize].map_or(0, since);
        let wait_ms = decided - self.on_path(ModelPart::TurnDetector).min(decided);
        let in_models: u64 = ModelPart::ALL.iter().map(|&part| self.on_path(part)).sum();
        Report { stages, total_ms, wait_ms, models, outside_ms: total_ms.saturating_sub(wait_ms + in_models) }
    }

    /// A model's share of the critical path: no more than the interval in which it was waited for, so
    /// that work done ahead of time (a transcription begun in the pause) is not counted twice.
    fn on_path(&self, part: ModelPart) -> u64 {
        let (from, to) = part.interval();
        let interval = self.reached(to).saturating_sub(self.reached(from));
        u64::from(self.models[part as usize].unwrap_or(0)).min(interval)
    }

    /// When everything up to `stage` was there.
    fn reached(&self, stage: Stage) -> u64 {
        let marks = self.marks[..=stage as usize].iter().flatten();
        marks.map(|at| at.saturating_sub(self.base_ms)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spoken_turn_adds_up() {
        let mut waterfall = Waterfall::new(1000);
        let marks = [
            (Stage::TurnDecided, 1260),
            (Stage::Transcript, 1500),
            (Stage::FirstToken, 1700),
            (Stage::FirstToken, 1900),
            (Stage::FirstClause, 1810),
            (Stage::FirstAudio, 2000),
        ];
        for (stage, at) in marks {
            waterfall.mark(stage, at);
        }
        for (part, ms) in [
            (ModelPart::TurnDetector, 50),
            (ModelPart::Stt, 230),
            (ModelPart::Llm, 300),
            (ModelPart::Tts, 180),
        ] {
            waterfall.model(part, ms);
        }
        let report = waterfall.report();
        assert_eq!(report.stages[0], (Stage::SpeechEnd, 0));
        assert_eq!(report.stages[3], (Stage::FirstToken, 700), "the first mark wins");
        assert_eq!((report.total_ms, report.wait_ms, report.outside_ms), (1000, 210, 30));
        assert_eq!(report.models.len(), 4);
    }

    #[test]
    fn a_written_turn_has_no_speech() {
        let mut waterfall = Waterfall::for_text(500);
        waterfall.mark(Stage::Transcript, 500);
        waterfall.mark(Stage::FirstToken, 800);
        waterfall.mark(Stage::FirstClause, 900);
        waterfall.model(ModelPart::Llm, 380);
        let report = waterfall.report();
        assert_eq!(
            report.stages,
            [(Stage::Transcript, 0), (Stage::FirstToken, 300), (Stage::FirstClause, 400)]
        );
        assert_eq!((report.total_ms, report.wait_ms, report.outside_ms), (400, 0, 20));
    }

    #[test]
    fn work_done_ahead_counts_only_where_it_was_waited_for() {
        let mut waterfall = Waterfall::new(0);
        waterfall.mark(Stage::TurnDecided, 300);
        waterfall.mark(Stage::Transcript, 310);
        waterfall.model(ModelPart::Stt, 250);
        let report = waterfall.report();
        assert_eq!(report.models, [(ModelPart::Stt, 250)]);
        assert_eq!((report.total_ms, report.wait_ms, report.outside_ms), (310, 300, 0));
    }

    #[test]
    fn a_turn_without_marks_and_clocks_that_go_back_do_no_harm() {
        assert_eq!(Waterfall::for_text(9).report(), Report::default());
        let mut waterfall = Waterfall::new(1000);
        waterfall.mark(Stage::TurnDecided, 10);
        waterfall.model(ModelPart::TurnDetector, 5);
        assert_eq!(waterfall.report().total_ms, 0);
    }

    /// Whatever is marked in order, the parts never add up to more than the whole.
    #[test]
    fn parts_sum_to_the_whole() {
        let mut state = 7u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..2000 {
            let mut waterfall = Waterfall::new(50);
            let mut at = 50;
            for stage in &Stage::ALL[1..] {
                at += next(400);
                if next(8) > 0 {
                    waterfall.mark(*stage, at);
                }
            }
            for part in ModelPart::ALL {
                waterfall.model(part, next(500) as u32);
            }
            let report = waterfall.report();
            assert!(report.wait_ms + report.outside_ms <= report.total_ms, "{report:?}");
            assert!(report.stages.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{report:?}");
        }
    }
}
