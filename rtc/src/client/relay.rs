//! A bad network in this process, for machines whose kernel cannot make one: every datagram between a caller and a server
//! passes two sockets here, where it waits, is overtaken, or is lost.
//!
//! What is lost and how long each waits is drawn as `tc netem` draws it: loss independently of what was lost before, the
//! time evenly from `delay ± jitter`, so that packets overtake each other.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    net::UdpSocket,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::CallError;

/// Datagrams on their way at most, each direction; more are dropped: 20 s of sound. netem's own default is 1,000.
const ON_THE_WAY: usize = 1_000;

/// Largest datagram of WebRTC, with room.
const DATAGRAM: usize = 2_048;

/// What a network does to every packet, in each direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Share of packets that are lost, in percent.
    pub loss: f64,
    /// How long a packet takes.
    pub delay: Duration,
    /// By how much more or less; at most `delay`.
    pub jitter: Duration,
    /// The same seed draws the same numbers.
    pub seed: u64,
}

/// The relay; it ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    network: Network,
    /// What the server takes for the caller.
    to_server: Arc<UdpSocket>,
    /// What the caller takes for the server.
    to_caller: Arc<UdpSocket>,
    addresses: [SocketAddr; 2],
    caller: SocketAddr,
    counts: Arc<[AtomicU64; 2]>,
    server: Option<SocketAddr>,
    /// Nothing comes to the server, and nothing to the caller.
    cut: [Arc<AtomicBool>; 2],
    tasks: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Two sockets beside a caller's, whose address is in its offer.
    ///
    /// # Errors
    /// The offer has no address, or no port is free.
    pub async fn between(offer: &str, network: Network) -> Result<Self, CallError> {
        let caller = address(offer).ok_or_else(|| CallError::Rtc("the offer has no address".into()))?;
        let bind = SocketAddr::new(caller.ip(), 0);
        let to_server = Arc::new(UdpSocket::bind(bind).await?);
        let to_caller = Arc::new(UdpSocket::bind(bind).await?);
        let addresses = [to_server.local_addr()?, to_caller.local_addr()?];
        let (counts, cut) = (Arc::default(), Default::default());
        Ok(Self {
            network,
            to_server,
            to_caller,
            addresses,
            caller,
            counts,
            server: None,
            cut,
            tasks: Vec::new(),
        })
    }

    /// The address that stands for the caller in the offer.
    pub fn caller(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The address that stands for the server in the answer.
    pub fn server(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// Begins to pass datagrams on, to the server whose address is in its answer.
    ///
    /// # Errors
    /// The answer has no address.
    pub fn begin(&mut self, answer: &str) -> Result<(), CallError> {
        let server = address(answer).ok_or_else(|| CallError::Rtc("the answer has no address".into()))?;
        self.server = Some(server);
        let ways =
            [(&self.to_caller, &self.to_server, server), (&self.to_server, &self.to_caller, self.caller)];
        for (idx, (from, through, to)) in ways.into_iter().enumerate() {
            let way = Way {
                from: from.clone(),
                through: through.clone(),
                to,
                network: self.network,
                dice: StdRng::seed_from_u64(self.network.seed.wrapping_add(idx as u64)),
                waiting: BinaryHeap::new(),
                counts: self.counts.clone(),
                cut: self.cut[idx].clone(),
            };
            self.tasks.push(tokio::spawn(way.run()));
        }
        Ok(())
    }

    /// Sends a datagram to the server from the address that stands for the caller.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn forge(&self, datagram: &[u8]) -> Result<(), CallError> {
        if let Some(server) = self.server {
            self.to_server.send_to(datagram, server).await?;
        }
        Ok(())
    }

    /// Nothing comes to the caller any more, or all again.
    pub fn deafen(&self, deaf: bool) {
        self.cut[1].store(deaf, Ordering::Relaxed);
    }

    /// Nothing passes any more in either direction, or all again.
    pub fn cut(&self, cut: bool) {
        self.cut.iter().for_each(|way| way.store(cut, Ordering::Relaxed));
    }

    /// Datagrams that came, and of these the ones that were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts[0].load(Ordering::Relaxed), self.counts[1].load(Ordering::Relaxed))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// One direction.
struct Way {
    from: Arc<UdpSocket>,
    through: Arc<UdpSocket>,
    to: SocketAddr,
    network: Network,
    dice: StdRng,
    /// By the time at which each goes on.
    waiting: BinaryHeap<Reverse<(Instant, Vec<u8>)>>,
    counts: Arc<[AtomicU64; 2]>,
    cut: Arc<AtomicBool>,
}

impl Way {
    async fn run(mut self) {
        let mut datagram = vec![0; DATAGRAM];
        loop {
            let next = self.waiting.peek().map(|Reverse((at, _))| *at);
            let due = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.pass().await,
                received = self.from.recv_from(&mut datagram) => match received {
                    Ok((length, _)) => self.take(&datagram[..length]),
                    // An earlier datagram was refused by the other end, which tells nothing about this one.
                    Err(_) => tokio::task::yield_now().await,
                },
            }
        }
    }

    fn take(&mut self, datagram: &[u8]) {
        self.counts[0].fetch_add(1, Ordering::Relaxed);
        let lost = self.dice.random::<f64>() * 100.0 < self.network.loss;
        if lost || self.cut.load(Ordering::Relaxed) || self.waiting.len() == ON_THE_WAY {
            self.counts[1].fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Network { delay, jitter, .. } = self.network;
        let least = delay.saturating_sub(jitter);
        let time = least + (delay + jitter - least).mul_f64(self.dice.random());
        self.waiting.push(Reverse((Instant::now() + time, datagram.to_vec())));
    }

    async fn pass(&mut self) {
        if let Some(Reverse((_, datagram))) = self.waiting.pop() {
            // A full socket loses it, as networks do.
            let _ = self.through.send_to(&datagram, self.to).await;
        }
    }
}

/// The address of the first UDP candidate of IPv4 that an offer or answer names.
fn address(sdp: &str) -> Option<SocketAddr> {
    sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a=candidate:")).find_map(|candidate| {
        let fields = candidate.split(' ').collect::<Vec<_>>();
        let &[_, "1", transport, _, ip, port, ..] = fields.as_slice() else { return None };
        let address = SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
        (transport.eq_ignore_ascii_case("udp") && address.is_ipv4()).then_some(address)
    })
}

