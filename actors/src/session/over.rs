//! Speech over a reply: what Ingest decides about it, carried out at the client, at the sound and in the conversation.

use duologue_domain::score::Span;
use duologue_engines::port::SPEECH_RATE;
use tokio::time::Instant;

use super::{State, scores::Heard};
use crate::{
    event::SessionEvent,
    ingest::{Audible, DUCK_GAIN, IngestMsg},
    speaker::SpeakerMsg,
    store::MessageRole,
    transcriber::TranscriberMsg,
};

/// Samples of the reply after a question in which a short answer is still one: a second and a half.
const STILL_ASKING: u64 = SPEECH_RATE as u64 * 3 / 2;

impl State {
    /// Tells Ingest and the gate against the persona's own voice what is at the person's ears. Not when nothing may
    /// interrupt: then speech is speech, and is answered after the reply.
    pub(super) fn audible(&mut self) {
        if !self.config.interrupt_response {
            return;
        }
        let now = Instant::now();
        let playing = self.sounding().map(|playback| {
            let asking = playback.sound.asks_at(playback.played(now), STILL_ASKING);
            (playback.turn, playback.since(), asking)
        });
        if let Some((turn, since, asking)) = playing {
            self.set_play_clock(now);
            self.to_ingest(IngestMsg::Audible(Some(Audible { turn, since, asking })));
        }
    }

    /// It is quiet.
    pub(super) fn inaudible(&mut self) {
        self.played.stop();
        self.to_ingest(IngestMsg::Audible(None));
    }

    /// The gate compares with what is played now, not with what was sent.
    pub(super) fn set_play_clock(&mut self, now: Instant) {
        let place = self.playing().map(|playback| (playback.turn, playback.played(now)));
        if let Some((turn, samples)) = place {
            self.played.set_clock(turn, samples, now);
        }
    }

    /// A sound: more quietly, at once.
    pub(super) fn duck(&mut self) {
        // Whether it is asking just now decides what a short "yes" is.
        self.audible();
        let Some(playback) = self.sounding() else { return };
        let (turn, response) = (playback.turn, playback.response.to_string());
        self.played.duck(DUCK_GAIN);
        self.say(SessionEvent::Duck { turn, response, gain: DUCK_GAIN });
    }

    /// It goes on: the client pauses.
    pub(super) fn hold(&mut self) {
        let now = Instant::now();
        let Some(playback) = self.sounding() else { return };
        playback.hold(now);
        let turn = playback.turn;
        self.played.hold(now);
        self.say(SessionEvent::Hold { turn });
    }

    /// It was nothing: on from the same sample.
    pub(super) fn restore(&mut self) {
        let now = Instant::now();
        let is_there = self.presence.attached;
        let Some(playback) = self.sounding() else { return };
        // With nobody there it stands until somebody is.
        if is_there {
            playback.resume(now);
        }
        let (turn, played) = (playback.turn, playback.played(now));
        if let Some(speaker) = self.children.speaker.as_ref().filter(|_| is_there) {
            let _ = speaker.cast(SpeakerMsg::Place(turn, played, now));
        }
        self.played.restore(now);
        self.say(SessionEvent::Restore { turn });
        self.await_end_of_play();
    }

    /// The person has the floor. Stock clients stop playing when they are told that speech has started, so they are
    /// told only now, and before they are told that the reply has ended: after its end they know nothing more to stop.
    pub(super) fn interrupted(&mut self) {
        if !self.hearing.is_somebody_speaking() {
            // Whoever was meant has been heard to the end already.
            return self.restore();
        }
        metrics::counter!("session_interruptions_total").increment(1);
        self.announce_speech();
        let effects = self.floor.handle_interruption();
        if effects.is_empty() {
            self.cut_what_was_not_heard();
        }
        self.apply(effects);
    }

    /// The reply was made to its end and was still being played.
    fn cut_what_was_not_heard(&mut self) {
        self.outbox.supersede(self.turn());
        let now = Instant::now();
        if let Some(playback) = self.playing() {
            playback.hold(now);
            let (item, heard) = (playback.item.to_string(), playback.heard(now));
            let audio_end_ms = playback.played(now) * 1000 / u64::from(SPEECH_RATE);
            let (turn, since) = (playback.turn, playback.since());
            if self.conversation.truncate(&item, heard.clone()).is_ok() {
                self.write_message(&item, MessageRole::Assistant, &heard);
                let from_ms = self.session_ms(since);
                let span = Span { from_ms, to_ms: from_ms + audio_end_ms };
                self.persona_cut(turn, &Heard { item: &item, text: &heard, span });
                self.say(SessionEvent::ItemTruncated { id: item, audio_end_ms });
            }
        }
        self.spoken_by_now();
    }

    /// It did not stop the reply: shown, not answered.
    pub(super) fn backchannel(&mut self) {
        metrics::counter!("session_backchannels_total").increment(1);
        let text = self.hearing.forget_speech();
        // Nobody waits for its words any more.
        self.to_transcriber(TranscriberMsg::Resumed);
        self.floor.handle_speech_ended();
        self.say(SessionEvent::Backchannel { text });
        let effects = self.floor.handle_heard(false);
        self.apply(effects);
    }
}
