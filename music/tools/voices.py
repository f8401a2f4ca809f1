"""Voices over chords: three upper parts that move little, and melodies with notes that do not belong."""

import itertools


def near(pitches, to, rng=None):
    """The pitch nearest to another; ties fall either way."""
    return min(pitches, key=lambda pitch: (abs(pitch - to), rng.random() if rng else 0))


def pitches_of(tones, low, high):
    return [pitch for pitch in range(low, high + 1) if pitch % 12 in tones]


def bass_line(rng, spans, low=36, high=55):
    """A pitch for the bass of every chord, near the one before."""
    found, last = [], rng.randint(low + 4, high - 4)
    for span in spans:
        last = near(pitches_of({span.bass}, low, high), last, rng)
        found.append(last)
    return found


def upper_voices(rng, spans, basses, low=52, spread=26):
    """Three upper voices of every chord: near the ones before, every tone there where it can be."""
    found, last = [], None
    for span, bass in zip(spans, basses):
        choices = pitches_of(set(span.tones), max(low, bass + 3), low + spread)
        best = None
        for group in itertools.combinations(choices, 3):
            if group[2] - group[0] > 17:
                continue
            heard = {pitch % 12 for pitch in group} | {bass % 12}
            missing = [tone for tone in span.tones if tone not in heard]
            cost = sum(1.5 if tone == span.tones[2] else 8 for tone in missing) + rng.random() * 2
            # Leading tones and sevenths are not doubled.
            if len(span.tones) == 4:
                cost += 4 * (sum(pitch % 12 == span.tones[3] for pitch in group + (bass,)) > 1)
            if last:
                cost += 0.6 * sum(abs(a - b) for a, b in zip(group, last))
            else:
                cost += abs(group[1] - low - 12) * 0.5
            if best is None or cost < best[0]:
                best = (cost, group)
        last = best[1] if best else tuple(choices[:3])
        found.append(last)
    return found


def step(span, pitch, way):
    """The next pitch of the scale up (1) or down (-1)."""
    pitch += way
    while pitch % 12 not in span.scale:
        pitch += way
    return pitch


class Line:
    """A melody: its range, how busy it is, and how fond of which notes that do not belong."""

    def __init__(self, rng, low, high, cells):
        self.rng, self.low, self.high, self.cells = rng, low, high, cells
        self.foreign = rng.choice((0.25, 0.45, 0.65))
        self.lean, self.hold, self.early = rng.choice((0.03, 0.1, 0.18)), rng.choice((0.03, 0.12)), rng.choice((0, 0.05))
        self.chromatic, self.rest = rng.choice((0, 0.1, 0.25)), rng.choice((0, 0, 0.05))

    def rhythm(self, end, beat):
        found, at = [], 0.0
        while at < end - 1e-6:
            for share in self.rng.choices(*self.cells)[0]:
                length = min(share * beat, end - at)
                if length > 1e-6:
                    found.append((at, length))
                at += length
        return found

    def sing(self, spans, beat):
        """Notes over chords from the first to the last."""
        rng, notes, idx = self.rng, [], 0
        pitch, bound, way = rng.randint(self.low + 3, self.high - 3), None, 1
        rhythm = [(at + spans[0].start, length) for at, length in self.rhythm(spans[-1].end - spans[0].start, beat)]
        for at, length in rhythm:
            while idx + 1 < len(spans) and spans[idx].end <= at + 1e-6:
                idx += 1
            span, after = spans[idx], spans[min(idx + 1, len(spans) - 1)]
            tones = pitches_of(set(span.tones), self.low, self.high)
            is_strong = abs(at / beat - round(at / beat)) < 0.01
            is_last = at + length >= span.end - 1e-6
            if bound is not None:
                pitch, bound = bound, None
            elif is_strong and not is_last and rng.random() < self.lean:
                bound = near(tones, pitch + rng.randint(-4, 4), rng)
                pitch = step(span, bound, rng.choice((1, 1, -1)))
            elif abs(at - span.start) < 0.01 and not is_last and pitch % 12 not in span.tones and \
                    (pitch - 1) % 12 in span.tones + [(t + 1) % 12 for t in span.tones] and rng.random() < 4 * self.hold:
                bound = next((low for low in (pitch - 1, pitch - 2) if low % 12 in span.tones), None)
            elif is_last and not is_strong and rng.random() < self.early:
                pitch = bound = near(pitches_of(set(after.tones), self.low, self.high), pitch, rng)
            elif not is_strong and rng.random() < self.foreign:
                way = way if rng.random() < 0.75 else -way
                if rng.random() < self.chromatic:
                    bound, pitch = (None if is_last else pitch), pitch - 1
                else:
                    pitch = step(span, pitch, way)
            else:
                choices = [tone for tone in tones if abs(tone - pitch) < 10] or tones
                pitch = near(choices, pitch + rng.choice((-5, -3, -2, 0, 2, 3, 5)), rng)
            if not self.low <= pitch <= self.high:
                pitch, way = near(tones, min(max(pitch, self.low), self.high)), -way
            if rng.random() >= self.rest:
                notes.append((at, length, pitch))
        return self.slur(notes)

    def slur(self, notes):
        """Notes of the same pitch are sometimes one."""
        found = []
        for at, length, pitch in notes:
            if found and found[-1][2] == pitch and abs(sum(found[-1][:2]) - at) < 1e-6 and self.rng.random() < 0.4:
                found[-1] = (found[-1][0], found[-1][1] + length, pitch)
            else:
                found.append((at, length, pitch))
        return found
