use super::{
    synthetic::{Dice, Script, Track},
    *,
};
use crate::score::WhyNot;

/// Plays a track, calibrating while it says so.
fn watch(track: &Track) -> Face {
    let mut face = Face::new(FaceConfig::default());
    if track.calibrated_ms > 0 {
        face.calibrate(Calibration::Begin);
    }
    let mut calibrating = track.calibrated_ms > 0;
    for (at_ms, frame) in &track.frames {
        if calibrating && *at_ms >= track.calibrated_ms {
            calibrating = false;
            face.calibrate(Calibration::End);
        }
        face.handle_frame(*at_ms, frame);
    }
    face
}

fn end(track: &Track) -> u64 {
    track.frames.last().map_or(0, |(at_ms, _)| *at_ms)
}

fn scores(script: &Script) -> FaceScores {
    let track = script.play();
    watch(&track).scores(end(&track))
}

/// Blinks that were found, that were there, and that were both.
fn blinks(script: &Script) -> (usize, usize, usize) {
    let track = script.play();
    let found = watch(&track).scores(end(&track)).blinking.evidence;
    let overlaps = |blink: &Span| {
        found.iter().any(|found| found.span.from_ms < blink.to_ms && found.span.to_ms > blink.from_ms)
    };
    (found.len(), track.blinks.len(), track.blinks.iter().filter(|blink| overlaps(blink)).count())
}

/// A frame at rest without noise.
fn still() -> Frame {
    let script = Script { noise: 0.0, tremble_deg: 0.0, seconds: 1.0, ..Script::default() };
    script.play().frames[0].1.clone()
}

#[test]
fn blinks_are_counted_at_both_rates_with_noise_and_turns() {
    let (mut found, mut there, mut both) = (0, 0, 0);
    for fps in [15.0, 30.0] {
        for (seed, blinks_per_minute) in [(1, 5.0), (2, 12.0), (3, 18.0), (4, 27.0), (5, 40.0)] {
            for (noise, head_turns, closures) in
                [(0.02, false, false), (0.05, false, true), (0.03, true, true)]
            {
                let script = Script {
                    seed,
                    fps,
                    blinks_per_minute,
                    noise,
                    head_turns,
                    closures,
                    seconds: 80.0,
                    ..Script::default()
                };
                let counted = blinks(&script);
                (found, there, both) = (found + counted.0, there + counted.1, both + counted.2);
            }
        }
    }
    let (precision, recall) = (both as f32 / found as f32, both as f32 / there as f32);
    assert!(precision >= 0.97 && recall >= 0.97, "precision {precision}, recall {recall} of {there}");
}

#[test]
fn a_rate_of_blinks_is_a_rate_at_any_speed_of_pictures() {
    for fps in [12.0, 15.0, 24.0, 30.0, 60.0] {
        let script = Script { fps, seconds: 120.0, blinks_per_minute: 20.0, ..Script::default() };
        let blinking = scores(&script).blinking;
        let rate = blinking.measure.unwrap();
        assert!((18.5..=21.5).contains(&rate), "{rate} at {fps}");
        assert_eq!(blinking.value(), Some(100));
        assert!(blinking.coverage > 0.95, "{}", blinking.coverage);
    }
}

#[test]
fn only_what_both_agree_on_is_a_blink() {
    let open = still();
    let mut face = Face::new(FaceConfig::default());
    for index in 0..900_u64 {
        let mut frame = open.clone();
        if index % 30 < 4 {
            match index % 60 {
                // The outline alone closes, as when a hand passes the eyes.
                0..30 => {
                    let points = frame.points.as_mut().unwrap();
                    for (upper, lower) in [(1, 5), (2, 4), (7, 11), (8, 10)] {
                        points[upper] = points[lower];
                    }
                }
                // The shape alone rises, as when looking down.
                _ => frame.blendshapes.as_mut().unwrap()[9..11].fill(0.7),
            }
        }
        face.handle_frame(index * 33, &frame);
    }
    assert_eq!(face.scores(29_700).blinking.n, 0);
}

