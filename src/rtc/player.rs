//! What a persona says, played for a client that hears it as RTP: the part that a page does for itself over a WebSocket.
//!
//! Pure but for the encoder: time goes in, packets and events come out, every 20 ms. Speech waits here, as the outbox lets
//! it go at once; it is spoken in real time and a little ahead, softly while somebody may be interrupting, and held where
//! the scene says so. What belongs to a turn that is over is dropped before the next packet is made.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use duologue_actors::outbox::OutFrame;
use duologue_domain::turn::TurnId;
use duologue_rtc::{
    clock::{PlayClock, Reported},
    codec::{CodecError, EncoderConfig, Mouth, SAMPLES, Spoken},
};

/// Between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// Packets that are sent at once when speech begins: a page's buffer then has something while this machine is late.
const AHEAD: u32 = 2;

/// Samples from one loudness to another, 40 ms at 24 kHz: shorter clicks, longer is noticed.
const FADE: f32 = 960.0;

/// Between two reports of how far the play has come.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Items whose sound may be on its way; a reply is one.
const ITEMS: usize = 8;

/// Speech with its number in the session.
#[derive(Debug)]
struct Piece {
    number: u64,
    frame: OutFrame,
    /// Samples of it that were spoken.
    taken: usize,
}

/// A place in an item's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    item: u32,
    samples: u64,
}

/// What a tick leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// To be sent now.
    Packet(Spoken),
    /// The piece with this number is on its way, or will not be heard.
    Done(u64),
    /// The first sound of a response was sent.
    Started(Arc<str>),
    /// All of it was heard.
    Stopped(Arc<str>),
    /// The rest of it will not be heard.
    Cleared(Arc<str>),
    /// So many samples of an item were heard.
    Heard(Arc<str>, u64),
}

/// The response that is sounding.
#[derive(Debug)]
struct Sounding {
    response: Arc<str>,
    turn: TurnId,
    /// When its last sound will have been heard.
    over_at: Option<Duration>,
}

/// The player.
#[derive(Debug)]
pub(super) struct Player {
    mouth: Mouth,
    /// At most two seconds: the outbox lets no more go before it is done.
    queue: VecDeque<Piece>,
    sounding: Option<Sounding>,
    clock: PlayClock<Place>,
    items: VecDeque<(u32, Arc<str>)>,
    next_item: u32,
    gain: f32,
    wanted_gain: f32,
    /// The turn that is held.
    held: Option<TurnId>,
    away: bool,
    /// Responses of which no more will come.
    complete: VecDeque<String>,
    /// Packets ahead of real time.
    ahead: u32,
    /// Where the last packet with sound ended.
    last: Option<Place>,
    reported: Option<(Place, Duration)>,
}

impl Player {
    /// A player that says nothing yet; sequence and timestamp are where its stream begins.
    ///
    /// # Errors
    /// The encoder has no memory.
    pub(super) fn new(sequence: u16, timestamp: u32) -> Result<Self, CodecError> {
        Ok(Self {
            mouth: Mouth::new(EncoderConfig::default(), sequence, timestamp)?,
            queue: VecDeque::new(),
            sounding: None,
            clock: PlayClock::default(),
            items: VecDeque::new(),
            next_item: 0,
            gain: 1.0,
            wanted_gain: 1.0,
            held: None,
            away: false,
            complete: VecDeque::new(),
            ahead: 0,
            last: None,
            reported: None,
        })
    }

    /// Takes speech. What is replayed of a turn that is over has only a place, and is done at once.
    pub(super) fn push(&mut self, number: u64, frame: OutFrame) -> Option<Effect> {
        if frame.samples.is_empty() {
            return Some(Effect::Done(number));
        }
        if let Some(sounding) = self.sounding.as_mut().filter(|it| it.response == frame.response) {
            sounding.over_at = None;
        }
        self.queue.push_back(Piece { number, frame, taken: 0 });
        None
    }

    /// Speech came: what begins after silence does not wait for the next tick, and where the silence was not sent, it has the
    /// place of the tick that is not over yet.
    pub(super) fn begin(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        // Whole packets: the end of one would be silence in the middle of a word.
        let waiting = self.queue.iter().map(|piece| piece.frame.samples.len() - piece.taken).sum::<usize>();
        let mut packets = (waiting / SAMPLES) as u32;
        if self.ahead > 0 || self.is_held() || packets == 0 {
            return effects;
        }
        if self.mouth.take_back() {
            self.speak(now, &mut effects);
            packets -= 1;
        }
        self.send(packets.min(AHEAD), now, &mut effects);
        effects
    }

