//! Privacy law as the request states it, the stricter of all places it is stated in.

use super::json::Json;
use super::{Arena, Dsa, Text};

/// Most GPP sections kept; 27 are defined. More make the signal unreadable.
const SECTIONS_MAX: usize = 64;

/// A privacy signal whose meaning is coded in text: TC string, GPP string, US privacy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signal<'a> {
    /// Not sent.
    #[default]
    Absent,
    /// Sent, to be decoded.
    Text(Text<'a>),
    /// Sent, but not as text, or twice with different values: to be taken as a refusal.
    Unreadable,
}

impl<'a> Signal<'a> {
    /// The text, when there is one.
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Unreadable => None,
        }
    }

    pub(super) fn merge(&mut self, met: Self) {
        self.merge_with(met, |_, _| Self::Unreadable);
    }

    /// The signal in `text`.
    pub(super) fn stated(text: &'a str) -> Self {
        match text {
            "" => Self::Absent,
            _ => Self::Text(text),
        }
    }

    pub(super) fn read(value: Json<'_, 'a>) -> Self {
        match value.string() {
            Some(text) => Self::stated(text),
            None if value.is_null() => Self::Absent,
            None => Self::Unreadable,
        }
    }

    fn merge_with(&mut self, met: Self, stricter: impl Fn(Text<'a>, Text<'a>) -> Self) {
        *self = match (*self, met) {
            (Self::Unreadable, _) | (_, Self::Unreadable) => Self::Unreadable,
            (Self::Absent, other) | (other, Self::Absent) => other,
            (Self::Text(one), Self::Text(other)) if one == other => Self::Text(one),
            (Self::Text(one), Self::Text(other)) => stricter(one, other),
        };
    }
}

/// The laws that apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Regs<'a> {
    /// Directed at children.
    pub coppa: bool,
    /// Whether the GDPR applies; `None` when not stated.
    pub gdpr: Option<bool>,
    /// Global Privacy Control was on in the browser.
    pub gpc: bool,
    /// The four characters of the US privacy string.
    pub us_privacy: Signal<'a>,
    /// The Global Privacy Platform string; unreadable also when `gpp_sid` is.
    pub gpp: Signal<'a>,
    /// The GPP sections in force, from all places, ascending.
    pub gpp_sid: &'a [i32],
    /// Transparency under the Digital Services Act.
    pub dsa: Dsa,
}

impl<'a> Regs<'a> {
    /// Takes over what `regs` and `regs.ext` state, never weakening what is known.
    pub(super) fn read(&mut self, value: Json<'_, 'a>) {
        if let Some(fields) = value.object() {
            for (key, value) in fields {
                match key {
                    "ext" => value
                        .object()
                        .into_iter()
                        .flatten()
                        .for_each(|(key, value)| self.read_field(key, value)),
                    _ => self.read_field(key, value),
                }
            }
        } else if !value.is_null() {
            // Something about privacy that nobody can read.
            self.coppa = true;
            self.gdpr = Some(true);
        }
    }

    fn read_field(&mut self, key: &str, value: Json<'_, 'a>) {
        match key {
            "coppa" => self.coppa |= value.privacy_flag().unwrap_or(false),
            "gdpr" => self.gdpr = self.gdpr.max(value.privacy_flag()),
            "gpc" => self.gpc |= value.privacy_flag().unwrap_or(false),
            "us_privacy" => self.merge_us_privacy(Signal::read(value)),
            "gpp" => self.gpp.merge(Signal::read(value)),
            "gpp_sid" => self.read_gpp_sid(value),
            "dsa" => self.dsa.read(value),
            _ => {}
        }
    }

    fn read_gpp_sid(&mut self, value: Json<'_, 'a>) {
        if value.is_null() {
            return;
        }
        let arena = value.arena();
        let readable = match value.string() {
            Some("") => true,
            Some(list) => {
                self.add_all_sections(arena, list.split(',').map(|id| id.trim().parse().ok()))
            }
            None if value.is_array() => self.add_all_sections(arena, value.items().map(Json::i32)),
            None => self.add_all_sections(arena, std::iter::once(value.i32())),
        };
        if !readable {
            self.gpp = Signal::Unreadable;
        }
    }

    pub(super) fn merge_us_privacy(&mut self, met: Signal<'a>) {
        self.us_privacy.merge_with(met, stricter_us_privacy);
    }

    /// Takes over the sections if each of them could be read; says whether.
    fn add_all_sections(
        &mut self,
        arena: &'a Arena,
        sections: impl Iterator<Item = Option<i32>> + Clone,
    ) -> bool {
        let all = sections.clone().all(|section| section.is_some());
        if all {
            self.add_sections(arena, sections.flatten());
        }
        all
    }

    pub(super) fn add_sections(
        &mut self,
        arena: &'a Arena,
        sections: impl IntoIterator<Item = i32>,
    ) {
        for section in sections {
            match self.gpp_sid.binary_search(&section) {
                Ok(_) => {}
                Err(at) if self.gpp_sid.len() < SECTIONS_MAX => {
                    let (before, after) = self.gpp_sid.split_at(at);
                    let all = before.iter().chain([&section]).chain(after);
                    self.gpp_sid = arena.list(all.copied());
                }
                Err(_) => self.gpp = Signal::Unreadable,
            }
        }
    }
}

fn stricter_us_privacy<'a>(one: Text<'a>, other: Text<'a>) -> Signal<'a> {
    let stricter = match us_privacy_rank(one) >= us_privacy_rank(other) {
        true => one,
        false => other,
    };
    Signal::Text(stricter)
}

/// 0 the law does not apply, 1 not opted out of sale, 2 opted out or not decodable.
fn us_privacy_rank(text: &str) -> u8 {
    match text.as_bytes() {
        b"1---" => 0,
        [b'1', _, b'N' | b'n', _] => 1,
        _ => 2,
    }
}
