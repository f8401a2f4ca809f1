//! Offers and trickled candidates of any content: an offer that is bounded and complete, or a refusal with a code; never a
//! panic, neither here nor in the reader of the library, which sees only what was let through.
#![no_main]

use duologue_rtc::sdp::{Fragment, MAX_CANDIDATES, MAX_OFFER_BYTES, Offer};
use libfuzzer_sys::fuzz_target;
use webrtc::peer_connection::RTCSessionDescription;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match Offer::read(&text) {
        Ok(offer) => {
            assert!(text.len() <= MAX_OFFER_BYTES && offer.candidates <= MAX_CANDIDATES);
            // Made plain, it is read as the same.
            let again = Offer::read(offer.sdp()).expect("what was read can be read");
            assert_eq!((again.opus, again.audio, again.has_data), (offer.opus, offer.audio, offer.has_data));
            let _ = RTCSessionDescription::offer(offer.sdp().to_owned());
        }
        Err(error) => assert!(!error.code().is_empty()),
    }
    if let Err(error) = Fragment::read(&text) {
        assert!(!error.code().is_empty());
    }
});
