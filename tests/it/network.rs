//! A network between client and server that a test can cut and freeze.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What all connections through it share.
#[derive(Debug)]
struct Line {
    /// Bytes that still go from the server to the client before the connection is cut, wherever that is.
    budget: AtomicI64,
    /// Connections so far.
    connections: AtomicUsize,
    /// Connections before this one are silent, and stay so.
    frozen_before: AtomicUsize,
}

/// The network. It ends with the test's runtime.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) url: String,
    line: Arc<Line>,
}

impl Network {
    /// To the server at `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let target = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let line = Arc::new(Line {
            budget: AtomicI64::new(i64::MAX),
            connections: AtomicUsize::new(0),
            frozen_before: AtomicUsize::new(0),
        });
        let shared = line.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                let index = shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, server, shared.clone(), index));
            }
        });
        Self { url: format!("http://127.0.0.1:{port}"), line }
    }

    /// The connection is cut after so many more bytes to the client.
    pub(crate) fn cut_after(&self, bytes: i64) {
        self.line.budget.store(bytes, Ordering::SeqCst);
    }

    /// What is connected now hears nothing any more, and is not told either.
    pub(crate) fn freeze(&self) {
        self.line.frozen_before.store(self.line.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// Until either side ends or the line is cut; then both are closed at once.
async fn carry(client: TcpStream, server: TcpStream, line: Arc<Line>, index: usize) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = copy(from_client, to_server, &line, (index, false));
    let down = copy(from_server, to_client, &line, (index, true));
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: &Line, way: (usize, bool)) {
    let (index, counts) = way;
    let mut buffer = vec![0; 4096];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        if index < line.frozen_before.load(Ordering::SeqCst) {
            // Neither end learns anything.
            return std::future::pending().await;
        }
        let before = if counts { line.budget.fetch_sub(count as i64, Ordering::SeqCst) } else { i64::MAX };
        let allowed = count.min(usize::try_from(before).unwrap_or(0));
        if to.write_all(&buffer[..allowed]).await.is_err() || allowed < count {
            return;
        }
    }
}