/// The same offer or answer with one candidate in each section, at this address.
pub(super) fn redirect(sdp: &str, to: SocketAddr) -> String {
    let mut redirected = String::with_capacity(sdp.len());
    let mut named = false;
    for line in sdp.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            named = false;
        }
        if !line.starts_with("a=candidate:") {
            redirected.push_str(line);
            redirected.push_str("\r\n");
        } else if !std::mem::replace(&mut named, true) {
            let (ip, port) = (to.ip(), to.port());
            redirected.push_str(&format!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\n"));
        }
    }
    redirected
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        a=candidate:9 1 tcp 1 127.0.0.1 9 typ host tcptype active\r\n\
        a=candidate:7 1 udp 2130706431 127.0.0.1 4711 typ host\r\n\
        a=candidate:7 2 udp 2130706430 127.0.0.1 4711 typ host\r\na=end-of-candidates\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=candidate:7 1 udp 1 127.0.0.1 4711 typ host\r\n";

    #[test]
    fn addresses_are_found_and_replaced() {
        assert_eq!(address(OFFER), Some(SocketAddr::from(([127, 0, 0, 1], 4711))));
        let to = SocketAddr::from(([127, 0, 0, 1], 99));
        let redirected = redirect(OFFER, to);
        assert_eq!(address(&redirected), Some(to));
        assert_eq!(redirected.matches("a=candidate:").count(), 2);
        assert!(!redirected.contains("4711") && redirected.contains("a=end-of-candidates"));
        assert_eq!(address("v=0\r\n"), None);
    }

    #[tokio::test]
    async fn a_bad_network_loses_and_delays_what_it_was_told_to() {
        let (caller, server) =
            (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let sdp = |socket: &UdpSocket| {
            let address = socket.local_addr().unwrap();
            format!("a=candidate:1 1 udp 1 {} {} typ host\r\n", address.ip(), address.port())
        };
        let (delay, jitter) = (Duration::from_millis(60), Duration::from_millis(30));
        let network = Network { loss: 5.0, delay, jitter, seed: 1 };
        let mut relay = Relay::between(&sdp(&caller), network).await.unwrap();
        relay.begin(&sdp(&server)).unwrap();
        let sending = async {
            for number in 0..1_000u32 {
                caller.send_to(&number.to_le_bytes(), relay.server()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let receiving = async {
            let (mut numbers, mut bytes) = (Vec::new(), [0; 8]);
            let wait = Duration::from_secs(2);
            while let Ok(received) = tokio::time::timeout(wait, server.recv_from(&mut bytes)).await {
                assert_eq!(received.unwrap(), (4, relay.caller()));
                numbers.push(u32::from_le_bytes(bytes[..4].try_into().unwrap()));
            }
            numbers
        };
        let ((), numbers) = tokio::join!(sending, receiving);
        let (came, lost) = relay.counts();
        assert_eq!((came, came - lost), (1_000, numbers.len() as u64));
        assert!((20..=90).contains(&lost), "{lost} of 1000");
        assert!(!numbers.is_sorted(), "nothing was overtaken");
        // And back.
        server.send_to(b"back", relay.caller()).await.unwrap();
        let mut bytes = [0; 8];
        assert_eq!(caller.recv_from(&mut bytes).await.unwrap(), (4, relay.server()));
    }
}
