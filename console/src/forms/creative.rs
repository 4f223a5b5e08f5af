//! The creative form: one for each format.

use domain::Creative;
use maud::{Markup, html};
use std::collections::BTreeMap;

use proto::catalogue::{
    BannerDoc, CreativeDoc, FormatDoc, MediaDoc, MediaFileDoc, NativeDoc, PictureDoc, StatusWord,
    WrapperDoc, parse_size,
};

use super::campaign::STATUSES;
use super::{FormView, Reader, app_store, checked, frequency};
use crate::extract::Values;
use crate::problem::{Problem, field_error};

/// Formats with their names.
pub(crate) const FORMATS: &[(&str, &str)] = &[
    ("banner", "Banner"),
    ("video", "Video"),
    ("audio", "Audio"),
    ("native", "Native"),
];

/// The inputs of the format that the values name.
pub(crate) fn draw(form: &FormView<'_>) -> Markup {
    let format = form.values.get("format.type");
    html! {
        (form.summary())
        input type="hidden" name="format.type" value=(format);
        div.columns {
            (form.text("name", "Name", ""))
            (form.choice("status", "Status", STATUSES))
        }
        @match format {
            "video" | "audio" => (draw_media(form)),
            "native" => (draw_native(form)),
            _ => (draw_banner(form)),
        }
        h3 { "Where it leads and what it declares" }
        div.columns {
            (form.text("click_url", "Landing page", "An absolute address; clicks are counted on the way."))
            (form.text("adomain", "Domain", "The advertiser's domain, told to exchanges."))
        }
        div.columns {
            (form.area("categories", "Categories", "IAB 1.0 codes such as IAB3-1, one on each line."))
            (form.area("attributes", "Attributes", "OpenRTB creative attribute numbers, if any."))
            (form.area("apis", "Interfaces", "OpenRTB API framework numbers that it needs, if any: 5 for MRAID 2, 7 for OMID."))
            (form.number("category_taxonomy", "Taxonomy", "Of the categories, by its OpenRTB number: 1 for IAB 1.0."))
            (form.text("language", "Language", "Two letters such as en; empty when there is no text."))
            (form.text("sample_url", "Sample picture", "An https address, for the exchanges' review; may be empty."))
        }
        h3 { "Others who count it" }
        div.columns {
            (form.area("impression_trackers", "Impressions", "https addresses, one on each line; macros such as {CACHEBUSTER} may be in them."))
            @if format != "banner" {
                (form.area("click_trackers", "Clicks", "https addresses, one on each line."))
            }
        }
        (app_store::draw(form))
        (frequency::draw(form, "this creative, wherever it is shown"))
    }
}

fn draw_banner(form: &FormView<'_>) -> Markup {
    html! {
        (form.text("format.size", "Size", "Such as 300x250."))
        (form.upload("format.image_url", "Upload a picture"))
        (form.text("format.image_url", "Picture", "Its https address. Only one of picture, HTML and tag."))
        (form.area("format.html", "HTML", "Your own markup; {CLICK_URL} becomes the counted link."))
        (form.area("format.tag", "Tag", "Another ad server's markup, with {CLICK_URL}, {CLICK_URL_ENC} or {CLICK_URL_ENC2} where it wants the click address."))
    }
}

fn draw_media(form: &FormView<'_>) -> Markup {
    html! {
        div.columns {
            (form.number("format.duration_s", "Seconds", "How long it plays."))
            (form.text("format.skip_after_s", "Can be skipped after", "Seconds; empty when it cannot."))
        }
        (form.upload("format.files", "Upload a file"))
        (form.area("format.files", "Files", "Of the same ad, one on each line: address, MIME type, size, kbit/s. Such as https://cdn.example.com/a.mp4 video/mp4 1280x720 2000; audio has no size. Empty for another ad server's VAST."))
        div.columns {
            (form.text("format.wrapper.tag_url", "VAST address", "Another ad server's, instead of files; macros such as {CACHEBUSTER} may be in it."))
            (form.text("format.wrapper.size", "Its size", "Such as 1280x720; empty for audio."))
            (form.area("format.wrapper.mimes", "Its MIME types", "One on each line."))
        }
        div.columns {
            (form.text("format.companion.url", "Companion picture", "Beside the player; its https address, may be empty."))
            (form.text("format.companion.size", "Its size", "Such as 300x250."))
        }
    }
}

fn draw_native(form: &FormView<'_>) -> Markup {
    html! {
        div.columns {
            (form.text("format.title", "Headline", ""))
            (form.text("format.sponsored", "Sponsored by", ""))
            (form.text("format.call_to_action", "Call to action", "Such as Learn more."))
        }
        (form.text("format.description", "Text", ""))
        div.columns {
            (form.upload("format.image.url", "Upload the large picture"))
            (form.text("format.image.url", "Large picture", "Its https address."))
            (form.text("format.image.size", "Its size", "Such as 1200x627."))
        }
        div.columns {
            (form.upload("format.icon.url", "Upload the icon"))
            (form.text("format.icon.url", "Icon", "Its https address."))
            (form.text("format.icon.size", "Its size", "Such as 100x100."))
        }
    }
}

