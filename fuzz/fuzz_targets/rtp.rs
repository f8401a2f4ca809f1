//! Packets of any content at any time, as they are played to somebody and as the server listens to them: the ear gives
//! 20 ms whenever it is asked, or what there is in a bounded number of steps; its buffer stays bounded, and what was decoded
//! is never longer than a packet can be; never a panic, and never a length that libopus cannot take. The same packets as a
//! camera's make pictures of a bounded size, or none.
#![no_main]

use duologue_domain::jitter::{Buffer, CAPACITY, Packet, Step};
use duologue_rtc::{
    RtpPacket,
    codec::{Decoder, Ear, SAMPLES},
    video::{Assembler, Brought, MAX_FILE},
};
use libfuzzer_sys::fuzz_target;

/// Bytes before each payload: sequence, timestamp, sender, milliseconds, length.
const HEAD: usize = 9;

/// Each packet that waits may be two seconds ahead of the one before; the rest is what was held back in a stall.
const STEPS_AT_ONCE: usize = CAPACITY * 2_000 / 20 + 200;

fuzz_target!(|bytes: &[u8]| {
    let (Ok(mut ear), Ok(mut listener), Ok(mut decoder)) = (Ear::new(), Ear::new(), Decoder::new()) else {
        return;
    };
    let (mut buffer, mut heard, mut camera) = (Buffer::default(), Buffer::default(), Assembler::default());
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
        let seen = RtpPacket {
            ssrc: packet.ssrc,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            payload_type: 96,
            marker: head[6] & 4 == 0,
            payload: packet.payload.clone(),
        };
        if let Brought::Picture(picture) = camera.push(&seen) {
            assert!(picture.file.len() <= MAX_FILE);
        }
        buffer.push(packet.clone(), now);
        heard.push(packet.clone(), now);
        listener.push(packet.clone(), now);
        ear.push(packet, now);
        assert!(buffer.len() <= CAPACITY && heard.len() <= CAPACITY);
        now += u64::from(head[7]) * 1_000;
        if let Step::Recover { span, .. } | Step::Conceal { span } = buffer.pull(now, head[6] & 2 == 0) {
            assert!(span > 0);
        }
        if let Some(frame) = ear.pull(now) {
            assert_eq!(frame.len(), SAMPLES);
        }
        // As the server does: until nothing more can be had by now.
        let steps = std::iter::from_fn(|| heard.take(now)).take(STEPS_AT_ONCE + 1).count();
        assert!(steps <= STEPS_AT_ONCE);
        listener.hear(now);
    }
});