#[test]
fn gaze_is_within_three_points_of_the_truth() {
    for (seed, on_target) in [(1, 0.1), (2, 0.3), (3, 0.5), (4, 0.75), (5, 0.95)] {
        for (fps, away_deg, head_turns) in [(30.0, 8.0, false), (15.0, 20.0, false), (30.0, 14.0, true)] {
            let script = Script {
                seed,
                fps,
                on_target,
                away_deg,
                head_turns,
                seconds: 130.0,
                calibration_s: 10.0,
                ..Script::default()
            };
            let track = script.play();
            let face = watch(&track);
            assert!(face.is_calibrated());
            let share = face.scores(end(&track)).gaze_stability.measure.unwrap();
            let truth = track.on_target_share;
            assert!((share - truth).abs() <= 0.03, "{share} instead of {truth}: {script:?}");
        }
    }
}

#[test]
fn without_calibration_the_commonest_direction_near_the_camera_is_the_target() {
    let script = Script { on_target: 0.7, away_deg: 20.0, seconds: 90.0, ..Script::default() };
    let gaze = scores(&script).gaze_stability;
    assert!((gaze.measure.unwrap() - 0.7).abs() < 0.08, "{:?}", gaze.measure);
    assert!(gaze.quality < 0.7, "it is trusted less");
}

#[test]
fn more_time_on_target_never_scores_less() {
    let value = |on_target: f32| {
        let script = Script { on_target, calibration_s: 10.0, seconds: 100.0, seed: 9, ..Script::default() };
        scores(&script).gaze_stability.value().unwrap()
    };
    let values = [0.1, 0.25, 0.35, 0.5, 0.6].map(value);
    assert!(values.is_sorted() && values[0] == 0 && values[4] == 100, "{values:?}");
}

#[test]
fn a_mirrored_camera_changes_nothing() {
    let script = Script {
        seconds: 90.0,
        calibration_s: 10.0,
        on_target: 0.6,
        head_turns: true,
        shows: vec![("mouthSmileLeft", 0.4), ("mouthSmileRight", 0.2), ("browDownLeft", 0.3)],
        ..Script::default()
    };
    let track = script.play();
    let mut mirrored = track.clone();
    mirrored.frames.iter_mut().for_each(|(_, frame)| *frame = frame.flipped());
    let close = |a: Option<f32>, b: Option<f32>| (a.unwrap() - b.unwrap()).abs() < 0.005;
    let (plain, mirror) = (watch(&track).scores(end(&track)), watch(&mirrored).scores(end(&track)));
    assert_eq!(plain.blinking.n, mirror.blinking.n);
    assert!(close(plain.gaze_stability.measure, mirror.gaze_stability.measure));
    assert!(close(plain.concentration.measure, mirror.concentration.measure));
    assert!(close(plain.posture.measure, mirror.posture.measure));
    assert!(close(plain.expression.measure, mirror.expression.measure));
    let frame = &track.frames[7].1;
    let twice = frame.flipped().flipped();
    assert_eq!((twice.mirrored, twice.blendshapes, twice.matrix), (false, frame.blendshapes, frame.matrix));
}

#[test]
fn a_larger_picture_changes_nothing_and_a_nearer_face_hardly_anything() {
    let script = Script { seconds: 80.0, on_target: 0.6, calibration_s: 10.0, ..Script::default() };
    let plain = scores(&script);
    let mut track = script.play();
    track.frames.iter_mut().for_each(|(_, frame)| (frame.width, frame.height) = (1920, 1080));
    assert_eq!(plain, watch(&track).scores(end(&track)));
    for distance_cm in [30.0, 90.0] {
        let other = scores(&Script { distance_cm, ..script.clone() });
        assert_eq!(plain.blinking.n, other.blinking.n);
        let shares = [&plain, &other].map(|scores| scores.gaze_stability.measure.unwrap());
        assert!((shares[0] - shares[1]).abs() < 0.03, "{shares:?}");
        assert_eq!(plain.posture.value, other.posture.value);
    }
}

