use super::*;

/// What is stable after each of the decodings.
fn after(decodings: &[&str]) -> Vec<String> {
    let mut agreement = Agreement::default();
    decodings.iter().map(|text| agreement.handle(text).to_owned()).collect()
}

#[test]
fn two_decodings_agree_on_a_beginning() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["He was", "He was not an", "He was not an ill disposed"], &["", "He was", "He was not an"]),
        (
            &["저는 어제", "저는 어제 학교에 갔", "저는 어제 학교에 갔어요"],
            &["", "저는 어제", "저는 어제 학교에"],
        ),
        // Marks and cases are no disagreement, and a mark inside is taken from the newer one.
        (&["well then", "Well, then we", "Well, then we go."], &["", "Well, then", "Well, then we"]),
        // Half a word is not a word.
        (&["some", "someone", "someone is"], &["", "", "someone"]),
        (&["someone", "some"], &["", ""]),
        (&["", "", "네"], &["", "", ""]),
    ];
    for (decodings, stable) in cases {
        assert_eq!(after(decodings), stable, "{decodings:?}");
    }
}

#[test]
fn korean_spacing_is_no_disagreement() {
    assert_eq!(after(&["학교에 갔어요 그래서", "학교에갔어요 그래서 밥을"]), ["", "학교에갔어요 그래서"]);
    assert_eq!(after(&["학교에갔어요 그래서", "학교에 갔어요 그래서 밥을"]), ["", "학교에 갔어요 그래서"]);
}

#[test]
fn what_is_stable_stays_when_a_decoding_begins_otherwise() {
    let stable = after(&[
        "we went home",
        "we went home and",
        "he went to rome",
        "he went to rome",
        "we went home and",
    ]);
    assert_eq!(stable, ["", "we went home", "we went home", "we went home", "we went home"]);
    let stable = after(&[
        "we went home and",
        "we went home and",
        "we went",
        "we went home and then",
        "we went home and then",
    ]);
    assert_eq!(stable[1..4], ["we went home and"; 3]);
    assert_eq!(stable[4], "we went home and then");
}

#[test]
fn marks_before_new_words_are_kept_and_the_last_mark_is_left_open() {
    let stable = after(&["갔어요.", "갔어요.", "갔어요, 그리고", "갔어요, 그리고 또"]);
    assert_eq!(stable, ["", "갔어요", "갔어요", "갔어요, 그리고"]);
}

#[test]
fn it_only_grows_whatever_is_heard() {
    let words = ["그리고", "and", "갔어요.", "İ", "so,", "…", "-", "10", "ß"];
    let mut seed = 7_u64;
    let mut roll = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..200 {
        let mut agreement = Agreement::default();
        let mut said: Vec<&str> = Vec::new();
        let mut before = String::new();
        for _ in 0..20 {
            if roll(3) == 0 {
                said.pop();
            }
            said.push(words[roll(words.len() as u64) as usize]);
            let now = agreement.handle(&said.join(" ")).to_owned();
            assert!(now.starts_with(&before), "{before:?} became {now:?}");
            before = now;
        }
        agreement.clear();
        assert_eq!(agreement.stable(), "");
    }
}
