"""Composes annotated pieces: what the weights of chord recognition are learned from. Python alone is enough.

    python3 music/tools/compose.py OUT [--pieces 400] [--seed 1]

Writes MIDI files and `truth.jsonl` as `cargo xtask bench theory` reads it. Progressions are random walks
(`harmony`), voices are led over them (`voices`), and the textures of songs with piano, preludes, variations,
inventions and hymns are made of them here. The same seed gives the same pieces.
"""

import argparse
import json
import random
from pathlib import Path

import harmony
import smf
from voices import Line, bass_line, near, pitches_of, step, upper_voices

# Metre: text, quarters of a bar, beats that chords share.
METRES = (("4/4", 4.0, 4, 10), ("3/4", 3.0, 3, 7), ("2/4", 2.0, 2, 6), ("6/8", 3.0, 2, 5), ("2/2", 4.0, 2, 1.5), ("3/8", 1.5, 3, 1),
          ("12/8", 6.0, 4, 1.5), ("9/8", 4.5, 3, 1), ("6/4", 6.0, 2, 0.7), ("3/2", 6.0, 3, 0.5))
PLAIN = (((1,), (0.5, 0.5), (2,), (0.75, 0.25), (1.5, 0.5), (0.25, 0.25, 0.25, 0.25), (3,)), None)
TRIPLE = (((1,), (1 / 3, 1 / 3, 1 / 3), (2 / 3, 1 / 3), (2,), (0.5, 1 / 6, 1 / 3)), None)
FIGURES = ("held", "repeated", "after", "alberti", "arpeggio", "wave", "broken", "tremolo", "running", "fixed", "offbeat", "lute")


class Piece:
    """What a composer has in mind: metre, chords with bass and upper voices."""

    def __init__(self, rng, is_hymn):
        self.rng = rng
        self.metre, self.bar, beats, _ = rng.choices(METRES[:2] if is_hymn else METRES, [metre[3] for metre in (METRES[:2] if is_hymn else METRES)])[0]
        self.is_compound = self.metre in ("6/8", "12/8", "9/8", "6/4")
        self.beat = self.bar / beats if self.is_compound else 4.0 / int(self.metre.split("/")[1])
        self.spans = harmony.progression(rng, rng.randint(12, 28), self.bar, beats, is_hymn)
        self.basses = bass_line(rng, self.spans, *rng.choice(((36, 55), (40, 57), (31, 50))))
        self.upper = upper_voices(rng, self.spans, self.basses, rng.choice((50, 52, 55, 57)))

    def cells(self, busy):
        """Rhythms and their weights: 0 calm, 1 lively, 2 in running notes."""
        cells = TRIPLE[0] if self.is_compound else PLAIN[0]
        calm, lively = [3 / (1 + len(cell)) ** 0.5 for cell in cells], [len(cell) ** 1.5 for cell in cells]
        weights = calm if busy == 0 else lively
        if busy == 2:
            run = (1 / 6,) * 6 if self.is_compound and self.beat > 1.4 else (0.25,) * 4
            return (run, (0.5, 0.5) if not self.is_compound else (1 / 3,) * 3), (8, 1)
        return cells, [weight * self.rng.uniform(0.3, 1.7) for weight in weights]

    def pace(self):
        """Length of the notes of a figure."""
        parts = (3, 6) if self.is_compound else (2, 2, 4, 4, 3, 1)
        return self.beat / self.rng.choice(parts)


def figure(piece, pattern, pace, taste):
    """Right and left hand: one pattern over all chords."""
    right, left = [], []
    for idx, span in enumerate(piece.spans):
        bass, upper = piece.basses[idx], list(piece.upper[idx])
        after = piece.basses[min(idx + 1, len(piece.basses) - 1)]
        hands = {"right": right, "left": left, "bass": bass, "upper": upper, "after": after}
        at = span.start
        # A long chord is played again at every bar, sometimes over another of its tones.
        while at < span.end - 1e-6:
            end = min(span.end, at + piece.bar * (1 if taste["again"] else 2))
            play(piece, span, (at, end), pattern, pace, taste, hands)
            at = end
            if piece.rng.random() < 0.2:
                hands["bass"] = near(pitches_of(set(span.tones), bass - 8, bass + 8), bass + piece.rng.choice((-6, 0, 6)))
    return right, left


