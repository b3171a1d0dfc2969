//! What waits, counted by whose it is: how much more may wait, and how long it would.

use std::collections::HashMap;
use std::net::IpAddr;

use super::fair::Flow;
use crate::entry::PartnerId;

/// A partner may have so many times as much waiting as others still may: what is left is for those who come.
const PARTNER_TIMES: usize = 4;

/// Counts of what waits.
#[derive(Debug, Default)]
pub(super) struct Standing {
    partners: HashMap<PartnerId, Partner>,
    all: Waiting,
}

#[derive(Debug, Default)]
struct Partner {
    clients: HashMap<Option<IpAddr>, Client>,
    all: Waiting,
}

#[derive(Debug, Default)]
struct Client {
    /// Turns that have not ended.
    turns: usize,
    all: Waiting,
}

/// What waits of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Waiting {
    /// Turns that have not begun.
    pub(super) count: usize,
    /// Microseconds of work that has not begun.
    pub(super) micros: u64,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Most {
    /// In all, with those that a worker is free for.
    pub(super) all: usize,
    /// Of one client.
    pub(super) client: usize,
}

/// Why somebody may not have more waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// As much waits as may.
    All,
    /// Most of it is the partner's.
    Partner,
    /// As much of it is the client's as may be.
    Client,
}

/// Whether one who has all of what waits may have no more.
pub(super) fn is_full(count: usize, most: usize) -> bool {
    count >= most.saturating_sub(count).saturating_mul(PARTNER_TIMES)
}

impl Standing {
    /// What waits in all.
    pub(super) fn all(&self) -> Waiting {
        self.all
    }

    /// Why `flow` may not have another turn waiting; `None` where it may.
    pub(super) fn full(&self, flow: Flow, most: Most) -> Option<Full> {
        let partner = self.partners.get(&flow.partner);
        let client = partner.and_then(|partner| partner.clients.get(&flow.client));
        let counts = (partner.map_or(0, |partner| partner.all.count), client.map_or(0, |client| client.all.count));
        let left = most.all.saturating_sub(self.all.count);
        match counts {
            _ if left == 0 => Some(Full::All),
            (_, client) if client >= most.client => Some(Full::Client),
            (partner, _) if partner >= left.saturating_mul(PARTNER_TIMES) => Some(Full::Partner),
            _ => None,
        }
    }

    /// Microseconds of work that are served before the last of what `flow` has waiting, and of `micros` more: until then
    /// nobody is served more than it.
    pub(super) fn ahead(&self, flow: Flow, micros: u64) -> u64 {
        let fresh = Partner::default();
        let partner = self.partners.get(&flow.partner).unwrap_or(&fresh);
        let client = partner.clients.get(&flow.client).map_or(0, |client| client.all.micros);
        let clients = others(partner.clients.len(), partner.clients.contains_key(&flow.client));
        let partners = others(self.partners.len(), self.partners.contains_key(&flow.partner));
        let of_client = client.saturating_add(micros);
        let of_partner = of_client.saturating_mul(clients + 1).min(partner.all.micros.saturating_add(micros));
        of_partner.saturating_mul(partners + 1).min(self.all.micros.saturating_add(micros)).saturating_sub(micros)
    }

    /// A turn has come, of which so much waits.
    pub(super) fn come(&mut self, flow: Flow, waiting: Waiting) {
        self.wait(flow, waiting);
        let client = self.partners.get_mut(&flow.partner).and_then(|partner| partner.clients.get_mut(&flow.client));
        if let Some(client) = client {
            client.turns += 1;
        }
    }

    /// So much of it waits again.
    pub(super) fn wait(&mut self, flow: Flow, waiting: Waiting) {
        self.each(flow, |all| {
            all.count += waiting.count;
            all.micros = all.micros.saturating_add(waiting.micros);
        });
    }

    /// So much of it has begun, or waits for something else than workers.
    pub(super) fn begin(&mut self, flow: Flow, waiting: Waiting) {
        self.each(flow, |all| {
            all.count = all.count.saturating_sub(waiting.count);
            all.micros = all.micros.saturating_sub(waiting.micros);
        });
    }

