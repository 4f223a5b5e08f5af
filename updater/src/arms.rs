//! What each arm of a trial of models came to: impressions, clicks, conversions, spend, and the clicks predicted for it.

use std::collections::BTreeMap;

use domain::Micros;
use proto::event::{BidRef, Event, Kind};
use proto::state::TrialArm;

use crate::settle::Charge;

/// Most sums kept, one for each arm and currency; those of the oldest trials give way.
const SUMS_MAX: usize = 256;

/// The sums of every arm, by arm and campaign's currency.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arms {
    sums: BTreeMap<(u32, String), TrialArm>,
}

impl Arms {
    /// Goes on from saved sums.
    pub fn from_saved(saved: Vec<TrialArm>) -> Self {
        let all = saved.into_iter().take(SUMS_MAX);
        Self {
            sums: all
                .map(|own| ((own.arm, own.currency.clone()), own))
                .collect(),
        }
    }

    /// Every sum, by arm.
    pub fn list(&self) -> Vec<TrialArm> {
        self.sums.values().cloned().collect()
    }

    /// Counts an event of a bid that was made while a trial ran; tests count nothing.
    pub fn add(&mut self, event: &Event, charge: Option<&Charge>) {
        let Some(reference) = event.bid_ref() else {
            return;
        };
        if reference.trial_arm == 0 || reference.test {
            return;
        }
        match &event.kind {
            Some(Kind::Impression(_)) => {
                let sum = self.sum(reference);
                sum.impressions += 1;
                sum.predicted_clicks_ppm += i64::from(reference.predicted_ctr_ppm);
            }
            Some(Kind::Click(_)) => self.sum(reference).clicks += 1,
            Some(Kind::Conversion(_)) => self.sum(reference).conversions += 1,
            Some(Kind::Billing(_)) => {
                let billed = charge.map_or(Micros::ZERO, Charge::billed);
                let sum = self.sum(reference);
                sum.spend_micros = Micros(sum.spend_micros).saturating_add(billed).0;
            }
            _ => {}
        }
    }

    fn sum(&mut self, reference: &BidRef) -> &mut TrialArm {
        let key = (reference.trial_arm, reference.campaign_currency.clone());
        if self.sums.len() >= SUMS_MAX && !self.sums.contains_key(&key) {
            self.sums.pop_first();
        }
        let (arm, currency) = key.clone();
        self.sums.entry(key).or_insert_with(|| TrialArm {
            arm,
            currency,
            ..TrialArm::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{EventId, Timestamp};
    use proto::event::{Billing, Click, Impression, event};

    fn reference(trial_arm: u32, test: bool) -> BidRef {
        BidRef {
            trial_arm,
            test,
            campaign_currency: "USD".to_owned(),
            predicted_ctr_ppm: 20_000,
            ..BidRef::default()
        }
    }

    fn add(arms: &mut Arms, kind: Kind) {
        let charge = Charge {
            exchange_amount: Micros(7),
            media: Micros(7),
            fee: Micros(3),
        };
        arms.add(
            &event(EventId::default(), "", Timestamp(0), kind),
            Some(&charge),
        );
    }

    fn impression(arm: u32, test: bool) -> Kind {
        Kind::Impression(Impression {
            r#ref: Some(reference(arm, test)),
        })
    }

    #[test]
    fn arms_are_summed_apart_and_survive_being_saved() {
        let mut arms = Arms::default();
        for arm in [4, 4, 5, 0] {
            add(&mut arms, impression(arm, false));
        }
        add(&mut arms, impression(5, true));
        let click = Click {
            r#ref: Some(reference(4, false)),
        };
        add(&mut arms, Kind::Click(click));
        let billing = Billing {
            r#ref: Some(reference(5, false)),
            ..Billing::default()
        };
        add(&mut arms, Kind::Billing(billing));
        let sums = arms.list();
        let told = sums.iter().map(|sum| {
            let predicted = sum.predicted_clicks_ppm;
            (
                sum.arm,
                sum.impressions,
                sum.clicks,
                sum.spend_micros,
                predicted,
            )
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [(4, 2, 1, 0, 40_000), (5, 1, 0, 10, 20_000)]
        );
        assert_eq!(Arms::from_saved(sums), arms);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_trial_gives_way() {
        let mut arms = Arms::default();
        for arm in 1..=1_000 {
            add(&mut arms, impression(arm, false));
        }
        let sums = arms.list();
        assert_eq!(
            (sums.len(), sums[0].arm),
            (SUMS_MAX, 1_000 - SUMS_MAX as u32 + 1)
        );
    }
}