    /// No more of this response will come.
    pub(super) fn complete(&mut self, response: &str) {
        if self.complete.len() == ITEMS {
            self.complete.pop_front();
        }
        self.complete.push_back(response.to_owned());
    }

    fn is_complete(&self, response: &str) -> bool {
        self.complete.iter().any(|complete| complete == response)
    }

    /// Somebody may be interrupting.
    pub(super) fn duck(&mut self, gain: f32) {
        self.wanted_gain = gain.clamp(0.0, 1.0);
    }

    /// Silence, ready to go on from the same sample; of what a later turn says nothing is held.
    pub(super) fn hold(&mut self, turn: TurnId) {
        self.held = Some(turn);
    }

    fn is_held(&self) -> bool {
        let next = self.queue.front().map(|piece| piece.frame.turn);
        self.away || self.held.is_some_and(|held| next.is_none_or(|next| next <= held))
    }

    /// It was nothing: on as before.
    pub(super) fn restore(&mut self) {
        self.held = None;
        self.wanted_gain = 1.0;
    }

    /// Whether nobody can be reached just now: then nothing is spoken.
    pub(super) fn set_away(&mut self, away: bool) {
        self.away = away;
    }

    /// There was a sign of the far end.
    pub(super) fn sign(&mut self, at: Duration) {
        self.clock.sign(at);
    }

    /// Whoever could not be reached is there again: what was spoken to nobody will be pushed again, and what waits behind
    /// it, too. To be said before the sign that shows it.
    pub(super) fn repeat(&mut self) {
        self.queue.clear();
        self.mouth.clear();
        self.clock.unsay();
        (self.last, self.reported) = (self.clock.last(), None);
    }

    /// The response that is sounding.
    pub(super) fn sounding(&self) -> Option<Arc<str>> {
        self.sounding.as_ref().map(|sounding| sounding.response.clone())
    }

    /// Whether something is spoken, or waits to be.
    pub(super) fn is_busy(&self) -> bool {
        self.sounding.is_some() || !self.queue.is_empty()
    }

    /// The item that is sounding, and how much of it was heard.
    pub(super) fn heard(&self, now: Duration) -> Option<(Arc<str>, u64)> {
        let place = self.clock.heard(now)?;
        let item = self.items.iter().find(|(number, _)| *number == place.item)?;
        Some((item.1.clone(), place.samples))
    }

    /// Everything that was sent and everything that waits is over, up to the turn before `live`.
    pub(super) fn supersede(&mut self, live: TurnId) -> Vec<Effect> {
        let mut effects = Vec::new();
        let (old, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|piece| piece.frame.turn < live);
        self.queue = kept;
        let has_dropped = old.iter().any(|piece| piece.taken < piece.frame.samples.len());
        effects.extend(old.iter().map(|piece| Effect::Done(piece.number)));
        if let Some(sounding) = self.sounding.take_if(|sounding| sounding.turn < live) {
            // What is on its way already cannot be called back; it is a tenth of a second.
            let response = sounding.response;
            let whole = self.is_complete(&response) && !has_dropped;
            effects.push(if whole { Effect::Stopped(response) } else { Effect::Cleared(response) });
            self.mouth.clear();
            self.restore();
        }
        effects
    }

    /// The client wants to hear no more of what is said now.
    pub(super) fn clear(&mut self) -> Vec<Effect> {
        let turns = self.queue.iter().map(|piece| piece.frame.turn);
        let last = turns.chain(self.sounding.as_ref().map(|sounding| sounding.turn)).max();
        last.map(|turn| self.supersede(TurnId(turn.0 + 1))).unwrap_or_default()
    }

    /// What the far end said of its network.
    pub(super) fn reported(&mut self, reported: Reported, round_trip: Duration) {
        self.clock.set_round_trip(round_trip);
        self.clock.report(reported);
    }

    /// Percent of packets that the far end misses. There are always copies: the first loss after a good while tells of
    /// itself seconds later.
    pub(super) fn set_loss(&mut self, percent: u8) {
        // It decides how good the copies are; without it they stay as they are.
        let _ = self.mouth.set_expected_loss(percent.max(EncoderConfig::default().expected_loss));
    }

    /// 20 ms have passed.
    pub(super) fn tick(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        let speaks = !self.queue.is_empty() && !self.is_held();
        let packets = match (speaks, self.ahead) {
            (true, ahead) => 1 + AHEAD - ahead,
            // In silence what was ahead is given back.
            (false, 0) => 1,
            (false, _) => 0,
        };
        self.send(packets, now, &mut effects);
        self.ahead = self.ahead.saturating_sub(1);
        self.finish(now, &mut effects);
        self.report(now, &mut effects);
        effects
    }

