//! The lists of `[ivt]`, read from their files when the program starts.

use std::io::Read;
use std::path::Path;

use bidder::invalid_traffic::{MissingAgent, TrafficLists};
use bidder::sellers::AuthorizedSellers;

use super::file::{self, Ivt};
use super::{ConfigError, rule};

/// Largest list that is read, in bytes: a million ranges take under 50 MB.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// Largest table of sellers, in bytes: some ten million rows.
const SELLERS_BYTES_MAX: u64 = 512 << 20;

/// Reads both lists.
///
/// # Errors
/// Naming the key, the file, and the line that is wrong.
pub(super) fn read(ivt: &Ivt) -> Result<TrafficLists, ConfigError> {
    let mut lists = TrafficLists::default();
    let wrong = |key: &str, path: &Path, error: &dyn std::fmt::Display| {
        rule(key, &path.display().to_string(), &error.to_string())
    };
    if let Some(text) = text(("ivt", LIST_BYTES_MAX), &ivt.user_agents_file)? {
        let added = lists.add_agents(&text);
        added.map_err(|e| wrong("ivt.user_agents_file", &ivt.user_agents_file, &e))?;
    }
    if let Some(text) = text(("ivt", LIST_BYTES_MAX), &ivt.ip_ranges_file)? {
        let added = lists.add_ranges(&text);
        added.map_err(|e| wrong("ivt.ip_ranges_file", &ivt.ip_ranges_file, &e))?;
    }
    Ok(lists)
}

/// Who may sell, as a crawler found it.
///
/// # Errors
/// Naming the key, the file, and the line that is wrong.
pub(super) fn sellers(path: &Path) -> Result<AuthorizedSellers, ConfigError> {
    let key = "bidder.sellers_file";
    let text = text((key, SELLERS_BYTES_MAX), path)?.unwrap_or_default();
    AuthorizedSellers::parse(&text)
        .map_err(|error| rule(key, &path.display().to_string(), &error.to_string()))
}

/// What is made of requests without a user agent.
pub(super) fn missing_agent(ivt: &Ivt) -> MissingAgent {
    match ivt.missing_user_agent {
        file::MissingAgent::Refuse => MissingAgent::Refuse,
        file::MissingAgent::Accept => MissingAgent::Accept,
    }
}

fn text((key, most): (&str, u64), path: &Path) -> Result<Option<String>, ConfigError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let read = file.take(most + 1).read_to_string(&mut text);
    if read.map_err(failed)? as u64 > most {
        return Err(rule(
            key,
            &path.display().to_string(),
            &format!("must have at most {} MiB", most >> 20),
        ));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ranges.txt");
        let ivt = |path: &Path| Ivt {
            ip_ranges_file: path.to_owned(),
            ..Ivt::default()
        };
        assert_eq!(read(&Ivt::default()).unwrap(), TrafficLists::default());
        std::fs::write(&path, "192.0.2.0/24\n").unwrap();
        assert_ne!(read(&ivt(&path)).unwrap(), TrafficLists::default());
        std::fs::write(&path, "192.0.2.0/24\nnonsense\n").unwrap();
        let error = read(&ivt(&path)).unwrap_err().to_string();
        assert!(
            error.starts_with("ivt.ip_ranges_file = ") && error.contains("line 2"),
            "{error}"
        );
        assert!(matches!(
            read(&ivt(&folder.path().join("none"))),
            Err(ConfigError::Read { .. })
        ));
    }
}
