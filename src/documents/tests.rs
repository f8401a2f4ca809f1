use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// A folder of documents that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
        let folder = std::env::temp_dir().join(format!("duologue-documents-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for (file, bytes) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, bytes).expect("written");
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const HANDBOOK: &str = "# Holidays\nEverybody has 25 days of holiday a year. Ask Mina two weeks before.\n\n\
    # Travel\nTrains are paid in second class. Taxis only after ten in the evening.\n";
const KOREAN: &str = "# 연차\n연차는 일 년에 15일입니다. 두 주 전에 민아에게 신청하세요.\n\n# 회의실\n회의실은 3층에 있고 예약은 게시판에서 합니다.\n";

async fn ask(library: &Library, query: &str) -> Value {
    let answer = library.look_up(query.to_owned()).await.expect("looked up");
    serde_json::from_str(&answer).expect("JSON")
}

#[tokio::test]
async fn what_is_asked_in_either_language_is_found_with_its_place() {
    let folder =
        Folder::new("found", &[("handbook.md", HANDBOOK.as_bytes()), ("사내/안내.txt", KOREAN.as_bytes())]);
    let library = Library::load(&folder.0);
    assert_eq!((library.files(), library.is_empty(), library.health()), (2, false, Health::Ready));
    for (query, place, words) in [
        ("How many days of holiday do I get?", "handbook.md, Holidays", "25 days"),
        ("taxi at night", "handbook.md, Travel", "after ten"),
        ("연차가 며칠이에요?", "사내/안내.txt, 연차", "15일"),
        ("회의실 어디 있어요", "사내/안내.txt, 회의실", "3층"),
    ] {
        let found = ask(&library, query).await;
        let first = &found["found"][0];
        assert_eq!(first["where"], place, "{query}: {found}");
        assert!(first["text"].as_str().is_some_and(|text| text.contains(words)), "{query}: {found}");
    }
    for nothing in ["xylophone", "", "!?", "코끼리"] {
        let found = ask(&library, nothing).await;
        assert_eq!(found["found"], Value::Array(Vec::new()), "{nothing}");
        assert!(found["note"].is_string());
    }
}

#[test]
fn what_cannot_be_read_is_left_out_and_told() {
    let folder = Folder::new(
        "left-out",
        &[
            ("a.pdf", b"%PDF"),
            ("b.txt", b"\xff\xfe"),
            ("c.txt", &vec![b'a'; MAX_BYTES as usize + 1]),
            ("d.md", b"words"),
            (".hidden.md", b"secret"),
        ],
    );
    let library = Library::load(&folder.0);
    assert_eq!(library.files(), 1);
    let reasons = library.left_out.join("\n");
    for why in ["a.pdf: only .txt", "b.txt: it is not UTF-8", "c.txt: it has more than 2 MB"] {
        assert!(reasons.contains(why), "{reasons}");
    }
    assert!(
        matches!(library.health(), Health::Degraded(why) if why.contains("a.pdf") && why.contains("2 more"))
    );
}

#[tokio::test]
async fn without_a_folder_there_are_none() {
    let library = Library::load(Path::new("/nowhere/at/all"));
    assert!(library.is_empty() && library.health() == Health::Ready);
    assert_eq!(ask(&library, "holiday").await["found"], Value::Array(Vec::new()));
}

#[test]
fn passages_are_short_whole_and_in_order() {
    let words = (0..500).map(|number| format!("word{number}")).collect::<Vec<_>>();
    let text = format!("# One\n{}\n\n## Two\nthe end\n", words.join(" "));
    let passages = passages::of("long.md", &text);
    assert!(passages.iter().all(|passage| passage.text().chars().count() <= 400));
    let all = passages.iter().map(Passage::text).collect::<Vec<_>>().join(" ");
    assert_eq!(all, format!("{} the end", words.join(" ")));
    assert_eq!(passages.last().expect("some").place(), "long.md, Two");
    let endless = "가".repeat(100_000);
    assert!(passages::of("x.txt", &endless).iter().all(|passage| passage.text().chars().count() <= 400));
}