    fn send(&mut self, packets: u32, now: Duration, effects: &mut Vec<Effect>) {
        for _ in 0..packets {
            self.speak(now + TICK * self.ahead, effects);
            self.ahead += 1;
        }
    }

    /// Makes one packet.
    fn speak(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let mut frame = Vec::with_capacity(SAMPLES);
        while !self.is_held() && frame.len() < SAMPLES {
            let Some(piece) = self.queue.front_mut() else { break };
            let turn = piece.frame.turn;
            let is_new = self.sounding.as_ref().is_none_or(|it| it.response != piece.frame.response);
            if is_new {
                // One reply after another without a pause: each begins in a packet of its own.
                if !frame.is_empty() {
                    break;
                }
                let response = piece.frame.response.clone();
                let before = self.sounding.replace(Sounding { response, turn, over_at: None });
                effects.extend(before.map(|before| Effect::Stopped(before.response)));
                effects.push(Effect::Started(piece.frame.response.clone()));
                // Another turn is not softened by what concerned the one before.
                (self.gain, self.wanted_gain) = (1.0, 1.0);
            }
            let samples = piece.frame.samples.get(piece.taken..).unwrap_or_default();
            let taken = samples.len().min(SAMPLES - frame.len());
            frame.extend(samples.iter().take(taken));
            piece.taken += taken;
            let reached = piece.frame.offset + piece.taken as u64;
            let is_done = piece.taken == piece.frame.samples.len();
            let (item, number) = (piece.frame.item.clone(), piece.number);
            self.last = Some(Place { item: self.number(&item), samples: reached });
            if is_done {
                self.queue.pop_front();
                effects.push(Effect::Done(number));
            }
        }
        self.fade(&mut frame);
        self.mouth.push(&frame);
        if let Ok(Some(packet)) = self.mouth.tick() {
            // Silence moves nothing on.
            let nowhere = Place { item: 0, samples: 0 };
            self.clock.sent(now, packet.sequence, self.last.unwrap_or(nowhere));
            effects.push(Effect::Packet(packet));
        }
    }

    /// The item's number here.
    fn number(&mut self, item: &Arc<str>) -> u32 {
        if let Some((number, _)) = self.items.iter().find(|(_, known)| known == item) {
            return *number;
        }
        if self.items.len() == ITEMS {
            self.items.pop_front();
        }
        self.next_item += 1;
        self.items.push_back((self.next_item, item.clone()));
        self.next_item
    }

    fn fade(&mut self, frame: &mut [i16]) {
        if self.gain == self.wanted_gain && self.gain == 1.0 {
            return;
        }
        for sample in frame {
            let step = (self.wanted_gain - self.gain).clamp(-1.0 / FADE, 1.0 / FADE);
            self.gain += step;
            *sample = (f32::from(*sample) * self.gain) as i16;
        }
    }

    /// Tells that a response is over once its last sound was heard.
    fn finish(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let delay = self.clock.delay() + TICK * self.ahead;
        let Some(response) = self.sounding.as_ref().map(|sounding| sounding.response.clone()) else { return };
        let waits = self.queue.iter().any(|piece| piece.frame.response == response);
        if waits || self.away || !self.is_complete(&response) {
            return;
        }
        let over_at = self.sounding.as_mut().map(|sounding| *sounding.over_at.get_or_insert(now + delay));
        // While it is not sure that anybody hears it, it is not over.
        if over_at.is_some_and(|over_at| now >= over_at) && self.clock.heard(now) == self.last {
            self.sounding = None;
            effects.push(Effect::Stopped(response));
        }
    }

    /// Tells how far the play has come, while it goes on or should.
    fn report(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(place) = self.clock.heard(now) else { return };
        let is_due = match self.reported {
            None => true,
            // Also when it stands still: the session takes it to run on from where it was told to be.
            Some((before, at)) => {
                let stands = self.sounding.is_some() && (self.away || !self.is_held());
                let moves = before != place || stands;
                moves && now.saturating_sub(at) >= REPORT_EVERY
            }
        };
        if !is_due {
            return;
        }
        self.reported = Some((place, now));
        if let Some((_, item)) = self.items.iter().find(|(number, _)| *number == place.item) {
            effects.push(Effect::Heard(item.clone(), place.samples));
        }
    }
}

#[cfg(test)]
mod tests;
