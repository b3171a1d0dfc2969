//! All open connections: how many there may be, who has been silent too long, and their end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::house::House;
use super::pulse::{Order, Patience, Pulse, Watch};
use crate::network::subscriber;

/// The open connections.
#[derive(Debug)]
pub(super) struct Crowd {
    seats: Arc<Semaphore>,
    seats_max: u32,
    members: Mutex<Members>,
    draining: AtomicBool,
}

#[derive(Debug, Default)]
struct Members {
    joined: u64,
    of_client: HashMap<IpAddr, usize>,
    open: HashMap<u64, (Arc<Pulse>, Watch)>,
}

/// One open connection; it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Member {
    crowd: Arc<Crowd>,
    number: u64,
    /// Its signs of life.
    pub(super) pulse: Arc<Pulse>,
    client: Option<IpAddr>,
    _seat: OwnedSemaphorePermit,
}

/// The longest time between two looks at the connections: what a timeout may be late by.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);
/// How long connections that have not asked for anything yet may still do so: they were opened before the service was told
/// to stop, and what they send may be on its way.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How long connections that are told to close may take to do so.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

impl Crowd {
    /// Nobody yet, and at most so many at once.
    pub(super) fn new(connections_max: usize) -> Crowd {
        let seats_max = u32::try_from(connections_max.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Crowd {
            seats: Arc::new(Semaphore::new(seats_max as usize)),
            seats_max,
            members: Mutex::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// Waits until there is room for one more.
    pub(super) async fn seat(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.seats).acquire_owned().await {
            Ok(seat) => seat,
            // The semaphore is never closed.
            Err(_closed) => std::future::pending().await,
        }
    }

    /// Lets a connection in.
    pub(super) fn join(self: &Arc<Self>, seat: OwnedSemaphorePermit) -> Member {
        let pulse = Arc::new(Pulse::default());
        let mut members = self.members();
        members.joined += 1;
        let number = members.joined;
        members.open.insert(number, (Arc::clone(&pulse), Watch::default()));
        Member { crowd: Arc::clone(self), number, pulse, client: None, _seat: seat }
    }

    /// How many connections are open.
    pub(super) fn len(&self) -> usize {
        self.members().open.len()
    }

    /// How many requests are open.
    pub(super) fn requests(&self) -> u64 {
        self.members().open.values().map(|(pulse, _)| u64::from(pulse.open_requests())).sum()
    }

    /// Whether whoever comes now has to wait until someone leaves.
    pub(super) fn is_full(&self) -> bool {
        self.seats.available_permits() == 0
    }

    /// True once the service has been told to stop.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ends connections that show no progress, for as long as it is polled: as the house of the moment has patience.
    pub(super) async fn watch(self: Arc<Self>, houses: Receiver<Arc<House>>) {
        self.watch_with(|| houses.borrow().patience).await
    }

    async fn watch_with(&self, patience: impl Fn() -> Patience) {
        let mut last = Instant::now();
        loop {
            let Patience { header, idle, write } = patience();
            let every = (header.min(idle).min(write) / 4).clamp(Duration::from_millis(10), LOOK_EVERY_MAX);
            tokio::time::sleep(every).await;
            let (elapsed, patience) = (last.elapsed(), patience());
            last += elapsed;
            for (pulse, watch) in self.members().open.values_mut() {
                if let Some(order) = watch.look(pulse, elapsed, patience) {
                    pulse.tell(order);
                }
            }
        }
    }

    /// Lets open requests finish for as long as `timeout`, then closes what is left.
    pub(super) async fn drain(&self, timeout: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        let first = timeout.min(FIRST_WAIT);
        let steps = [(Order::Finish, 1, first), (Order::Finish, 0, timeout - first), (Order::Close, 0, CLOSE_WAIT)];
        for (order, least, patience) in steps {
            let pulses = self.members().open.values().map(|(pulse, _)| Arc::clone(pulse)).collect::<Vec<_>>();
            pulses.iter().filter(|pulse| pulse.requests().0 >= least).for_each(|pulse| pulse.tell(order));
            if tokio::time::timeout(patience, self.seats.acquire_many(self.seats_max)).await.is_ok() {
                return;
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        // Nothing that can panic runs under the lock.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Counts the connection as one of the client's at `address`; false where that has `most` already.
    pub(super) fn is_one_of(&mut self, address: IpAddr, most: usize) -> bool {
        let client = subscriber(address);
        let mut members = self.crowd.members();
        let count = members.of_client.entry(client).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        self.client = Some(client);
        true
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut members = self.crowd.members();
        members.open.remove(&self.number);
        let Some(client) = self.client else { return };
        if let Some(count) = members.of_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                members.of_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { header: Duration::from_secs(10), idle: Duration::from_secs(60), write: Duration::from_secs(30) };

    #[tokio::test(start_paused = true)]
    async fn there_is_room_for_so_many() {
        let crowd = Arc::new(Crowd::new(1));
        let first = crowd.join(crowd.seat().await);
        assert!(tokio::time::timeout(Duration::from_secs(1), crowd.seat()).await.is_err());
        drop(first);
        drop(crowd.seat().await);
        assert_eq!(crowd.len(), 0);
    }

    #[tokio::test]
    async fn a_client_has_so_many_and_no_more() {
        let crowd = Arc::new(Crowd::new(8));
        let mut members = Vec::new();
        let mut came = async |address: &str| {
            let mut member = crowd.join(crowd.seat().await);
            let is_in = member.is_one_of(address.parse().unwrap(), 2);
            members.extend(is_in.then_some(member));
            is_in
        };
        assert!(came("192.0.2.1").await && came("::ffff:192.0.2.1").await && !came("192.0.2.1").await);
        assert!(came("192.0.2.2").await);
        assert!(came("2001:db8::1").await && came("2001:db8::2").await && !came("2001:db8::ffff:0:0:3").await);
        assert!(came("2001:db8:0:1::1").await);
        members.clear();
        assert!(crowd.members().of_client.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn idlers_are_told_to_finish() {
        let crowd = Arc::new(Crowd::new(4));
        let member = crowd.join(crowd.seat().await);
        let watching = Arc::clone(&crowd);
        let watch = tokio::spawn(async move { watching.watch_with(|| PATIENCE).await });
        let begun = Instant::now();
        assert_eq!(member.pulse.told(None).await, Order::Finish);
        assert!((60..=62).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        watch.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn draining_asks_first_and_closes_then() {
        let crowd = Arc::new(Crowd::new(4));
        let (polite, stubborn) = (crowd.join(crowd.seat().await), crowd.join(crowd.seat().await));
        polite.pulse.begin(hyper::Version::HTTP_11);
        let polite = tokio::spawn(async move { polite.pulse.told(None).await });
        let stubborn = tokio::spawn(async move { stubborn.pulse.told(Some(Order::Finish)).await });
        let begun = Instant::now();
        crowd.drain(Duration::from_secs(25)).await;
        assert_eq!((polite.await.unwrap(), stubborn.await.unwrap()), (Order::Finish, Order::Close));
        assert_eq!(begun.elapsed().as_secs(), 25);
        assert!(crowd.is_draining());
    }
}
