//! Places by measured turns, the line before them, and what is told to who waits.

use super::*;

const BOUNDS: Bounds = Bounds { floor: 2, ceiling: 100, bar_ms: 3000, cores: 2 };

fn turn(at_ms: u64, total_ms: u64, talking: usize) -> Turn {
    Turn { at_ms, total_ms, models_ms: 600, talking }
}

/// A machine after `count` turns of `total_ms` with `talking` people, ten seconds apart.
fn after(capacity: &mut Capacity, count: usize, total_ms: u64, talking: usize) -> usize {
    for index in 0..count {
        capacity.handle_turn(turn(10_000 * index as u64, total_ms, talking));
    }
    capacity.places(talking)
}

#[test]
fn nothing_is_limited_before_anything_is_known() {
    let mut capacity = Capacity::new(BOUNDS);
    assert_eq!((capacity.places(0), capacity.why()), (100, Why::Unmeasured));
    assert_eq!(after(&mut capacity, FIRST - 1, 60_000, 40), 100);
    assert!(!capacity.is_measured());
    assert_eq!(capacity.p95_ms(), Some(60_000));
}

#[test]
fn what_one_turn_costs_tells_how_many_fit_below_the_bar() {
    // 400 ms that nobody computes in, 600 ms of models: (3000 - 400) / 600.
    let mut capacity = Capacity::new(BOUNDS);
    assert_eq!(after(&mut capacity, FIRST, 1000, 1), 4);
    assert_eq!(capacity.why(), Why::Predicted { models_ms: 600 });
    // The crowd's own delays do not hide what a turn costs.
    let mut crowd = Capacity::new(BOUNDS);
    for total in [9000, 8000, 1000, 7000, 1000] {
        crowd.handle_turn(turn(0, total, 40));
    }
    assert_eq!(crowd.places(40), 4);
    // A machine that is too slow for one carries its floor, one whose models take no time has no limit of its own.
    let mut slow = Capacity::new(BOUNDS);
    assert_eq!(after(&mut slow, FIRST, 9000, 1), 2);
    let mut fakes = Capacity::new(BOUNDS);
    for _ in 0..FIRST {
        fakes.handle_turn(Turn { total_ms: 5, ..Turn::default() });
    }
    assert_eq!(fakes.places(1), 100);
}

#[test]
fn late_answers_take_places_one_by_one_down_to_the_floor() {
    let mut capacity = Capacity::new(BOUNDS);
    assert_eq!(after(&mut capacity, FIRST, 1000, 1), 4);
    assert_eq!(after(&mut capacity, LEAST - 1, 4000, 4), 4, "not before enough turns");
    assert_eq!(after(&mut capacity, 1, 4000, 4), 3);
    assert_eq!(capacity.why(), Why::Late { p95_ms: 4000 });
    assert_eq!(after(&mut capacity, LEAST, 4000, 3), 2);
    assert_eq!(after(&mut capacity, 10 * LEAST, 4000, 2), 2, "the floor holds");
    // Who talks alone is late by himself: there is nobody to send away.
    let mut alone = Capacity::new(Bounds { floor: 1, ..BOUNDS });
    assert_eq!(after(&mut alone, FIRST, 1000, 1), 4);
    assert_eq!(after(&mut alone, 3 * LEAST, 9000, 1), 4);
}

#[test]
fn far_too_late_takes_more_at_once() {
    let mut capacity = Capacity::new(Bounds { floor: 1, ..BOUNDS });
    for _ in 0..FIRST {
        capacity.handle_turn(Turn { total_ms: 300, models_ms: 100, talking: 1, at_ms: 0 });
    }
    assert_eq!(capacity.places(1), 28);
    assert_eq!(after(&mut capacity, LEAST, 9000, 20), 15);
}

