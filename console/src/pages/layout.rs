//! The frame around every page.

use domain::Status;
use maud::{DOCTYPE, Markup, html};

use crate::extract::TOKEN_FIELD;
use crate::problem::Problem;
use crate::session::Identity;
use crate::view::Delivery;

/// A link of the path to a page: address and text.
pub(super) type Crumb = (String, String);

/// A page for somebody who is signed in.
pub(super) fn page(identity: &Identity, title: &str, crumbs: &[Crumb], body: &Markup) -> Markup {
    let bar = html! {
        nav.crumbs {
            a href="/" { "Overview" }
            @for (address, text) in crumbs { " / " a href=(address) { (text) } }
        }
        div.who {
            a href="/account" { (identity.user.email) }
            form.inline method="post" action="/logout" {
                input type="hidden" name=(TOKEN_FIELD) value=(identity.form_token);
                button.quiet type="submit" { "Sign out" }
            }
        }
    };
    let main = html! { h1 { (title) } (body) };
    document(title, &bar, &main)
}

/// A page for anybody.
pub(super) fn document(title: &str, bar: &Markup, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Paceline" }
                link rel="icon" href="/favicon.ico" type="image/svg+xml";
                link rel="stylesheet" href="/assets/style.css";
                script src="/assets/live.js" defer {}
            }
            body {
                header.top { a.brand href="/" { span.mark {} "Paceline" } (bar) }
                main { (main) }
            }
        }
    }
}

/// A refusal for people.
pub(crate) fn refusal(problem: &Problem) -> Markup {
    let title = match problem {
        Problem::NotFound => "Not found",
        Problem::Throttled(_) => "Slow down",
        Problem::Unavailable => "Not now",
        _ => "Refused",
    };
    let main = html! {
        div.card.narrow {
            h1 { (title) }
            p { (problem.message()) }
            @if !problem.fields().is_empty() {
                ul { @for error in problem.fields() { li { code { (error.field) } " " (error.rule) } } }
            }
            p { a.button href="/" { "To the overview" } }
        }
    };
    document(title, &html! {}, &main)
}

/// Whether a campaign delivers, as a coloured word.
pub(super) fn delivery(delivery: Delivery) -> Markup {
    let class = match delivery {
        Delivery::Live => "good",
        Delivery::Spent | Delivery::Ended | Delivery::Archived => "calm",
        Delivery::NothingToShow => "bad",
        Delivery::Draft | Delivery::Paused | Delivery::NotStarted => "wait",
    };
    html! { span.badge.(class) { (delivery.label()) } }
}

/// A status as a coloured word.
pub(super) fn status(status: Status) -> Markup {
    let (class, text) = match status {
        Status::Active => ("good", "active"),
        Status::Draft => ("wait", "draft"),
        Status::Paused => ("wait", "paused"),
        Status::Archived => ("calm", "archived"),
    };
    html! { span.badge.(class) { (text) } }
}

/// What comes next where there is nothing yet.
pub(super) fn next_step(title: &str, why: &str, action: Option<(&str, &str)>) -> Markup {
    html! {
        div.next {
            b { (title) }
            p { (why) }
            @if let Some((address, text)) = action {
                a.button.primary href=(address) { (text) }
            }
        }
    }
}
