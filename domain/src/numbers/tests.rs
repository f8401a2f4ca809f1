use super::*;

fn check(cases: &[(&str, &str)]) {
    for (written, spoken) in cases {
        let read = korean(written).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(read, *spoken, "{written}");
    }
}

#[test]
fn sino_korean_numbers() {
    let cases = [
        (0, "영"),
        (7, "칠"),
        (10, "십"),
        (16, "십육"),
        (100, "백"),
        (321, "삼백이십일"),
        (1_004, "천사"),
        (10_000, "만"),
        (15_000, "만오천"),
        (110_000, "십일만"),
        (123_456_789, "일억이천삼백사십오만육천칠백팔십구"),
    ];
    for (number, spoken) in cases {
        assert_eq!(sino(number), spoken);
    }
    assert!(sino(u64::MAX).len() > 10);
}

#[test]
fn what_is_counted_decides_the_reading() {
    check(&[
        ("3시 15분", "세시 십오분"),
        ("17시", "십칠시"),
        ("28살", "스물여덟살"),
        ("20살이에요", "스무살이에요"),
        ("사과 5개", "사과 다섯개"),
        ("3개월", "삼개월"),
        ("2명이 왔어요", "두명이 왔어요"),
        ("100명", "백명"),
        ("1번째", "첫번째"),
        ("커피 2잔", "커피 두잔"),
        ("2시간 30분", "두시간 삼십분"),
        ("20대 여성", "이십대 여성"),
        ("자동차 2대", "자동차 두대"),
        ("3층 302호", "삼층 삼백이호"),
        ("3~4명", "세에서 네명"),
    ]);
}

#[test]
fn dates_times_and_months() {
    check(&[
        ("2026년 6월 10일", "이천이십육년 유월 십일"),
        ("10월", "시월"),
        ("2026-11-21", "이천이십육년 십일월 이십일일"),
        ("2026.6.1", "이천이십육년 유월 일일"),
        ("오후 5:30에", "오후 다섯시 삼십분에"),
        ("17:00", "십칠시"),
    ]);
}

#[test]
fn money_units_and_parts() {
    check(&[
        ("1,500원", "천오백원"),
        ("$20", "이십 달러"),
        ("₩10,000", "만 원"),
        ("3만원", "삼만원"),
        ("50%", "오십 퍼센트"),
        ("3.14", "삼 점 일사"),
        ("0.5%", "영 점 오 퍼센트"),
        ("키 165cm, 5km 달리기", "키 백육십오 센티미터, 오 킬로미터 달리기"),
        ("-3도", "마이너스 삼도"),
        ("25℃", "이십오 도"),
        ("1/2", "이분의 일"),
    ]);
}

#[test]
fn telephones_are_read_digit_by_digit() {
    check(&[
        ("010-1234-5678", "공일공 일이삼사 오육칠팔"),
        ("02-123-4567", "공이 일이삼 사오육칠"),
        ("007", "공공칠"),
        ("12345678901234567890", "일이삼사오육칠팔구공일이삼사오육칠팔구공"),
    ]);
}

#[test]
fn latin_letters_are_spelled_or_said() {
    check(&[
        ("AI가 뭐예요?", "에이아이가 뭐예요?"),
        ("MBTI는 ENFP예요", "엠비티아이는 이엔에프피예요"),
        ("OK!", "오케이!"),
        ("KTX", "케이티엑스"),
        ("iPhone 15", "아이폰 십오"),
        ("MP3", "엠피 삼"),
        ("IT 회사", "아이티 회사"),
        ("K-pop", "케이 팝"),
        ("A", "에이"),
    ]);
    for word in ["London", "banana", "station", "queen", "Wayne", "rhythm", "xylophone", "hmm", "don't"] {
        let read = korean(word);
        assert!(!read.is_empty() && read.chars().all(crate::lang::is_hangul), "{word} {read}");
    }
    assert_eq!(korean("banana"), "바나나");
}

#[test]
fn the_rest_stays_and_nothing_makes_it_fail() {
    check(&[("안녕하세요, 저는 이서아예요!", "안녕하세요, 저는 이서아예요!")]);
    for text in [
        "",
        "1",
        "1.",
        "1,",
        "1,2",
        "1-",
        "5:",
        "5:9",
        "1/0",
        "$",
        "-",
        "2026-99-99",
        "0",
        "00",
        "0.5.3",
        "1-2",
        "٣",
        "１２",
        "9-9-9-",
    ] {
        let read = korean(text);
        assert!(!read.chars().any(|character| character.is_ascii_digit()), "{text} {read}");
    }
}
