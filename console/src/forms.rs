//! Forms: inputs with the user's own values and errors beside them, and reading lists and amounts back.

pub(crate) mod advertiser;
mod app_store;
pub(crate) mod campaign;
pub(crate) mod creative;
mod frequency;
pub(crate) mod line_item;
mod targeting;

use maud::{Markup, html};
use proto::catalogue::FieldError;

use crate::extract::{TOKEN_FIELD, Values};
use crate::problem::{Problem, field_error};
use crate::text::parse_decimal;

/// A form being drawn.
pub(crate) struct FormView<'a> {
    /// What the inputs hold: the stored object's values, or what the user sent.
    pub(crate) values: &'a Values,
    /// What is wrong with them.
    pub(crate) errors: &'a [FieldError],
}

impl FormView<'_> {
    /// The first rule that a field, or an entry of it, breaks.
    fn error(&self, name: &str) -> Option<&FieldError> {
        let entry = format!("{name}[");
        let mut errors = self.errors.iter();
        errors.find(|error| error.field == name || error.field.starts_with(&entry))
    }

    fn field(&self, name: &str, label: &str, hint: &str, input: &Markup) -> Markup {
        let error = self.error(name);
        html! {
            label.field.wrong[error.is_some()] {
                span.label { (label) }
                (input)
                @if let Some(error) = error { span.error { (label) " " (error.rule) } }
                @if !hint.is_empty() { span.hint { (hint) } }
            }
        }
    }

    /// A line of text.
    pub(crate) fn text(&self, name: &str, label: &str, hint: &str) -> Markup {
        let input = html! { input type="text" name=(name) value=(self.values.raw(name)); };
        self.field(name, label, hint, &input)
    }

    /// A file that is uploaded at once; its address is put into the field `into`. Needs scripts.
    pub(crate) fn upload(&self, into: &str, label: &str) -> Markup {
        html! {
            label.field {
                span.label { (label) }
                input type="file" data-upload=(into) accept="image/*,video/*,audio/*";
                span.hint { "At most 32 MiB. The address is filled in." }
            }
        }
    }

    /// A line of digits; browsers show a number pad.
    pub(crate) fn number(&self, name: &str, label: &str, hint: &str) -> Markup {
        let value = self.values.raw(name);
        let input = html! { input type="text" inputmode="decimal" name=(name) value=(value); };
        self.field(name, label, hint, &input)
    }

    /// A date and time in UTC.
    pub(crate) fn time(&self, name: &str, label: &str, hint: &str) -> Markup {
        let value = self.values.raw(name);
        let input = html! { input type="datetime-local" step="any" name=(name) value=(value); };
        self.field(name, label, hint, &input)
    }

    /// Several lines of text.
    pub(crate) fn area(&self, name: &str, label: &str, hint: &str) -> Markup {
        let value = self.values.raw(name);
        // A browser drops one line break after the tag; this one is for it.
        let input = html! { textarea name=(name) rows="3" spellcheck="false" { "\n" (value) } };
        self.field(name, label, hint, &input)
    }

    /// One of a few words.
    pub(crate) fn choice(&self, name: &str, label: &str, options: &[(&str, &str)]) -> Markup {
        let chosen = self.values.get(name);
        let input = html! {
            select name=(name) {
                @for (value, text) in options {
                    option value=(value) selected[*value == chosen] { (text) }
                }
            }
        };
        self.field(name, label, "", &input)
    }

    /// Any of a few words.
    pub(crate) fn boxes(&self, name: &str, label: &str, options: &[(String, String)]) -> Markup {
        html! {
            fieldset.boxes.wrong[self.error(name).is_some()] {
                legend { (label) }
                @for (value, text) in options {
                    label {
                        input type="checkbox" name=(name) value=(value)
                            checked[self.values.has(name, value)];
                        " " (text)
                    }
                }
                @if let Some(error) = self.error(name) {
                    span.error { (label) " " (error.rule) }
                }
            }
        }
    }

    /// What is wrong, above the form: some errors belong to no field that is shown.
    pub(crate) fn summary(&self) -> Markup {
        html! {
            @if !self.errors.is_empty() {
                div.notice.bad role="alert" {
                    b { "Not saved yet." } " Please change:"
                    ul { @for error in self.errors { li { code { (error.field) } " " (error.rule) } } }
                }
            }
        }
    }
}

/// A form's frame with the session's token.
pub(crate) fn frame(action: &str, token: &str, button: &str, body: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name=(TOKEN_FIELD) value=(token);
            (body)
            div.actions { button.primary type="submit" { (button) } }
        }
    }
}

/// A button that is a form of its own.
pub(crate) fn button(action: &str, token: &str, pair: (&str, &str), text: &str) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            input type="hidden" name=(TOKEN_FIELD) value=(token);
            input type="hidden" name=(pair.0) value=(pair.1);
            button type="submit" { (text) }
        }
    }
}

/// Joins what reading the form and checking the document found; the form's words win, being nearer
/// to what the user typed.
pub(crate) fn checked<T>(
    mut errors: Vec<FieldError>,
    document: Result<T, Vec<FieldError>>,
) -> Result<T, Problem> {
    match document {
        Ok(object) if errors.is_empty() => Ok(object),
        Ok(_) => Err(Problem::Invalid(errors)),
        Err(found) => {
            let read = errors.len();
            for error in found {
                if !errors[..read]
                    .iter()
                    .any(|known| known.field == error.field)
                {
                    errors.push(error);
                }
            }
            Err(Problem::Invalid(errors))
        }
    }
}

/// Reads fields of a form and notes what cannot be read.
pub(crate) struct Reader<'a> {
    pub(crate) values: &'a Values,
    pub(crate) errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(values: &'a Values) -> Self {
        Self {
            values,
            errors: Vec::new(),
        }
    }

    fn wrong(&mut self, name: &str, rule: &str) {
        self.errors.push(field_error(name, rule));
    }

    /// Text without spaces around it.
    pub(crate) fn text(&self, name: &str) -> String {
        self.values.get(name).to_owned()
    }

    /// Text, or nothing when the field is empty.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// A decimal amount in units, as micros.
    pub(crate) fn amount(&mut self, name: &str) -> i64 {
        parse_decimal(self.values.get(name)).unwrap_or_else(|| {
            self.wrong(name, "must be an amount such as 250 or 0.75");
            1
        })
    }

    /// A whole number.
    pub(crate) fn whole(&mut self, name: &str) -> u32 {
        self.values.get(name).parse().unwrap_or_else(|_| {
            self.wrong(name, "must be a whole number");
            1
        })
    }

    /// One word of a closed list.
    pub(crate) fn word<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, or: T) -> T {
        parse(self.values.get(name)).unwrap_or_else(|| {
            self.wrong(name, "must be one of the choices");
            or
        })
    }

    /// Entries on lines of their own or between commas.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let entries = self.values.raw(name).split([',', '\n', '\r']);
        let entries = entries.map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(str::to_owned).collect()
    }

    /// Every ticked box that is a known word.
    pub(crate) fn words<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let parsed: Option<Vec<T>> = self.values.all(name).map(parse).collect();
        parsed.unwrap_or_else(|| {
            self.wrong(name, "must be some of the choices");
            Vec::new()
        })
    }
}
