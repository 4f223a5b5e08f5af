//! Creatives of the standard catalogue that have more to them than a picture or a file.

use domain::creative::{
    Approval, ApprovalState, BannerMarkup, Media, MediaFile, MediaSource, Wrapper,
};
use domain::{Creative, CreativeFormat};

/// A banner of the advertiser's own HTML.
pub fn html(html: &str) -> CreativeFormat {
    CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup: BannerMarkup::Html { html: html.into() },
    }
}

/// Makes the plain creative the named one; false where there is none of the name.
pub fn change(name: &str, it: &mut Creative) -> bool {
    match name {
        "tag" => tag(it),
        "mraid" => {
            it.format = html("<script src=\"mraid.js\"></script>");
            it.apis = vec![5];
        }
        "vpaid" => {
            let file = file("https://cdn.shop.example/ad.js", "application/javascript");
            it.format = CreativeFormat::Video(Media::of_file(15, file));
            it.apis = vec![2, 7];
        }
        "van" => categorize(it, 6, "7"),
        "van-newer" => categorize(it, 7, "7"),
        "wine" => categorize(it, 8, "1007"),
        "undeclared" => it.categories.clear(),
        "approved" => say(it, ApprovalState::Approved),
        "rejected" => say(it, ApprovalState::Rejected),
        "pending" => say(it, ApprovalState::Pending),
        "cocktails" => categorize(it, 1, "IAB8-5"),
        "sports" => categorize(it, 1, "IAB17"),
        "skippable" => it.format = skippable(),
        "wrapper" => it.format = wrapper(),
        "two-files" => it.format = two_files(),
        _ => return false,
    }
    true
}

fn categorize(it: &mut Creative, taxonomy: u32, code: &str) {
    it.taxonomy = taxonomy;
    it.categories = vec![code.into()];
}

fn tag(it: &mut Creative) {
    let src = "https://ads.example/t.js?c={CLICK_URL_ENC}&s={SITE}&d={DEVICE_ID}";
    it.format = CreativeFormat::Banner {
        width: 300,
        height: 250,
        markup: BannerMarkup::Tag {
            html: format!("<script src=\"{src}\"></script>"),
        },
    };
    it.taxonomy = 7;
    it.categories = vec!["150".into()];
    it.sample_url = Some("https://cdn.shop.example/sample.png".into());
    it.trackers.impression = vec!["https://count.example/?c={CREATIVE_ID}".into()];
}

fn say(it: &mut Creative, state: ApprovalState) {
    let approval = Approval {
        state,
        reason: String::new(),
    };
    it.approvals.insert("approves".into(), approval);
}

fn file(url: &str, mime: &str) -> MediaFile {
    MediaFile {
        url: url.into(),
        mime: mime.into(),
        width: 640,
        height: 360,
        bitrate_kbps: 800,
    }
}

fn mp4() -> Media {
    Media::of_file(15, file("https://cdn.shop.example/ad.mp4", "video/mp4"))
}

fn skippable() -> CreativeFormat {
    CreativeFormat::Video(Media {
        skip_after_s: Some(5),
        ..mp4()
    })
}

fn wrapper() -> CreativeFormat {
    CreativeFormat::Video(Media {
        source: MediaSource::Wrapper(Wrapper {
            tag_url: "https://ads.example/vast?r={CACHEBUSTER}&g={GDPR}".into(),
            mimes: vec!["video/mp4".into()],
            width: 640,
            height: 360,
        }),
        ..mp4()
    })
}

fn two_files() -> CreativeFormat {
    CreativeFormat::Video(Media {
        source: MediaSource::Files(vec![
            file("https://cdn.shop.example/ad.mp4", "video/mp4"),
            file("https://cdn.shop.example/ad.webm", "video/webm"),
        ]),
        ..mp4()
    })
}
