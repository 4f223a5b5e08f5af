//! Who may ask, and how often: an exchange's credential and its requests per second, before a body is read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::ExchangeConfig;

/// How much unused allowance is kept, in nanoseconds: exchanges send in bursts of a few milliseconds, and a tenth
/// of a second lets those through while no second ever has more than 1.1 times the limit.
const BURST_NS: u64 = 100_000_000;

/// The value an exchange must send as `Authorization`.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(String);

impl Authorization {
    /// Takes the whole header value, scheme and all.
    pub fn new(value: &str) -> Self {
        Self(value.to_owned())
    }

    /// Compares every byte whatever differs, so that the time taken tells only the length.
    fn matches(&self, sent: &[u8]) -> bool {
        let pairs = self.0.as_bytes().iter().zip(sent);
        let differing = pairs.fold(0, |differing, (a, b)| differing | (a ^ b));
        self.0.len() == sent.len() && differing == 0
    }
}

/// Shows nothing of it.
impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorization(..)")
    }
}

/// Why a request is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The credential is missing or another: 401.
    Unauthorized,
    /// More requests than agreed: no bid.
    OverQuota,
}

/// The gates of the exchanges that have one, shared by all cores.
#[derive(Debug, Default)]
pub struct Gates(BTreeMap<String, Gate>);

#[derive(Debug)]
struct Gate {
    authorization: Option<Authorization>,
    quota: Option<Quota>,
}

impl Gates {
    /// One for each exchange that asks for a credential or has a limit.
    pub fn new(exchanges: &BTreeMap<String, ExchangeConfig>) -> Self {
        let gate = |exchange: &ExchangeConfig| Gate {
            authorization: exchange.authorization.clone(),
            quota: exchange.qps_max.map(Quota::new),
        };
        let gated = exchanges
            .iter()
            .map(|(name, exchange)| (name.clone(), gate(exchange)))
            .filter(|(_, gate)| gate.authorization.is_some() || gate.quota.is_some());
        Self(gated.collect())
    }

    /// Whether a request may be read. Only one with the right credential uses up allowance.
    ///
    /// # Errors
    /// Why not.
    pub fn pass(
        &self,
        exchange: &str,
        authorization: Option<&[u8]>,
        now_us: u64,
    ) -> Result<(), Stop> {
        let Some(gate) = self.0.get(exchange) else {
            return Ok(());
        };
        if let Some(wanted) = &gate.authorization
            && !authorization.is_some_and(|sent| wanted.matches(sent))
        {
            return Err(Stop::Unauthorized);
        }
        match &gate.quota {
            Some(quota) if !quota.take(now_us) => Err(Stop::OverQuota),
            _ => Ok(()),
        }
    }
}

/// A token bucket as one number, the generic cell rate algorithm: when the allowance used so far will have come in.
#[derive(Debug)]
struct Quota {
    interval_ns: u64,
    settled_ns: AtomicU64,
}

impl Quota {
    fn new(per_second: u32) -> Self {
        Self {
            interval_ns: 1_000_000_000 / u64::from(per_second.max(1)),
            settled_ns: AtomicU64::new(0),
        }
    }

    fn take(&self, now_us: u64) -> bool {
        let now_ns = now_us.saturating_mul(1_000);
        let next = |settled: u64| {
            let within = settled <= now_ns.saturating_add(BURST_NS);
            within.then(|| settled.max(now_ns).saturating_add(self.interval_ns))
        };
        self.settled_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gates(exchange: ExchangeConfig) -> Gates {
        let open = ("open".to_owned(), ExchangeConfig::default());
        Gates::new(&BTreeMap::from([open, ("x".to_owned(), exchange)]))
    }

    #[test]
    fn a_credential_is_asked_of_its_exchange_only() {
        let gates = gates(ExchangeConfig {
            authorization: Some(Authorization::new("Bearer abc")),
            ..ExchangeConfig::default()
        });
        let cases: [(&str, Option<&[u8]>, bool); 7] = [
            ("x", Some(b"Bearer abc"), true),
            ("x", Some(b"Bearer abd"), false),
            ("x", Some(b"Bearer ab"), false),
            ("x", Some(b"Bearer abcd"), false),
            ("x", None, false),
            ("open", None, true),
            ("unknown", None, true),
        ];
        for (exchange, sent, passes) in cases {
            let passed = gates.pass(exchange, sent, 0);
            let wanted = if passes {
                Ok(())
            } else {
                Err(Stop::Unauthorized)
            };
            assert_eq!(passed, wanted, "{exchange} {sent:?}");
        }
        assert!(!format!("{gates:?}").contains("abc"));
    }

    #[test]
    fn no_second_has_more_than_was_agreed_and_a_burst() {
        for (limit, offered) in [(1, 50), (100, 1_000), (1_000, 20_000), (50_000, 200_000)] {
            let gates = gates(ExchangeConfig {
                qps_max: Some(limit),
                ..ExchangeConfig::default()
            });
            let start_us = 7_000_000;
            let passed = |second: u64| {
                let at = |i: u64| start_us + second * 1_000_000 + i * 1_000_000 / offered;
                let asked = (0..offered).filter(|i| gates.pass("x", None, at(*i)).is_ok());
                asked.count() as u64
            };
            let (limit, burst) = (u64::from(limit), u64::from(limit) / 10);
            let first = passed(0);
            assert!(
                first > limit && first <= limit + burst + 1,
                "{limit}: {first}"
            );
            let second = passed(1);
            assert!(second.abs_diff(limit) <= 1, "{limit}: {second}");
        }
    }

    #[test]
    fn a_limit_holds_for_all_cores_together() {
        let gates = gates(ExchangeConfig {
            qps_max: Some(10_000),
            ..ExchangeConfig::default()
        });
        let passed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let got = (0..5_000).filter(|_| gates.pass("x", None, 1_000_000).is_ok());
                    passed.fetch_add(got.count() as u64, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(passed.into_inner(), 1_001, "a burst and no more");
    }
}
