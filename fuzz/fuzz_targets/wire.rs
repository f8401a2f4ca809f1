//! Events of any content: a command, audio, landmarks, or a refusal that says what to do; never a panic.
//!
//! The decoder is compiled by itself, so that this target does not drag in the server and its models.
#![no_main]

#[path = "../../src/ws/landmarks/codec.rs"]
mod codec;
#[path = "../../src/ws/decode.rs"]
mod decode;
#[path = "../../src/ws/duet/decode.rs"]
mod duet_decode;
mod duet {
    pub use super::duet_decode as decode;
}

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = decode::decode(&text) {
        assert!(!error.code.is_empty() && !error.message.is_empty());
        let _ = error.into_event();
    }
    let _ = decode::samples(bytes);
    match codec::decode(bytes) {
        // Half a step of the 16 bits is all that may be lost.
        Ok(landmarks) => assert!(codec::decode(&codec::encode(&landmarks, 0)).is_ok_and(|again| again == landmarks)),
        Err(refused) => assert!(refused.code.starts_with("landmarks_") && !refused.message.is_empty()),
    }
});
