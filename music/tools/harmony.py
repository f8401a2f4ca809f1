"""Chord progressions of common practice, as a random walk: who follows whom, in which inversion, for how long."""

CHORDS = {
    "maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10), "hdim7": (0, 3, 6, 10), "dim7": (0, 3, 6, 9),
}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}

# Name: semitones above the tonic, quality, weights of root position and inversions.
VOCABULARY = {
    "major": {
        "I": (0, "maj", (10, 4, 1)), "ii": (2, "min", (4, 6, 0)), "ii7": (2, "min7", (3, 6, 1, 2)),
        "iii": (4, "min", (5, 1, 0)), "IV": (5, "maj", (8, 3, 1)), "IV7": (5, "maj7", (4, 1, 0, 1)),
        "V": (7, "maj", (8, 4, 1)), "V7": (7, "7", (8, 4, 3, 3)), "vi": (9, "min", (8, 2, 0)),
        "vi7": (9, "min7", (4, 1, 0, 2)), "viio": (11, "dim", (1, 6, 0)), "viih": (11, "hdim7", (3, 3, 2, 1)),
        "viid": (11, "dim7", (5, 3, 2, 2)), "iv": (5, "min", (6, 3, 0)), "bVI": (8, "maj", (6, 1, 0)),
        "N": (1, "maj", (1, 5, 0)), "iih": (2, "hdim7", (2, 5, 2, 1)), "I7": (0, "maj7", (4, 1, 0, 2)),
        "i": (0, "min", (6, 2, 0)), "V+": (7, "aug", (5, 1, 0)), "bIII": (3, "maj", (5, 1, 0)),
    },
    "minor": {
        "I": (0, "min", (10, 4, 1)), "iio": (2, "dim", (1, 6, 0)), "ii7": (2, "hdim7", (3, 7, 2, 2)),
        "III": (3, "maj", (7, 2, 0)), "III+": (3, "aug", (2, 4, 0)), "IV": (5, "min", (8, 4, 1)),
        "IV7": (5, "min7", (4, 2, 0, 1)), "IVm": (5, "maj", (3, 4, 0)), "V": (7, "maj", (8, 4, 1)),
        "V7": (7, "7", (8, 4, 3, 3)), "v": (7, "min", (3, 5, 0)), "VI": (8, "maj", (8, 3, 0)),
        "VI7": (8, "maj7", (4, 1, 0, 1)), "VII": (10, "maj", (6, 3, 0)), "VII7": (10, "7", (5, 3, 2, 2)),
        "viio": (11, "dim", (1, 6, 0)), "viid": (11, "dim7", (6, 4, 2, 2)), "N": (1, "maj", (1, 6, 0)),
        "I7": (0, "min7", (3, 1, 0, 3)), "Ip": (0, "maj", (6, 2, 0)),
    },
}
FOLLOWS = {
    "major": {
        "I": "IV 13 V 10 V7 15 vi 9 ii 6 ii7 5 iii 3 viio 3 viid 4 I7 1 iv 1 viih 1 bVI 1 i 1 IV7 1 N 0.4 bIII 0.3",
        "ii": "V 10 V7 15 viio 3 I 2 vi 2 IV 1 viid 1 ii7 3", "ii7": "V 12 V7 14 I 2 viid 1 V+ 0.5",
        "iii": "vi 8 IV 6 I 2 ii 1 V 1", "IV": "V 10 V7 9 I 10 ii 5 ii7 4 viio 3 iv 2 vi 1 viid 1 iii 1",
        "IV7": "V 5 V7 6 ii7 4 viih 2", "V": "I 18 vi 5 V7 6 IV 1 iii 1 i 0.5 I7 0.3", "V7": "I 24 vi 5 i 1 iii 0.3 IV 0.5",
        "vi": "ii 7 IV 8 V 4 V7 5 iii 2 ii7 4 I 3 vi7 1", "vi7": "ii 4 ii7 5 IV 2 V7 2", "viio": "I 12 vi 1 iii 1 V7 1",
        "viih": "I 10 V7 2 iii 1", "viid": "I 12 V7 3 i 1", "iv": "I 8 V 5 V7 5 iih 1", "bVI": "iv 3 V 4 V7 3 N 1 I 1 bIII 1",
        "N": "V 5 V7 6 viid 2", "iih": "V 6 V7 6 I 3", "I7": "IV 6 vi 3 ii7 2 IV7 2", "i": "iv 4 V7 5 bVI 4 V 3 iih 2 I 1",
        "V+": "I 8", "bIII": "bVI 3 IV 2 V7 2",
    },
    "minor": {
        "I": "IV 10 V 12 V7 16 VI 8 ii7 5 iio 4 III 5 III+ 0.4 VII 4 viio 4 viid 9 v 1.5 I7 1 IVm 1 N 1 IV7 1 VI7 0.5",
        "iio": "V 12 V7 10 viid 2 I 2", "ii7": "V 12 V7 13 I 2 viid 2", "III": "VI 7 IV 6 VII 3 iio 2 V 2 V7 2 I 3",
        "III+": "VI 4 I 4", "IV": "V 12 V7 10 I 8 VII 4 ii7 3 iio 2 viid 2 VII7 2", "IV7": "V 4 VII7 5 V7 4 VII 2",
        "IVm": "V 5 V7 4 VII 2 viio 2", "V": "I 18 VI 5 V7 5 IV 1 v 0.5 Ip 0.7", "V7": "I 22 VI 5 Ip 1", "v": "VI 4 IV 4 I 2 VII 1",
        "VI": "iio 4 IV 5 V 5 V7 4 III 3 VII 3 ii7 4 N 1 I 1", "VI7": "ii7 4 IV 2 iio 1", "VII": "III 14 I 3 VI 2 VII7 3 V 1",
        "VII7": "III 12 VI 1", "viio": "I 10", "viid": "I 14 V7 4 V 2", "N": "V 6 V7 6 viid 2", "I7": "IV 3 VI 4 ii7 2",
        "Ip": "IV 6 iio 1",
    },
}
NEAR = {"major": ((7, "major", 6), (9, "minor", 5), (5, "major", 3), (2, "minor", 2), (4, "minor", 1), (0, "minor", 1),
                  (8, "major", 0.5), (3, "major", 0.5)),
        "minor": ((3, "major", 7), (7, "minor", 4), (5, "minor", 3), (8, "major", 2), (10, "major", 1), (0, "major", 1))}