#[test]
fn whatever_comes_scores_stay_within_their_bounds() {
    let mut dice = Dice::new(77);
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, 0.0, f32::MIN_POSITIVE];
    let mut face = Face::new(FaceConfig::default());
    let base = still();
    let mut at_ms = 0_u64;
    for index in 0..20_000 {
        at_ms = at_ms.saturating_add_signed(dice.between(-5.0, 60.0) as i64);
        let mut frame = base.clone();
        let any = |dice: &mut Dice| match dice.share() {
            share if share < 0.3 => odd[(dice.share() * odd.len() as f32) as usize % odd.len()],
            _ => dice.between(-3.0, 3.0),
        };
        if index % 3 > 0 {
            frame.blendshapes = (index % 5 > 0).then(|| std::array::from_fn(|_| any(&mut dice)));
            frame.points =
                (index % 7 > 0).then(|| std::array::from_fn(|_| [0, 1, 2].map(|_| any(&mut dice))));
            frame.matrix = (index % 2 > 0).then(|| std::array::from_fn(|_| any(&mut dice)));
        }
        (frame.faces, frame.mirrored) = ((index % 4) as u8, index % 11 == 0);
        (frame.width, frame.height) = (index as u16 % 900, index as u16 % 7 * 100);
        match index % 997 {
            0 => face.calibrate(Calibration::Begin),
            300 => face.calibrate(Calibration::End),
            700 => face.calibrate(Calibration::Clear),
            _ => {}
        }
        face.handle_frame(at_ms, &frame);
        if index % 500 == 0 {
            check_bounds(&face.scores(at_ms));
        }
    }
    check_bounds(&face.scores(at_ms + 3_600_000));
}

fn check_bounds(scores: &FaceScores) {
    for score in
        [&scores.blinking, &scores.gaze_stability, &scores.concentration, &scores.posture, &scores.expression]
    {
        assert!(score.value().is_none_or(|value| value <= 100), "{score:?}");
        assert!((0.0..=1.0).contains(&score.coverage) && (0.0..=1.0).contains(&score.quality), "{score:?}");
        assert!(score.measure.is_none_or(f32::is_finite), "{score:?}");
        assert!(score.evidence.len() <= 64);
        assert!(score.evidence.iter().all(|moment| moment.value.is_finite()), "{score:?}");
    }
    let total: f32 = scores.shares.iter().map(|(_, share)| share).sum();
    assert!(total == 0.0 || (total - 1.0).abs() < 0.01, "{total}");
    assert!((0.0..=1.0).contains(&scores.smiling) && (0.0..=1.0).contains(&scores.present));
}

#[test]
fn numbers_that_are_none_take_only_their_own_pictures_away() {
    let script = Script { seconds: 90.0, calibration_s: 10.0, on_target: 0.6, ..Script::default() };
    let plain = scores(&script);
    let mut track = script.play();
    for (_, frame) in track.frames.iter_mut().skip(450).step_by(10) {
        frame.points.as_mut().unwrap()[3][1] = f32::NAN;
        frame.matrix.as_mut().unwrap()[5] = f32::NAN;
        frame.blendshapes.as_mut().unwrap()[9] = f32::NAN;
    }
    let holed = watch(&track).scores(end(&track));
    assert!((plain.gaze_stability.measure.unwrap() - holed.gaze_stability.measure.unwrap()).abs() < 0.03);
    assert!(holed.blinking.value().is_some());
}

#[test]
fn too_little_says_what_is_missing() {
    let few = scores(&Script { seconds: 21.0, ..Script::default() });
    let why = few.blinking.value.unwrap_err();
    assert_eq!((why.code, why.needs), ("needs_face", 60_000));
    assert!((19_000..=21_000).contains(&why.has), "{}", why.has);
    assert!(few.gaze_stability.value().is_none() && few.expression.value().is_some());
    let none = Face::new(FaceConfig::default()).scores(5_000);
    assert_eq!(none.blinking.value, Err(WhyNot { code: "needs_face", needs: 60_000, has: 0 }));
    assert_eq!((none.posture.measure, none.present, none.smiling), (None, 0.0, 0.0));
}

