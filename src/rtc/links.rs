//! STUN and TURN servers as headers, for players that speak WHIP (RFC 9725 §4.6): they have no other way to learn of them.

use axum::http::HeaderValue;
use duologue_rtc::config::IceServer;

/// A header `Link` for each address. What cannot stand in a header is left out: a player without that server may still
/// find its way.
pub(super) fn links(servers: &[IceServer]) -> Vec<HeaderValue> {
    let addresses = servers.iter().flat_map(|server| server.urls.iter().map(move |url| (url, server)));
    addresses.filter_map(|(url, server)| link(url, server)).collect()
}

fn link(url: &str, IceServer { username, credential, .. }: &IceServer) -> Option<HeaderValue> {
    let mut text = format!("<{url}>; rel=\"ice-server\"");
    if !credential.is_empty() {
        let (name, password) = (quoted(username), quoted(credential));
        text += &format!("; username={name}; credential={password}; credential-type=\"password\"");
    }
    let mut value = HeaderValue::from_str(&text).ok().filter(|_| !url.contains(['<', '>']))?;
    value.set_sensitive(true);
    Some(value)
}

/// As HTTP quotes (RFC 9110 §5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, username: &str, credential: &str) -> IceServer {
        IceServer { urls: vec![url.into()], username: username.into(), credential: credential.into() }
    }

    #[test]
    fn each_server_is_a_link() {
        let servers = [
            server("stun:stun.example.net", "", ""),
            server("turn:turn.example.net?transport=udp", "user", r#"a"b\c"#),
            server("turn:turn.example.net", "user", "line\nbreak"),
            server("stun:a>, <stun:b", "", ""),
        ];
        let told = links(&servers);
        assert!(told.iter().all(HeaderValue::is_sensitive), "kept out of logs");
        assert_eq!(
            told.iter().map(|value| value.to_str().expect("text")).collect::<Vec<_>>(),
            [
                r#"<stun:stun.example.net>; rel="ice-server""#,
                r#"<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="a\"b\\c"; credential-type="password""#,
            ]
        );
    }
}