#[test]
fn early_answers_give_a_place_only_where_all_are_taken() {
    let mut capacity = Capacity::new(BOUNDS);
    assert_eq!(after(&mut capacity, FIRST, 1000, 1), 4);
    assert_eq!(after(&mut capacity, 5 * LEAST, 1000, 3), 4, "there is room anyway");
    assert_eq!(after(&mut capacity, LEAST, 1000, 4), 5);
    assert_eq!(after(&mut capacity, 5 * LEAST, 1000, 5), 6, "a fresh set of turns for each, and all taken");
    let mut capped = Capacity::new(Bounds { ceiling: 3, ..BOUNDS });
    assert_eq!(after(&mut capped, 9 * LEAST, 1000, 3), 3);
}

#[test]
fn between_the_two_nothing_moves() {
    let mut capacity = Capacity::new(BOUNDS);
    after(&mut capacity, FIRST, 1000, 1);
    for total in [2500, 3000, 3500, 2400] {
        assert_eq!(after(&mut capacity, 5 * LEAST, total, 4), 4, "{total}");
    }
}

#[test]
fn no_place_more_while_the_models_fill_the_cores() {
    let mut capacity = Capacity::new(BOUNDS);
    after(&mut capacity, FIRST, 1000, 1);
    for index in 0..400 {
        capacity.handle_turn(turn(index * 200, 1000, 4));
    }
    assert!(capacity.share(80_000) > 0.9, "{}", capacity.share(80_000));
    assert!(capacity.places(4) <= 6, "{}", capacity.places(4));
    assert!(capacity.share(200_000) < 0.01, "a quiet minute later");
}

#[test]
fn a_late_event_loop_lets_nobody_else_in_until_it_is_calm() {
    let mut capacity = Capacity::new(BOUNDS);
    after(&mut capacity, FIRST, 1000, 1);
    assert!(!capacity.handle_lag(400) && !capacity.handle_lag(400));
    assert!(capacity.handle_lag(400));
    assert_eq!((capacity.places(3), capacity.places(0), capacity.why()), (3, 2, Why::Strained));
    for lag in [50, 50, 150, 50, 50] {
        assert!(!capacity.handle_lag(lag), "three calm looks in a row");
    }
    assert!(capacity.handle_lag(50));
    assert_eq!(capacity.places(3), 4);
}

/// A line of 30 s of quiet; each scene is a client of its own unless said.
fn line() -> Line {
    Line::new(30_000)
}

fn arrive(line: &mut Line, now: u64, key: u64) -> Entry {
    line.handle_turn(now, (key, key), 2)
}

#[test]
fn who_is_in_stays_in_and_who_comes_over_waits() {
    let mut line = line();
    assert_eq!([arrive(&mut line, 0, 1), arrive(&mut line, 0, 2)], [Entry::In; 2]);
    assert_eq!(
        arrive(&mut line, 0, 3),
        Entry::Waits(Wait { ahead: 0, about_ms: None }),
        "nothing tells how long"
    );
    assert_eq!(arrive(&mut line, 5, 3), Entry::Waits(Wait { ahead: 0, about_ms: None }), "once in the line");
    assert_eq!(line.handle_turn(6, (1, 1), 1), Entry::In, "fewer places send nobody away");
    line.handle_rest(10_000, 1);
    assert_eq!(line.admit(39_999, 2), Vec::<u64>::new());
    assert_eq!(line.admit(40_000, 2), [3], "quiet for half a minute");
    assert!(!line.holds(1) && line.holds(3));
    assert_eq!((line.talking(40_000), line.waiting()), (2, 0));
    assert_eq!(arrive(&mut line, 41_000, 1), Entry::Waits(Wait { ahead: 0, about_ms: None }));
}

#[test]
fn nobody_overtakes_the_line() {
    let mut line = line();
    arrive(&mut line, 0, 1);
    arrive(&mut line, 0, 2);
    arrive(&mut line, 0, 3);
    line.handle_gone(100, 1);
    assert!(matches!(arrive(&mut line, 100, 4), Entry::Waits(Wait { ahead: 1, .. })));
    assert_eq!(line.admit(100, 2), [3]);
    line.handle_gone(200, 4);
    assert_eq!(line.waiting(), 0, "who gives up leaves the line");
    assert_eq!(line.admit(200, 9), Vec::<u64>::new());
}