#[test]
fn a_lost_face_costs_coverage_and_concentration_but_no_blinks() {
    let script = Script { seconds: 120.0, ..Script::default() };
    let mut track = script.play();
    for (at_ms, frame) in &mut track.frames {
        if (40_000..70_000).contains(at_ms) {
            *frame = Frame::empty(640, 360);
        }
    }
    let lost = watch(&track).scores(end(&track));
    let plain = scores(&script);
    assert!((lost.blinking.measure.unwrap() - plain.blinking.measure.unwrap()).abs() < 3.0);
    assert!((0.7..0.77).contains(&lost.blinking.coverage), "{}", lost.blinking.coverage);
    assert!((lost.concentration.measure.unwrap() - 0.75).abs() < 0.02, "{:?}", lost.concentration.measure);
    let moment = lost.concentration.evidence.iter().find(|moment| moment.what == "no_face").unwrap();
    assert!(moment.span.from_ms.abs_diff(40_000) < 100 && moment.span.to_ms.abs_diff(70_000) < 100);
}

#[test]
fn a_gap_in_the_stream_is_not_observed_and_rates_may_change() {
    let slow = Script { fps: 15.0, seconds: 120.0, ..Script::default() }.play();
    let fast = Script { fps: 30.0, seconds: 120.0, ..Script::default() }.play();
    let mut frames: Vec<_> = slow.frames.into_iter().filter(|(at_ms, _)| *at_ms < 50_000).collect();
    frames.extend(fast.frames.into_iter().filter(|(at_ms, _)| *at_ms >= 65_000));
    let truth = slow.blinks.iter().filter(|blink| blink.to_ms < 50_000 || blink.from_ms > 65_000).count();
    let mixed = Track { frames, blinks: Vec::new(), on_target_share: 1.0, calibrated_ms: 0 };
    let blinking = watch(&mixed).scores(end(&mixed)).blinking;
    assert!((blinking.n as usize).abs_diff(truth) <= 1, "{} of {truth}", blinking.n);
    assert!((0.82..0.9).contains(&blinking.coverage), "{}", blinking.coverage);
}

#[test]
fn somebody_else_in_the_picture_is_not_the_person() {
    let script = Script { seconds: 100.0, blinks_per_minute: 15.0, ..Script::default() };
    let track = script.play();
    let stranger = Script { seed: 5, blinks_per_minute: 60.0, ..script.clone() }.play();
    let mut face = Face::new(FaceConfig::default());
    for (index, ((at_ms, frame), (_, other))) in track.frames.iter().zip(&stranger.frames).enumerate() {
        let mut frame = frame.clone();
        // For one second in ten the landmarker follows somebody who sits to the left.
        if index % 300 >= 270 {
            frame = other.clone();
            frame.points.as_mut().unwrap().iter_mut().for_each(|point| point[0] -= 0.35);
        }
        frame.faces = 2;
        face.handle_frame(*at_ms, &frame);
    }
    let scores = face.scores(end(&track));
    let rate = scores.blinking.measure.unwrap();
    assert!((12.0..=18.0).contains(&rate), "{rate}");
    assert!(scores.blinking.quality <= 0.5, "two faces are trusted less");
    assert!((scores.present - 0.9).abs() < 0.03, "{}", scores.present);
}

#[test]
fn a_thousand_pictures_a_second_are_as_good_as_a_hundred() {
    let mut face = Face::new(FaceConfig::default());
    let frame = still();
    for at_ms in 0..30_000 {
        face.handle_frame(at_ms, &frame);
        face.handle_frame(at_ms.saturating_sub(500), &frame);
    }
    let scores = face.scores(30_000);
    assert!(scores.expression.n <= 30 * 126, "{}", scores.expression.n);
    assert!((scores.expression.coverage - 1.0).abs() < 0.02);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut face = Face::new(FaceConfig::default());
    let track = Script { seconds: 20.0, blinks_per_minute: 40.0, ..Script::default() }.play();
    for round in 0..60 {
        for (at_ms, frame) in track.frames.iter().step_by(2) {
            face.handle_frame(round * 20_000 + at_ms, frame);
        }
    }
    let scores = face.scores(1_200_000);
    assert!((590.0..=602.0).contains(&(scores.blinking.n as f32 / scores.blinking.measure.unwrap() * 60.0)));
    assert_eq!(scores.blinking.evidence.len(), 64);
    assert!((scores.blinking.coverage - 1.0).abs() < 0.01);
    let lately = face.scores_since(1_140_000, 1_200_000);
    assert!((lately.blinking.n as f32) < scores.blinking.n as f32 / 8.0);
    assert!(lately.blinking.evidence.iter().all(|moment| moment.span.to_ms > 1_140_000));
}