# What an applied chord may lead to, and beats of a bar that chords share, by how many beats it has.
TARGETS = {"ii", "iii", "IV", "V", "vi", "VI", "III", "VII", "V7", "ii7"}
SHARES = {4: ((4,), (2, 2), (2, 1, 1), (1, 1, 2), (3, 1), (1, 1, 1, 1), (1, 3)),
          3: ((3,), (2, 1), (1, 2), (1, 1, 1)), 2: ((2,), (1, 1)), 5: ((5,), (3, 2))}


class Span:
    """One chord: where, what, over which bass, and the scale that its passing notes are taken from."""

    def __init__(self, root, quality, bass, key, name=""):
        self.root, self.quality, self.bass, self.key, self.name = root % 12, quality, bass % 12, key, name
        self.tones = [(root + above) % 12 for above in CHORDS[quality]]
        self.start = self.end = 0.0
        # What an analyst writes; none when it is only heard in passing.
        self.label = (self.root, quality)
        own = {(key[0] + step) % 12 for step in SCALES[key[1]]}
        foreign = [tone for tone in self.tones if tone not in own]
        self.scale = {tone for tone in own if all((tone - f) % 12 not in (1, 11) for f in foreign)} | set(self.tones)


def weighted(rng, pairs):
    names, weights = zip(*pairs)
    return rng.choices(names, weights)[0]


def follower(rng, mode, name):
    words = FOLLOWS[mode][name].split()
    return weighted(rng, list(zip(words[::2], map(float, words[1::2]))))


def chord(rng, key, name, plain=False):
    up, quality, inversions = VOCABULARY[key[1]][name]
    which = 0 if plain else rng.choices(range(len(inversions)), inversions)[0]
    return Span(key[0] + up, quality, key[0] + up + CHORDS[quality][which], key, name)


def applied(rng, target):
    """A dominant of the next chord."""
    kind = weighted(rng, (("7", 8), ("maj", 2.5), ("dim7", 5), ("dim", 1.5), ("hdim7", 0.7)))
    root = target.root + (7 if kind in ("7", "maj") else 11)
    bass = root + rng.choice(CHORDS[kind])
    mode = "minor" if target.quality.startswith("min") else "major"
    return Span(root, kind, bass, (target.root, mode), "applied")


def phrase(rng, key, count, taste):
    """So many chords or a few more, and a cadence."""
    name, found = rng.choice(("I", "I", "I", "I", "V", "vi" if key[1] == "major" else "VI")), []
    while len(found) < count:
        found.append(chord(rng, key, name, plain=name == "I" and not found))
        if rng.random() < taste["sequence"] and name in ("I", "vi", "VI"):
            found += sequence(rng, key)
        name = follower(rng, key[1], name)
        if name in TARGETS and rng.random() < taste["applied"]:
            found.append(applied(rng, chord(rng, key, name)))
    return found + cadence(rng, key)


