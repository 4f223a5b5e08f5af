//! Our ad network at Apple, its key read from a file when the program starts.

use std::io::Read;

use bidder::skadn::{AdNetwork, AdNetworkError};

use super::file::SkadNetwork;
use super::{ConfigError, rule};

/// Largest key file that is read, in bytes: a key in PEM takes under 300.
const KEY_BYTES_MAX: u64 = 16 << 10;

/// The ad network, if one is configured.
///
/// # Errors
/// Naming the key and what is wrong; never what a key file holds.
pub(super) fn read(section: &SkadNetwork) -> Result<Option<AdNetwork>, ConfigError> {
    let path = &section.key_file;
    match (section.network_id.is_empty(), path.as_os_str().is_empty()) {
        (true, true) => return Ok(None),
        (true, false) => return Err(wrong("network_id", "", "must be given with key_file")),
        (false, true) => return Err(wrong("key_file", "", "must be given with network_id")),
        (false, false) => {}
    }
    let failed = |source| ConfigError::Read {
        path: path.clone(),
        source,
    };
    let mut pem = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let read = file.take(KEY_BYTES_MAX).read_to_string(&mut pem);
    read.map_err(failed)?;
    let entry = Some(section.list_entry).filter(|entry| *entry > 0);
    let network = AdNetwork::new(&section.network_id, entry, &pem);
    network.map(Some).map_err(|error| match error {
        AdNetworkError::Id => wrong("network_id", &section.network_id, &error.to_string()),
        AdNetworkError::Key => wrong("key_file", &path.display().to_string(), &error.to_string()),
    })
}

fn wrong(key: &str, value: &str, must: &str) -> ConfigError {
    rule(&format!("skadnetwork.{key}"), value, must)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, "no key").unwrap();
        let section = |id: &str, key_file: &std::path::Path| SkadNetwork {
            network_id: id.to_owned(),
            key_file: key_file.to_owned(),
            list_entry: 0,
        };
        assert_eq!(read(&SkadNetwork::default()).unwrap(), None);
        let none = std::path::Path::new("");
        let cases = [
            (section("", &path), "skadnetwork.network_id"),
            (section("ours.skadnetwork", none), "skadnetwork.key_file"),
            (section("our network", &path), "skadnetwork.network_id"),
            (section("ours.skadnetwork", &path), "skadnetwork.key_file"),
        ];
        for (section, key) in cases {
            let error = read(&section).unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
            assert!(!error.contains("no key"), "{error}");
        }
        let missing = section("ours.skadnetwork", &folder.path().join("none"));
        assert!(matches!(read(&missing), Err(ConfigError::Read { .. })));
    }
}
