use super::*;

fn check(cases: &str) {
    let mut words = cases.split_whitespace();
    while let (Some(written), Some(spoken)) = (words.next(), words.next()) {
        assert_eq!(pronounce(written), spoken, "{written}");
    }
}

#[test]
fn a_block_is_taken_apart_and_put_together() {
    for block in ['가', '힣', '뷁', '의', '않'] {
        assert_eq!(Syllable::of(block).map(Syllable::block), Some(block));
    }
    assert_eq!(Syllable::of('ㅋ'), None);
    assert_eq!(Syllable::of('a'), None);
}

#[test]
fn a_coda_moves_before_a_vowel() {
    check(
        "옷이 오시 음악 으막 먹어요 머거요 한국어 한구거 있어요 이써요 밖에 바께 꽃을 꼬츨 부엌에 부어케 강아지 강아지 앞으로 아프로",
    );
}

#[test]
fn a_double_coda_is_shared_or_reduced() {
    check(
        "값이 갑씨 앉아 안자 읽어 일거 젊은 절믄 넓은 널븐 핥아 할타 읊어 을퍼 넋이 넉씨 없어요 업써요 닭이 달기",
    );
    check(
        "값 갑 닭 닥 삶 삼 여덟 여덜 앉다 안따 읽다 익따 읽고 일꼬 맑게 말께 닭과 닥꽈 넓다 널따 밟다 밥따 밟는 밤는 핥다 할따 젊다 점따 없다 업따 삶도 삼도",
    );
}

#[test]
fn stops_and_h_make_aspirates() {
    check(
        "입학 이팍 축하 추카 못하다 모타다 좋다 조타 많다 만타 싫다 실타 놓고 노코 맏형 마텽 넓히다 널피다 앉히다 안치다 급하다 그파다 어떻게 어떠케 꽃향기 꼬턍기",
    );
}

#[test]
fn h_is_silent_before_a_vowel() {
    check("좋아 조아 많이 마니 싫어 시러 않아 아나 괜찮아요 괜차나요 놓아 노아 낳은 나은 끓여 끄려");
    check("많소 만쏘 놓는 논는 뚫네 뚤레 않는 안는 닿소 다쏘");
}

#[test]
fn stops_become_nasals() {
    check(
        "국물 궁물 먹는 멍는 합니다 함니다 믿는 민는 앞문 암문 옷만 온만 꽃망울 꼰망울 값만 감만 없는 엄는 읽는 잉는 십만 심만 작년 장년 첫눈 천눈",
    );
}

#[test]
fn liquids_and_nasals_meet() {
    check(
        "신라 실라 칼날 칼랄 설날 설랄 난로 날로 종로 종노 심리 심니 대통령 대통녕 독립 동닙 국립 궁닙 협력 혐녁 음료 음뇨 정류장 정뉴장",
    );
}

#[test]
fn d_and_t_turn_palatal_before_i() {
    check(
        "같이 가치 굳이 구지 해돋이 해도지 닫히다 다치다 붙이다 부치다 붙여 부처 벼훑이 벼훌치 밭이 바치 끝이 끄치",
    );
}

#[test]
fn plain_sounds_are_tensed_after_stops() {
    check(
        "학교 학꾜 국밥 국빱 옷장 옫짱 숙제 숙쩨 식당 식땅 꽃다발 꼳따발 잡지 잡찌 늦게 늗께 있다 읻따 했습니다 핻씀니다",
    );
}

#[test]
fn words_that_no_rule_explains() {
    check(
        "꽃잎 꼰닙 서울역 서울력 색연필 생년필 발전 발쩐 인기 인끼 손가락 손까락 일주일 일쭈일 비빔밥 비빔빱 맛있다 마싣따 맛있어요 마시써요 온라인 온나인 십육 심뉵 여권 여꿘",
    );
}

#[test]
fn vowels_are_not_always_said_as_written() {
    check(
        "희망 히망 시계 시게 가져 가저 다쳐 다처 의사 의사 주의 주이 나의 나에 무늬 무니 예의 예이 차례 차례",
    );
}

#[test]
fn rules_reach_over_a_space_where_people_do() {
    assert_eq!(pronounce("할 수 있어요"), "할 쑤 이써요");
    assert_eq!(pronounce("갈 거예요"), "갈 꺼예요");
    assert_eq!(pronounce("할게요"), "할께요");
    assert_eq!(pronounce("볼 것."), "볼 껃.");
    assert_eq!(pronounce("오늘 거기 힘들게"), "오늘 거기 힘들게");
    assert_eq!(pronounce("못 해요"), "모 태요");
    assert_eq!(pronounce("못 먹어"), "몬 머거");
    assert_eq!(pronounce("못 잊어"), "몬 니저");
    assert_eq!(pronounce("옷 안에"), "옫 아네");
}

#[test]
fn ipa_has_only_letters_that_the_voice_knows() {
    assert_eq!(to_ipa("안녕하세요"), "ˈannjɔŋhasejo");
    assert_eq!(to_ipa("고기, 바다!"), "kˈoɡi, pˈada!");
    assert_eq!(to_ipa("빨리 와요."), "pˈalli wˈajo.");
    assert_eq!(to_ipa("의자"), "ɰˈiʥa");
    assert_eq!(to_ipa("시작"), "ɕˈiʥak");
    assert_eq!(to_ipa("뭐 썼어요, 여권"), "mwˈɔ ssˈɔssɔjo, jˈɔkwɔn");
    assert_eq!(to_ipa("맛있다 씨앗"), "mˈaɕitta ɕɕˈiat");
    let known = "ˈaɔoueijwɯɰkɡtdpbnmŋlɾsɕʨʥhʰ ,.!?;:…—";
    let text =
        "뷁! 얘들아, 쌍쌍파티… 꿩 먹고 알 먹고; 왜 그래? 웬일이야: 귀뚜라미 ㅋㅋㅋ abc 123 (괄호) 「따옴표」";
    for letter in to_ipa(text).chars() {
        assert!(known.contains(letter), "{letter:?}");
    }
}

#[test]
fn nothing_makes_it_fail() {
    for text in ["", " ", "ㅋㅋㅋㅋ", "👍", "...", "못", "못 ", "가\u{0}나", "의"] {
        let _text = to_ipa(text);
    }
}
