//! The journal: what comes back is what was, and what kills twice is not used a third time.

use std::sync::Arc;

use duologue_music::improv::{Improviser as Engine, Input, Settings, Tempo};
use futures_util::FutureExt;

use super::{
    event::DuetEvent,
    journal::{Journal, Step},
    out::DuetOut,
    stage::{Seated, Stage},
};

fn engine() -> Engine {
    Engine::new(Settings { tempo: Tempo::Fixed(120.0), ..Settings::default() })
}

/// Plays so many steps of 20 ms.
fn play(journal: &mut Journal, engine: &mut Engine, steps: std::ops::Range<u64>) {
    for step in steps {
        let now_us = step * 20_000;
        let mut inputs = Vec::new();
        if step == 0 {
            inputs.push(Input::Start { at_us: 400_000 });
        }
        if step % 12 == 0 {
            inputs.push(Input::NoteOn {
                player: 0,
                at_us: now_us,
                pitch: 60 + (step % 7) as u8,
                velocity: 80,
            });
        }
        journal.begin();
        for input in &inputs {
            engine.handle(input.clone());
        }
        let _ = engine.advance(now_us);
        journal.done(Step { inputs, now_us }, engine);
    }
}

#[test]
fn what_comes_back_goes_on_with_the_same_promises() {
    for steps in [1, 40, 51, 400, 777] {
        let mut engine = engine();
        let mut journal = Journal::new(engine.clone());
        play(&mut journal, &mut engine, 0..steps);
        let mut back = journal.restore().expect("nothing failed").replay();
        journal.restored();
        for step in steps..steps + 300 {
            assert_eq!(engine.advance(step * 20_000), back.advance(step * 20_000), "after {steps}");
        }
    }
}

#[test]
fn what_kills_twice_is_not_used_a_third_time() {
    let mut engine = engine();
    let mut journal = Journal::new(engine.clone());
    play(&mut journal, &mut engine, 0..60);
    journal.begin();
    assert!(journal.restore().is_some(), "the step in flight is left out");
    // And what came back dies before it is where it was.
    assert!(journal.restore().is_none());
    journal.anew(&engine);
    assert!(journal.restore().is_some());
    journal.restored();
    for _ in 0..9 {
        assert!(journal.restore().is_some(), "who is killed without work is not to blame");
        journal.restored();
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_go_on_when_an_engine_begins_anew() {
    let settings = Settings { tempo: Tempo::Fixed(120.0), ..Settings::default() };
    let mut stage = Stage::new(settings);
    let out = Arc::new(DuetOut::default());
    stage.seats[0] = Some(Seated { name: "1".into(), out: out.clone(), late: 0 });
    let mut engine = engine();
    stage.midi.put(Input::Start { at_us: 400_000 });
    let mut ids = Vec::new();
    for step in 0..300_u64 {
        if step == 150 {
            engine = stage.begin_anew(step * 20_000);
        }
        let taken = stage.take(step * 20_000);
        for input in &taken.0.inputs {
            engine.handle(input.clone());
        }
        let update = engine.advance(step * 20_000);
        stage.publish(taken, update, &engine);
        while let Some(Ok(event)) = out.next().now_or_never() {
            if let DuetEvent::Notes { notes, .. } = event {
                ids.extend(notes.iter().map(|note| note.id));
            }
        }
    }
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert!(stage.playing && ids.len() > 20, "{}", ids.len());
    assert_eq!(unique.len(), ids.len(), "no number twice");
}
