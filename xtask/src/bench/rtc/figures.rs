//! What the turns of `bench rtc` have come to.

use super::{
    super::{
        client,
        clip::Clip,
        score::{ErrorRate, quantile},
        voice::{Speech, say, stage},
    },
    talk,
};

/// How long one way took, turn by turn.
#[derive(Default)]
struct Way {
    /// From the last voiced sample to the first sound at the ear, in milliseconds.
    waits: Vec<f64>,
    /// From the first sound that the session has made to the ear, the way in included: apart from the models.
    carried: Vec<f64>,
    rate: ErrorRate,
}

impl Way {
    fn add(&mut self, made: f64, at_ear: f64) {
        // Before the person had ended: a cut-off, not a fast answer.
        self.waits.extend(Some(at_ear).filter(|at_ear| *at_ear >= 0.0));
        self.carried.extend(Some(at_ear - made).filter(|carried| carried.is_finite()));
    }

    fn conclude(&self, name: &str, unit: &str) {
        say(&format!(
            "{name:<12}{:>4} turns   voice to voice p50 {:>6.0} ms  p95 {:>6.0} ms   {unit} of what the server heard {:.1} %",
            self.waits.len(),
            quantile(&self.waits, 0.5),
            quantile(&self.waits, 0.95),
            self.rate.percent()
        ));
    }
}

/// Both ways beside each other.
pub(super) struct Figures {
    language: Speech,
    socket: Way,
    rtc: Way,
    /// What WebRTC took more, clip by clip.
    pairs: Vec<f64>,
    /// The longest gaps heard.
    gaps: Vec<f64>,
}

impl Figures {
    pub(super) fn new(language: Speech) -> Self {
        let (socket, rtc) = (Way::default(), Way::default());
        Self { language, socket, rtc, pairs: Vec::new(), gaps: Vec::new() }
    }

    /// The same clip over both.
    pub(super) fn add(&mut self, clip: &Clip, socket: &client::Turn, call: &talk::Turn) {
        // What is quiet at the beginning of a reply is no sound yet, whichever way it comes.
        let at_ear = socket.first_audio + talk::sound(&socket.voice).unwrap_or(f64::NAN);
        let times =
            [(&socket.report, socket.first_audio, at_ear), (&call.report, call.told, call.first_audio)];
        let buffer = call.statistics.buffer;
        let [over_socket, over_rtc] = times.map(|(report, told, at_ear)| {
            let stages = ["turn_decided", "first_token", "first_clause", "first_audio"];
            let stages = stages.map(|name| format!("{:>5.0}", stage(report, name)));
            format!("{}{told:>5.0}{at_ear:>5.0}", stages.concat())
        });
        say(&format!(
            "{:<12}WebSocket{over_socket}   WebRTC{over_rtc};{:>5}{:>5}  «{}»",
            clip.name,
            buffer.longest_gap_us / 1_000,
            buffer.delay_us / 1_000,
            call.heard.trim()
        ));
        let by_letters = self.language == Speech::Korean;
        self.socket.rate.add(&clip.words, &socket.heard, by_letters);
        self.rtc.rate.add(&clip.words, &call.heard, by_letters);
        self.socket.add(stage(&socket.report, "first_audio"), at_ear);
        self.rtc.add(stage(&call.report, "first_audio"), call.first_audio);
        self.pairs.extend(Some(call.first_audio - at_ear).filter(|more| more.is_finite()));
        self.gaps.push(buffer.longest_gap_us as f64 / 1_000.0);
    }

    /// Says what it all comes to.
    pub(super) fn conclude(&self) {
        let unit = self.language.unit();
        self.socket.conclude("WebSocket", unit);
        self.rtc.conclude("WebRTC", unit);
        let more = |of: fn(&Way) -> &Vec<f64>| quantile(of(&self.rtc), 0.5) - quantile(of(&self.socket), 0.5);
        // Of each pair as well: how fast the machine is changes more slowly than the clips do.
        say(&format!(
            "WebRTC takes {:.0} ms more (bar: 120), median of the pairs {:.0} ms; on the way {:.0} ms more; longest gap heard {:.0} ms",
            more(|way| &way.waits),
            quantile(&self.pairs, 0.5),
            more(|way| &way.carried),
            quantile(&self.gaps, 1.0)
        ));
    }
}
