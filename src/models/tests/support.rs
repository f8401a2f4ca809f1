//! Scratch folders, small manifests, a hub on the loopback and a pip of a few lines.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use sha2::{Digest, Sha256};

use crate::models::manifest::Manifest;

/// A folder that goes with the test.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("duologue-models-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the test");
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A manifest of one model `m` with one file.
pub(super) fn manifest_of(path: &str, bytes: &[u8], sources: &str) -> Manifest {
    let (length, sum) = (bytes.len(), sha256(bytes));
    Manifest::parse(&format!(
        "version = 1\n[[model]]\nid = \"m\"\nrole = \"test\"\nabout = \"\"\nlicence = \"MIT\"\nlicence_source = \"x\"\nsets = [\"test\"]\n\
         [[model.file]]\npath = \"{path}\"\nbytes = {length}\nsha256 = \"{sum}\"\nsources = [{sources}]\n"
    ))
    .expect("a manifest")
}

/// A hub that serves one file, with ranges, and remembers what it was asked.
pub(super) struct FakeHub {
    pub(super) url: String,
    pub(super) asked: Arc<Mutex<Vec<String>>>,
}

impl FakeHub {
    pub(super) fn serve(content: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/file.bin", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, content, &seen);
            }
        });
        Self { url, asked }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic while held").clone()
    }
}

fn answer(mut stream: TcpStream, content: &[u8], seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut method = String::new();
    let mut from = 0;
    for (idx, line) in BufReader::new(stream.try_clone()?).lines().enumerate() {
        let line = line?;
        if idx == 0 {
            method = line.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    seen.lock().expect("no panic while held").push(format!("{method} {from}"));
    let rest = &content[from.min(content.len())..];
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", rest.len())?;
    if from > 0 {
        write!(stream, "Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len())?;
    }
    stream.write_all(b"\r\n")?;
    if method == "GET" { stream.write_all(rest) } else { Ok(()) }
}

/// Packages in a folder, and a program that hands them out as `python -m pip download` does.
pub(super) struct FakePip {
    folder: PathBuf,
    pub(super) python: PathBuf,
}

impl FakePip {
    pub(super) fn new(scratch: &Scratch) -> Self {
        let folder = scratch.path().join("index");
        fs::create_dir_all(&folder).expect("a folder");
        let python = folder.join("python");
        // The last argument is name==version, the one behind --dest the folder.
        let script = format!(
            "#!/bin/sh\nfor last; do :; done\necho \"$last\" >> '{0}/asked'\nwhile [ \"$1\" != --dest ]; do shift; done\n\
             cp \"{0}/$last.whl\" \"$2/\" 2>/dev/null || {{ echo \"ERROR: No matching distribution found for $last\" >&2; exit 1; }}\n",
            folder.display()
        );
        fs::write(&python, script).expect("a script");
        let mut mode = fs::metadata(&python).expect("the script").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
        fs::set_permissions(&python, mode).expect("an executable script");
        Self { folder, python }
    }

    pub(super) fn publish(&self, name: &str, member: &str, content: &[u8]) {
        let file = fs::File::create(self.folder.join(format!("{name}==1.0.whl"))).expect("a wheel");
        let mut wheel = zip::ZipWriter::new(file);
        let options =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        wheel.start_file(member, options).expect("a member");
        wheel.write_all(content).expect("its content");
        wheel.finish().expect("an archive");
    }

    pub(super) fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
