use super::*;

fn trips(text: &str) -> bool {
    RepetitionGuard::default().push(text)
}

#[test]
fn people_repeat_themselves() {
    let fine = [
        "No, no, no, no! I said no.",
        "하하하하하하하! 정말 재미있네요. 하하하!",
        "ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ 진짜요?",
        "one two three four one two three four one two three four",
        "do re mi, do re mi, do re mi, fa sol",
        "네. 네. 네. 네. 알겠어요. 네.",
        "네, 맞아요. 네, 맞아요. 네, 맞아요. 네, 맞아요.",
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
        "1000000000000 is a trillion",
        "------------------------------------------------------------------------",
        "저는 음악을 좋아해요. 당신도 음악을 좋아해요? 저는 음악을 좋아해요. 그리고 영화도요.",
        "",
    ];
    for text in fine {
        assert!(!trips(text), "{text}");
    }
}

#[test]
fn machines_run_in_circles() {
    let circles = [
        "yes ".repeat(12),
        "아니요 ".repeat(12),
        "I am happy to ".repeat(8),
        "정말 좋은 생각이에요 ".repeat(8),
        "I think that we should talk about the weather today. ".repeat(4),
        "오늘은 날씨가 정말 좋아서 산책을 가고 싶어요. ".repeat(4),
        "하".repeat(60),
        "안녕하세요반갑습니다".repeat(8),
    ];
    for text in &circles {
        assert!(trips(text), "{text}");
    }
    let spread = "My favourite thing is the sea. Birds sing. My favourite thing is the sea. Dogs bark. My favourite thing is the sea.";
    assert!(trips(spread), "a sentence that comes back for the third time");
}

#[test]
fn a_shuffle_of_few_words_lacks_variety() {
    let mut state = 1u64;
    let words = ["알파", "beta", "감마", "delta"];
    let text: String = (0..300)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{} ", words[(state >> 33) as usize % 3])
        })
        .collect();
    assert!(trips(&text));
}

#[test]
fn the_cut_stays_and_does_not_depend_on_the_pieces() {
    let text = "The same again and again it goes. ".repeat(6);
    let position = |size: usize| {
        let mut guard = RepetitionGuard::default();
        let characters: Vec<char> = text.chars().collect();
        let mut fed = 0;
        for piece in characters.chunks(size) {
            fed += piece.len();
            if guard.push(&piece.iter().collect::<String>()) {
                assert!(guard.push("something new"), "once cut, cut");
                return fed;
            }
        }
        panic!("not noticed in pieces of {size}");
    };
    let exact = position(1);
    for size in 2..40 {
        let fed = position(size);
        assert!(fed >= exact && fed < exact + size, "{size}: {fed} against {exact}");
    }
}