/// What the inputs hold for a new creative.
pub(crate) fn defaults(format: &str, domain: &str) -> Values {
    let known = FORMATS.iter().find(|(word, _)| *word == format);
    let mut values = Values::default();
    values.set("format.type", known.map_or("banner", |(word, _)| word));
    values.set("status", "active");
    values.set("adomain", domain);
    values.set("category_taxonomy", "1");
    values.set("click_url", format!("https://{domain}/"));
    values
}

/// What the inputs hold for a stored creative.
pub(crate) fn values(creative: &Creative) -> Values {
    let document = CreativeDoc::from(creative);
    let mut values = Values::default();
    values.set("format.type", creative.format.label());
    values.set("name", document.name);
    values.set("status", document.status.word());
    values.set("click_url", document.click_url);
    values.set("adomain", document.adomain);
    values.set("categories", document.categories.join("\n"));
    let attributes: Vec<_> = document.attributes.iter().map(u32::to_string).collect();
    values.set("attributes", attributes.join("\n"));
    values.set("category_taxonomy", document.category_taxonomy.to_string());
    let apis: Vec<_> = document.apis.iter().map(u32::to_string).collect();
    values.set("apis", apis.join("\n"));
    values.set("language", document.language.unwrap_or_default());
    frequency::set(&mut values, &document.frequency_caps);
    app_store::set(&mut values, document.app_store);
    values.set("sample_url", document.sample_url.unwrap_or_default());
    values.set(
        "impression_trackers",
        document.impression_trackers.join("\n"),
    );
    values.set("click_trackers", document.click_trackers.join("\n"));
    set_format(&mut values, document.format);
    values
}

fn set_format(values: &mut Values, format: FormatDoc) {
    match format {
        FormatDoc::Banner(banner) => {
            values.set("format.size", banner.size);
            values.set("format.image_url", banner.image_url.unwrap_or_default());
            values.set("format.html", banner.html.unwrap_or_default());
            values.set("format.tag", banner.tag.unwrap_or_default());
        }
        FormatDoc::Video(media) | FormatDoc::Audio(media) => set_media(values, media),
        FormatDoc::Native(native) => {
            values.set("format.title", native.title);
            values.set("format.description", native.description);
            values.set("format.sponsored", native.sponsored);
            values.set("format.call_to_action", native.call_to_action);
            values.set("format.image.url", native.image.url);
            values.set("format.image.size", native.image.size);
            values.set("format.icon.url", native.icon.url);
            values.set("format.icon.size", native.icon.size);
        }
    }
}

fn set_media(values: &mut Values, media: MediaDoc) {
    values.set("format.duration_s", media.duration_s.to_string());
    let skip = media.skip_after_s.map(|after| after.to_string());
    values.set("format.skip_after_s", skip.unwrap_or_default());
    let file = |file: &MediaFileDoc| {
        let size = size_or_nothing((file.width, file.height));
        let words = [&file.url, &file.mime, &size, &file.bitrate_kbps.to_string()];
        words.map(String::as_str).join(" ").replace("  ", " ")
    };
    let files: Vec<_> = media.files.iter().map(file).collect();
    values.set("format.files", files.join("\n"));
    let wrapper = media.wrapper.unwrap_or_default();
    let size = size_or_nothing((wrapper.width, wrapper.height));
    values.set("format.wrapper.tag_url", wrapper.tag_url);
    values.set("format.wrapper.size", size);
    values.set("format.wrapper.mimes", wrapper.mimes.join("\n"));
    let companion = media.companion.unwrap_or_default();
    values.set("format.companion.url", companion.url);
    values.set("format.companion.size", companion.size);
}

/// Empty for audio, which has no size.
fn size_or_nothing((width, height): (u32, u32)) -> String {
    match (width, height) {
        (0, 0) => String::new(),
        (width, height) => format!("{width}x{height}"),
    }
}

/// Reads the form. What exchanges say of the creative is not in it.
pub(crate) fn parse(values: &Values, id: u64, advertiser: u64) -> Result<Creative, Problem> {
    let mut reader = Reader::new(values);
    let attributes = numbers(&mut reader, "attributes");
    let apis = numbers(&mut reader, "apis");
    let document = CreativeDoc {
        id,
        advertiser_id: advertiser,
        name: reader.text("name"),
        status: reader.word("status", StatusWord::from_word, StatusWord::Draft),
        format: parse_format(&mut reader),
        click_url: reader.text("click_url"),
        adomain: reader.text("adomain").to_lowercase(),
        categories: reader.list("categories"),
        category_taxonomy: match reader.optional("category_taxonomy") {
            Some(_) => reader.whole("category_taxonomy"),
            None => 1,
        },
        attributes,
        apis,
        language: reader.optional("language"),
        frequency_caps: frequency::parse(&mut reader),
        app_store: app_store::parse(&mut reader),
        sample_url: reader.optional("sample_url"),
        impression_trackers: lines(&reader, "impression_trackers"),
        click_trackers: lines(&reader, "click_trackers"),
        approvals: BTreeMap::new(),
    };
    checked(reader.errors, document.check())
}

