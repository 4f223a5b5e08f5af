//! Reads markup the way a browser, a video player or an app does: which URLs it loads, and where a click leads.

use serde_json::Value;

/// What markup is made of, told from its first characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    Html,
    Vast,
    Native,
}

/// The URLs of one ad, unescaped.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// Loaded when the ad is shown.
    pub(crate) impressions: Vec<String>,
    /// Loaded when the ad has been seen.
    pub(crate) views: Vec<String>,
    /// Where a click leads.
    pub(crate) clicks: Vec<String>,
    /// Loaded beside a click.
    pub(crate) click_trackers: Vec<String>,
}

/// The address that the bidder's tracking URLs begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OurHost {
    /// Scheme and authority, such as `https://pixel.localhost`.
    origin: String,
    /// The authority: what the `Host` header says.
    pub(crate) authority: String,
    /// A path that the endpoints lie under; mostly empty, without a slash at the end.
    pub(crate) base: String,
}

impl OurHost {
    /// Splits an absolute URL; one that is not absolute matches nothing.
    pub(crate) fn new(public_url: &str) -> Self {
        let (scheme, rest) = public_url.split_once("://").unwrap_or(("", public_url));
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let base = base.trim_end_matches('/');
        Self {
            origin: format!("{scheme}://{authority}"),
            authority: authority.to_owned(),
            base: if base.is_empty() {
                String::new()
            } else {
                format!("/{base}")
            },
        }
    }

    /// Path and query of a URL of ours; `None` for anybody else's.
    pub(crate) fn path_of<'a>(&self, url: &'a str) -> Option<&'a str> {
        let path = url.strip_prefix(self.origin.as_str())?;
        let rest = path.strip_prefix(self.base.as_str())?;
        rest.starts_with('/').then_some(path)
    }
}

/// Tells what markup is made of.
pub(crate) fn kind(markup: &str) -> Markup {
    let start = markup.trim_start();
    if start.starts_with('{') {
        Markup::Native
    } else if ["<?xml", "<VAST", "<DAAST"]
        .iter()
        .any(|root| start.starts_with(root))
    {
        Markup::Vast
    } else {
        Markup::Html
    }
}

/// Every URL that showing, seeing and clicking the ad uses.
pub(crate) fn render(markup: &str) -> Rendered {
    match kind(markup) {
        Markup::Html => html(markup),
        Markup::Vast => vast(markup),
        Markup::Native => native(markup),
    }
}

fn html(markup: &str) -> Rendered {
    let mut rendered = Rendered::default();
    for tag in tags(markup) {
        for (name, value) in attributes(tag.1) {
            let url = unescape(value);
            match (tag.0.to_ascii_lowercase().as_str(), name.as_str()) {
                _ if url.is_empty() => {}
                _ if is_view(&url) => rendered.views.push(url),
                ("img", "src") => rendered.impressions.push(url),
                ("a" | "area", "href") => rendered.clicks.push(url),
                _ => {}
            }
        }
    }
    // What scripts load or open is not run, but found by its endpoint.
    if rendered.views.is_empty() {
        rendered.views.extend(quoted_url(markup, "/view?"));
    }
    if rendered.clicks.is_empty() {
        rendered.clicks.extend(quoted_url(markup, "/click?"));
    }
    rendered
}

fn is_view(url: &str) -> bool {
    url.starts_with("http") && url.contains("/view?")
}

/// The first URL in quotes that has `endpoint` in it.
fn quoted_url(markup: &str, endpoint: &str) -> Option<String> {
    let (before, after) = markup.split_once(endpoint)?;
    let quotes = ['"', '\'', '`'];
    let start = before.rsplit(quotes).next()?;
    let end = after.split(quotes).next()?;
    let url = unescape(&format!("{start}{endpoint}{end}"));
    url.starts_with("http").then_some(url)
}

/// Names and attribute texts of all opening tags; quotes may hold `>`.
fn tags(markup: &str) -> impl Iterator<Item = (&str, &str)> {
    markup.split('<').skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')?;
        let (name, attributes) = rest.split_at_checked(end)?;
        (!name.is_empty()).then_some((name, attributes))
    })
}

/// Lower-case names and raw values of a tag's attributes.
fn attributes(text: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let Some(end) = rest.find(|c: char| c.is_ascii_whitespace() || "=>".contains(c)) else {
            return found;
        };
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            if after.starts_with('>') {
                return found;
            }
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value
                .strip_prefix(quote)
                .and_then(|value| value.split_once(quote))
                .unwrap_or_default(),
            _ => {
                let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>');
                value.split_at(end.unwrap_or(value.len()))
            }
        };
        found.push((name.to_ascii_lowercase(), value));
        rest = after;
    }
}

fn vast(markup: &str) -> Rendered {
    Rendered {
        impressions: elements(markup, "Impression"),
        views: elements(markup, "Viewable"),
        clicks: elements(markup, "ClickThrough"),
        click_trackers: elements(markup, "ClickTracking"),
    }
}