#[test]
fn a_tilted_head_is_bad_posture_only_when_it_stays_so() {
    let tilted = scores(&Script { seconds: 120.0, tilt_deg: 20.0, ..Script::default() }).posture;
    assert!((0.35..0.45).contains(&tilted.measure.unwrap()), "{:?}", tilted.measure);
    assert_eq!(tilted.unit, "share_head_upright");
    let upright = scores(&Script { seconds: 120.0, ..Script::default() }).posture;
    assert_eq!(upright.value(), Some(100));
    // Nodding aside for a second and a half is none.
    let straight = Script { seconds: 60.0, ..Script::default() }.play();
    let aside = Script { seconds: 60.0, tilt_deg: 20.0, ..Script::default() };
    let aside = Script { seconds: 120.0, ..aside }.play();
    let mut nodding = straight.clone();
    for (index, (_, frame)) in nodding.frames.iter_mut().enumerate() {
        if index % 150 > 105 {
            *frame = aside.frames[1_900 + index % 150].1.clone();
        }
    }
    assert_eq!(watch(&nodding).scores(end(&nodding)).posture.value(), Some(100));
    let values = [0.0, 4.0, 8.0, 12.0, 16.0].map(|tilt_deg| {
        scores(&Script { seconds: 80.0, tilt_deg, noise: 0.01, ..Script::default() }).posture.measure.unwrap()
    });
    assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
}

#[test]
fn coming_nearer_and_sinking_are_seen_too() {
    let rest = Script { seconds: 25.0, ..Script::default() };
    for (what, distance_cm) in [("too_near", 28.0), ("too_far", 90.0)] {
        let mut track = rest.play();
        let moved = Script { distance_cm, ..rest.clone() }.play();
        // A little at a time, or it would be somebody else.
        for step in 1..=12_u64 {
            let distance_cm = 50.0 + (distance_cm - 50.0) * step as f32 / 12.0;
            let between = Script { distance_cm, seconds: 0.1, ..rest.clone() }.play();
            let from = 25_000 + (step - 1) * 100;
            track.frames.extend(between.frames.into_iter().map(|(at_ms, frame)| (from + at_ms, frame)));
        }
        track.frames.extend(moved.frames.into_iter().map(|(at_ms, frame)| (26_300 + at_ms, frame)));
        let back = track.frames[0].1.clone();
        track.frames.push((51_400, back));
        let posture = watch(&track).scores(end(&track)).posture;
        assert!(posture.measure.unwrap() < 0.6, "{what} {:?}", posture.measure);
    }
}

