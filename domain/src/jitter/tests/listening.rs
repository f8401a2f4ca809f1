//! Who listens without playing: what is there is given at once, and time is kept all the same.

use super::*;

/// What was heard: at which moment each step came, and how much sound there was in all.
#[derive(Default)]
struct Heard {
    steps: Vec<(u64, Step)>,
    buffer: Buffer,
}

impl Heard {
    fn numbers(&self) -> Vec<u32> {
        let played = self.steps.iter().filter_map(|(_, step)| match step {
            Step::Play(packet) => Some(number(packet)),
            _ => None,
        });
        played.collect()
    }

    /// Sound until this moment, in microseconds.
    fn sound(&self, until_us: u64) -> i64 {
        let steps = self.steps.iter().take_while(|(at, _)| *at <= until_us);
        let spans = steps.map(|(_, step)| match step {
            Step::Play(_) | Step::Skip(_) | Step::Wait => FRAME_US,
            Step::Recover { span, .. } | Step::Conceal { span } => us(i64::from(*span)),
        });
        spans.sum()
    }

    fn end(&self) -> Statistics {
        self.buffer.statistics()
    }
}

/// Takes after each arrival, and every 10 ms.
fn listen(arrivals: Arrivals, until_us: u64) -> Heard {
    let mut heard = Heard::default();
    let ticks = (0..until_us).step_by(10_000).map(|at| (at + 7_000, None));
    let mut moments =
        arrivals.into_iter().map(|(at, packet)| (at, Some(packet))).chain(ticks).collect::<Vec<_>>();
    moments.sort_by_key(|(at, _)| *at);
    for (now, packet) in moments {
        if let Some(packet) = packet {
            heard.buffer.push(packet, now);
        }
        while let Some(step) = heard.buffer.take(now) {
            heard.steps.push((now, step));
        }
    }
    heard
}

#[test]
fn what_comes_in_order_is_heard_the_moment_it_comes() {
    let arrivals = through(CALM, 3_000, 1);
    let heard = listen(arrivals.clone(), 60_000_000);
    let expected = arrivals.into_iter().map(|(at, packet)| (at, Step::Play(packet))).collect::<Vec<_>>();
    assert_eq!(heard.steps, expected);
}

#[test]
fn a_bad_network_costs_its_losses_and_keeps_the_time() {
    for seed in 1..20 {
        let heard = listen(through(BAD, 3_000, seed), 60_000_000);
        let end = heard.end();
        assert!(in_order(&heard.numbers()));
        assert!(end.recovered > 100, "seed {seed}: {end:?}");
        assert!((end.played + end.recovered) as f64 / 3_000.0 > 0.98, "seed {seed}: {end:?}");
        // The way, and what is waited for: nobody is ahead of the time, nor far behind.
        for second in 2..60 {
            let behind = second * 1_000_000 - heard.sound(second as u64 * 1_000_000);
            assert!((10_000..=220_000).contains(&behind), "seed {seed}, second {second}: {behind}");
        }
    }
}

#[test]
fn silence_passes_in_its_own_time() {
    let heard = listen(with_silences(CALM, 1_500, true), 30_000_000);
    let end = heard.end();
    assert_eq!((end.concealed, end.recovered, end.late, end.resets), (0, 0, 0, 0), "{end:?}");
    assert_eq!(heard.numbers().len(), with_silences(CALM, 1_500, true).len());
    for tenth in 10..290 {
        let behind = tenth * 100_000 - heard.sound(tenth as u64 * 100_000);
        assert!((0..=50_000).contains(&behind), "{tenth}: {behind}");
    }
}

#[test]
fn a_stall_is_waited_for_and_nothing_is_made_up() {
    let mut arrivals = through(CALM, 1_500, 1);
    for (at, _) in &mut arrivals[300..315] {
        *at = 6_000_000 + 300_000;
    }
    let heard = listen(arrivals, 30_000_000);
    assert_eq!(heard.numbers(), (0..1_500).collect::<Vec<_>>());
    assert_eq!(heard.end().concealed, 0);
}

#[test]
fn after_an_outage_the_time_is_right_again() {
    for lost in [5, 50, 200] {
        let mut arrivals = through(CALM, 1_500, 1);
        arrivals.drain(300..300 + lost);
        let heard = listen(arrivals, 30_000_000);
        let end = heard.end();
        assert!(in_order(&heard.numbers()), "{lost}");
        assert_eq!(heard.numbers().len(), 1_500 - lost, "{lost}: {end:?}");
        let behind = 29_000_000 - heard.sound(29_000_000);
        assert!((0..=60_000).contains(&behind), "{lost}: {behind}");
    }
}

/// A packet may come two seconds earlier than the fastest so far, so many waiting ones may span this at most. The rest is
/// what is held back in a stall, and what the network was late.
const STEPS_AT_ONCE: usize = CAPACITY * 2_000 / 20 + 200;

/// Timestamps that jump ahead as far as they may, sequence numbers that do not say why, and all else at random: the order
/// holds, and what is given at once is bounded, so that who listens is not held up by what a stranger sends.
#[test]
fn whatever_comes_listening_takes_a_bounded_number_of_steps() {
    for seed in 0..60 {
        let (mut dice, mut buffer, mut now, mut at) = (Dice(seed), Buffer::default(), 0, 0u32);
        let (mut resets, mut last, ahead) = (0, None, dice.below(101) as u32);
        for round in 0..2_000u32 {
            let mut packet = packet(round);
            at = at.wrapping_add(if dice.percent(50) { FRAME } else { ahead * FRAME });
            packet.timestamp = if dice.percent(5) { dice.next() as u32 } else { at };
            packet.sequence = packet.sequence.wrapping_mul(1 + dice.below(60) as u16);
            if dice.percent(20) {
                let bytes = dice.below(4) as usize;
                packet.payload = (0..bytes).map(|_| dice.next() as u8).collect();
            }
            buffer.push(packet, now);
            now += dice.below(60_000);
            let mut steps = 0;
            while let Some(step) = buffer.take(now) {
                steps += 1;
                assert!(steps <= STEPS_AT_ONCE, "seed {seed}, round {round}");
                let statistics = buffer.statistics();
                if statistics.resets != resets {
                    (resets, last) = (statistics.resets, None);
                }
                if let Step::Play(packet) = step {
                    let later = last.is_none_or(|last: u32| packet.timestamp.wrapping_sub(last) as i32 > 0);
                    assert!(later, "seed {seed}, round {round}: played backwards");
                    last = Some(packet.timestamp);
                }
            }
            assert!(buffer.len() <= CAPACITY);
        }
    }
}
