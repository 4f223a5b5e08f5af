//! A few hours of market: the same twice, the money adds up, and predictions are worth something.

use sim::days::{Bids, Comparison, Plan, Played, Report, page, picture, run};

fn plan(hours: u32, requests: u64, bids: Bids) -> Plan {
    Plan {
        hours,
        campaigns: 3,
        requests,
        seed: 7,
        bids,
    }
}

fn played(plan: Plan) -> Played {
    run(plan, |_| {}).expect("the money adds up")
}

#[test]
fn the_same_seed_plays_the_same_market() {
    let short = plan(2, 800, Bids::Learned);
    let traces = [short, short, Plan { seed: 8, ..short }].map(|plan| played(plan).trace());
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}

#[test]
fn a_short_market_keeps_its_promises() {
    let model = played(plan(5, 14_000, Bids::Learned));
    let history = played(plan(5, 14_000, Bids::History));
    let report = Report::new(&model);
    let skill = &report.skill;
    assert_eq!(report.requests, 14_000);
    assert!(report.clicks > 80 && report.conversions > 1, "{report:?}");
    assert!(
        report.notices_lost > 0 && report.notices_late > 0,
        "{report:?}"
    );
    assert!((0.68..0.82).contains(&skill.truth_auc), "{skill:?}");
    // So few clicks teach little, but more than a constant rate; the clicks' luck is left out.
    assert!(skill.expected_skill > SKILL_FLOOR, "{skill:?}");
    assert!((skill.calibration - 1.0).abs() < 0.5, "{skill:?}");
    let spent: f64 = report.campaign_days.iter().map(|day| day.spent).sum();
    assert!((spent - report.spent).abs() < 1e-6, "days make the whole");
    let clicks: u64 = report.campaign_days.iter().map(|day| day.clicks).sum();
    assert_eq!(clicks, report.clicks);
    for campaign in &report.campaigns {
        assert_eq!(campaign.overspend, 0.0, "{campaign:?}");
        assert!(campaign.value < campaign.oracle_value, "{campaign:?}");
        let plan = campaign.planned_by_hour.last().unwrap();
        assert!((plan - campaign.plan).abs() < 1e-6, "{campaign:?}");
    }
    let comparison = Comparison::new(&model, &history);
    let [low, high] = comparison.clicks_per_money_interval;
    assert!(low < comparison.clicks_per_money_ratio && comparison.clicks_per_money_ratio < high);
    assert!(picture(&report).ends_with("</svg>\n"));
    assert!(page(&report, Some(&comparison)).contains("clicks per money"));
    let text = serde_json::to_string(&report).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for name in [
        "clicks",
        "truth_auc",
        "model_auc",
        "skill",
        "calibration",
        "worst_slice_calibration",
        "cvr_bias",
    ] {
        assert!(json[name].is_number(), "{name}");
    }
    for name in [
        "plan",
        "spent",
        "deviation",
        "overspend",
        "clicks",
        "conversions",
        "value",
        "oracle_value",
    ] {
        assert!(json["campaign_days"][0][name].is_number(), "{name}");
    }
}

/// Expected skill after a few hundred clicks.
const SKILL_FLOOR: f64 = 0.02;
