//! Packets of any content at any time: the ear gives 20 ms whenever it is asked, its buffer stays bounded, and what was
//! decoded is never longer than a packet can be; never a panic, and never a length that libopus cannot take.
#![no_main]

use duologue_domain::jitter::{Buffer, CAPACITY, Packet, Step};
use duologue_rtc::codec::{Decoder, Ear, SAMPLES};
use libfuzzer_sys::fuzz_target;

/// Bytes before each payload: sequence, timestamp, sender, milliseconds, length.
const HEAD: usize = 9;

fuzz_target!(|bytes: &[u8]| {
    let (Ok(mut ear), Ok(mut decoder)) = (Ear::new(), Decoder::new()) else { return };
    let mut buffer = Buffer::default();
    let (mut rest, mut now) = (bytes, 0u64);
    while let Some((head, body)) = rest.split_at_checked(HEAD) {
        let length = usize::from(head[8]).min(body.len());
        let packet = Packet {
            ssrc: u32::from(head[6] & 1),
            sequence: u16::from_le_bytes([head[0], head[1]]),
            timestamp: u32::from_le_bytes([head[2], head[3], head[4], head[5]]),
            payload: body[..length].to_vec(),
        };
        rest = &body[length..];
        if let Ok(sound) = decoder.decode(&packet.payload) {
            assert!(sound.len() <= 6 * SAMPLES);
        }
        if let Ok(sound) = decoder.recover(&packet.payload, usize::from(head[7])) {
            assert_eq!(sound.len(), usize::from(head[7]));
        }
        buffer.push(packet.clone(), now);
        ear.push(packet, now);
        assert!(buffer.len() <= CAPACITY);
        now += u64::from(head[7]) * 1_000;
        if let Step::Recover { span, .. } | Step::Conceal { span } = buffer.pull(now, head[6] & 2 == 0) {
            assert!(span > 0);
        }
        if let Some(frame) = ear.pull(now) {
            assert_eq!(frame.len(), SAMPLES);
        }
    }
});