    /// A turn has ended, of which so much had not begun.
    pub(super) fn go(&mut self, flow: Flow, waiting: Waiting) {
        self.begin(flow, waiting);
        let Some(partner) = self.partners.get_mut(&flow.partner) else { return };
        if let Some(client) = partner.clients.get_mut(&flow.client) {
            client.turns = client.turns.saturating_sub(1);
            if client.turns == 0 {
                partner.clients.remove(&flow.client);
            }
        }
        if partner.clients.is_empty() {
            self.partners.remove(&flow.partner);
        }
    }

    fn each(&mut self, flow: Flow, change: impl Fn(&mut Waiting)) {
        change(&mut self.all);
        let partner = self.partners.entry(flow.partner).or_default();
        change(&mut partner.all);
        change(&mut partner.clients.entry(flow.client).or_default().all);
    }
}

fn others(count: usize, is_one: bool) -> u64 {
    (count - usize::from(is_one)) as u64
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn flow(partner: i64, client: u32) -> Flow {
        Flow { partner: PartnerId(partner), client: Some(Ipv4Addr::from(client).into()) }
    }

    fn turns(of: &[(Flow, u64)]) -> Standing {
        let mut standing = Standing::default();
        of.iter().for_each(|(flow, micros)| standing.come(*flow, Waiting { count: 1, micros: *micros }));
        standing
    }

    #[test]
    fn neither_client_nor_partner_takes_the_room_of_others() {
        let most = Most { all: 128, client: 64 };
        let mut standing = Standing::default();
        let mut fill = |flow: Flow| {
            let mut count = 0;
            while standing.full(flow, most).is_none() {
                standing.come(flow, Waiting { count: 1, micros: 10 });
                count += 1;
            }
            (count, standing.full(flow, most).unwrap())
        };
        assert_eq!(fill(flow(1, 1)), (64, Full::Client));
        assert_eq!(fill(flow(1, 2)), (39, Full::Partner));
        assert_eq!(fill(flow(1, 3)), (0, Full::Partner));
        assert_eq!(fill(flow(2, 1)), (20, Full::Partner));
        assert_eq!(fill(flow(3, 1)), (4, Full::Partner));
        assert_eq!(fill(flow(4, 1)), (1, Full::All));
        assert!(!is_full(102, 128) && is_full(103, 128) && is_full(1, 1) && !is_full(0, 1) && is_full(0, 0));
    }

    #[test]
    fn who_comes_anew_waits_for_one_share_of_each_other() {
        let greedy: Vec<_> = (0..100).map(|_| (flow(1, 1), 100)).collect();
        assert_eq!(turns(&greedy).ahead(flow(1, 1), 100), 10_000);
        assert_eq!(turns(&greedy).ahead(flow(1, 2), 100), 100);
        assert_eq!(turns(&greedy).ahead(flow(2, 1), 100), 100);
        let crowd: Vec<_> = (0..100).map(|client| (flow(1, client), 100)).collect();
        assert_eq!(turns(&crowd).ahead(flow(1, 200), 100), 10_000);
        assert_eq!(turns(&crowd).ahead(flow(2, 200), 100), 100);
        assert_eq!(turns(&[]).ahead(flow(1, 1), 100), 0);
        assert_eq!(turns(&[(flow(1, 1), 5)]).ahead(flow(1, 2), 100), 5, "no more than there is");
    }

    #[test]
    fn what_has_gone_leaves_nothing() {
        let mut standing = turns(&[(flow(1, 1), 10), (flow(1, 2), 10), (flow(2, 1), 10)]);
        standing.begin(flow(1, 1), Waiting { count: 1, micros: 4 });
        assert_eq!(standing.all(), Waiting { count: 2, micros: 26 });
        standing.go(flow(1, 1), Waiting { count: 0, micros: 6 });
        standing.go(flow(1, 2), Waiting { count: 1, micros: 10 });
        standing.go(flow(2, 1), Waiting { count: 1, micros: 10 });
        assert!(standing.partners.is_empty() && standing.all() == Waiting::default());
    }
}
