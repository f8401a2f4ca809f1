//! When is a turn over? Voice activity alone, smart-turn alone and ours, on the same sound: prepares the Korean
//! phrases and starts `engines/examples/turns`, which plays sound through the models without a server.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, bail};
use clap::Args;

/// Flags of `bench turns`.
#[derive(Args)]
pub(crate) struct TurnsArgs {
    /// The program that speaks the Korean phrases
    #[arg(long, default_value = "target/release/duologue")]
    program: String,
    /// Where the phrases are kept; those that are there are not spoken again
    #[arg(long, default_value = "target/bench-turns")]
    folder: std::path::PathBuf,
    /// Print what each model says in each pause
    #[arg(long)]
    explain: bool,
    /// Ask the models again instead of using what they said in an earlier run
    #[arg(long)]
    fresh: bool,
    /// Use the development build
    #[arg(long)]
    dev: bool,
}

/// Sentences of everyday talk in their phrases: people stop to think after the connective endings. The last phrases
/// end as sentences do, on 다, 요, 까, 죠 and 네.
const KOREAN: [&[&str]; 12] = [
    &["주말에 친구를 만나서", "같이 영화를 봤어요."],
    &["저는 커피를 좋아하지만", "요즘은 차를 더 많이 마셔요."],
    &["어제 회사에서 늦게까지 일했는데", "오늘은 조금 쉬고 싶어요."],
    &["혹시 시간이 있으면", "저녁에 같이 밥 먹을래요?"],
    &["비가 너무 많이 와서", "밖에 나갈 수가 없네요."],
    &["제가 생각하기에는", "그 방법이 더 좋은 것 같아요."],
    &["집에 가면서", "음악을 들었는데", "정말 좋았습니다."],
    &["그러니까", "내일 아침까지", "보고서를 끝내야 합니다."],
    &["날씨가 좋으니까", "우리 산책이나 할까요?"],
    &["동생은 학교에 다니고", "저는 회사에 다니죠."],
    &["요즘 한국어를 공부하려고", "매일 드라마를 보고 있어요."],
    &["그 식당은 음식이 맛있고", "값도 별로 비싸지 않아요."],
];

/// Prepares the phrases and runs the comparison.
pub(crate) fn run(args: &TurnsArgs) -> anyhow::Result<()> {
    let phrases = args.folder.join("korean");
    speak(&args.program, &phrases)?;
    let cache = args.folder.join("said.json");
    if args.fresh && cache.is_file() {
        fs::remove_file(&cache)?;
    }
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet"]);
    if !args.dev {
        command.arg("--release");
    }
    command.args(["--package", "duologue-engines", "--example", "turns", "--", "--korean"]).arg(&phrases);
    command.arg("--cache").arg(&cache);
    if args.explain {
        command.arg("--explain");
    }
    match command.status().context("cargo cannot be run")?.success() {
        true => Ok(()),
        false => bail!("the comparison failed"),
    }
}

/// Every phrase as `NN-M.wav`, spoken by the program's own Korean voice. A phrase that goes on ends with a comma, so
/// that the voice does not fall as at the end of a sentence.
fn speak(program: &str, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for (index, phrases) in KOREAN.iter().enumerate() {
        for (part, phrase) in phrases.iter().enumerate() {
            let path = folder.join(format!("{index:02}-{part}.wav"));
            if path.is_file() {
                continue;
            }
            let text = if part + 1 == phrases.len() { (*phrase).to_owned() } else { format!("{phrase},") };
            let spoken =
                Command::new(program).args(["say", &text, "--language", "ko", "--out"]).arg(&path).status();
            let spoken =
                spoken.with_context(|| format!("{program} cannot be run: build it with `make setup`"))?;
            if !spoken.success() {
                bail!("{program} could not speak");
            }
        }
    }
    Ok(())
}
