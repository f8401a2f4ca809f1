//! Korean text with everything in it written as it is read aloud: digits, dates, units, Latin letters.
//!
//! English needs none of this: espeak reads its numbers. Korean does, because a number is read in one
//! of two ways, by what it counts: 3시 is 세 시, but 3분 is 삼 분.

mod latin;
mod read;
#[cfg(test)]
mod tests;

pub use self::read::{digits, native, sino};
use self::{
    latin::{spell, unit, word},
    read::{decimal, ordinal_month},
};

/// The text as a Korean speaker reads it aloud.
pub fn korean(text: &str) -> String {
    let mut reader = Reader { rest: text, spoken: String::with_capacity(text.len() * 2) };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.spoken
}

struct Reader<'t> {
    rest: &'t str,
    spoken: String,
}

impl Reader<'_> {
    fn step(&mut self) {
        let Some(first) = self.rest.chars().next() else { return };
        if first.is_ascii_digit() {
            return self.number();
        }
        if first.is_ascii_alphabetic() {
            return self.latin();
        }
        if let Some(currency) = currency(first)
            && self.rest[first.len_utf8()..].trim_start().starts_with(|next: char| next.is_ascii_digit())
        {
            self.rest = self.rest[first.len_utf8()..].trim_start();
            let number = self.take_number();
            self.spoken.push_str(&value(&number));
            self.magnitude();
            self.spoken.push(' ');
            self.spoken.push_str(currency);
            return;
        }
        self.rest = &self.rest[first.len_utf8()..];
        let digit_follows = self.rest.starts_with(|next: char| next.is_ascii_digit());
        match first {
            '-' | '−' if digit_follows && !ends_word(&self.spoken) => self.spoken.push_str("마이너스 "),
            '~' | '∼' | '～' if digit_follows => self.spoken.push_str("에서 "),
            '&' => self.spoken.push_str(" 앤드 "),
            '+' => self.spoken.push_str(" 플러스 "),
            '×' => self.spoken.push_str(" 곱하기 "),
            '÷' => self.spoken.push_str(" 나누기 "),
            '=' => self.spoken.push_str(" 는 "),
            '@' => self.spoken.push_str(" 골뱅이 "),
            '%' => self.spoken.push_str(" 퍼센트"),
            '℃' => self.spoken.push('도'),
            _ => self.spoken.push(first),
        }
    }

    fn number(&mut self) {
        if self.date() || self.clock() || self.dialled() || self.fraction() {
            return;
        }
        let number = self.take_number();
        let after = self.rest;
        // "3~4명" counts people with both numbers.
        let counted = match after.strip_prefix(['~', '∼', '～']) {
            Some(range) => range.trim_start_matches(|digit: char| digit.is_ascii_digit()),
            None => after,
        };
        self.spoken.push_str(&counting(&number, counted.trim_start()));
        if let Some((name, length)) = unit(after) {
            self.spoken.push(' ');
            self.spoken.push_str(name);
            self.rest = &after[length..];
        } else if after.starts_with(|next: char| next.is_alphabetic()) && !keeps_together(after) {
            self.spoken.push(' ');
        }
    }

    /// Takes digits with thousands separators and a decimal part.
    fn take_number(&mut self) -> String {
        let mut number = String::new();
        let bytes = self.rest.as_bytes();
        let mut index = 0;
        while let Some(&byte) = bytes.get(index) {
            let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
            let groups = (1..4).all(|ahead| digit_at(index + ahead)) && !digit_at(index + 4);
            match byte {
                b'0'..=b'9' => number.push(char::from(byte)),
                b',' if groups && !number.contains('.') => {}
                b'.' if digit_at(index + 1) && !number.contains('.') => number.push('.'),
                _ => break,
            }
            index += 1;
        }
        self.rest = &self.rest[index..];
        number
    }

    /// 만, 억, 천만 and the like stay with their number: $3만 is 삼만 달러.
    fn magnitude(&mut self) {
        let length: usize =
            self.rest.chars().take_while(|letter| "십백천만억조".contains(*letter)).map(char::len_utf8).sum();
        self.spoken.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
    }

    /// 2026-11-21, 2026.11.21, 2026/11/21.
    fn date(&mut self) -> bool {
        let Some((year, separator, rest)) = digits_then(self.rest, 4..=4, &['-', '.', '/']) else {
            return false;
        };
        let Some((month, _, rest)) = digits_then(rest, 1..=2, &[separator]) else { return false };
        let day: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let numbers = [year, month, &day].map(|part| part.parse::<u64>().unwrap_or(0));
        let [year, month, day_number] = numbers;
        if day.len() > 2 || !(1..=12).contains(&month) || !(1..=31).contains(&day_number) {
            return false;
        }
        self.rest = &rest[day.len()..];
        let spoken = format!("{}년 {}월 {}일", sino(year), ordinal_month(month), sino(day_number));
        self.spoken.push_str(&spoken);
        true
    }

    /// 5:30 and 17:05.
    fn clock(&mut self) -> bool {
        let Some((hour, _, rest)) = digits_then(self.rest, 1..=2, &[':']) else { return false };
        let minute: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let (Ok(hour), Ok(minutes)) = (hour.parse::<u64>(), minute.parse::<u64>()) else { return false };
        if minute.len() != 2 || hour > 24 || minutes > 59 || rest[2..].starts_with(':') {
            return false;
        }
        self.rest = &rest[2..];
        self.spoken.push_str(&if hour <= 12 && hour > 0 { native(hour) } else { sino(hour) });
        self.spoken.push('시');
        if minutes > 0 {
            self.spoken.push_str(&format!(" {}분", sino(minutes)));
        }
        true
    }

    /// A telephone number or the like is read digit by digit: 010-1234-5678, 007.
    fn dialled(&mut self) -> bool {
        let groups: Vec<&str> = self
            .rest
            .split(|character: char| !character.is_ascii_digit() && character != '-')
            .next()
            .unwrap_or_default()
            .split('-')
            .take_while(|group| !group.is_empty())
            .collect();
        let leading_zero = groups[0].len() > 1 && groups[0].starts_with('0');
        let long = groups.len() == 1 && groups[0].len() > 16;
        if !(leading_zero || groups.len() >= 3 || long || groups.len() == 2 && groups[0].len() >= 3) {
            return false;
        }
        let length = groups.iter().map(|group| group.len() + 1).sum::<usize>() - 1;
        if leading_zero && groups.len() == 1 && self.rest[length..].starts_with('.') {
            return false;
        }
        self.spoken.push_str(&groups.iter().map(|group| digits(group)).collect::<Vec<_>>().join(" "));
        self.rest = &self.rest[length..];
        true
    }

    /// 1/2 is 이분의 일.
    fn fraction(&mut self) -> bool {
        let Some((top, _, rest)) = digits_then(self.rest, 1..=3, &['/']) else { return false };
        let bottom: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let (Ok(top), Ok(below)) = (top.parse(), bottom.parse::<u64>()) else { return false };
        if below < 2 || bottom.len() > 3 || rest[bottom.len()..].starts_with('/') {
            return false;
        }
        self.rest = &rest[bottom.len()..];
        self.spoken.push_str(&format!("{}분의 {}", sino(below), sino(top)));
        true
    }

    /// A run of Latin letters: a known word, an abbreviation by its letters, or a transliteration.
    fn latin(&mut self) {
        let length = self
            .rest
            .find(|character: char| !character.is_ascii_alphabetic() && character != '\'')
            .unwrap_or(self.rest.len());
        let (letters, rest) = self.rest.split_at(length);
        self.rest = rest;
        let capitals = letters.chars().all(|letter| letter.is_ascii_uppercase());
        let spoken = match word(letters) {
            Some(known) => known.to_owned(),
            None if capitals && letters.len() <= 5 || letters.len() == 1 => spell(letters),
            None => latin::transliterate(letters),
        };
        self.spoken.push_str(&spoken);
        if rest.starts_with(|next: char| next.is_ascii_digit()) {
            self.spoken.push(' ');
        }
        if let Some(hyphenated) = rest.strip_prefix('-')
            && hyphenated.starts_with(|next: char| next.is_ascii_alphanumeric())
        {
            self.rest = hyphenated;
            self.spoken.push(' ');
        }
    }
}

