//! Speech in, packets out, without a network.

use super::*;

/// 100 ms of a tone.
fn frame(turn: u64, response: &str, offset: u64) -> OutFrame {
    let tone = |idx: u32| ((f64::from(idx) * 0.05).sin() * 12_000.0) as i16;
    OutFrame {
        turn: TurnId(turn),
        response: response.into(),
        item: format!("item of {response}").into(),
        offset,
        samples: (0..2_400).map(tone).collect(),
    }
}

/// A player and its time.
struct Show {
    player: Player,
    now: Duration,
}

impl Show {
    fn new() -> Self {
        Self { player: Player::new(7, 9).expect("an encoder"), now: Duration::ZERO }
    }

    fn tick(&mut self) -> Vec<Effect> {
        let effects = self.player.tick(self.now);
        self.now += TICK;
        effects
    }

    /// Everything but packets of so many ticks.
    fn run(&mut self, ticks: u32) -> Vec<Effect> {
        let effects = (0..ticks).flat_map(|_| self.tick()).collect::<Vec<_>>();
        effects.into_iter().filter(|effect| !matches!(effect, Effect::Packet(_))).collect()
    }

    fn packets(&mut self, ticks: u32) -> Vec<Spoken> {
        let effects = (0..ticks).flat_map(|_| self.tick()).collect::<Vec<_>>();
        let packet = |effect| if let Effect::Packet(packet) = effect { Some(packet) } else { None };
        effects.into_iter().filter_map(packet).collect()
    }
}

fn started(effects: &[Effect]) -> Vec<&str> {
    let name = |effect: &'_ Effect| matches!(effect, Effect::Started(_));
    let starts = effects.iter().filter(|effect| name(effect));
    starts.map(|effect| if let Effect::Started(response) = effect { &**response } else { "" }).collect()
}

#[test]
fn a_reply_is_spoken_in_real_time_a_little_ahead_and_told_to_its_end() {
    let mut show = Show::new();
    for (number, offset) in [(1, 0), (2, 2_400), (3, 4_800)] {
        assert_eq!(show.player.push(number, frame(1, "r", offset)), None);
    }
    show.player.complete("r");
    let first = show.tick();
    let packets = first.iter().filter(|effect| matches!(effect, Effect::Packet(_))).count();
    assert_eq!(packets, 3, "60 ms at once");
    assert_eq!(started(&first), ["r"]);
    let rest = show.run(40);
    let done = rest.iter().filter_map(|it| if let Effect::Done(number) = it { Some(*number) } else { None });
    assert_eq!(done.collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(rest.iter().filter(|effect| matches!(effect, Effect::Stopped(_))).count(), 1);
    let heard = rest.iter().filter_map(|it| if let Effect::Heard(_, at) = it { Some(*at) } else { None });
    let heard = heard.collect::<Vec<_>>();
    assert!(heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.last(), Some(&7_200), "to the last sample: {heard:?}");
    assert!(!show.player.is_busy());
}

#[test]
fn the_first_words_after_silence_do_not_wait_for_the_tick() {
    let mut show = Show::new();
    show.run(5);
    show.player.push(1, OutFrame { samples: vec![9_000; 960], ..frame(1, "r", 0) });
    let packets = |effects: &[Effect]| effects.iter().filter(|it| matches!(it, Effect::Packet(_))).count();
    let begun = show.player.begin(show.now);
    assert_eq!((packets(&begun), started(&begun)), (2, vec!["r"]), "40 ms came, and are on their way");
    show.player.push(2, frame(1, "r", 960));
    assert!(show.player.begin(show.now).is_empty(), "what follows keeps its time");
    assert_eq!(packets(&show.tick()), 1);
    assert_eq!(packets(&show.tick()), 1);
    show.run(20);
    show.player.hold(TurnId(1));
    show.player.push(3, frame(1, "r", 3_360));
    assert!(show.player.begin(show.now).is_empty(), "held");
}

#[test]
fn speech_takes_the_place_of_a_silence_that_was_not_sent() {
    let mut show = Show::new();
    let ticks = 100;
    let silence = show.packets(ticks);
    let place = |packet: &Spoken| packet.timestamp.wrapping_sub(9) / 960;
    assert!(silence.last().map(place) < Some(ticks - 1), "the last of the silence was left out");
    show.player.push(1, frame(1, "r", 0));
    let begun = show.player.begin(show.now);
    let said =
        begun.iter().filter_map(|it| if let Effect::Packet(packet) = it { Some(packet) } else { None });
    let said = said.cloned().collect::<Vec<_>>();
    assert_eq!(said.iter().map(place).collect::<Vec<_>>(), [ticks - 1, ticks, ticks + 1]);
    assert!(said[0].marker, "silence was before it");
    let rest = show.packets(2);
    assert_eq!(rest.iter().map(place).collect::<Vec<_>>(), [ticks + 2, ticks + 3], "it goes on in real time");
    let sequences = silence.iter().chain(&said).chain(&rest).map(|packet| packet.sequence);
    assert!(sequences.eq((7..).take(silence.len() + 5)), "none is missing");
}

#[test]
fn a_beginning_shorter_than_a_packet_waits_for_more() {
    let mut show = Show::new();
    show.player.push(1, OutFrame { samples: vec![9_000; 300], ..frame(1, "r", 0) });
    assert!(show.player.begin(show.now).is_empty());
    show.player.push(2, frame(1, "r", 300));
    assert!(!show.player.begin(show.now).is_empty());
}

#[test]
fn sequence_and_timestamps_go_on_through_silence() {
    let mut show = Show::new();
    show.player.push(1, frame(1, "r", 0));
    let before = show.packets(10);
    show.player.push(2, frame(1, "r", 2_400));
    let after = show.packets(10);
    let all = before.iter().chain(&after).collect::<Vec<_>>();
    assert_eq!(all[0].sequence, 7);
    for pair in all.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) >= 960);
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) % 960, 0);
    }
    let span = all.last().expect("packets").timestamp.wrapping_sub(all[0].timestamp);
    assert!((17 * 960..=22 * 960).contains(&span), "20 ticks of real time: {span}");
}

