//! The US privacy string: four characters on the sale of data under the law of California.

use super::Undecodable;

/// What the string says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsPrivacy {
    /// `1---`: the law does not apply.
    NotApplicable,
    /// The law applies, and the user did not opt out of sale.
    SaleAllowed,
    /// The user opted out of sale.
    OptedOut,
}

impl UsPrivacy {
    /// Reads a string: version 1, notice, opt-out of sale, limited service provider agreement.
    ///
    /// # Errors
    /// When it has another length, version or character, or leaves the opt-out open although the law applies.
    pub fn parse(text: &str) -> Result<Self, Undecodable> {
        let [b'1', notice, sale, agreement] = text.as_bytes() else {
            return Err(Undecodable);
        };
        let known = |mark: &u8| matches!(mark, b'Y' | b'y' | b'N' | b'n' | b'-');
        match (notice, sale, agreement) {
            (b'-', b'-', b'-') => Ok(Self::NotApplicable),
            _ if !known(notice) || !known(agreement) => Err(Undecodable),
            (_, b'Y' | b'y', _) => Ok(Self::OptedOut),
            (_, b'N' | b'n', _) => Ok(Self::SaleAllowed),
            _ => Err(Undecodable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_means_one_thing() {
        let cases = [
            ("1---", Ok(UsPrivacy::NotApplicable)),
            ("1YNN", Ok(UsPrivacy::SaleAllowed)),
            ("1NNN", Ok(UsPrivacy::SaleAllowed)),
            ("1ynn", Ok(UsPrivacy::SaleAllowed)),
            ("1-N-", Ok(UsPrivacy::SaleAllowed)),
            ("1YYN", Ok(UsPrivacy::OptedOut)),
            ("1-Y-", Ok(UsPrivacy::OptedOut)),
        ];
        for (text, meaning) in cases {
            assert_eq!(UsPrivacy::parse(text), meaning, "{text}");
        }
        let refused = [
            "", "1", "1YN", "1YNNN", "2YNN", "1Y-N", "1Y--", "1Y?N", "1?NN", "1YN?", "1YÑ",
        ];
        for text in refused {
            assert_eq!(UsPrivacy::parse(text), Err(Undecodable), "{text}");
        }
    }
}
