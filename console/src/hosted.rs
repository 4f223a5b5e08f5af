//! Whether the files of ours that a creative shows are what it declares.

use domain::creative::{BannerMarkup, Picture};
use domain::{Creative, CreativeFormat};
use store::asset::{AssetName, picture_size};

use crate::problem::{Problem, field_error};
use crate::state::App;

/// What a creative says of a file.
enum Declared<'a> {
    Picture(u32, u32),
    Media(&'a str),
}

/// Looks into every file of ours that the creative names; files elsewhere are taken at its word. Blocks.
pub(crate) fn check(app: &App, creative: &Creative) -> Result<(), Problem> {
    let mut wrong = Vec::new();
    for (field, url, declared) in files(&creative.format) {
        if let Some(rule) = problem(app, url, &declared)? {
            wrong.push(field_error(field, rule));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Problem::Invalid(wrong)),
    }
}

fn files(format: &CreativeFormat) -> Vec<(String, &str, Declared<'_>)> {
    let picture = |field: &str, picture: &'_ Picture| {
        (
            field.to_owned(),
            Declared::Picture(picture.width, picture.height),
        )
    };
    match format {
        CreativeFormat::Banner {
            width,
            height,
            markup: BannerMarkup::Image { url },
        } => {
            let declared = Declared::Picture(*width, *height);
            vec![("format.image_url".to_owned(), url, declared)]
        }
        CreativeFormat::Banner { .. } => Vec::new(),
        CreativeFormat::Video(media) | CreativeFormat::Audio(media) => {
            let files = media.files().iter().enumerate();
            let mut found: Vec<_> = files
                .map(|(at, file)| {
                    let declared = Declared::Media(&file.mime);
                    (
                        format!("format.files[{at}].url"),
                        file.url.as_str(),
                        declared,
                    )
                })
                .collect();
            if let Some(companion) = &media.companion {
                let (field, declared) = picture("format.companion.url", companion);
                found.push((field, &companion.url, declared));
            }
            found
        }
        CreativeFormat::Native(assets) => [
            ("format.image.url", &assets.image),
            ("format.icon.url", &assets.icon),
        ]
        .map(|(field, one)| {
            let (field, declared) = picture(field, one);
            (field, one.url.as_str(), declared)
        })
        .into(),
    }
}

/// What is wrong with a file, when it is one of ours.
fn problem(app: &App, url: &str, declared: &Declared<'_>) -> Result<Option<String>, Problem> {
    let Some(name) = url.strip_prefix(&app.deps.assets_url) else {
        return Ok(None);
    };
    let found = match AssetName::parse(name) {
        Some(name) => app
            .stored(app.deps.assets.get(name))?
            .map(|bytes| (name, bytes)),
        None => None,
    };
    let Some((name, bytes)) = found else {
        return Ok(Some("must be a file that was uploaded".to_owned()));
    };
    let mime = name.kind().mime();
    Ok(match declared {
        Declared::Media(declared) if *declared != mime => {
            Some(format!("is {mime}, not {declared}"))
        }
        Declared::Media(_) => None,
        Declared::Picture(width, height) => match picture_size(&bytes) {
            Some((w, h)) if (w, h) == (*width, *height) => None,
            Some((w, h)) => Some(format!("is {w}x{h}, not {width}x{height}")),
            None => Some("must be a picture".to_owned()),
        },
    })
}
