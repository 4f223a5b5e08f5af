//! Transparency of ads under the Digital Services Act (IAB's extension): what a request asks and a bid answers.

use super::json::Json;

/// A value of `dsarequired` from which on a bid without an answer is not accepted.
const REQUIRED: u32 = 2;

/// What `regs.ext.dsa` asks, the stricter of all places it is stated in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dsa {
    /// 0 nothing, 1 an answer is welcome, 2 and 3 it is required; 2 when unreadable.
    pub required: u32,
    /// 0 the publisher cannot show the label, 1 it could, 2 it will; `None` when not stated.
    pub pubrender: Option<u32>,
}

/// What a bid says: `bid.ext.dsa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DsaAnswer<'a> {
    /// On whose behalf the ad is shown, at most 100 characters.
    pub behalf: &'a str,
    /// Who paid for it, at most 100 characters.
    pub paid: &'a str,
}

impl Dsa {
    /// Whether an answer is sent if there is one.
    pub fn is_welcome(self) -> bool {
        self.required > 0
    }

    /// Whether a bid needs an answer.
    pub fn is_required(self) -> bool {
        self.required >= REQUIRED
    }

    /// Whether nobody but the ad itself can show the label.
    pub fn needs_rendering(self) -> bool {
        self.is_required() && self.pubrender == Some(0)
    }

    pub(super) fn read(&mut self, value: Json<'_, '_>) {
        match value.object() {
            Some(fields) => {
                for (key, value) in fields.filter(|(_, value)| !value.is_null()) {
                    match key {
                        "dsarequired" => self.meet(Some(value.i32().unwrap_or(-1)), None),
                        "pubrender" => self.meet(None, value.i32()),
                        _ => {}
                    }
                }
            }
            None if value.is_null() => {}
            None => self.meet(Some(-1), None),
        }
    }

    /// Takes over what is stated, never weakening what is known.
    pub(super) fn meet(&mut self, required: Option<i32>, pubrender: Option<i32>) {
        let required = required.map_or(0, |level| u32::try_from(level).unwrap_or(REQUIRED));
        self.required = self.required.max(required);
        let stated = pubrender.and_then(|who| u32::try_from(who).ok());
        self.pubrender = match (self.pubrender, stated) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}
