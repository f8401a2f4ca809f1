//! How often one address may do something.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::client::subject;

/// Addresses that are remembered. An attacker with more of them cannot make the map grow: whoever waited longest
/// is forgotten, which costs nothing but the memory of an old request.
const MAX_ADDRESSES: usize = 4096;

/// A bucket of permits for each address: full at first, refilled steadily.
#[derive(Debug)]
pub struct RateLimiter {
    burst: f64,
    per_second: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    permits: f64,
    seen: Instant,
}

impl RateLimiter {
    /// At most `count` a minute, of which half may come at once.
    pub fn per_minute(count: u32) -> Self {
        let count = f64::from(count.max(1));
        Self { burst: (count / 2.0).max(1.0), per_second: count / 60.0, buckets: Mutex::default() }
    }

    /// Takes a permit, or says in how many seconds there will be one.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = subject(address);
        if !buckets.contains_key(&key) && buckets.len() >= MAX_ADDRESSES {
            forget_oldest(&mut buckets);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { permits: self.burst, seen: now });
        let refilled = now.saturating_duration_since(bucket.seen).as_secs_f64() * self.per_second;
        bucket.permits = (bucket.permits + refilled).min(self.burst);
        bucket.seen = now;
        if bucket.permits < 1.0 {
            return Err(((1.0 - bucket.permits) / self.per_second).ceil() as u64);
        }
        bucket.permits -= 1.0;
        Ok(())
    }
}

fn forget_oldest(buckets: &mut HashMap<IpAddr, Bucket>) {
    if let Some(oldest) = buckets.iter().min_by_key(|(_, bucket)| bucket.seen).map(|(address, _)| *address) {
        buckets.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn refuses_above_the_rate_and_recovers() {
        let (limiter, start) = (RateLimiter::per_minute(60), Instant::now());
        let one = address("10.0.0.1");
        let granted = (0..100).filter(|_| limiter.take(one, start).is_ok()).count();
        assert_eq!(granted, 30, "half of a minute's permits at once");
        assert_eq!(limiter.take(one, start), Err(1));
        assert_eq!(limiter.take(address("10.0.0.2"), start), Ok(()), "another address is not concerned");
        let later = start + Duration::from_secs(5);
        let granted = (0..100).filter(|_| limiter.take(one, later).is_ok()).count();
        assert_eq!(granted, 5, "one a second comes back");
    }

    #[test]
    fn a_network_of_ipv6_is_one_subject() {
        let (limiter, now) = (RateLimiter::per_minute(2), Instant::now());
        assert_eq!(limiter.take(address("2001:db8::1"), now), Ok(()));
        assert!(limiter.take(address("2001:db8::ffff"), now).is_err());
        assert_eq!(limiter.take(address("2001:db8:0:1::1"), now), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, now) = (RateLimiter::per_minute(60), Instant::now());
        for number in 0..(MAX_ADDRESSES as u32 + 500) {
            assert_eq!(
                limiter.take(IpAddr::V4(number.into()), now + Duration::from_millis(number.into())),
                Ok(())
            );
        }
        assert_eq!(limiter.buckets.lock().expect("whole").len(), MAX_ADDRESSES);
    }
}
