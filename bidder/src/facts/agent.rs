//! Browser and system version, out of the structured user agent or the plain one.

use domain::targeting::Os;
use proto::openrtb::Device;

/// The browser's word in rules; nothing without a user agent.
pub(super) fn browser(device: &Device<'_>) -> Option<&'static str> {
    let brands = [
        ("Microsoft Edge", "edge"),
        ("Opera", "opera"),
        ("Samsung Internet", "samsung"),
        ("Android WebView", "webview"),
        ("Firefox", "firefox"),
        ("Safari", "safari"),
        ("Google Chrome", "chrome"),
        ("Chromium", "chrome"),
    ];
    let hints = device.sua.as_ref();
    let named = hints.and_then(|hints| {
        brands.into_iter().find(|(brand, _)| {
            let mut own = hints.browsers.iter();
            own.any(|one| one.eq_ignore_ascii_case(brand))
        })
    });
    let of_hints = named.map(|(_, word)| word);
    of_hints.or_else(|| browser_of_agent(device.ua?))
}

fn browser_of_agent(ua: &str) -> Option<&'static str> {
    // Most say that they are several others as well: the order decides.
    let marks = [
        ("Edg", "edge"),
        ("OPR/", "opera"),
        ("Opera", "opera"),
        ("SamsungBrowser", "samsung"),
        ("; wv)", "webview"),
        ("Firefox/", "firefox"),
        ("FxiOS/", "firefox"),
        ("CriOS/", "chrome"),
        ("Chrome/", "chrome"),
        ("Version/", "safari"),
        ("AppleWebKit", "webview"),
    ];
    let found = marks.into_iter().find(|(mark, _)| ua.contains(mark));
    let word = found.map_or("other", |(_, word)| word);
    (!ua.is_empty()).then_some(word)
}

/// The system's major version.
pub(super) fn os_major(device: &Device<'_>, os: Os) -> Option<u32> {
    let hints = device.sua.as_ref();
    let hinted = hints.and_then(|hints| leading(hints.platform_version?));
    let hinted = hinted.filter(|major| *major > 0).map(|major| match os {
        // Hints count Windows 10 from 1 and Windows 11 from 13.
        Os::Windows if major >= 13 => 11,
        Os::Windows => 10,
        _ => major,
    });
    let stated = || leading(device.osv?);
    let told = || major_of_agent(device.ua?, os);
    hinted.or_else(stated).or_else(told)
}

fn major_of_agent(ua: &str, os: Os) -> Option<u32> {
    let after = |mark: &str| ua.split_once(mark).map(|(_, rest)| rest);
    match os {
        Os::Android => leading(after("Android ")?),
        Os::Ios => leading(after("OS ")?),
        Os::MacOs => leading(after("Mac OS X ")?),
        Os::Windows => match after("Windows NT ")?.split([';', ')']).next()? {
            "6.1" => Some(7),
            "6.2" | "6.3" => Some(8),
            version => leading(version),
        },
        Os::Linux | Os::TvOs => None,
    }
}

/// The number that a text begins with.
fn leading(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.get(..end.unwrap_or(text.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_name_browser_and_version() {
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36";
        let edge = format!("{windows} Edg/120.0");
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_2 like Mac OS X) AppleWebKit/605.1 Version/16.2 Safari/604.1";
        let view = "Mozilla/5.0 (Linux; Android 12; SM; wv) AppleWebKit/537.36 Version/4.0 Chrome/99 Mobile";
        let cases = [
            (windows, Os::Windows, Some("chrome"), Some(10)),
            (edge.as_str(), Os::Windows, Some("edge"), Some(10)),
            (iphone, Os::Ios, Some("safari"), Some(16)),
            (view, Os::Android, Some("webview"), Some(12)),
            (
                "Mozilla/5.0 (Windows NT 6.1)",
                Os::Windows,
                Some("other"),
                Some(7),
            ),
            ("", Os::Linux, None, None),
        ];
        for (ua, os, wanted, major) in cases {
            let device = Device {
                ua: Some(ua),
                ..Device::default()
            };
            assert_eq!(browser(&device), wanted, "{ua}");
            assert_eq!(os_major(&device, os), major, "{ua}");
        }
    }
}
