//! Packets as browsers send them, as networks deliver them, and as strangers do.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

/// A key frame of 64 by 48 pixels as far as its header goes; what follows is anything.
fn key_frame(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 64, 0, 48, 0];
    frame.extend((frame.len()..bytes).map(|idx| idx as u8));
    frame
}

fn packet(sequence: u16, marker: bool, payload: Vec<u8>) -> RtpPacket {
    RtpPacket { ssrc: 5, sequence, timestamp: 90_000, payload_type: 96, marker, payload }
}

/// A frame in packets of 1,000 bytes, whose descriptors have a picture's number of two bytes.
fn packets(first: u16, frame: &[u8]) -> Vec<RtpPacket> {
    let pieces = frame.chunks(1_000).enumerate();
    let last = frame.len().div_ceil(1_000) - 1;
    let made = pieces.map(|(idx, piece)| {
        let descriptor = [if idx == 0 { 0x90 } else { 0x80 }, 0x80, 0x81, 0x22];
        packet(first.wrapping_add(idx as u16), idx == last, [&descriptor, piece].concat())
    });
    made.collect()
}

fn push(assembler: &mut Assembler, packets: &[RtpPacket]) -> Vec<Brought> {
    let brought = packets.iter().map(|packet| assembler.push(packet));
    brought.filter(|brought| *brought != Brought::Nothing).collect()
}

fn files(brought: &[Brought]) -> Vec<&[u8]> {
    let pictures = brought.iter().filter_map(|brought| match brought {
        Brought::Picture(picture) => Some(picture.file.as_slice()),
        _ => None,
    });
    pictures.collect()
}

#[test]
fn a_key_frame_becomes_a_file() {
    for (bytes, first) in [(10, 0), (999, 7), (1_000, 9), (4_321, 65_534), (4_322, 65_535)] {
        let frame = key_frame(bytes);
        let brought = push(&mut Assembler::default(), &packets(first, &frame));
        let [file] = files(&brought)[..] else { panic!("{bytes} bytes: {brought:?}") };
        assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WEBPVP8 "[..]));
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four")) as usize;
        assert_eq!((number(4), number(16)), (file.len() - 8, bytes), "what the file says of its lengths");
        assert_eq!(&file[20..20 + bytes], frame);
        assert!(file.len().is_multiple_of(2) && file.len() <= 20 + bytes + 1);
        assert!(!format!("{brought:?}").contains("file"), "never its bytes");
    }
}

#[test]
fn what_is_no_key_frame_is_let_go_without_a_word() {
    let mut between = key_frame(3_000);
    between[0] |= 1;
    let mut without_code = key_frame(3_000);
    without_code[3] = 0;
    let mut second_partition = packets(0, &key_frame(3_000));
    second_partition[0].payload[0] |= 1;
    for packets in [packets(0, &between), packets(0, &without_code), second_partition] {
        assert_eq!(push(&mut Assembler::default(), &packets), []);
    }
    let mut assembler = Assembler::default();
    assert_eq!(push(&mut assembler, &packets(0, &between)), []);
    assert_eq!(files(&push(&mut assembler, &packets(3, &key_frame(3_000)))).len(), 1);
}

#[test]
fn a_gap_or_another_sender_throws_away_what_had_begun_and_the_next_one_counts() {
    let whole = packets(100, &key_frame(5_000));
    let mut gap = whole.clone();
    gap.remove(2);
    let mut swapped = whole.clone();
    swapped.swap(2, 3);
    let mut other = whole.clone();
    other[2].ssrc = 6;
    let mut later = whole.clone();
    later[3].timestamp += 3_000;
    let mut empty = whole.clone();
    empty[3].payload.truncate(4);
    for broken in [gap, swapped, other, later, empty] {
        let mut assembler = Assembler::default();
        assert_eq!(push(&mut assembler, &broken), [Brought::Loss]);
        assert_eq!(files(&push(&mut assembler, &packets(200, &key_frame(2_000)))).len(), 1);
    }
    // One that breaks off is lost when the next one begins, and that one is not.
    let mut assembler = Assembler::default();
    assert_eq!(push(&mut assembler, &whole[..3]), []);
    let brought = push(&mut assembler, &packets(200, &key_frame(2_000)));
    assert_eq!((brought.len(), &brought[0], files(&brought).len()), (2, &Brought::Loss, 1));
}

