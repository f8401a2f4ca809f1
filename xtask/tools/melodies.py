"""Melodies of music21's corpus, for `cargo xtask train-improv`: only what may be used freely.

    pip install music21==10.5.1
    python3 xtask/tools/melodies.py OUT

writes OUT/melodies.jsonl, one piece a line: {"id", "group", "metre": [num, den], "notes": [[onset, duration, pitch, place
in the bar]…]}, times in quarter notes, and OUT/midi/<id>.mid, from which `duologue midi analyze` tells keys and chords.

Groups: `bach` (sopranos of the chorales, with all voices in the MIDI file), `ryan` (Ryan's Mammoth Collection, 1883),
`rag` (Joplin, the upper line of the right hand). The Essen songs are left out: their terms do not allow it.
"""

import hashlib
import json
import pathlib
import struct
import sys

import music21

GROUPS = {"bach": "bach", "ryan": "ryansMammoth", "rag": "joplin"}
FEWEST = 24


def line_of(part):
    """The highest notes of a part, one at a time, each with its place in the bar."""
    found = {}
    for measure in part.getElementsByClass(music21.stream.Measure):
        start = measure.offset
        padding = measure.paddingLeft or 0.0
        for note in measure.recurse().notes:
            if isinstance(note, music21.harmony.Harmony) or note.duration.isGrace or note.quarterLength <= 0:
                continue
            inside = float(note.getOffsetInHierarchy(measure))
            onset = float(start) + inside
            pitch = max(p.midi for p in note.pitches)
            if onset not in found or found[onset][1] < pitch:
                found[onset] = (float(note.quarterLength), pitch, inside + float(padding))
    notes = []
    for onset in sorted(found):
        duration, pitch, place = found[onset]
        if notes and notes[-1][0] + notes[-1][1] > onset:
            notes[-1][1] = onset - notes[-1][0]
        notes.append([onset, duration, int(pitch), place])
    return notes


def number(value):
    """A MIDI variable-length number."""
    found = [value & 127]
    while value := value >> 7:
        found.insert(0, 128 | (value & 127))
    return bytes(found)


def write_midi(parts, metre, path):
    """A plain file of what is written, without repeats, so that its times are those of the melody."""
    power = metre.denominator.bit_length() - 1
    chunks = [bytes([0, 0xFF, 0x58, 4, metre.numerator, power, 24, 8, 0, 0xFF, 0x2F, 0])]
    for part in parts:
        events = []
        for note in part.recurse().notes:
            if isinstance(note, music21.harmony.Harmony) or note.duration.isGrace or note.quarterLength <= 0:
                continue
            begin = round(float(note.getOffsetInHierarchy(part)) * 480)
            end = begin + max(1, round(float(note.quarterLength) * 480))
            for pitch in note.pitches:
                events += [(begin, 1, 0x90, pitch.midi), (end, 0, 0x80, pitch.midi)]
        chunk, last = b"", 0
        for tick, _, status, key in sorted(events):
            chunk += number(tick - last) + bytes([status, key, 80])
            last = tick
        chunks.append(chunk + bytes([0, 0xFF, 0x2F, 0]))
    with open(path, "wb") as file:
        file.write(b"MThd" + struct.pack(">IHHH", 6, 1, len(chunks), 480))
        for chunk in chunks:
            file.write(b"MTrk" + struct.pack(">I", len(chunk)) + chunk)


def pieces():
    for group, composer in GROUPS.items():
        for path in sorted(music21.corpus.getComposer(composer)):
            yield group, pathlib.Path(path)


def scores(path):
    parsed = music21.converter.parse(path)
    return list(parsed.scores) if isinstance(parsed, music21.stream.Opus) else [parsed]


def main(out):
    (out / "midi").mkdir(parents=True, exist_ok=True)
    seen, counts = set(), {}
    with open(out / "melodies.jsonl", "w", encoding="utf-8") as lines:
        for group, path in pieces():
            try:
                found = scores(path)
            except Exception as error:  # a file that music21 itself cannot read is left out, and told
                print(f"{path.name}: {error}", file=sys.stderr)
                continue
            for place, score in enumerate(found):
                name = f"{group}-{path.stem}-{place}".replace(" ", "_")
                try:
                    if group == "bach" and len(score.parts) != 4:
                        continue
                    part = score.parts[0].stripTies()
                    notes = line_of(part)
                    metre = next(iter(part.recurse().getElementsByClass(music21.meter.TimeSignature)))
                    steps = [b[2] - a[2] for a, b in zip(notes, notes[1:])]
                    same = hashlib.sha256(repr(steps[:40]).encode()).hexdigest()
                    if len(notes) < FEWEST or same in seen:
                        continue
                    write_midi([part.stripTies() for part in score.parts], metre, out / "midi" / f"{name}.mid")
                except Exception as error:
                    print(f"{name}: {error}", file=sys.stderr)
                    continue
                seen.add(same)
                counts[group] = counts.get(group, 0) + len(notes)
                record = {
                    "id": name,
                    "group": group,
                    "metre": [metre.numerator, metre.denominator],
                    "notes": notes,
                }
                lines.write(json.dumps(record) + "\n")
    print(json.dumps({"pieces": len(seen), "notes": counts}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
