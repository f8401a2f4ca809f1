//! Whose face it is, when there may be several: the one that was followed so far.

use super::geometry::Place;

/// Heads move less than this between two pictures, in heights of the face.
const FARTHEST_STEP: f32 = 0.8;
/// And come nearer by less than this, as the logarithm of the ratio.
const LARGEST_STEP: f32 = 0.4;
/// A face that stays where the other was not is this person by now: they moved while nobody saw it.
const ADOPT_AFTER_MS: u64 = 1_500;
/// After this long without a face any face is theirs.
const FORGET_AFTER_MS: u64 = 2_000;

/// Follows one face.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    last: Option<(u64, Place)>,
    /// A face elsewhere: since when, and where it was last.
    stranger: Option<(u64, u64, Place)>,
}

impl Who {
    /// Whether this is the face that was followed; it is from now on.
    pub(super) fn is_same(&mut self, at_ms: u64, place: Place) -> bool {
        let lost = self.last.is_none_or(|(last_ms, _)| at_ms.saturating_sub(last_ms) > FORGET_AFTER_MS);
        if lost || self.last.is_some_and(|(_, last)| near(last, place)) {
            (self.last, self.stranger) = (Some((at_ms, place)), None);
            return true;
        }
        let since = match self.stranger {
            Some((since, seen, at)) if near(at, place) && at_ms.saturating_sub(seen) < FORGET_AFTER_MS => {
                since
            }
            _ => at_ms,
        };
        self.stranger = Some((since, at_ms, place));
        if at_ms.saturating_sub(since) < ADOPT_AFTER_MS {
            return false;
        }
        (self.last, self.stranger) = (Some((at_ms, place)), None);
        true
    }
}

fn near(a: Place, b: Place) -> bool {
    // A client that changes what it sends is no other person.
    a.by_points != b.by_points
        || ((a.at[0] - b.at[0]).hypot(a.at[1] - b.at[1]) < FARTHEST_STEP
            && (a.scale / b.scale).ln().abs() < LARGEST_STEP)
}
