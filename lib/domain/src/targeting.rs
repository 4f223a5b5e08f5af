//! Where a line item may deliver, as include and exclude lists by dimension.

/// One include / exclude rule on one dimension; an empty include list allows every value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule<T> {
    /// Only these values, unless empty.
    pub include: Vec<T>,
    /// Never these values.
    pub exclude: Vec<T>,
}

impl<T> Default for Rule<T> {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }
}

impl<T: PartialEq> Rule<T> {
    /// Whether it allows everything.
    pub fn is_open(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether a request with these values passes: one of them is included, none is excluded.
    /// A request without any value passes only where nothing is included.
    pub fn allows<'a>(&self, values: impl IntoIterator<Item = &'a T>) -> bool
    where
        T: 'a,
    {
        let mut included = self.include.is_empty();
        for value in values {
            if self.exclude.contains(value) {
                return false;
            }
            included |= self.include.contains(value);
        }
        included
    }
}

/// The kind of device, reduced from OpenRTB's `devicetype` and the user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// A phone.
    Phone,
    /// A tablet.
    Tablet,
    /// A personal computer.
    Desktop,
    /// A television, a set-top box or a connected device.
    Tv,
    /// A screen in a public place (DOOH).
    OutOfHome,
}

/// The operating system family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Os {
    /// Google's Android.
    Android,
    /// Apple's iOS and iPadOS.
    Ios,
    /// Microsoft Windows.
    Windows,
    /// Apple's macOS.
    MacOs,
    /// Any other Linux, ChromeOS included.
    Linux,
    /// A television's system.
    TvOs,
}

/// Where the ad is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Inventory {
    /// A web page.
    Site,
    /// An app.
    App,
    /// A screen in a public place.
    Dooh,
}

/// A size in device independent pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// Every dimension must pass; the default passes everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targeting {
    /// Exchange names.
    pub exchanges: Rule<String>,
    /// ISO 3166-1 alpha-3 country codes, upper case, as OpenRTB sends them.
    pub countries: Rule<String>,
    /// Regions as `COUNTRY-REGION`, such as `USA-CA`.
    pub regions: Rule<String>,
    /// Kinds of device.
    pub devices: Rule<DeviceKind>,
    /// Operating systems.
    pub os: Rule<Os>,
    /// Site, app or DOOH.
    pub inventory: Rule<Inventory>,
    /// Site domains, lower case, and app bundles; a domain covers its subdomains.
    pub sites: Rule<String>,
    /// Offered banner sizes.
    pub sizes: Rule<Size>,
    /// Hours of the week in UTC, 0 = Monday 00:00 to 167.
    pub hours: Rule<u8>,
    /// User segments: ids from `user.data[].segment[]` or the own profile.
    pub segments: Rule<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_include_and_exclude() {
        let rule = Rule {
            include: vec![1, 2],
            exclude: vec![3],
        };
        assert!(rule.allows(&[1]));
        assert!(!rule.allows(&[1, 3]), "an excluded value refuses");
        assert!(!rule.allows(&[4]));
        assert!(!rule.allows(&[]), "an unknown value is not an included one");
        let open = Rule {
            include: vec![],
            exclude: vec![3],
        };
        assert!(open.allows(&[]));
        assert!(!open.allows(&[3]));
    }
}
