//! The creative form: one for each format.

use domain::Creative;
use maud::{Markup, html};
use proto::catalogue::{
    BannerDoc, CreativeDoc, FormatDoc, MediaDoc, NativeDoc, PictureDoc, StatusWord,
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
            "video" | "audio" => (draw_media(form, format == "video")),
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
            (form.text("language", "Language", "Two letters such as en; empty when there is no text."))
        }
        (app_store::draw(form))
        (frequency::draw(form, "this creative, wherever it is shown"))
    }
}

fn draw_banner(form: &FormView<'_>) -> Markup {
    html! {
        (form.text("format.size", "Size", "Such as 300x250."))
        (form.text("format.image_url", "Picture", "Its https address. Either this or HTML."))
        (form.area("format.html", "HTML", "Your own markup; {CLICK_URL} becomes the counted link."))
    }
}

fn draw_media(form: &FormView<'_>, video: bool) -> Markup {
    let mime = if video {
        "Such as video/mp4."
    } else {
        "Such as audio/mpeg."
    };
    html! {
        div.columns {
            (form.text("format.url", "File", "Its https address."))
            (form.text("format.mime", "MIME type", mime))
        }
        div.columns {
            (form.number("format.duration_s", "Seconds", "How long it plays."))
            (form.number("format.bitrate_kbps", "Bit rate", "In kbit/s."))
            @if video {
                (form.number("format.width", "Width", "In pixels."))
                (form.number("format.height", "Height", "In pixels."))
            }
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
            (form.text("format.image.url", "Large picture", "Its https address."))
            (form.text("format.image.size", "Its size", "Such as 1200x627."))
        }
        div.columns {
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
    values.set("language", document.language.unwrap_or_default());
    frequency::set(&mut values, &document.frequency_caps);
    app_store::set(&mut values, document.app_store);
    set_format(&mut values, document.format);
    values
}

fn set_format(values: &mut Values, format: FormatDoc) {
    match format {
        FormatDoc::Banner(banner) => {
            values.set("format.size", banner.size);
            values.set("format.image_url", banner.image_url.unwrap_or_default());
            values.set("format.html", banner.html.unwrap_or_default());
        }
        FormatDoc::Video(media) | FormatDoc::Audio(media) => {
            values.set("format.url", media.url);
            values.set("format.mime", media.mime);
            values.set("format.duration_s", media.duration_s.to_string());
            values.set("format.bitrate_kbps", media.bitrate_kbps.to_string());
            values.set("format.width", media.width.to_string());
            values.set("format.height", media.height.to_string());
        }
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

/// Reads the form.
pub(crate) fn parse(values: &Values, id: u64, advertiser: u64) -> Result<Creative, Problem> {
    let mut reader = Reader::new(values);
    let attributes: Result<Vec<u32>, _> = reader
        .list("attributes")
        .iter()
        .map(|number| number.parse())
        .collect();
    if attributes.is_err() {
        let rule = "must be numbers, one on each line";
        reader.errors.push(field_error("attributes", rule));
    }
    let document = CreativeDoc {
        id,
        advertiser_id: advertiser,
        name: reader.text("name"),
        status: reader.word("status", StatusWord::from_word, StatusWord::Draft),
        format: parse_format(&mut reader),
        click_url: reader.text("click_url"),
        adomain: reader.text("adomain").to_lowercase(),
        categories: reader.list("categories"),
        attributes: attributes.unwrap_or_default(),
        language: reader.optional("language"),
        frequency_caps: frequency::parse(&mut reader),
        app_store: app_store::parse(&mut reader),
    };
    checked(reader.errors, document.check())
}

fn parse_format(reader: &mut Reader<'_>) -> FormatDoc {
    match reader.values.get("format.type") {
        "video" => FormatDoc::Video(parse_media(reader, true)),
        "audio" => FormatDoc::Audio(parse_media(reader, false)),
        "native" => FormatDoc::Native(parse_native(reader)),
        _ => {
            let html = reader.values.raw("format.html").replace("\r\n", "\n");
            FormatDoc::Banner(BannerDoc {
                size: reader.text("format.size").to_lowercase(),
                image_url: reader.optional("format.image_url"),
                html: Some(html).filter(|html| !html.trim().is_empty()),
            })
        }
    }
}

fn parse_media(reader: &mut Reader<'_>, video: bool) -> MediaDoc {
    let (width, height) = if video {
        (reader.whole("format.width"), reader.whole("format.height"))
    } else {
        (0, 0)
    };
    MediaDoc {
        url: reader.text("format.url"),
        mime: reader.text("format.mime").to_lowercase(),
        duration_s: reader.whole("format.duration_s"),
        width,
        height,
        bitrate_kbps: reader.whole("format.bitrate_kbps"),
    }
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
