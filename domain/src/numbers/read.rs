//! Numbers in words.

const DIGITS: [&str; 10] = ["영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];
const ONES: [&str; 10] = ["", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"];
const TENS: [&str; 10] = ["", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"];

/// Sino-Korean: 삼백이십일. A leading one is said only where people say it: 십, 백, 천, 만, but 일억.
pub fn sino(number: u64) -> String {
    if number == 0 {
        return DIGITS[0].to_owned();
    }
    let mut parts = Vec::new();
    let mut rest = number;
    for name in ["", "만", "억", "조", "경"] {
        let group = rest % 10_000;
        rest /= 10_000;
        if group > 0 {
            let bare_ten_thousand = group == 1 && name == "만" && rest == 0;
            let spoken = if bare_ten_thousand { String::new() } else { below_ten_thousand(group as usize) };
            parts.push(spoken + name);
        }
    }
    parts.reverse();
    parts.concat()
}

fn below_ten_thousand(group: usize) -> String {
    let mut spoken = String::new();
    for (size, name) in [(1_000, "천"), (100, "백"), (10, "십"), (1, "")] {
        let digit = group / size % 10;
        if digit > 1 || digit == 1 && size == 1 {
            spoken.push_str(DIGITS[digit]);
        }
        if digit > 0 {
            spoken.push_str(name);
        }
    }
    spoken
}

/// Native, in the form before what is counted: 한, 두, 스무, 스물한. From 100 on Sino-Korean.
pub fn native(number: u64) -> String {
    match number {
        0 | 100.. => sino(number),
        20 => "스무".to_owned(),
        _ => format!("{}{}", TENS[number as usize / 10], ONES[number as usize % 10]),
    }
}

/// Digit by digit, as a telephone number: zero is 공.
pub fn digits(number: &str) -> String {
    let names = number.chars().filter_map(|digit| digit.to_digit(10));
    names.map(|digit| if digit == 0 { "공" } else { DIGITS[digit as usize] }).collect()
}

/// 3.14 is 삼 점 일사.
pub(super) fn decimal(whole: &str, part: &str) -> String {
    let whole = whole.parse().map_or_else(|_| digits(whole), sino);
    let part: String =
        part.chars().filter_map(|digit| digit.to_digit(10)).map(|digit| DIGITS[digit as usize]).collect();
    format!("{whole} 점 {part}")
}

/// Months: 유월 and 시월 lose a sound.
pub(super) fn ordinal_month(month: u64) -> String {
    match month {
        6 => "유".to_owned(),
        10 => "시".to_owned(),
        _ => sino(month),
    }
}
