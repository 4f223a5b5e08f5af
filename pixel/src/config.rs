//! The pixel's knobs with their defaults and ranges.

use std::time::Duration;

use service_kit::ServerLimits;

use crate::price::PriceKeys;

/// What can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixelConfig {
    /// Written into every event: the data centre it was taken in.
    pub region: String,
    /// Threads that serve.
    pub cores: usize,
    /// Bounds of connections and their times.
    pub limits: ServerLimits,
    /// Event ids remembered so that a repeat is not appended again; 16 bytes each, allocated at start.
    pub seen_ids_max: usize,
    /// How long a notice, impression, view or conversion waits for the log before it is answered 503.
    pub notice_deadline: Duration,
    /// How long a click waits for the log before it is redirected all the same.
    pub click_deadline: Duration,
    /// Exchanges that seal the prices in their notices: only what these keys verify is believed of them.
    pub price_keys: PriceKeys,
}

impl Default for PixelConfig {
    fn default() -> Self {
        Self {
            region: "local".to_owned(),
            cores: 1,
            limits: ServerLimits::default(),
            seen_ids_max: 1 << 20,
            notice_deadline: Duration::from_secs(2),
            click_deadline: Duration::from_millis(300),
            price_keys: PriceKeys::new(),
        }
    }
}

/// A knob out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value}: {rule}")]
pub struct ConfigError {
    /// The configuration key.
    pub key: &'static str,
    /// What was set.
    pub value: String,
    /// What it must be.
    pub rule: &'static str,
}

impl PixelConfig {
    /// Checks every knob.
    ///
    /// # Errors
    /// The first one out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, value: String, rule| Err(ConfigError { key, value, rule });
        if self.region.is_empty() || self.region.len() > 64 {
            let rule = "must have 1 to 64 bytes";
            return refuse("pixel.region", self.region.clone(), rule);
        }
        if !(1..=256).contains(&self.cores) {
            let rule = "must be between 1 and 256";
            return refuse("pixel.cores", self.cores.to_string(), rule);
        }
        if !(1024..=1 << 28).contains(&self.seen_ids_max) {
            let rule = "must be between 1024 and 268435456";
            return refuse("pixel.seen_ids_max", self.seen_ids_max.to_string(), rule);
        }
        let second = Duration::from_secs(1);
        for (key, deadline) in [
            ("pixel.notice_deadline_ms", self.notice_deadline),
            ("pixel.click_deadline_ms", self.click_deadline),
        ] {
            if deadline.is_zero() || deadline > 30 * second {
                let rule = "must be between 1 and 30000";
                return refuse(key, deadline.as_millis().to_string(), rule);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_and_bad_knobs_are_named() {
        assert_eq!(PixelConfig::default().check(), Ok(()));
        let bad = [
            PixelConfig {
                region: String::new(),
                ..PixelConfig::default()
            },
            PixelConfig {
                cores: 0,
                ..PixelConfig::default()
            },
            PixelConfig {
                seen_ids_max: 0,
                ..PixelConfig::default()
            },
            PixelConfig {
                click_deadline: Duration::ZERO,
                ..PixelConfig::default()
            },
        ];
        let keys = ["region", "cores", "seen_ids_max", "click_deadline_ms"];
        for (config, key) in bad.iter().zip(keys) {
            let error = config.check().unwrap_err();
            assert_eq!(error.key, format!("pixel.{key}"));
        }
    }
}
