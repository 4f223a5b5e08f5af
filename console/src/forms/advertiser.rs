//! The advertiser form.

use domain::Advertiser;
use maud::{Markup, html};
use proto::catalogue::AdvertiserDoc;

use super::{FormView, Reader, checked};
use crate::extract::Values;
use crate::problem::Problem;

/// The inputs.
pub(crate) fn draw(form: &FormView<'_>) -> Markup {
    html! {
        (form.summary())
        (form.text("name", "Name", "As shown here; exchanges never see it."))
        (form.text("domain", "Domain", "Where its ads lead, such as example.com. Exchanges check it against block lists."))
    }
}

/// What the inputs hold for a stored advertiser.
pub(crate) fn values(advertiser: &Advertiser) -> Values {
    let mut values = Values::default();
    values.set("name", &advertiser.name);
    values.set("domain", &advertiser.domain);
    values
}

/// Reads the form.
pub(crate) fn parse(values: &Values, id: u64) -> Result<Advertiser, Problem> {
    let reader = Reader::new(values);
    let document = AdvertiserDoc {
        id,
        name: reader.text("name"),
        domain: reader.text("domain").to_lowercase(),
    };
    checked(reader.errors, document.check())
}
