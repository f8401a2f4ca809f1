//! How SentencePiece normalises: a table from strings of bytes to what replaces them, the longest first.
//!
//! The strings are the keys of a double array in the layout of Darts-clone: units of 32 bits, of which bits 0 to 7 and 31
//! are the label, bit 8 says that a value follows, and bits 10 to 30 (eight times as much with bit 9) are what the
//! place is combined with by exclusive or to get to the next unit. A value is where in the texts behind the array the
//! replacement begins; a zero byte ends it.

/// The table; an empty one replaces nothing.
#[derive(Default)]
pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

const LABEL: u32 = 0x8000_00FF;
const HAS_VALUE: u32 = 0x100;
const VALUE: u32 = 0x7FFF_FFFF;

impl Charsmap {
    /// Four bytes with the size of the array, the array, the replacements. `None` when the sizes do not fit.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let (array, replacements) = rest.split_at_checked(size)?;
        let units =
            array.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        size.is_multiple_of(4).then(|| Self { units: units.collect(), replacements: replacements.to_vec() })
    }

    /// What replaces the beginning of `text`, and how many of its bytes; `None` when it stays as it is.
    pub(super) fn replace(&self, text: &str) -> Option<(&str, usize)> {
        let mut place = offset(*self.units.first()?);
        let mut best = None;
        for (index, byte) in text.bytes().enumerate() {
            place ^= usize::from(byte);
            let Some(&unit) = self.units.get(place) else { break };
            if unit & LABEL != u32::from(byte) {
                break;
            }
            place ^= offset(unit);
            if unit & HAS_VALUE != 0 && text.is_char_boundary(index + 1) {
                best = self.units.get(place).map(|value| (value & VALUE, index + 1));
            }
        }
        let (value, length) = best?;
        let replacement = self.replacements.get(usize::try_from(value).ok()?..)?;
        let end = replacement.iter().position(|&byte| byte == 0)?;
        Some((std::str::from_utf8(&replacement[..end]).ok()?, length))
    }
}

fn offset(unit: u32) -> usize {
    let shift = (unit & 0x200) >> 6;
    ((unit >> 10) << shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "A" becomes "a", "AB" becomes nothing.
    fn map() -> Vec<u8> {
        // The root leads to 0x80; its child 'A' lies at 0x80 ^ 0x41, has a value and leads by 0x100; and so on.
        let mut units = vec![0u32; 1024];
        units[0] = 0x80 << 10;
        let a = 0x80 ^ 0x41;
        units[a] = 0x100 << 10 | HAS_VALUE | 0x41;
        let after_a = a ^ 0x100;
        units[after_a] = 0x8000_0000;
        let ab = after_a ^ 0x42;
        units[ab] = 0x200 << 10 | HAS_VALUE | 0x42;
        units[ab ^ 0x200] = 0x8000_0002;
        let mut bytes = (units.len() as u32 * 4).to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(b"a\0\0");
        bytes
    }

    #[test]
    fn the_longest_key_is_replaced() {
        let map = Charsmap::read(&map()).expect("a map");
        assert_eq!(map.replace("Ax"), Some(("a", 1)));
        assert_eq!(map.replace("ABx"), Some(("", 2)));
        assert_eq!(map.replace("xA"), None);
        assert_eq!(map.replace("가"), None);
        assert_eq!(map.replace(""), None);
    }

    #[test]
    fn damaged_maps_are_refused_or_replace_nothing() {
        let whole = map();
        assert!(Charsmap::read(&whole[..100]).is_none());
        assert!(Charsmap::read(&[1, 0, 0]).is_none());
        assert_eq!(Charsmap::default().replace("A"), None);
        let no_end = Charsmap::read(&whole[..whole.len() - 2]).expect("sizes fit");
        assert_eq!(no_end.replace("A"), None);
        // Every unit leads beyond the array.
        let mut wild = 8u32.to_le_bytes().to_vec();
        wild.extend([0xFF; 8]);
        assert_eq!(Charsmap::read(&wild).expect("sizes fit").replace("A"), None);
    }
}
