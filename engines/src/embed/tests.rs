//! The real model against an independent computation, and what it is good for.

use std::sync::Arc;

use super::*;
use crate::models_for_tests::{scratch_file, test_model};

const MODEL: &str = "use-multilingual-v3.npz";

/// What the reference says of a sentence: its pieces, and the first numbers of its vector.
struct Reference {
    text: &'static str,
    pieces: &'static [u32],
    first: [f32; 6],
}

/// Computed with numpy 2.4 and another SentencePiece.
const REFERENCES: [Reference; 7] = [
    Reference {
        text: "안녕하세요, 만나서 반가워요!",
        pieces: &[9726, 0, 7705, 95457, 7, 71059, 3981, 15076, 965, 20931, 13475, 42],
        first: [-0.07123, 0.01646, -0.0493, 0.00069, -0.05327, -0.02292],
    },
    Reference {
        text: "Hello, it is nice to meet you!",
        pieces: &[17486, 7, 41, 32, 2348, 15, 4804, 37, 42],
        first: [-0.0555, -0.01479, -0.00703, 0.02198, -0.07914, -0.02095],
    },
    Reference {
        text: "내일 서울에 비가 올까요?",
        pieces: &[11742, 953, 24085, 657, 6, 93007, 29901, 50854, 13475, 21],
        first: [-0.04616, -0.04539, 0.0404, 0.04518, -0.00834, 0.02344],
    },
    Reference {
        text: "Will it rain in Seoul tomorrow?",
        pieces: &[5568, 41, 11772, 16, 70727, 15, 13297, 21],
        first: [-0.04279, -0.03836, 0.05299, 0.03953, -0.04325, 0.06347],
    },
    Reference {
        text: "ＡＢＣ ㈜한글\u{3000}①②③ ﬁne… 🙂",
        pieces: &[13514, 20, 4863, 14, 1448, 33852, 26690, 1668, 30, 6, 0],
        first: [-0.04604, -0.0136, -0.02615, -0.02438, 0.01206, 0.07062],
    },
    Reference {
        text: "  two   spaces\tand\nlines  ",
        pieces: &[537, 28742, 17, 7466],
        first: [0.02604, -0.05581, -0.05844, -0.07732, -0.0204, 0.01108],
    },
    Reference { text: "a", pieces: &[10], first: [0.10474, 0.04003, 0.02194, -0.00354, -0.00153, 0.03696] },
];

fn engine() -> UseEmbed {
    UseEmbed::new(test_model(MODEL))
}