fn numbers(reader: &mut Reader<'_>, name: &str) -> Vec<u32> {
    let listed = reader.list(name);
    let numbers: Result<Vec<u32>, _> = listed.iter().map(|number| number.parse()).collect();
    numbers.unwrap_or_else(|_| {
        let rule = "must be numbers, one on each line";
        reader.errors.push(field_error(name, rule));
        Vec::new()
    })
}

/// Lines that are not empty: addresses may have commas in them.
fn lines(reader: &Reader<'_>, name: &str) -> Vec<String> {
    let lines = reader.values.raw(name).lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn parse_format(reader: &mut Reader<'_>) -> FormatDoc {
    match reader.values.get("format.type") {
        "video" => FormatDoc::Video(parse_media(reader)),
        "audio" => FormatDoc::Audio(parse_media(reader)),
        "native" => FormatDoc::Native(parse_native(reader)),
        _ => {
            let html = |name| {
                let html = reader.values.raw(name).replace("\r\n", "\n");
                Some(html).filter(|html| !html.trim().is_empty())
            };
            FormatDoc::Banner(BannerDoc {
                size: reader.text("format.size").to_lowercase(),
                image_url: reader.optional("format.image_url"),
                html: html("format.html"),
                tag: html("format.tag"),
            })
        }
    }
}

fn parse_media(reader: &mut Reader<'_>) -> MediaDoc {
    let skip_after_s = reader
        .optional("format.skip_after_s")
        .map(|_| reader.whole("format.skip_after_s"));
    let files = lines(reader, "format.files");
    let files: Option<Vec<_>> = files.iter().map(|line| parse_file(line)).collect();
    let files = files.unwrap_or_else(|| {
        let rule = "must have address, MIME type, size unless it is audio, and kbit/s on each line";
        reader.errors.push(field_error("format.files", rule));
        Vec::new()
    });
    let companion = reader.optional("format.companion.url");
    MediaDoc {
        duration_s: reader.whole("format.duration_s"),
        files,
        wrapper: parse_wrapper(reader),
        skip_after_s,
        companion: companion.map(|url| PictureDoc {
            url,
            size: reader.text("format.companion.size").to_lowercase(),
        }),
    }
}

/// `ADDRESS TYPE SIZE KBITS`, or for audio `ADDRESS TYPE KBITS`.
fn parse_file(line: &str) -> Option<MediaFileDoc> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (url, mime, size, rate) = match words.as_slice() {
        [url, mime, size, rate] => (url, mime, Some(parse_size(&size.to_lowercase())?), rate),
        [url, mime, rate] => (url, mime, None, rate),
        _ => return None,
    };
    Some(MediaFileDoc {
        url: (*url).to_owned(),
        mime: mime.to_lowercase(),
        width: size.map_or(0, |size| size.width),
        height: size.map_or(0, |size| size.height),
        bitrate_kbps: rate.parse().ok()?,
    })
}

fn parse_wrapper(reader: &mut Reader<'_>) -> Option<WrapperDoc> {
    let tag_url = reader.optional("format.wrapper.tag_url")?;
    let size = reader.optional("format.wrapper.size");
    let parsed = size.as_ref().map(|size| parse_size(&size.to_lowercase()));
    if parsed == Some(None) {
        let rule = "must be WIDTHxHEIGHT, such as 1280x720";
        reader.errors.push(field_error("format.wrapper.size", rule));
    }
    let size = parsed.flatten();
    let mimes = lines(reader, "format.wrapper.mimes");
    Some(WrapperDoc {
        tag_url,
        mimes: mimes.iter().map(|mime| mime.to_lowercase()).collect(),
        width: size.map_or(0, |size| size.width),
        height: size.map_or(0, |size| size.height),
    })
}

fn parse_native(reader: &Reader<'_>) -> NativeDoc {
    let picture = |name: &str| PictureDoc {
        url: reader.text(&format!("format.{name}.url")),
        size: reader.text(&format!("format.{name}.size")).to_lowercase(),
    };
    NativeDoc {
        title: reader.text("format.title"),
        description: reader.text("format.description"),
        sponsored: reader.text("format.sponsored"),
        call_to_action: reader.text("format.call_to_action"),
        image: picture("image"),
        icon: picture("icon"),
    }
}