def sequence(rng, key):
    """Roots that fall by fifths through the scale, as triads or with every seventh."""
    steps = SCALES[key[1]] if key[1] == "major" else (0, 2, 3, 5, 7, 8, 10)
    sevenths, at, found = rng.random() < 0.5, rng.choice((3, 5, 6)), []
    for _ in range(rng.randint(3, 5)):
        tones = [(steps[(at + 2 * third) % 7] - steps[at % 7]) % 12 for third in range(4 if sevenths else 3)]
        quality = next((code for code, own in CHORDS.items() if own == tuple(tones)), "maj")
        root = key[0] + steps[at % 7]
        found.append(Span(root, quality, root + rng.choice((0, 0, 0, CHORDS[quality][1])), key, "sequence"))
        at += 3
    return found


def cadence(rng, key):
    before = weighted(rng, (("IV", 4), ("ii" if key[1] == "major" else "iio", 3), ("ii7", 4), ("I", 1)))
    found = [chord(rng, key, before)]
    if rng.random() < 0.4:
        minor = key[1] == "minor"
        found.append(Span(key[0], "min" if minor else "maj", key[0] + 7, key, "64"))
    found.append(chord(rng, key, rng.choice(("V", "V7", "V7")), plain=True))
    kind = rng.random()
    if kind < 0.75:
        found.append(chord(rng, key, "I", plain=True))
    elif kind < 0.85:
        found.append(chord(rng, key, "vi" if key[1] == "major" else "VI", plain=True))
    return found


def lay(rng, chords, bar, beats, taste):
    """Gives the chords their places: bars are shared in few ways, so that a piece has a pace."""
    at, left, unit = 0.0, list(chords), bar / beats
    spans = []
    while left:
        if rng.random() < taste["slow"]:
            share = (beats * rng.choice((1, 1, 2)),)
        else:
            share = weighted(rng, taste["shares"])
        if len(left) == 1:
            share = (beats,)
        for length in share:
            if not left:
                break
            one = left.pop(0)
            one.start, one.end = at, at + length * unit
            at = one.end
            spans.append(one)
    whole = -(-at // bar) * bar
    spans[-1].end = whole
    return spans, whole


def quickened(rng, spans, chance, unit):
    """Some dominants get their seventh late; some chords are two, half as long."""
    found = []
    for span, after in zip(spans, spans[1:] + spans[-1:]):
        found.append(span)
        length = span.end - span.start
        if span.quality == "maj" and (span.root - after.root) % 12 == 7 and rng.random() < chance:
            late = Span(span.root, "7", span.bass, span.key, "late")
            late.start, late.end = span.end - min(length / 2, unit * rng.choice((0.5, 0.5, 1))), span.end
            span.end = late.start
            found.append(late)
        elif abs(length - unit) < 0.01 and rng.random() < chance / 2:
            # Between two chords stands one that leads to the second.
            extra = applied(rng, after) if rng.random() < 0.4 else chord(rng, span.key, follower(rng, span.key[1], "I"))
            extra.start, extra.end = span.end - length / 2, span.end
            span.end = extra.start
            found.append(extra)
    return found


def progression(rng, bars, bar, beats, is_quick=False):
    """Chords of a piece of about so many bars, in order and without gaps."""
    slow = 0.5 if is_quick else 2.0
    weights = [(share, rng.random() ** 2 * (slow if len(share) < 3 else 1.0)) for share in SHARES[beats]]
    taste = {"applied": rng.choice((0.1, 0.2, 0.4)), "sequence": rng.choice((0.0, 0.1, 0.25)),
             "slow": 0.0 if is_quick else rng.choice((0.0, 0.0, 0.0, 0.3, 0.6, 0.9)), "shares": weights}
    halves = rng.choice((0.1, 0.25)) if is_quick else rng.choice((0.0, 0.1, 0.2))
    home = (rng.randrange(12), rng.choice(("major", "major", "minor")))
    key, spans, at = home, [], 0.0
    while at < bars * bar:
        found, length = lay(rng, phrase(rng, key, rng.randint(3, 7), taste), bar, beats, taste)
        found = quickened(rng, found, halves, bar / beats)
        if rng.random() < 0.08:
            # A bass that stays.
            for one in found:
                one.bass = key[0] if rng.random() < 0.97 else one.bass
        for one in found:
            one.start, one.end = one.start + at, one.end + at
        spans, at = spans + found, at + length
        key = home if rng.random() < 0.4 else next_key(rng, key)
    last = chord(rng, home, "I", plain=True)
    last.start, last.end = at, at + bar
    return spans + [last]


def next_key(rng, key):
    up, mode = weighted(rng, [((up, mode), weight) for up, mode, weight in NEAR[key[1]]])
    return (key[0] + up) % 12, mode
