//! The listening socket: how many connections one address and all together may hold, and for how long a silent one.
//!
//! A connection over which nothing moves in either direction is closed: whoever never finishes a request, never reads
//! an answer, or vanished behind a dead network holds a descriptor and memory. WebSockets move all the time by their
//! pings. Small events leave at once (`TCP_NODELAY`): waiting for the acknowledgement of the one before costs up to
//! 40 ms each.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Instant, Sleep, sleep_until},
};

use crate::http::client::{Proxies, subject};

/// What a door lets in.
#[derive(Clone, Debug)]
pub(crate) struct DoorLimits {
    /// Connections of one address; of this machine and of trusted proxies, as many as of all.
    pub(crate) per_client: usize,
    /// Connections of all.
    pub(crate) total: usize,
    /// A connection over which nothing moved for so long is closed.
    pub(crate) idle: Duration,
    /// Addresses behind which many clients are.
    pub(crate) proxies: Proxies,
}

/// A listener with limits.
pub(crate) struct Door {
    listener: TcpListener,
    idle: Duration,
    book: Arc<Book>,
}

/// Who holds how many connections.
struct Book {
    limits: DoorLimits,
    held: Mutex<HashMap<IpAddr, usize>>,
}

impl Book {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        let is_many = address.is_loopback() || self.limits.proxies.trusts(address);
        let most = if is_many { self.limits.total } else { self.limits.per_client };
        let address = subject(address);
        let mut held = self.lock();
        let all = held.values().sum::<usize>();
        let own = held.get(&address).copied().unwrap_or(0);
        if own >= most || all >= self.limits.total {
            return None;
        }
        held.insert(address, own + 1);
        Some(Seat { book: self.clone(), address })
    }
}

/// One connection's entry in the book.
struct Seat {
    book: Arc<Book>,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.book.lock();
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

impl Door {
    pub(crate) fn new(listener: TcpListener, limits: DoorLimits) -> Self {
        let idle = limits.idle;
        Self { listener, idle, book: Arc::new(Book { limits, held: Mutex::default() }) }
    }
}

impl Listener for Door {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        loop {
            let (socket, address) = Listener::accept(&mut self.listener).await;
            let Some(seat) = self.book.take(address.ip()) else {
                // Closed at once: an answer would cost what the limit is to save.
                metrics::counter!("connections_refused_total").increment(1);
                continue;
            };
            // A socket that is already gone says so at the first read.
            let _ = socket.set_nodelay(true);
            return (Held::new(socket, seat, self.idle), address);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection that closes when nothing moves.
pub(crate) struct Held {
    socket: TcpStream,
    idle: Duration,
    moved: Instant,
    alarm: Pin<Box<Sleep>>,
    _seat: Seat,
}

impl Held {
    fn new(socket: TcpStream, seat: Seat, idle: Duration) -> Self {
        let moved = Instant::now();
        Self { socket, idle, moved, alarm: Box::pin(sleep_until(moved + idle)), _seat: seat }
    }

    /// Something moved, or, when nothing has for too long, an error.
    fn watched<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.moved = Instant::now();
            return poll;
        }
        while self.alarm.as_mut().poll(context).is_ready() {
            let due = self.moved + self.idle;
            if Instant::now() >= due {
                metrics::counter!("connections_idle_closed_total").increment(1);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.watched(context, poll)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.watched(context, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write_vectored(context, bytes);
        self.watched(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn limits(per_client: usize, total: usize) -> DoorLimits {
        DoorLimits { per_client, total, idle: Duration::from_millis(200), proxies: Proxies::default() }
    }

    #[test]
    fn an_address_holds_its_share_and_gives_it_back() {
        let book = Arc::new(Book { limits: limits(2, 4), held: Mutex::default() });
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let seats = (0..9).filter_map(|_| book.take(address("192.0.2.1"))).collect::<Vec<_>>();
        assert_eq!(seats.len(), 2);
        let local = (0..9).filter_map(|_| book.take(address("127.0.0.1"))).collect::<Vec<_>>();
        assert_eq!(local.len(), 2, "four in all");
        drop(seats);
        assert!(book.take(address("192.0.2.2")).is_some());
        drop(local);
        assert!(book.lock().is_empty(), "nobody is remembered");
    }

    #[tokio::test]
    async fn a_silent_connection_is_closed_and_one_that_moves_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut door = Door::new(listener, limits(9, 9));
        let mut client = TcpStream::connect(address).await.expect("connected");
        let (mut held, _) = door.accept().await;
        assert!(held.socket.nodelay().expect("an option"));
        let mut byte = [0];
        for _ in 0..5 {
            client.write_all(b"x").await.expect("sent");
            held.read_exact(&mut byte).await.expect("it moves");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let error = held.read_exact(&mut byte).await.expect_err("nothing moves any more");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(held);
        assert!(door.book.lock().is_empty());
    }
}
