//! Interrupting: how soon a reply gives way, what stops it, and what does not.

mod listener;
mod overlay;

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use listener::{Listener, Marks};
use overlay::{Kind, Overlay, Random};

use super::{score::quantile, voice::say};

/// Flags of `bench bargein`.
#[derive(Args)]
pub(crate) struct BargeinArgs {
    /// Where the server listens
    #[arg(long, default_value = "ws://127.0.0.1:8000")]
    url: String,
    /// One language alone; both otherwise
    #[arg(long, value_enum)]
    language: Option<Speech>,
    /// Sounds of each kind (interruptions, signs of listening, noises) in each language through headphones; through
    /// loudspeakers a third of it
    #[arg(long, default_value_t = 30)]
    count: usize,
    /// The program that speaks Korean sounds
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// One line for each sound
    #[arg(long)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Speech {
    English,
    Korean,
}

/// The persona's own voice alone, as a sound: nothing is laid over it for so long.
const OWN_VOICE: Duration = Duration::from_millis(2_500);
/// How long after its end a sound that paused the reply may still stop it, and one that did not.
const PATIENCE: Duration = Duration::from_millis(6_000);
const SHORT_PATIENCE: Duration = Duration::from_millis(1_600);
/// A session's sounds; then a fresh one, so that the conversation stays short.
const PER_SESSION: usize = 12;
/// A sound at which the reply ended by itself is laid over another one, so often.
const TRIES: usize = 3;

/// What became of one sound.
struct Trial {
    kind: Kind,
    echo: bool,
    own_voice: bool,
    /// From the onset, in milliseconds.
    ducked: f64,
    silent: f64,
    stopped: bool,
}

/// Lays all sounds over replies and prints the figures.
pub(crate) async fn run(args: &BargeinArgs) -> anyhow::Result<()> {
    for korean in [false, true] {
        if args.language.is_some_and(|only| (only == Speech::Korean) != korean) {
            continue;
        }
        let overlays = overlay::set(korean, args.count, &args.program)?;
        let some = overlay::set(korean, args.count.div_ceil(3), &args.program)?;
        let mut trials = trials(args, korean, false, &overlays).await?;
        trials.extend(self::trials(args, korean, true, &some).await?);
        print_summary(if korean { "ko" } else { "en" }, &trials);
    }
    Ok(())
}

async fn trials(
    args: &BargeinArgs,
    korean: bool,
    echo: bool,
    overlays: &[Overlay],
) -> anyhow::Result<Vec<Trial>> {
    let mut trials = Vec::new();
    let mut random = Random(5);
    let mut stale = 0;
    for batch in overlays.chunks(PER_SESSION) {
        let mut listener = Listener::connect(&args.url, korean, echo).await?;
        for overlay in batch {
            if echo && overlay.kind == Kind::Noise {
                // Through loudspeakers there is a noise of its own: the reply.
                let own = Overlay { name: "own voice".into(), kind: Kind::Noise, samples: Vec::new() };
                trials.extend(trial(args, &mut listener, &own, &mut random).await?.map(|trial| Trial {
                    echo,
                    own_voice: true,
                    ..trial
                }));
                continue;
            }
            let trial = trial(args, &mut listener, overlay, &mut random).await?;
            trials.extend(trial.map(|trial| Trial { echo, ..trial }));
        }
        stale += listener.stale();
    }
    if stale > 0 {
        say(&format!("{stale} frames came for turns that had been stopped"));
    }
    Ok(trials)
}

/// Lays one sound over a reply; `None` when every reply ended by itself meanwhile.
async fn trial(
    args: &BargeinArgs,
    listener: &mut Listener,
    overlay: &Overlay,
    random: &mut Random,
) -> anyhow::Result<Option<Trial>> {
    for _ in 0..TRIES {
        listener.hear_reply(Duration::from_millis(900)).await?;
        for _ in 0..((random.next() + 1.0) * 15.0) as usize {
            listener.tick().await?;
        }
        let onset = listener.lay_over(&overlay.samples).await?;
        let (marks, dry) = watch(listener, overlay.kind).await?;
        if dry {
            continue;
        }
        let since = |at: Option<Instant>| {
            at.map_or(f64::NAN, |at| at.saturating_duration_since(onset).as_secs_f64() * 1000.0)
        };
        let trial = Trial {
            kind: overlay.kind,
            echo: false,
            own_voice: false,
            ducked: since(marks.gave_way()),
            silent: since(marks.silent()),
            stopped: marks.stopped.is_some(),
        };
        if args.verbose {
            if trial.stopped && overlay.kind != Kind::Interruption {
                // Why it was stopped is seen in what was understood.
                let asked = Instant::now();
                while listener.heard.is_empty() && asked.elapsed() < SHORT_PATIENCE {
                    listener.tick().await?;
                }
            }
            say(&format!(
                "{:<13}{:<44}{:>6.0}{:>6.0}{:>7.0}{:>7.0}  «{}»",
                overlay.kind.name(),
                overlay.name,
                trial.ducked,
                trial.silent,
                since(marks.restored),
                since(marks.stopped),
                listener.heard.trim(),
            ));
        }
        return Ok(Some(trial));
    }
    Ok(None)
}

