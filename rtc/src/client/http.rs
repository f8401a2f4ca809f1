//! One request of HTTP/1.1 over a plain socket: all that signalling needs, so that no client library comes along.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::CallError;
use crate::sdp::FRAGMENT_TYPE;

/// Largest answer that is read; SDP has 2 KB.
const MAX_ANSWER: u64 = 256 * 1024;

/// An answer takes no longer, even over a bad network.
const WITHIN: Duration = Duration::from_secs(30);

/// What the server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// 201 when the call was taken.
    pub status: u16,
    /// The answer's SDP, or why there is none.
    pub body: String,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Posts an offer to `http://host:port/path`.
///
/// # Errors
/// The address is another kind, or the server cannot be reached, or what it answers is no HTTP.
pub async fn post(url: &str, bearer: Option<&str>, offer: &str) -> Result<Answer, CallError> {
    let bearer = bearer.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    ask("POST", url, &format!("Content-Type: application/sdp\r\n{bearer}"), offer).await
}

/// Sends a fragment to a call that goes on, with its session's secret.
///
/// # Errors
/// As for [`post`].
pub async fn patch(url: &str, secret: Option<&str>, fragment: &str) -> Result<Answer, CallError> {
    let secret = secret.map_or(String::new(), |secret| format!("X-Duologue-Secret: {secret}\r\n"));
    ask("PATCH", url, &format!("Content-Type: {FRAGMENT_TYPE}\r\n{secret}"), fragment).await
}

async fn ask(method: &str, url: &str, headers: &str, body: &str) -> Result<Answer, CallError> {
    let wrong = || CallError::Http(format!("{url} is not of the form http://host:port/path"));
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes =
        timeout(WITHIN, exchange).await.map_err(|_| CallError::Http(format!("{host} did not answer")))??;
    parse(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| CallError::Http(format!("{host} does not speak HTTP")))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers =
        headers.map(|(key, value)| (key.trim().to_lowercase(), value.trim().to_owned())).collect::<Vec<_>>();
    let mut answer = Answer { status, body: body.to_owned(), headers };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = joined(body)?;
    }
    Some(answer)
}

/// The pieces of a body whose length was not known before (RFC 9112 §7.1).
fn joined(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let length = usize::from_str_radix(length.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(rest.get(..length)?);
        chunks = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let plain =
            "HTTP/1.1 201 Created\r\nLocation: /v1/realtime/calls/rtc_1\r\nContent-Length: 3\r\n\r\nv=0";
        let answer = parse(plain).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (201, "v=0"));
        assert_eq!(answer.header("location"), Some("/v1/realtime/calls/rtc_1"));
        let chunked = "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, "abcde");
        for broken in [
            "",
            "HTTP/1.1\r\n\r\n",
            "SIP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nab",
        ] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[tokio::test]
    async fn addresses_of_another_kind_are_refused() {
        for url in ["https://127.0.0.1/x", "127.0.0.1", "http://127.0.0.1"] {
            assert!(matches!(post(url, None, "").await, Err(CallError::Http(_))), "{url}");
        }
    }
}
