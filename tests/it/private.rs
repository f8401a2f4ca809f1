//! What the program leaves behind on a machine besides its own data: nothing.

use std::{env, path::PathBuf, process::Command};

use crate::store::Folder;

/// The library that runs the models keeps a file of events for its maker in the user's cache, unless it is told not to.
#[test]
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the models are")]
fn no_library_collects_data_for_its_maker() {
    let folder = Folder::new("private");
    let home = env::var_os("DUOLOGUE_HOME").map(PathBuf::from).or_else(|| {
        let user = env::var_os("HOME").map(PathBuf::from);
        user.map(|user| user.join(".local/share/duologue"))
    });
    let heard = Command::new(env!("CARGO_BIN_EXE_duologue"))
        .env_clear()
        .env("HOME", &folder.0)
        .env("DUOLOGUE_HOME", home.expect("a home"))
        .args([
            "transcribe",
            "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav",
        ])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&heard.stdout);
    assert!(said.contains("young man"), "{said}{}", String::from_utf8_lossy(&heard.stderr));
    let left: Vec<_> = std::fs::read_dir(&folder.0).expect("the folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