/// The texts of all elements of a name.
pub(crate) fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    xml.split(open.as_str())
        .skip(1)
        .filter(|rest| rest.starts_with(|c: char| c == '>' || c.is_ascii_whitespace()))
        .filter_map(|rest| rest.split_once('>'))
        .filter_map(|(_, content)| content.split_once(close.as_str()))
        .map(|(content, _)| {
            let content = content.trim();
            content
                .strip_prefix("<![CDATA[")
                .and_then(|content| content.strip_suffix("]]>"))
                .map_or_else(
                    || unescape(content),
                    |content| content.replace("]]><![CDATA[", "").trim().to_owned(),
                )
        })
        .collect()
}

fn native(markup: &str) -> Rendered {
    let mut rendered = Rendered::default();
    let Ok(json) = serde_json::from_str::<Value>(markup) else {
        return rendered;
    };
    let ad = json.get("native").unwrap_or(&json);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let trackers = list(&ad["imptrackers"]);
    rendered
        .impressions
        .extend(trackers.iter().filter_map(text));
    for tracker in list(&ad["eventtrackers"]) {
        let url = text(&tracker["url"]).filter(|_| tracker["method"] == 1);
        match tracker["event"].as_i64() {
            Some(1) => rendered.impressions.extend(url),
            Some(2 | 3) => rendered.views.extend(url),
            _ => {}
        }
    }
    rendered.clicks.extend(text(&ad["link"]["url"]));
    let trackers = list(&ad["link"]["clicktrackers"]);
    rendered
        .click_trackers
        .extend(trackers.iter().filter_map(text));
    rendered
}

/// Replaces the character references that URLs in HTML and XML are written with.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let reference = after
            .split_once(';')
            .and_then(|(name, tail)| Some((character(name)?, tail)));
        if let Some((character, tail)) = reference {
            plain.push(character);
            rest = tail;
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_gives_what_a_browser_would_load() {
        let rendered = render(
            r#"<div><a target="_blank" href='https://p.example/click?t=a&amp;x=1'><img src="https://cdn.example/a.png" alt="a > b"></a>
            <img width=1 height=1 src=https://p.example/imp?t=b&#38;y=2 /><script>navigator.sendBeacon("https://p.example/view?t=c")</script></div>"#,
        );
        assert_eq!(rendered.clicks, ["https://p.example/click?t=a&x=1"]);
        assert_eq!(
            rendered.impressions,
            ["https://cdn.example/a.png", "https://p.example/imp?t=b&y=2"]
        );
        assert_eq!(rendered.views, ["https://p.example/view?t=c"]);
        let scripted = render("<div onclick=\"open('https://p.example/click?t=a')\"></div>");
        assert_eq!(scripted.clicks, ["https://p.example/click?t=a"]);
    }

    #[test]
    fn vast_and_native_give_their_trackers() {
        let vast = render(
            "<VAST version=\"4.0\"><Ad><InLine><Impression id=\"1\"><![CDATA[ https://p.example/imp?t=a&b ]]></Impression>\
             <ImpressionX>no</ImpressionX><ViewableImpression><Viewable>https://p.example/view</Viewable></ViewableImpression><TrackingEvents><Tracking event=\"complete\">https://p.example/video</Tracking></TrackingEvents><VideoClicks><ClickThrough>https://p.example/click?t=a&amp;b</ClickThrough></VideoClicks></InLine></Ad></VAST>",
        );
        assert_eq!(vast.impressions, ["https://p.example/imp?t=a&b"]);
        assert_eq!(vast.clicks, ["https://p.example/click?t=a&b"]);
        assert_eq!(vast.views, ["https://p.example/view"]);
        let native = render(
            r#"{"native":{"link":{"url":"https://p.example/click","clicktrackers":["https://x.example/"]},"imptrackers":["https://p.example/imp"],
            "eventtrackers":[{"event":1,"method":1,"url":"https://p.example/imp2"},{"event":1,"method":2,"url":"https://p.example/js"},{"event":2,"method":1,"url":"https://p.example/view"}]}}"#,
        );
        assert_eq!(
            native.impressions,
            ["https://p.example/imp", "https://p.example/imp2"]
        );
        assert_eq!(native.views, ["https://p.example/view"]);
        assert_eq!(native.clicks, ["https://p.example/click"]);
        assert_eq!(native.click_trackers, ["https://x.example/"]);
    }

    #[test]
    fn broken_markup_gives_nothing_and_does_not_hang() {
        for broken in [
            "",
            "<",
            "<img",
            "<img src",
            "<img src=",
            "<img src=\"",
            "{",
            "<VAST>",
            "<a href='x",
            "<Impression>",
            "&",
            "&#;",
            "&#xffffffff;",
        ] {
            assert_eq!(render(broken), Rendered::default(), "{broken}");
        }
    }

    #[test]
    fn only_our_origin_is_ours() {
        let ours = OurHost::new("https://pixel.localhost/t/");
        assert_eq!(
            ours.path_of("https://pixel.localhost/t/imp?t=1"),
            Some("/t/imp?t=1")
        );
        for foreign in [
            "https://pixel.localhost.evil.example/t/imp",
            "http://pixel.localhost/t/imp",
            "https://pixel.localhost/imp",
            "https://pixel.localhost/tt/imp",
            "/t/imp",
        ] {
            assert_eq!(ours.path_of(foreign), None, "{foreign}");
        }
    }
}
