//! ICE begun anew under a call: what a browser does when its network is another one.

use rtc::peer_connection::configuration::RTCOfferOptions;
use tokio::time::timeout;
use webrtc::peer_connection::RTCSessionDescription;

use super::{Answer, Call, CallError, patch};
use crate::{config::PeerConfig, peer::ice_of};

impl Call {
    /// Looks for a new way to the server, from new sockets when [`PeerConfig::moves`] says so, and tells it by `PATCH`
    /// where the call is known, `http://host:port/path`. What the server answered: its fragment.
    ///
    /// # Errors
    /// The server refuses, or the connection is closed.
    pub async fn restart(&mut self, url: &str, secret: Option<&str>) -> Result<Answer, CallError> {
        self.gathering.send_replace(false);
        let options = RTCOfferOptions { ice_restart: true };
        let offer = self.connection.0.create_offer(Some(options)).await?;
        let mut gathered = self.gathering.subscribe();
        self.connection.0.set_local_description(offer).await?;
        let _ = timeout(PeerConfig::default().gather_within, gathered.wait_for(|complete| *complete)).await;
        let described = self.connection.0.local_description().await;
        let described = described.ok_or_else(|| CallError::Rtc("there is no offer".into()))?;
        let told = patch(url, secret, &ice_of(&described.sdp)).await?;
        if told.status != 200 {
            return Err(CallError::Refused(told));
        }
        self.answer = renewed(&self.answer, &told.body);
        let answer = RTCSessionDescription::answer(self.answer.clone())?;
        self.connection.0.set_remote_description(answer).await?;
        Ok(told)
    }
}

/// The answer with the credentials and candidates of a fragment.
fn renewed(answer: &str, fragment: &str) -> String {
    let keys = ["a=ice-ufrag:", "a=ice-pwd:"];
    let new = |key: &str| fragment.lines().find(|line| line.starts_with(key));
    let candidates = fragment.lines().filter(|line| line.starts_with("a=candidate:"));
    let mut text = String::with_capacity(answer.len());
    let mut push = |line: &str| {
        text.push_str(line);
        text.push_str("\r\n");
    };
    for line in answer.lines().filter(|line| !line.starts_with("a=candidate:")) {
        let key = keys.iter().find(|key| line.starts_with(**key));
        push(key.and_then(|key| new(key)).unwrap_or(line));
        if line.starts_with("a=mid:") {
            candidates.clone().for_each(&mut push);
        }
    }
    text
}
