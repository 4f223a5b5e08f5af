//! A creative: its preview in a sandbox, and its form.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::creative::{Approval, BannerMarkup, Media, MediaFile, MediaSource, NativeAssets};
use domain::{Advertiser, AdvertiserId, Creative, CreativeFormat, CreativeId};
use maud::{Markup, html};
use proto::catalogue::{ApprovalWord, FieldError, StatusWord};

use super::campaign::switch;
use super::{after_form, layout};
use crate::access::Seen;
use crate::changes::Desk;
use crate::extract::{Form, Id, Values};
use crate::forms::{self, FormView};
use crate::http::ShowsCreative;
use crate::problem::Problem;
use crate::session::Identity;
use crate::state::App;

/// Ads are drawn without the margin that a browser gives a document.
const NO_MARGIN: &str = "<style>body{margin:0}</style>";

/// Shows a creative.
pub(crate) async fn show(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<impl IntoResponse, Problem> {
    let by = identity.clone();
    let (creative, advertiser) = app
        .blocking(move |app| {
            let seen = Seen::read(app, &by)?;
            let creative = seen.creative(CreativeId(id))?;
            Ok((
                creative.clone(),
                seen.advertiser(creative.advertiser)?.clone(),
            ))
        })
        .await?;
    let at = format!("/creatives/{id}");
    let body = html! {
        div.lead {
            (creative.format.label()) " " (layout::status(creative.status))
            span.buttons {
                (switch(&at, &identity.form_token, creative.status))
                a.button href={ (at) "/edit" } { "Edit" }
            }
        }
        div.card { h2 { "Preview" } (preview(&creative)) }
        div.card { h2 { "Declares" } (declared(&creative)) }
        div.card { h2 { "Approval" } (approvals(&creative, &identity)) }
    };
    let crumb = (format!("/advertisers/{}", advertiser.id), advertiser.name);
    let page = layout::page(&identity, &creative.name, &[crumb], &body);
    Ok((Extension(ShowsCreative), page))
}

/// The ad itself. Advertisers' markup is shown only inside a frame without scripts, forms or our origin.
fn preview(creative: &Creative) -> Markup {
    match &creative.format {
        CreativeFormat::Banner {
            width,
            height,
            markup,
        } => match markup {
            BannerMarkup::Image { url } => {
                html! { img src=(url) width=(width) height=(height) alt=(creative.name); }
            }
            BannerMarkup::Html { html: fragment } | BannerMarkup::Tag { html: fragment } => html! {
                iframe.preview sandbox="" srcdoc={ (NO_MARGIN) (fragment) } width=(width) height=(height) title="Preview" referrerpolicy="no-referrer" {}
                p.hint { "Scripts do not run in the preview." }
            },
        },
        CreativeFormat::Video(ad) => media(ad, true),
        CreativeFormat::Audio(ad) => media(ad, false),
        CreativeFormat::Native(assets) => native(assets),
    }
}

fn media(ad: &Media, video: bool) -> Markup {
    html! {
        @match (&ad.source, ad.files().first()) {
            (MediaSource::Wrapper(wrapper), _) => p.cut { (wrapper.tag_url) },
            (_, Some(file)) if video => video controls preload="none" src=(file.url) {},
            (_, Some(file)) => audio controls preload="none" src=(file.url) {},
            (_, None) => {},
        }
        p.hint { (ad.duration_s) " s" @if let Some(after) = ad.skip_after_s { " · can be skipped after " (after) " s" } }
        @for one in ad.files() { (file(one)) }
    }
}

fn file(file: &MediaFile) -> Markup {
    html! {
        p.hint {
            (file.mime) " · " @if file.width > 0 { (file.width) "×" (file.height) " · " } (file.bitrate_kbps) " kbit/s"
        }
    }
}

fn native(assets: &NativeAssets) -> Markup {
    html! {
        div.native {
            img src=(assets.image.url) alt="" width="320";
            div {
                img.icon src=(assets.icon.url) alt="" width="32" height="32";
                b { (assets.title) }
                p { (assets.description) }
                p.hint { "Sponsored by " (assets.sponsored) }
                @if !assets.call_to_action.is_empty() { span.button { (assets.call_to_action) } }
            }
        }
    }
}

fn declared(creative: &Creative) -> Markup {
    let attributes: Vec<_> = creative.attributes.iter().map(u32::to_string).collect();
    html! {
        dl {
            div { dt { "Landing page" } dd.cut { (creative.click_url) } }
            div { dt { "Domain" } dd { (creative.adomain) } }
            div { dt { "Categories" } dd { (or_dash(&creative.categories.join(", "))) } }
            div { dt { "Attributes" } dd { (or_dash(&attributes.join(", "))) } }
            div { dt { "Language" } dd { (or_dash(creative.language.as_deref().unwrap_or_default())) } }
        }
    }
}

/// What exchanges say of it; administrators can note more.
fn approvals(creative: &Creative, identity: &Identity) -> Markup {
    let values = Values::default();
    let form = FormView {
        values: &values,
        errors: &[],
    };
    html! {
        @if creative.approvals.is_empty() { p.hint { "No exchange has said anything yet. Only some of them ask to see creatives first." } }
        dl {
            @for (exchange, approval) in &creative.approvals {
                div { dt { (exchange) } dd { (ApprovalWord::from(approval.state).word()) " " span.hint { (approval.reason) } } }
            }
        }
        @if identity.advertiser().is_none() {
            @let inputs = html! {
                div.columns {
                    (form.text("exchange", "Exchange", "Its name in the configuration."))
                    (form.choice("state", "Says", APPROVALS))
                    (form.text("reason", "Reason", "If it gives one."))
                }
            };
            (forms::frame(&format!("/creatives/{}/approvals", creative.id), &identity.form_token, "Note", &inputs))
        }
    }
}

/// Decisions with their names.
const APPROVALS: &[(&str, &str)] = &[
    ("pending", "Pending"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
];

/// Notes what an exchange says.
pub(crate) async fn approve(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let word = ApprovalWord::from_word(sent.values.get("state"));
    let word = word.ok_or_else(|| Problem::field("state", "must be one of the choices"))?;
    let approval = Approval {
        state: word.into(),
        reason: sent.values.get("reason").to_owned(),
    };
    app.blocking(move |app| {
        let exchange = sent.values.get("exchange");
        Desk::open(app, &sent.identity)?.set_approval(CreativeId(id), exchange, approval)
    })
    .await?;
    Ok(Redirect::to(&format!("/creatives/{id}")).into_response())
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// The form for a new creative of the format in the query.
pub(crate) async fn new(
    identity: Identity,
    Id(advertiser): Id,
    query: Values,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let advertiser = app
        .blocking(move |app| {
            let seen = Seen::read(app, &by)?;
            seen.advertiser(AdvertiserId(advertiser)).cloned()
        })
        .await?;
    let values = forms::creative::defaults(query.get("format"), &advertiser.domain);
    Ok(form(&identity, 0, &advertiser, (&values, &[])))
}

/// The form for an existing one.
pub(crate) async fn edit(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Markup, Problem> {
    let by = identity.clone();
    let (creative, advertiser) = app.blocking(move |app| existing(app, &by, id)).await?;
    let values = forms::creative::values(&creative);
    Ok(form(&identity, id, &advertiser, (&values, &[])))
}

fn existing(app: &App, by: &Identity, id: u64) -> Result<(Creative, Advertiser), Problem> {
    let seen = Seen::read(app, by)?;
    let creative = seen.creative(CreativeId(id))?.clone();
    let advertiser = seen.advertiser(creative.advertiser)?.clone();
    Ok((creative, advertiser))
}

/// Creates one.
pub(crate) async fn create(
    State(app): State<App>,
    Id(advertiser): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let by = sent.identity.clone();
    let owner = app
        .blocking(move |app| {
            let seen = Seen::read(app, &by)?;
            seen.advertiser(AdvertiserId(advertiser)).cloned()
        })
        .await?;
    save(&app, sent, 0, owner).await
}

/// Replaces one.
pub(crate) async fn replace(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let by = sent.identity.clone();
    let (_, owner) = app.blocking(move |app| existing(app, &by, id)).await?;
    save(&app, sent, id, owner).await
}

/// Starts or pauses one.
pub(crate) async fn set_status(
    State(app): State<App>,
    Id(id): Id,
    sent: Form,
) -> Result<Response, Problem> {
    let word = StatusWord::from_word(sent.values.get("status"));
    let word = word.ok_or_else(|| Problem::field("status", "must be one of the choices"))?;
    app.blocking(move |app| {
        let desk = Desk::open(app, &sent.identity)?;
        desk.set_creative_status(CreativeId(id), word.into())
    })
    .await?;
    Ok(Redirect::to(&format!("/creatives/{id}")).into_response())
}

async fn save(app: &App, sent: Form, id: u64, owner: Advertiser) -> Result<Response, Problem> {
    let Form { identity, values } = sent;
    let (by, read, advertiser) = (identity.clone(), values.clone(), owner.id);
    let saved = app
        .blocking(move |app| {
            let creative = forms::creative::parse(&read, id, advertiser.0)?;
            let stored = Desk::open(app, &by)?.put_creative(creative)?;
            Ok(format!("/creatives/{}", stored.id))
        })
        .await;
    after_form(saved, |errors| {
        form(&identity, id, &owner, (&values, errors))
    })
}

fn form(
    identity: &Identity,
    id: u64,
    owner: &Advertiser,
    (values, errors): (&Values, &[FieldError]),
) -> Markup {
    let home = format!("/advertisers/{}", owner.id);
    let (title, action) = match id {
        0 => ("New creative", format!("{home}/creatives")),
        id => ("Edit creative", format!("/creatives/{id}")),
    };
    let inputs = forms::creative::draw(&FormView { values, errors });
    let body =
        html! { div.card { (forms::frame(&action, &identity.form_token, "Save", &inputs)) } };
    layout::page(identity, title, &[(home, owner.name.clone())], &body)
}