#[test]
fn packets_that_come_twice_change_nothing() {
    let whole = packets(65_534, &key_frame(5_000));
    let twice = whole.iter().flat_map(|packet| [packet.clone(), whole[0].clone(), packet.clone()]);
    let once = push(&mut Assembler::default(), &whole);
    assert_eq!(push(&mut Assembler::default(), &twice.collect::<Vec<_>>())[..1], once[..]);
    let mut assembler = Assembler::default();
    assert_eq!(push(&mut assembler, &whole[..3]), []);
    assembler.rest();
    assert_eq!(push(&mut assembler, &whole[3..]), [], "forgotten");
}

#[test]
fn a_frame_without_end_is_bounded() {
    let mut assembler = Assembler::default();
    let mut endless = packets(0, &key_frame(MAX_FILE + 2_000));
    endless.last_mut().expect("one").marker = false;
    assert_eq!(push(&mut assembler, &endless), [Brought::Loss]);
    let largest = key_frame(MAX_FILE - AROUND);
    let brought = push(&mut assembler, &packets(0, &largest));
    assert!(files(&brought)[0].len() <= MAX_FILE);
}

#[test]
fn descriptors_of_every_length_are_read_and_broken_ones_are_not() {
    for (descriptor, begins) in [
        (&[0x10][..], true),
        (&[0x00], false),
        (&[0x11], false),
        (&[0x30], true),
        (&[0x90, 0x00], true),
        (&[0x90, 0x80, 0x01], true),
        (&[0x90, 0x80, 0x81, 0x01], true),
        (&[0x90, 0xc0, 0x01, 0x02], true),
        (&[0x90, 0xf0, 0x81, 0x01, 0x02, 0x03], true),
        (&[0x80, 0x20, 0x03], false),
    ] {
        let payload = [descriptor, &[7, 8]].concat();
        let read = piece(&payload).expect("a piece");
        assert_eq!((read.begins, read.bytes), (begins, &[7, 8][..]), "{descriptor:x?}");
        for length in 0..=descriptor.len() {
            assert!(piece(&payload[..length]).is_none(), "{length} of {descriptor:x?}");
        }
    }
}

#[test]
fn the_clock_goes_on_when_timestamps_go_round() {
    let mut clock = Clock::default();
    let begin = u32::MAX - 45_000;
    let times = [0u32, 45_000, 90_000, 900_000].map(|since| clock.micros(begin.wrapping_add(since)));
    assert_eq!(times, [0, 500_000, 1_000_000, 10_000_000]);
    assert_eq!(clock.micros(begin.wrapping_add(810_000)), 9_000_000, "one that was held up");
    assert_eq!(Clock::default().micros(7), 0);
}

#[test]
fn whatever_comes_nothing_breaks_and_nothing_grows() {
    let mut random = StdRng::seed_from_u64(741);
    let mut assembler = Assembler::default();
    let mut sequence = 0u16;
    for _ in 0..200_000 {
        let mut payload = vec![0; random.random_range(0..40)];
        random.fill(payload.as_mut_slice());
        // Often enough one that begins well, so that the rest is reached.
        if random.random_ratio(1, 4) {
            payload = [&[0x10][..], &key_frame(10), &payload].concat();
        }
        sequence = match random.random_range(0..20) {
            0 => random.random(),
            1 => sequence,
            _ => sequence.wrapping_add(1),
        };
        let packet = RtpPacket {
            ssrc: u32::from(random.random_ratio(1, 50)),
            sequence,
            timestamp: if random.random_ratio(1, 30) { random.random() } else { 0 },
            payload_type: 96,
            marker: random.random_ratio(1, 3),
            payload,
        };
        if let Brought::Picture(picture) = assembler.push(&packet) {
            assert!(picture.file.len() <= MAX_FILE && picture.file[20..].starts_with(&key_frame(10)));
        }
        assert!(assembler.begun.as_ref().is_none_or(|begun| begun.frame.len() <= MAX_FILE));
    }
}