def order_of(pattern, tones, taste):
    """The tones of a figure, as they follow each other."""
    if pattern == "alberti":
        return [tones[0], tones[-1], tones[len(tones) // 2], tones[-1]]
    if pattern == "arpeggio":
        return tones if taste["up"] else tones[::-1]
    if pattern == "wave":
        return tones + tones[-2:0:-1]
    if pattern == "fixed":
        return [tones[place % len(tones)] for place in taste["places"]]
    return tones


def play(piece, span, place, pattern, pace, taste, hands):
    rng, (start, end) = piece.rng, place
    bass, upper, right, left = hands["bass"], hands["upper"], hands["right"], hands["left"]
    count = max(1, round((end - start) / pace))
    steps = [(start + idx * pace, min(pace, end - start - idx * pace)) for idx in range(count)]
    steps = [(at, length) for at, length in steps if length > 1e-6]
    if pattern in ("alberti", "arpeggio", "wave", "fixed", "lute"):
        low = [bass] if taste["with_bass"] else []
        if taste["wide"]:
            low += [pitch for pitch in pitches_of(set(span.tones), bass + 5, bass + 14)][:2]
        order = order_of(pattern, sorted(set(low + (upper if not taste["close"] else [p - 12 for p in upper if p - 12 > bass]))) or upper, taste)
        broken(piece, span, steps, order, taste, right if taste["in_right"] else left)
        if not taste["with_bass"] or rng.random() < taste["double"]:
            left.append((start, end - start if taste["long_bass"] else min(piece.beat, end - start), bass))
        return
    low_bass(piece, span, place, taste, hands)
    hand = right if taste["in_right"] else left
    for idx, (at, length) in enumerate(steps):
        if pattern == "held" and idx == 0:
            hand += [(start, end - start, pitch) for pitch in upper]
        elif pattern == "repeated" or pattern == "after" and idx % taste["group"] or pattern == "offbeat" and idx % 2:
            hand += [(at, length * taste["short"], pitch) for pitch in upper]
        elif pattern == "broken":
            hand += [(at, length, pitch) for pitch in (upper[1:] if idx % 2 else upper[:1])]
        elif pattern == "tremolo":
            for half in range(2):
                hand += [(at + half * length / 2, length / 2, pitch) for pitch in (upper[1:] if half else upper[:1])]


def broken(piece, span, steps, order, taste, hand):
    """Tones one after the other, now and then a neighbour; with the pedal they ring on."""
    rng, last = piece.rng, len(steps) - 1
    for idx, (at, length) in enumerate(steps):
        pitch = order[idx % len(order)]
        if 0 < idx < last and rng.random() < taste["neighbours"]:
            pitch = step(span, pitch, rng.choice((1, -1))) if rng.random() < 0.7 else pitch - 1
        hold = span.end - at if taste["pedal"] else length * taste["short"]
        hand.append((at, hold, pitch))


def low_bass(piece, span, place, taste, hands):
    """The left hand under chords: long, struck on beats, in octaves, or walking to the next."""
    rng, (start, end), bass, left = piece.rng, place, hands["bass"], hands["left"]
    steps = round((end - start) / piece.beat)
    kind = taste["bass"]
    if kind == "walk" and steps >= 2 and end >= span.end - 1e-6 and abs(hands["after"] - bass) in (3, 4):
        left.append((start, end - start - piece.beat, bass))
        left.append((end - piece.beat, piece.beat, step(span, bass, 1 if hands["after"] > bass else -1)))
    elif kind == "beats" and steps >= 2:
        fifth = near(pitches_of(set(span.tones), bass - 9, bass + 9), bass + rng.choice((-5, 7)))
        left += [(start + idx * piece.beat, piece.beat * taste["short"], fifth if idx % 2 and taste["up"] else bass)
                 for idx in range(steps)]
    elif kind == "short":
        left.append((start, min(piece.beat, end - start), bass))
    else:
        left.append((start, end - start, bass))
        if kind == "octaves" and bass > 40:
            left.append((start, end - start, bass - 12))


def taste_of(rng, pattern):
    yes = lambda chance: rng.random() < chance
    return {
        "again": yes(0.7), "with_bass": yes(0.6), "wide": yes(0.35), "close": pattern == "alberti" and yes(0.8), "up": yes(0.7),
        "in_right": pattern != "alberti" and yes(0.6), "double": rng.choice((0, 0, 1)), "long_bass": yes(0.5),
        "neighbours": rng.choice((0, 0, 0.03, 0.08)), "pedal": yes(0.15), "short": rng.choice((1, 1, 0.5)),
        "group": rng.choice((2, 3, 4)), "bass": rng.choice(("long", "long", "beats", "short", "octaves", "walk")),
        "places": rng.choice(((0, 1, 2, 1), (0, 2, 1, 2), (0, 1, 2, 3, 2, 1), (3, 2, 1, 2), (2, 0, 1, 0), (0, 1, 2, 3, 1, 2, 3, 2))),
    }


def running(piece, hand_low, hand_high, busy):
    return Line(piece.rng, hand_low, hand_high, piece.cells(busy)).sing(piece.spans, piece.beat)


def two_hands(piece):
    """One or two figures, one after the other."""
    rng, halves = piece.rng, []
    cut = piece.spans[len(piece.spans) // 2].start if rng.random() < 0.5 else float("inf")
    for _ in range(2):
        pattern = rng.choice(FIGURES)
        halves.append(hands_of(piece, pattern))
    return [[note for note in first if note[0] < cut] + [note for note in second if note[0] >= cut]
            for first, second in zip(*halves)]


def hands_of(piece, pattern):
    if pattern == "running":
        return running(piece, 60, 84, 2), figure(piece, "held", piece.beat, taste_of(piece.rng, "held"))[1]
    return figure(piece, pattern, piece.pace(), taste_of(piece.rng, pattern))


def song(piece):
    voice = running(piece, *piece.rng.choice(((60, 79), (55, 74), (62, 81))), piece.rng.choice((0, 0, 1)))
    hands = two_hands(piece)
    start, bars = piece.spans[0].start, piece.rng.choice((0, 1, 2, 4))
    # The piano begins alone, and sometimes plays what is sung.
    if piece.rng.random() < 0.25:
        hands[0] = [note for note in hands[0] if note[2] < 60] + voice
    return [[note for note in voice if note[0] >= start + bars * piece.bar], *hands]


def variation(piece):
    """A melody in the right hand, a figure in the left."""
    right, left = two_hands(piece)
    return [running(piece, 64, 86, piece.rng.choice((0, 1, 1, 2))), [note for note in right + left if note[2] < 67]]


def invention(piece):
    return [running(piece, 62, 84, piece.rng.choice((1, 2))), running(piece, 40, 62, piece.rng.choice((0, 1, 1, 2)))]


def hymn(piece):
    """Four voices that move together, with passing notes and suspensions."""
    rng, lines = piece.rng, [[], [], [], []]
    fond, late = rng.choice((0.1, 0.3, 0.5)), rng.choice((0, 0.1, 0.2))
    chords = list(zip(piece.basses, *zip(*piece.upper)))
    for idx, span in enumerate(piece.spans):
        length = span.end - span.start
        for voice in range(4):
            pitch, line = chords[idx][voice], lines[voice]
            after = chords[min(idx + 1, len(chords) - 1)][voice]
            before = chords[max(idx - 1, 0)][voice]
            half = min(length / 2, piece.beat / 2) if length <= piece.beat * 1.01 else piece.beat
            if before - pitch in (1, 2) and voice and rng.random() < late and line:
                line += [(span.start, half, before), (span.start + half, length - half, pitch)]
            elif abs(after - pitch) in (3, 4) and rng.random() < fond:
                line += [(span.start, length - half, pitch), (span.end - half, half, step(span, pitch, 1 if after > pitch else -1))]
            elif after == pitch and rng.random() < fond / 4:
                line += [(span.start, length - half, pitch), (span.end - half, half, step(span, pitch, rng.choice((1, -1))))]
            else:
                line.append((span.start, length, pitch))
    return lines[::-1]


def prelude(piece):
    return two_hands(piece)


def labels(piece):
    """What an analyst writes: some short chords are only heard in passing, and a seventh may belong from the start."""
    rng, found = piece.rng, []
    loose = rng.choice((0, 0, 0.15, 0.3))
    for span in piece.spans:
        is_short = span.end - span.start <= piece.beat * 1.01 and span.start % piece.bar > 0.01
        if found and is_short and span.name in ("viio", "V7", "IV", "ii") and rng.random() < loose:
            found[-1][1] = span.end
        else:
            found.append([span.start, span.end, *span.label])
    return found


def shifted(rng, piece, parts, chords):
    """With an upbeat: the first bar is short, and its chord is the dominant's or the first's."""
    if rng.random() > 0.3:
        return parts, chords
    up = piece.beat * rng.choice((0.5, 1, 1)) if not piece.is_compound else piece.beat / 3
    first = piece.spans[0]
    parts = [[(at + up, length, pitch) for at, length, pitch in part] for part in parts]
    chords = [[start + up, end + up, *rest] for start, end, *rest in chords]
    parts[0].insert(0, (0.0, up, near(pitches_of(set(first.tones), 60, 79), 67)))
    chords[0][0] = 0.0
    return parts, chords


def alone():
    """Every chord, struck alone over its root."""
    for code, tones in (harmony.CHORDS | {"sus": (0, 5, 7)}).items():
        for name, length, low in (("a", 4.0, 60), ("b", 2.0, 48), ("c", 4.0, 55), ("d", 1.0, 64)):
            part = [(0.0, length, low - 24)] + [(0.0, length, low + above) for above in tones]
            yield f"alone_{code}_{name}", [part], [[0.0, length, low % 12, code]]


KINDS = ((song, 9), (prelude, 6), (variation, 4), (invention, 2), (hymn, 3))


def row(name, kind, chords):
    keys = ("start", "end", "root_pc", "quality")
    told = [dict(zip(keys, chord)) | {"aug6": False} for chord in chords]
    return json.dumps({"id": name, "file": f"{name}.mid", "set": kind, "key": None, "chords": told}) + "\n"


def main():
    words = argparse.ArgumentParser()
    words.add_argument("out", type=Path)
    words.add_argument("--pieces", type=int, default=400)
    words.add_argument("--seed", type=int, default=1)
    args = words.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "truth.jsonl", "w") as rows:
        for idx in range(args.pieces):
            rng = random.Random(args.seed * 1_000_003 + idx)
            kind = rng.choices(KINDS, [weight for _, weight in KINDS])[0][0]
            piece = Piece(rng, kind is hymn)
            parts, chords = shifted(rng, piece, [sorted(part) for part in kind(piece)], labels(piece))
            name = f"{kind.__name__}_{idx:04}"
            smf.write(args.out / f"{name}.mid", [part for part in parts if part], [(0.0, piece.metre)])
            rows.write(row(name, kind.__name__, chords))
        for name, parts, chords in alone():
            smf.write(args.out / f"{name}.mid", parts, [(0.0, "4/4")])
            rows.write(row(name, "alone", chords))


if __name__ == "__main__":
    main()
