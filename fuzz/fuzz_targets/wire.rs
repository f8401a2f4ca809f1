//! Events of any content: a command, audio, or a refusal that says what to do; never a panic.
//!
//! The decoder is compiled by itself, so that this target does not drag in the server and its models.
#![no_main]

#[path = "../../src/ws/decode.rs"]
mod decode;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = decode::decode(&text) {
        assert!(!error.code.is_empty() && !error.message.is_empty());
        let _ = error.into_event();
    }
    let _ = decode::samples(bytes);
});
