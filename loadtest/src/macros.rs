//! Substitution macros of OpenRTB: plain text replacement in notice URLs and markup.

/// What an exchange knows when it fills in a bid's macros; an empty value leaves nothing behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Macros<'a> {
    pub(crate) auction_id: &'a str,
    pub(crate) response_id: &'a str,
    pub(crate) imp_id: &'a str,
    pub(crate) seat: &'a str,
    pub(crate) ad_id: &'a str,
    pub(crate) currency: &'a str,
    /// The clearing price per mille, as a decimal.
    pub(crate) price: String,
    /// Clearing price over bid price.
    pub(crate) ratio: String,
    /// The loss reason; 0 for a win.
    pub(crate) loss: &'a str,
    /// The price that would have won or did suffice.
    pub(crate) min_to_win: String,
}

impl Macros<'_> {
    /// Replaces the macros that are written literally; what is escaped in any way stays, as it does at exchanges.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let known = after
                .split_once('}')
                .and_then(|(name, tail)| Some((self.value(name)?, tail)));
            if let Some((value, tail)) = known {
                expanded.push_str(value);
                rest = tail;
            } else {
                expanded.push_str("${");
                rest = after;
            }
        }
        expanded.push_str(rest);
        expanded
    }

    fn value(&self, name: &str) -> Option<&str> {
        Some(match name {
            "AUCTION_ID" => self.auction_id,
            "AUCTION_BID_ID" => self.response_id,
            "AUCTION_IMP_ID" => self.imp_id,
            "AUCTION_SEAT_ID" => self.seat,
            "AUCTION_AD_ID" => self.ad_id,
            "AUCTION_PRICE" => &self.price,
            "AUCTION_CURRENCY" => self.currency,
            "AUCTION_MBR" => &self.ratio,
            "AUCTION_LOSS" => self.loss,
            "AUCTION_MIN_TO_WIN" => &self.min_to_win,
            "AUCTION_MULTIPLIER"
            | "AUCTION_IMP_TS"
            | "AUCTION_DISCOUNT_PCT"
            | "AUCTION_DISCOUNT_CPM" => "",
            _ => return None,
        })
    }
}

/// A price in micros as the shortest exact decimal.
pub(crate) fn decimal(micros: i64) -> String {
    let micros = micros.max(0);
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literal_known_macros_are_replaced() {
        let macros = Macros {
            price: decimal(1_250_000),
            loss: "102",
            ..Macros::default()
        };
        assert_eq!(
            macros.expand(
                "p=${AUCTION_PRICE}&r=${AUCTION_LOSS}&e=%24%7BAUCTION_PRICE%7D&u=${OTHER}&m=${AUCTION_MULTIPLIER}&${"
            ),
            "p=1.25&r=102&e=%24%7BAUCTION_PRICE%7D&u=${OTHER}&m=&${"
        );
    }

    #[test]
    fn prices_print_exactly() {
        for (micros, text) in [
            (0, "0"),
            (1, "0.000001"),
            (2_000_000, "2"),
            (1_234_500, "1.2345"),
        ] {
            assert_eq!(decimal(micros), text);
        }
    }
}