#[test]
fn expressions_go_by_their_actions() {
    let both = |name: &'static str, value: f32| match name {
        "browDown" => vec![("browDownLeft", value), ("browDownRight", value)],
        "browOuterUp" => vec![("browOuterUpLeft", value), ("browOuterUpRight", value)],
        "eyeWide" => vec![("eyeWideLeft", value), ("eyeWideRight", value)],
        "mouthFrown" => vec![("mouthFrownLeft", value), ("mouthFrownRight", value)],
        "mouthPress" => vec![("mouthPressLeft", value), ("mouthPressRight", value)],
        "mouthSmile" => vec![("mouthSmileLeft", value), ("mouthSmileRight", value)],
        "mouthStretch" => vec![("mouthStretchLeft", value), ("mouthStretchRight", value)],
        "noseSneer" => vec![("noseSneerLeft", value), ("noseSneerRight", value)],
        _ => vec![(name, value)],
    };
    let cases: [(Expression, &[(&'static str, f32)]); 8] = [
        (Expression::Neutral, &[]),
        (Expression::Joy, &[("mouthSmile", 0.7)]),
        (Expression::Sadness, &[("browInnerUp", 0.5), ("mouthFrown", 0.25), ("mouthShrugLower", 0.2)]),
        (Expression::Anger, &[("browDown", 0.4), ("mouthPress", 0.3)]),
        (Expression::Surprise, &[("browInnerUp", 0.6), ("browOuterUp", 0.4), ("jawOpen", 0.4)]),
        (
            Expression::Fear,
            &[("browInnerUp", 0.7), ("browDown", 0.15), ("mouthStretch", 0.5), ("eyeWide", 0.1)],
        ),
        (Expression::Disgust, &[("noseSneer", 0.3), ("browDown", 0.2), ("mouthFrown", 0.15)]),
        (Expression::Contempt, &[("mouthSmileLeft", 0.45), ("mouthDimpleLeft", 0.3)]),
    ];
    for (expected, actions) in cases {
        let shows: Vec<_> = actions.iter().flat_map(|(name, value)| both(name, *value)).collect();
        // Ten neutral seconds calibrate; then it is shown.
        let mut track =
            Script { seconds: 12.0, calibration_s: 10.0, blinks_per_minute: 0.0, ..Script::default() }.play();
        let showing = Script { seconds: 15.0, blinks_per_minute: 0.0, shows, ..Script::default() }.play();
        track.frames.extend(showing.frames.into_iter().map(|(at_ms, frame)| (12_000 + at_ms, frame)));
        let shares = watch(&track).scores(end(&track)).shares;
        let most = shares.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        assert_eq!(most.0, expected, "{shares:?}");
    }
}

#[test]
fn a_stronger_smile_never_scores_less_and_a_frown_never_more() {
    let value = |name: [&'static str; 2], strength: f32| {
        let shows = name.map(|name| (name, strength)).to_vec();
        let mut track = Script { seconds: 12.0, calibration_s: 10.0, ..Script::default() }.play();
        let showing = Script { seconds: 15.0, shows, ..Script::default() }.play();
        track.frames.extend(showing.frames.into_iter().map(|(at_ms, frame)| (12_000 + at_ms, frame)));
        let scores = watch(&track).scores(end(&track));
        (scores.expression.value().unwrap(), scores.smiling)
    };
    let strengths = [0.0, 0.1, 0.2, 0.3, 0.5, 0.8];
    let smiles = strengths.map(|strength| value(["mouthSmileLeft", "mouthSmileRight"], strength));
    assert!(smiles.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1 + 0.01), "{smiles:?}");
    assert!(smiles[5].0 == 100 && smiles[5].1 > 0.8 && smiles[0].1 < 0.02, "{smiles:?}");
    let frowns = strengths.map(|strength| value(["browDownLeft", "browDownRight"], strength).0);
    assert!(frowns.is_sorted_by(|a, b| a >= b) && frowns[5] == 0, "{frowns:?}");
}

#[test]
fn a_calibration_needs_a_steady_face_and_can_be_forgotten() {
    let mut face = Face::new(FaceConfig::default());
    let shaky = Script { seconds: 10.0, tremble_deg: 12.0, ..Script::default() }.play();
    face.calibrate(Calibration::Begin);
    shaky.frames.iter().for_each(|(at_ms, frame)| face.handle_frame(*at_ms, frame));
    face.calibrate(Calibration::End);
    assert!(!face.is_calibrated());
    face.calibrate(Calibration::Begin);
    let steady = Script { seconds: 25.0, ..Script::default() }.play();
    steady.frames.iter().for_each(|(at_ms, frame)| face.handle_frame(20_000 + at_ms, frame));
    assert!(face.is_calibrated(), "nobody ended it");
    face.calibrate(Calibration::End);
    assert!(face.is_calibrated(), "and an end without a beginning is nothing");
    face.calibrate(Calibration::Clear);
    assert!(!face.is_calibrated());
}

#[test]
fn the_cone_grows_with_the_spread_of_the_calibration() {
    let cone = |tremble: f32| {
        let mut dice = Dice::new(3);
        let mut calibrating = gaze::Calibrating::default();
        (0..200).for_each(|_| calibrating.push([tremble * dice.normal(), 5.0 + tremble * dice.normal()]));
        calibrating.target(4.0)
    };
    assert_eq!(cone(0.5).unwrap().cone, 4.0);
    // 2σ of the distance from the centre, which is √2 of that on each axis.
    assert!((cone(2.5).unwrap().cone - 2.0 * 2.5 * 2.0_f32.sqrt()).abs() < 1.0);
    assert!((cone(2.5).unwrap().centre[1] - 5.0).abs() < 0.6);
    assert_eq!(cone(8.0), None);
}

#[test]
fn poses_are_the_same_by_matrix_and_nearly_so_by_points() {
    let track = Script { head_turns: true, noise: 0.0, seconds: 30.0, ..Script::default() }.play();
    for (_, frame) in track.frames.iter().step_by(40) {
        let by_matrix = geometry::measure(frame).pose.unwrap();
        let by_points = geometry::measure(&Frame { matrix: None, ..frame.clone() }).pose.unwrap();
        assert!((by_matrix.yaw - by_points.yaw).abs() < 8.0, "{by_matrix:?} {by_points:?}");
        assert!((by_matrix.pitch - by_points.pitch).abs() < 8.0, "{by_matrix:?} {by_points:?}");
    }
    assert!(track.frames.iter().any(|(_, frame)| geometry::measure(frame).pose.unwrap().yaw > 17.0));
}

#[test]
fn the_grid_shows_where_they_looked() {
    let script = Script { seconds: 60.0, calibration_s: 10.0, on_target: 0.7, ..Script::default() };
    let track = script.play();
    let face = watch(&track);
    let total: f32 = face.gaze_grid().iter().flatten().sum();
    let (middle, rows) = (GRID.0 / 2, &face.gaze_grid()[3..6]);
    let near: f32 = rows.iter().flat_map(|row| &row[middle - 2..middle + 2]).sum();
    assert!(total > 30_000.0 && near / total > 0.6, "{near} of {total}");
}

#[test]
fn a_single_picture_is_judged_by_the_rest_of_most_faces() {
    let smiling =
        Script { shows: vec![("mouthSmileLeft", 0.7), ("mouthSmileRight", 0.7)], ..Script::default() };
    let frame = &smiling.play().frames[0].1;
    let most =
        |frame: &Frame| shown(frame).unwrap().into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0;
    assert_eq!(
        (most(frame), most(&frame.flipped()), most(&still())),
        (Expression::Joy, Expression::Joy, Expression::Neutral)
    );
    assert_eq!((shown(&Frame::empty(9, 9)), pose(&Frame::empty(9, 9))), (None, None));
    assert!(pose(frame).is_some());
}

#[test]
fn what_still_goes_on_is_evidence_up_to_now() {
    let frame = still();
    let mut face = Face::new(FaceConfig::default());
    for at in 0..1_200 {
        face.handle_frame(at * 50, &frame);
    }
    let scores = face.scores(60_000);
    let running = |score: &Score, what: &str| {
        score.evidence.iter().find(|moment| moment.what == what).map(|moment| moment.span)
    };
    let upright = running(&scores.posture, "upright").expect("they sit well all the time");
    assert!(upright.to_ms == 59_950 && upright.ms() > 30_000, "{upright:?}");
    let gaze = running(&scores.gaze_stability, "on_target").expect("they look at it all the time");
    assert!(gaze.to_ms == 59_950 && gaze.ms() > 50_000, "{gaze:?}");
    assert_eq!(scores.concentration.evidence, [], "nothing of attention lapsed");
    face.handle_frame(60_000, &frame);
    let later = face.scores(60_000);
    let again = running(&later.gaze_stability, "on_target").expect("it goes on");
    assert_eq!((again.from_ms, again.to_ms), (gaze.from_ms, 60_000), "one moment that grows");
    assert_eq!(later.gaze_stability.evidence.len(), scores.gaze_stability.evidence.len());
    let ended = face.scores_since(60_000, 60_000);
    assert_eq!(ended.gaze_stability.evidence, [], "it is asked for what came later");
}
