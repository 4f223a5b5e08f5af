//! What tests and checks need beside Rust, installed by package name where it is missing.

use std::path::Path;
use std::process::Command;

/// Programs with the Debian packages that bring them.
const PACKAGES: &[(&str, &str)] = &[
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("cc", "gcc"),
];

/// Installs what is missing.
///
/// With neither root nor `sudo -n` it prints the line to run and fails.
#[expect(clippy::print_stderr, reason = "a command line tool")]
pub(crate) fn install() -> Result<(), String> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("installing {}", missing.join(", "));
    let packages = missing.join(" ");
    let line =
        format!("apt-get update -q && apt-get install -y -q --no-install-recommends {packages}");
    for shell in [&["sh", "-c"][..], &["sudo", "-n", "sh", "-c"][..]] {
        let Some((program, arguments)) = shell.split_first() else {
            continue;
        };
        let status = Command::new(program)
            .args(arguments)
            .arg(&line)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(std::process::Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    Err(format!("the tests need {packages}; run as root: {line}"))
}

/// Licences, sources and bans of the dependency tree, where `cargo-deny` is installed.
#[expect(clippy::print_stderr, reason = "a command line tool")]
pub(crate) fn deny() -> Result<(), String> {
    if !is_there("cargo-deny") {
        eprintln!(
            "cargo-deny is not installed: dependency rules not checked (cargo install --locked cargo-deny)"
        );
        return Ok(());
    }
    super::cargo(&[
        "deny",
        "--workspace",
        "check",
        "bans",
        "licenses",
        "sources",
    ])
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}
