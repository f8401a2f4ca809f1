"""Writes Standard MIDI Files."""

import struct

TICKS = 480


def number(value):
    found = [value & 127]
    while value > 127:
        value >>= 7
        found.append(value & 127 | 128)
    return bytes(reversed(found))


def write(path, parts, metres):
    """Parts: lists of (onset, length, pitch) in quarter notes. Metres: (onset, text such as 3/4)."""
    first = [(0, 0, b"\xff\x51\x03\x0a\x2c\x2a")]
    for at, text in metres:
        num, den = map(int, text.split("/"))
        first.append((round(at * TICKS), 0, bytes((0xFF, 0x58, 4, num, den.bit_length() - 1, 24, 8))))
    tracks = [first]
    for channel, part in enumerate(parts):
        events = []
        for onset, length, pitch in part:
            start = round(onset * TICKS)
            events.append((start, 1, bytes((0x90 | channel, pitch, 80))))
            events.append((max(start + 1, round((onset + length) * TICKS)), 0, bytes((0x80 | channel, pitch, 0))))
        tracks.append(events)
    with open(path, "wb") as file:
        file.write(b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS))
        for events in tracks:
            data, last = b"", 0
            for at, _, message in sorted(events):
                data, last = data + number(at - last) + message, at
            data += b"\0\xff\x2f\0"
            file.write(b"MTrk" + struct.pack(">I", len(data)) + data)