#[test]
fn nothing_of_a_turn_that_is_over_leaves() {
    let mut show = Show::new();
    for number in 0..10 {
        show.player.push(number, frame(1, "old", number * 2_400));
    }
    show.player.push(10, frame(2, "new", 0));
    show.run(5);
    let effects = show.player.supersede(TurnId(2));
    assert!(effects.contains(&Effect::Cleared("old".into())), "{effects:?}");
    assert!(effects.contains(&Effect::Done(9)) && !effects.contains(&Effect::Done(10)));
    assert_eq!(started(&show.run(3)), ["new"]);
    assert!(show.player.supersede(TurnId(2)).is_empty(), "once");
    let replayed = OutFrame { samples: Vec::new(), ..frame(1, "old", 0) };
    assert_eq!(show.player.push(11, replayed), Some(Effect::Done(11)), "only its place came again");
}

#[test]
fn what_is_held_goes_on_from_the_same_sample() {
    let mut show = Show::new();
    for number in 0..5 {
        show.player.push(number, frame(1, "r", number * 2_400));
    }
    show.player.complete("r");
    show.run(5);
    let left = |show: &Show| -> usize {
        show.player.queue.iter().map(|piece| piece.frame.samples.len() - piece.taken).sum()
    };
    let before = left(&show);
    show.player.hold(TurnId(1));
    let held = show.run(50);
    assert_eq!(left(&show), before, "nothing moves");
    assert!(!held.iter().any(|effect| matches!(effect, Effect::Stopped(_))));
    show.player.restore();
    show.run(2);
    assert!(left(&show) < before);
    show.player.set_away(true);
    let before = left(&show);
    show.run(10);
    assert_eq!(left(&show), before, "nobody is there");
    show.player.set_away(false);
    show.player.hold(TurnId(1));
    show.player.supersede(TurnId(2));
    show.player.push(9, frame(2, "next", 0));
    assert_eq!(started(&show.run(3)), ["next"], "a hold ends with its turn");
}

#[test]
fn the_persona_speaks_softly_while_somebody_may_interrupt() {
    let mut show = Show::new();
    let mut loud = vec![10_000i16; 480];
    show.player.fade(&mut loud);
    assert_eq!(loud, vec![10_000; 480], "as it is");
    show.player.duck(0.25);
    let mut soft = vec![10_000i16; 1_440];
    show.player.fade(&mut soft);
    assert!(soft.is_sorted_by(|one, other| one >= other), "without a step");
    assert_eq!(soft.last(), Some(&2_500));
    show.player.restore();
    let mut again = vec![10_000i16; 1_440];
    show.player.fade(&mut again);
    assert_eq!(again.last(), Some(&10_000));
}

#[test]
fn a_client_that_clears_hears_no_more_of_it() {
    let mut show = Show::new();
    assert!(show.player.clear().is_empty());
    show.player.push(1, frame(3, "r", 0));
    show.player.push(2, frame(3, "r", 2_400));
    show.run(4);
    let effects = show.player.clear();
    assert!(effects.contains(&Effect::Cleared("r".into())), "{effects:?}");
    assert!(!show.player.is_busy());
}

#[test]
fn while_nobody_can_be_reached_the_reply_stands_and_is_told_to_where_it_was_heard() {
    let mut show = Show::new();
    for number in 0..30 {
        show.player.push(number, frame(1, "r", number * 2_400));
    }
    show.player.complete("r");
    show.run(10);
    // The network is cut: 2 s are spoken to nobody until it shows.
    show.player.sign(show.now);
    let cut = show.now;
    show.run(100);
    show.player.set_away(true);
    let rest = show.run(100);
    assert!(!rest.iter().any(|effect| matches!(effect, Effect::Stopped(_))), "{rest:?}");
    let heard = rest.iter().filter_map(|it| if let Effect::Heard(_, at) = it { Some(*at) } else { None });
    let heard = heard.collect::<Vec<_>>();
    let sent_by_then = (cut.as_millis() as u64 + 60) * 24;
    assert!(heard.len() >= 9, "the session is told again and again: {heard:?}");
    assert!(heard.iter().all(|at| *at <= sent_by_then), "{heard:?} of {sent_by_then}");
    // It is there again, and what was not heard is, too.
    show.player.set_away(false);
    show.player.repeat();
    show.player.sign(show.now);
    let back = show.player.heard(show.now).expect("it had begun").1;
    assert!(back <= sent_by_then, "nothing of what went to nobody is heard by its return: {back}");
    for number in 2..30 {
        show.player.push(number, frame(1, "r", number * 2_400));
    }
    let mut again = Vec::new();
    for _ in 0..160 {
        show.player.sign(show.now);
        again.extend(show.run(1));
    }
    assert_eq!(started(&again), Vec::<&str>::new(), "the same reply goes on");
    assert_eq!(again.iter().filter(|effect| matches!(effect, Effect::Stopped(_))).count(), 1);
    let last = again.iter().rev().find_map(|it| if let Effect::Heard(_, at) = it { Some(*at) } else { None });
    assert_eq!(last, Some(72_000));
}