/// Leading digits of an allowed length, the separator behind them, and the text behind that, which
/// must begin with a digit.
fn digits_then<'t>(
    text: &'t str,
    length: std::ops::RangeInclusive<usize>,
    separators: &[char],
) -> Option<(&'t str, char, &'t str)> {
    let count = text.chars().take_while(char::is_ascii_digit).count();
    let separator = text[count..].chars().next().filter(|next| separators.contains(next))?;
    let rest = &text[count + separator.len_utf8()..];
    let fits = length.contains(&count) && rest.starts_with(|next: char| next.is_ascii_digit());
    fits.then_some((&text[..count], separator, rest))
}

fn currency(symbol: char) -> Option<&'static str> {
    match symbol {
        '$' => Some("달러"),
        '₩' | '￦' => Some("원"),
        '€' => Some("유로"),
        '£' => Some("파운드"),
        '¥' => Some("엔"),
        _ => None,
    }
}

fn ends_word(spoken: &str) -> bool {
    spoken.chars().last().is_some_and(char::is_alphanumeric)
}

/// A magnitude or 월, 년 … behind a number is one word with it in speech; a space would break the
/// pronunciation rules between them.
fn keeps_together(after: &str) -> bool {
    after.starts_with(|next: char| crate::lang::is_hangul(next))
}

/// A plain number as Sino-Korean, decimals digit by digit.
fn value(number: &str) -> String {
    match number.split_once('.') {
        Some((whole, part)) => decimal(whole, part),
        None => number.parse().map_or_else(|_| digits(number), sino),
    }
}

/// Things that are counted with native numbers.
const NATIVE_COUNTERS: &str = "시간 시 살 개 명 번째 번 마리 잔 권 장 병 대 벌 켤레 송이 그루 채 쌍 가지 군데 사람 달 곡 줄 통 컵 조각 판 \
    봉지 바퀴 끼 배 그릇 접시 자루 포기 발자국 걸음 모금 자리 판 방울 척 곳 팀 갈래 마디";
/// What begins like one of them but takes the other kind.
const SINO_COUNTERS: &str =
    "개월 개국 개년 번지 번길 번가 시즌 시리즈 장면 대학 대선 배속 곡선 명령 분 초 년 월 일 원 층 호 세 도";

/// The number in the reading that the word behind it asks for.
fn counting(number: &str, after: &str) -> String {
    let starts = |list: &str| list.split_whitespace().any(|counter| after.starts_with(counter));
    let Ok(count) = number.parse::<u64>() else { return value(number) };
    if after.starts_with('월') && (count == 6 || count == 10) {
        return ordinal_month(count);
    }
    let hour = after.starts_with('시') && !after.starts_with("시간");
    let decade = after.starts_with('대') && count % 10 == 0;
    let native_fits = match count {
        0 => false,
        1 if after.starts_with("번째") => return "첫".to_owned(),
        _ if hour => count <= 12,
        _ if decade => false,
        _ => count < 100,
    };
    if native_fits && starts(NATIVE_COUNTERS) && !starts(SINO_COUNTERS) { native(count) } else { sino(count) }
}
