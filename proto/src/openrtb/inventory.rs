//! Where the slot is: a site, an app or a screen in a public place.

use super::Text;
use super::json::Json;

/// Who is paid for the slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Publisher<'a> {
    /// The exchange's id of it.
    pub id: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
    /// Its domain.
    pub domain: Option<Text<'a>>,
}

/// What is read, heard or watched there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    /// Its categories, in `cattax`.
    pub cat: &'a [Text<'a>],
    /// The taxonomy of `cat`; 1, IAB Content Taxonomy 1.0, when not stated.
    pub cattax: u32,
    /// Free text.
    pub keywords: &'a [Text<'a>],
}

impl Default for Content<'_> {
    fn default() -> Self {
        Self {
            cat: &[],
            cattax: 1,
            keywords: &[],
        }
    }
}

/// A web site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Site<'a> {
    /// The exchange's id of it.
    pub id: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
    /// Its domain.
    pub domain: Option<Text<'a>>,
    /// Address of the page.
    pub page: Option<Text<'a>>,
    /// Address of the page before.
    pub referrer: Option<Text<'a>>,
    /// Content categories of the site, the section and the page.
    pub cat: &'a [Text<'a>],
    /// The taxonomy of `cat`; 1, IAB Content Taxonomy 1.0, when not stated.
    pub cattax: u32,
    /// What the page shows.
    pub content: Content<'a>,
    /// Free text.
    pub keywords: &'a [Text<'a>],
    /// Its publisher; empty when not sent.
    pub publisher: Publisher<'a>,
}

/// An app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct App<'a> {
    /// The exchange's id of it.
    pub id: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
    /// Its id in the app store.
    pub bundle: Option<Text<'a>>,
    /// Its domain.
    pub domain: Option<Text<'a>>,
    /// Its address in the app store.
    pub storeurl: Option<Text<'a>>,
    /// Content categories of the app, the section and the page.
    pub cat: &'a [Text<'a>],
    /// The taxonomy of `cat`; 1, IAB Content Taxonomy 1.0, when not stated.
    pub cattax: u32,
    /// What the app shows.
    pub content: Content<'a>,
    /// Its categories in the app store, which some exchanges send as `ext.storecat`.
    pub store_categories: &'a [Text<'a>],
    /// Free text.
    pub keywords: &'a [Text<'a>],
    /// Its publisher; empty when not sent.
    pub publisher: Publisher<'a>,
}

/// A screen in a public place, or a group of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dooh<'a> {
    /// The exchange's id of it.
    pub id: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
    /// Its domain.
    pub domain: Option<Text<'a>>,
    /// What kinds of place it is.
    pub venuetype: &'a [Text<'a>],
    /// Its publisher; empty when not sent.
    pub publisher: Publisher<'a>,
}

impl<'a> Publisher<'a> {
    fn read(value: Json<'_, 'a>) -> Self {
        let mut publisher = Self::default();
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "id" => publisher.id = value.text(),
                "name" => publisher.name = value.text(),
                "domain" => publisher.domain = value.text(),
                _ => {}
            }
        }
        publisher
    }
}

impl<'a> Content<'a> {
    fn read(value: Json<'_, 'a>) -> Self {
        let mut content = Self::default();
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "cat" => add_new(&mut content.cat, value),
                "cattax" => content.cattax = value.u32().unwrap_or(1),
                "keywords" | "kwarray" => add_new(&mut content.keywords, value),
                _ => {}
            }
        }
        content
    }
}

impl<'a> Site<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut site = Self {
            cattax: 1,
            ..Self::default()
        };
        for (key, value) in value.object()? {
            match key {
                "id" => site.id = value.text(),
                "name" => site.name = value.text(),
                "domain" => site.domain = value.text(),
                "page" => site.page = value.text(),
                "ref" => site.referrer = value.text(),
                "cat" | "sectioncat" | "pagecat" => add_new(&mut site.cat, value),
                "cattax" => site.cattax = value.u32().unwrap_or(1),
                "content" => site.content = Content::read(value),
                "keywords" | "kwarray" => add_new(&mut site.keywords, value),
                "publisher" => site.publisher = Publisher::read(value),
                _ => {}
            }
        }
        Some(site)
    }
}

impl<'a> App<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut app = Self {
            cattax: 1,
            ..Self::default()
        };
        for (key, value) in value.object()? {
            match key {
                "id" => app.id = value.text(),
                "name" => app.name = value.text(),
                "bundle" => app.bundle = value.text(),
                "domain" => app.domain = value.text(),
                "storeurl" => app.storeurl = value.text(),
                "cat" | "sectioncat" | "pagecat" => add_new(&mut app.cat, value),
                "cattax" => app.cattax = value.u32().unwrap_or(1),
                "content" => app.content = Content::read(value),
                "ext" => {
                    let listed = value.get("storecat").map(Json::texts);
                    app.store_categories = listed.unwrap_or_default();
                }
                "keywords" | "kwarray" => add_new(&mut app.keywords, value),
                "publisher" => app.publisher = Publisher::read(value),
                _ => {}
            }
        }
        Some(app)
    }
}

impl<'a> Dooh<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut dooh = Self::default();
        for (key, value) in value.object()? {
            match key {
                "id" => dooh.id = value.text(),
                "name" => dooh.name = value.text(),
                "domain" => dooh.domain = value.text(),
                "venuetype" => dooh.venuetype = value.texts(),
                "publisher" => dooh.publisher = Publisher::read(value),
                _ => {}
            }
        }
        Some(dooh)
    }
}

/// Most categories or keywords kept of one object: beyond it no rule looks, and the search for
/// repeats stays short.
pub(super) const LABELS_MAX: usize = 128;

fn add_new<'a>(list: &mut &'a [Text<'a>], value: Json<'_, 'a>) {
    let texts = value.texts().iter().copied();
    *list = value.arena().joined_new(list, texts, LABELS_MAX);
}