#[test]
fn a_place_goes_to_the_client_who_holds_the_fewest() {
    let mut line = line();
    let greedy = 7;
    for key in 0..10 {
        line.handle_turn(0, (key, greedy), 3);
    }
    line.handle_turn(0, (100, 8), 3);
    assert_eq!(line.waiting(), 8);
    line.handle_gone(10, 0);
    assert_eq!(line.admit(10, 3), [100], "although seven came before");
    line.handle_gone(20, 1);
    assert_eq!(line.admit(20, 3), [3], "then the others in their order");
}

#[test]
fn a_client_that_is_never_quiet_shares_its_places() {
    let (greedy, mut line) = (7, line());
    for key in 0..3 {
        assert_eq!(line.handle_turn(0, (key, greedy), 3), Entry::In);
    }
    assert!(matches!(line.handle_turn(10, (100, 8), 3), Entry::Waits(Wait { ahead: 0, .. })));
    assert!(matches!(line.handle_turn(20, (0, greedy), 3), Entry::Waits(Wait { ahead: 1, .. })));
    assert_eq!(line.admit(20, 3), [100]);
    assert_eq!(line.handle_turn(30, (1, greedy), 3), Entry::In, "its own scene does not push it out");
    assert!(matches!(line.handle_turn(40, (101, 9), 3), Entry::Waits(_)));
    assert!(matches!(line.handle_turn(50, (2, greedy), 3), Entry::Waits(_)));
    assert_eq!(line.admit(50, 3), [101]);
    line.handle_turn(60, (102, 10), 3);
    assert_eq!(line.handle_turn(70, (1, greedy), 3), Entry::In, "one place each is fair");
    assert_eq!(line.handle_turn(70, (100, 8), 3), Entry::In);
}

#[test]
fn the_wait_is_told_by_those_who_left_and_else_by_those_who_are_quiet() {
    let mut line = line();
    for key in 0..2 {
        arrive(&mut line, 0, key);
    }
    line.handle_rest(4_000, 0);
    let told = |entry| match entry {
        Entry::Waits(Wait { about_ms, .. }) => about_ms,
        Entry::In => panic!("no room"),
    };
    assert_eq!(told(arrive(&mut line, 10_000, 5)), Some(24_000), "the quiet one leaves at 34 s");
    assert_eq!(told(arrive(&mut line, 10_000, 6)), None, "of the other one nothing is known");
    line.handle_speech(20_000, 0);
    assert_eq!(line.about_ms(20_000, 1), Some(30_000), "somebody speaks there again");
    // Every eight seconds somebody goes.
    let mut line = self::line();
    for round in 0..5 {
        let key = 50 + round;
        let now = 40_000 + 8_000 * round;
        line.handle_turn(now, (key, key), 2);
        line.handle_gone(now, key);
    }
    assert_eq!(line.about_ms(72_000, 1), Some(8_000));
    assert_eq!(line.about_ms(72_000, 3), Some(24_000));
    assert_eq!(line.about_ms(104_000, 1), Some(16_000), "nobody has left for a while");
    assert_eq!(line.about_ms(72_000 + 700_000, 1), None, "that was long ago");
}

#[test]
fn a_wait_has_an_end() {
    let mut drain = Drain::default();
    drain.handle_departure(0);
    assert_eq!(drain.wait_ms(1000, 1), None, "one departure has no pace");
    drain.handle_departure(500_000);
    assert_eq!(drain.wait_ms(500_000, 40), Some(600_000));
    for at in 0..100 {
        drain.handle_departure(500_000 + at * 1000);
    }
    assert_eq!(drain.wait_ms(599_000, 1), Some(1000), "the last ones count");
}