/// Waits for what becomes of the reply. The flag tells that it ended by itself before that was known.
async fn watch(listener: &mut Listener, kind: Kind) -> anyhow::Result<(Marks, bool)> {
    let began = Instant::now();
    let mut ended: Option<Instant> = None;
    let mut dry = false;
    loop {
        listener.tick().await?;
        let marks = listener.marks;
        dry |= marks.dry && marks.stopped.is_none() && marks.silent().is_none();
        if !listener.is_laying() && ended.is_none() {
            ended = Some(Instant::now());
        }
        if marks.stopped.is_some() && ended.is_some() {
            return Ok((marks, dry));
        }
        let decided = marks.passed.is_some() && kind != Kind::Interruption;
        let patience = match marks.held {
            _ if decided => Duration::ZERO,
            None if kind == Kind::Noise && began.elapsed() < OWN_VOICE => OWN_VOICE,
            None if kind != Kind::Interruption => SHORT_PATIENCE,
            _ => PATIENCE,
        };
        if ended.is_some_and(|ended| ended.elapsed() >= patience) {
            // A reply that was over could not be stopped; to go on it had nothing more either.
            return Ok((marks, dry && kind == Kind::Interruption));
        }
    }
}

/// One figure of a trial.
type Figure = fn(&Trial) -> f64;

fn print_summary(language: &str, trials: &[Trial]) {
    say(&format!("\n{language}{:>44}{:>9}{:>9}{:>6}", "", "p50 ms", "p95 ms", "n"));
    for (name, echo) in [("headphones", false), ("loudspeakers", true)] {
        let interruptions =
            || trials.iter().filter(|trial| trial.kind == Kind::Interruption && trial.echo == echo);
        let figures: [(&str, Figure); 2] =
            [("onset → ducked", |trial| trial.ducked), ("onset → silent", |trial| trial.silent)];
        for (what, figure) in figures {
            let values = interruptions().map(figure).filter(|value| value.is_finite()).collect::<Vec<_>>();
            let (half, most) = (quantile(&values, 0.5), quantile(&values, 0.95));
            say(&format!("{:<46}{half:>9.0}{most:>9.0}{:>6}", format!("{what}, {name}"), values.len()));
        }
    }
    let share = |name: &str, wanted: &dyn Fn(&Trial) -> bool, counted: &dyn Fn(&Trial) -> bool| {
        let of = trials.iter().filter(|trial| wanted(trial)).count();
        let number = trials.iter().filter(|trial| wanted(trial) && counted(trial)).count();
        let percent = 100.0 * number as f64 / of.max(1) as f64;
        say(&format!("{name:<46}{percent:>8.1} %{:>15}", format!("{number} of {of}")));
    };
    let stopped = |trial: &Trial| trial.stopped;
    let is = |kind: Kind, echo: bool| move |trial: &Trial| trial.kind == kind && trial.echo == echo;
    share("signs of listening that stopped, headphones", &is(Kind::Backchannel, false), &stopped);
    share("signs of listening that stopped, loudspeakers", &is(Kind::Backchannel, true), &stopped);
    share("noises that stopped", &|trial| trial.kind == Kind::Noise && !trial.own_voice, &stopped);
    share("own voice that stopped", &|trial| trial.own_voice, &stopped);
    share("all of these that stopped", &|trial| trial.kind != Kind::Interruption, &stopped);
    share("interruptions missed, headphones", &is(Kind::Interruption, false), &|trial| !trial.stopped);
    share("interruptions missed, loudspeakers", &is(Kind::Interruption, true), &|trial| !trial.stopped);
    share("own voice that ducked", &|trial| trial.own_voice, &|trial| trial.ducked.is_finite());
}
