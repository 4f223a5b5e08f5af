//! Reads XML as strictly as the standard wants of a document without a type.

/// Checks XML without a document type: characters, nesting, quoted unique attributes, entities.
pub(crate) fn well_formed(xml: &str) -> Result<(), String> {
    let allowed = |c: char| c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}' || "\t\r\n".contains(c);
    if let Some(bad) = xml.chars().find(|c| !allowed(*c)) {
        return Err(format!("character {bad:?}"));
    }
    let mut rest = xml
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .ok_or("no declaration")?;
    let mut open = Vec::new();
    while let Some((text, markup)) = rest.split_once('<') {
        check_text(text)?;
        if let Some(section) = markup.strip_prefix("![CDATA[") {
            rest = section.split_once("]]>").ok_or("open CDATA")?.1;
            continue;
        }
        let (tag, after) = markup.split_once('>').ok_or("open tag")?;
        rest = after;
        match tag.strip_prefix('/') {
            Some(name) if open.pop() == Some(name) => {}
            Some(name) => return Err(format!("{name} closes nothing")),
            None => open.push(check_tag(tag)?),
        }
    }
    match open.is_empty() && rest.is_empty() {
        true => Ok(()),
        false => Err(format!("left open: {open:?}, after the end: {rest:?}")),
    }
}

fn check_tag(tag: &str) -> Result<&str, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    if name.is_empty() || !name.chars().all(char::is_alphanumeric) {
        return Err(format!("name {name:?}"));
    }
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let (key, value) = rest.split_once("=\"").ok_or("no attribute")?;
        let (value, after) = value.split_once('"').ok_or("open attribute")?;
        if seen.contains(&key) || !key.chars().all(char::is_alphanumeric) {
            return Err(format!("attribute {key:?}"));
        }
        seen.push(key);
        check_text(value)?;
        rest = after.trim_start();
    }
    Ok(name)
}

fn check_text(text: &str) -> Result<(), String> {
    if text.contains("]]>") {
        return Err("a section's end in text".to_owned());
    }
    for part in text.split('&').skip(1) {
        let entity = part.split(';').next().unwrap_or_default();
        if !["amp", "lt", "gt", "quot", "#39"].contains(&entity) {
            return Err(format!("entity {entity:?}"));
        }
    }
    Ok(())
}
