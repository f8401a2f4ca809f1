//! A loudspeaker without sound: plays what comes in real time, gives way when it is told to, and tells the server how
//! far it is, as the page does.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

/// Samples in a millisecond of the wire.
const PER_MS: u64 = 24;

/// Bytes before the samples of a binary frame: magic, version, kind, 0, turn (u32), position (u64).
const HEADER: usize = 16;

/// What is there before a reply begins to play, so that a late frame is not heard as a gap.
const CUSHION: u64 = 60 * PER_MS;

/// Between two reports of a voice that sounds.
const EVERY: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Default)]
pub(super) struct Loudspeaker {
    turn: u32,
    /// Frames of older turns are dropped.
    floor: u32,
    /// Up to where sound has come, and up to where it was played, in samples of the item.
    come: u64,
    played: u64,
    /// All of the item has come.
    complete: bool,
    held: bool,
    running: bool,
    items: HashMap<u32, String>,
    since_report: Duration,
    told: Option<(u64, bool)>,
}

impl Loudspeaker {
    /// Takes a binary frame; its samples, unless its turn is over or they have come before.
    pub(super) fn take(&mut self, frame: &[u8]) -> Option<Vec<i16>> {
        let turn = u32::from_le_bytes(frame.get(4..8)?.try_into().ok()?);
        let offset = u64::from_le_bytes(frame.get(8..HEADER)?.try_into().ok()?);
        if turn < self.floor || turn < self.turn {
            return None;
        }
        if turn > self.turn {
            (self.turn, self.come, self.played, self.complete) = (turn, 0, 0, false);
            (self.held, self.running, self.told) = (false, false, None);
        }
        let samples = frame[HEADER..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        let known = self.come.saturating_sub(offset) as usize;
        let new = samples.skip(known).collect::<Vec<_>>();
        self.come = self.come.max(offset + (known + new.len()) as u64);
        (!new.is_empty()).then_some(new)
    }

    /// Nothing is left to be played.
    pub(super) fn is_quiet(&self) -> bool {
        self.turn < self.floor || self.come == self.played
    }

    /// Does what an event asks of a loudspeaker.
    pub(super) fn obey(&mut self, event: &Value) {
        let turn = || event["turn"].as_u64().unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "response.output_item.added" => {
                let (turn, item) = (event["duologue"]["turn"].as_u64(), event["item"]["id"].as_str());
                if let (Some(turn), Some(item)) = (turn, item) {
                    self.items.insert(turn as u32, item.to_owned());
                }
            }
            "response.output_audio.done" => self.complete = true,
            "duologue.hold" if turn() >= u64::from(self.turn.max(self.floor)) => self.held = true,
            "duologue.restore" => self.held = false,
            "input_audio_buffer.speech_started" => self.stop(),
            _ => {}
        }
    }

    /// Silence at once; nothing of this turn is played any more.
    fn stop(&mut self) {
        self.floor = self.turn + 1;
        (self.held, self.running) = (false, false);
    }

    /// Plays for `time`. Item and milliseconds, when the server is to be told.
    pub(super) fn tick(&mut self, time: Duration) -> Option<(String, u64)> {
        let left = self.come - self.played;
        if self.turn < self.floor || self.held || left == 0 {
            self.running = false;
        } else {
            self.running = self.running || self.complete || left >= CUSHION;
        }
        if self.running {
            self.played += left.min(time.as_millis() as u64 * PER_MS);
        }
        self.since_report += time;
        let now = (self.played / PER_MS, self.running);
        let before = self.told.unwrap_or((0, false));
        let changed = before.1 != now.1;
        if self.turn < self.floor || !(changed || (now != before && self.since_report >= EVERY)) {
            return None;
        }
        self.told = Some(now);
        self.since_report = Duration::ZERO;
        Some((self.items.get(&self.turn)?.clone(), now.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TICK: Duration = Duration::from_millis(20);

    fn frame(turn: u32, offset: u64, samples: usize) -> Vec<u8> {
        let mut bytes = vec![0x44, 1, 1, 0];
        bytes.extend(turn.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes.extend(vec![0; samples * 2]);
        bytes
    }

    fn run(speaker: &mut Loudspeaker, ticks: usize) -> Vec<u64> {
        (0..ticks).filter_map(|_| speaker.tick(TICK)).map(|(_, ms)| ms).collect()
    }

    fn speaking() -> Loudspeaker {
        let mut speaker = Loudspeaker::default();
        let item =
            json!({"type": "response.output_item.added", "item": {"id": "a"}, "duologue": {"turn": 1}});
        speaker.obey(&item);
        assert_eq!(speaker.take(&frame(1, 0, 24_000)).map(|samples| samples.len()), Some(24_000));
        speaker
    }

    #[test]
    fn it_plays_in_real_time_and_tells_how_far_it_is() {
        let mut speaker = speaking();
        assert_eq!(run(&mut speaker, 31), [20, 220, 420, 620]);
        assert_eq!(run(&mut speaker, 40), [820, 1000], "the end is told once");
    }

    #[test]
    fn it_stands_still_while_it_is_held_and_goes_on_there() {
        let mut speaker = speaking();
        run(&mut speaker, 10);
        speaker.obey(&json!({"type": "duologue.hold", "turn": 1}));
        assert_eq!(run(&mut speaker, 50), [200], "told once");
        speaker.obey(&json!({"type": "duologue.restore", "turn": 1}));
        assert_eq!(run(&mut speaker, 11), [220, 420]);
    }

    #[test]
    fn nothing_of_a_stopped_turn_is_taken_or_told_and_nothing_twice() {
        let mut speaker = speaking();
        assert_eq!(speaker.take(&frame(1, 12_000, 24_000)).map(|samples| samples.len()), Some(12_000));
        assert_eq!(speaker.take(&frame(1, 0, 24_000)), None);
        run(&mut speaker, 10);
        speaker.obey(&json!({"type": "input_audio_buffer.speech_started"}));
        assert_eq!(speaker.take(&frame(1, 36_000, 480)), None);
        assert_eq!(run(&mut speaker, 50), [0; 0]);
        assert_eq!(speaker.take(&frame(2, 0, 480)).map(|samples| samples.len()), Some(480));
    }
}