fn request(texts: &[&str]) -> EmbedRequest {
    EmbedRequest {
        session: 1,
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        deadline: Duration::from_secs(60),
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[test]
fn pieces_equal_the_reference() {
    let file = fs::read(test_model("use-multilingual-v3.sp.model")).expect("the vocabulary");
    let pieces = Pieces::read(&file).expect("a vocabulary");
    assert_eq!(pieces.count(), 128_000);
    for reference in &REFERENCES {
        assert_eq!(pieces.encode(reference.text), reference.pieces, "{}", reference.text);
    }
}

#[tokio::test]
async fn vectors_equal_the_reference() {
    let engine = engine();
    let texts = REFERENCES.each_ref().map(|reference| reference.text);
    let together = engine.embed(request(&texts)).await.expect("vectors");
    assert_eq!(together.vectors.len(), texts.len());
    let tokens = REFERENCES.iter().map(|reference| reference.pieces.len() + 2).sum::<usize>();
    assert_eq!(together.tokens, tokens, "beginning and end count");
    for (reference, vector) in REFERENCES.iter().zip(&together.vectors) {
        assert_eq!(vector.len(), engine.dimensions());
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-4, "{}", reference.text);
        for (number, expected) in vector.iter().zip(reference.first) {
            assert!((number - expected).abs() < 2e-4, "{}: {:?}", reference.text, &vector[..6]);
        }
        let alone = engine.embed(request(&[reference.text])).await.expect("a vector");
        let same = cosine(&alone.vectors[0], vector);
        assert!(same > 0.9999, "{}: neighbours in a list change nothing ({same})", reference.text);
    }
    assert_eq!(engine.health(), Health::Ready);
    assert_eq!(engine.info().model, "use-multilingual-v3");
}

#[tokio::test]
async fn questions_find_their_answers_across_korean_and_english() {
    let texts = [
        (
            "서울 지하철 기본 요금은 1,550원입니다.",
            "지하철 타는 데 얼마예요?",
            "How much is a subway ticket?",
        ),
        ("여권은 시청에서 신청할 수 있습니다.", "여권을 어디에서 만들어요?", "Where can I get a passport?"),
        (
            "The library closes at nine in the evening.",
            "도서관은 몇 시에 닫아요?",
            "How late is the library open?",
        ),
        ("Our dog is afraid of thunder.", "강아지가 천둥을 무서워해요?", "Is the puppy scared of storms?"),
        (
            "김치찌개에는 돼지고기와 두부가 들어갑니다.",
            "김치찌개에 뭐가 들어가요?",
            "What is in kimchi stew?",
        ),
    ];
    let engine = engine();
    let documents =
        engine.embed(request(&texts.map(|(document, ..)| document))).await.expect("vectors").vectors;
    let mut found = 0;
    for language in [0, 1] {
        let questions = texts.map(|(_, korean, english)| [korean, english][language]);
        let questions = engine.embed(request(&questions)).await.expect("vectors").vectors;
        for (index, question) in questions.iter().enumerate() {
            let near = |document: &&Vec<f32>| cosine(question, document);
            let best = documents.iter().max_by(|one, other| near(one).total_cmp(&near(other)));
            found += usize::from(best == Some(&documents[index]));
        }
    }
    assert!(found >= 9, "only {found} of 10 questions found their answer");
}

#[tokio::test]
async fn long_lists_keep_their_order_and_long_texts_are_refused() {
    let engine = engine();
    let texts: Vec<String> = (0..50).map(|number| format!("number {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let all = engine.embed(request(&texts)).await.expect("vectors").vectors;
    assert_eq!(all.len(), 50);
    let last = engine.embed(request(&texts[49..])).await.expect("a vector").vectors;
    assert!(cosine(&all[49], &last[0]) > 0.9999);
    for long in ["긴 ".repeat(MAX_EMBED_TOKENS), "x".repeat(MAX_BYTES + 1)] {
        let error = engine.embed(request(&["short", &long])).await.expect_err("too long");
        assert_eq!(error.kind, ErrorKind::BadInput, "{error}");
    }
    let nothing = engine.embed(request(&[])).await.expect("nothing is something");
    assert_eq!(nothing, Embeddings::default());
}

#[tokio::test]
async fn broken_files_are_errors_that_say_what_to_do() {
    let garbage = scratch_file("garbage.npz", &[7; 300]);
    let beside = garbage.path().with_extension("sp.model");
    let broken = |model: PathBuf| async move {
        let engine = UseEmbed::new(model);
        let error = engine.embed(request(&["a"])).await.expect_err("no model");
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(error.message.contains("models pull"), "{error}");
        assert!(matches!(engine.health(), Health::Unavailable(_)));
    };
    broken(PathBuf::from("/nowhere/use.npz")).await;
    broken(garbage.path().to_owned()).await;
    fs::copy(test_model("use-multilingual-v3.sp.model"), &beside).expect("a copy");
    broken(garbage.path().to_owned()).await;
    let _gone = fs::remove_file(&beside);
}

#[test]
fn lists_are_cut_into_batches() {
    let batches = |lengths: &[usize]| {
        let texts = lengths.iter().map(|length| "가".repeat(*length)).collect();
        batches(texts).iter().map(|batch| batch.len()).collect::<Vec<_>>()
    };
    assert_eq!(batches(&[]), [0usize; 0]);
    assert_eq!(batches(&[1; 40]), [16, 16, 8]);
    assert_eq!(batches(&[2000, 48, 1, 5000, 3]), [2, 1, 1, 1]);
    let shared: Arc<[String]> = super::batches(vec!["a".into()]).remove(0);
    assert_eq!(&*shared, ["a"]);
}
