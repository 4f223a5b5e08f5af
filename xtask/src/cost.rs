//! What a newcomer's first release build costs, measured by the children's processor time.

use std::path::Path;

/// A first build may cost this many CPU-minutes.
const CPU_MINUTES_MAX: f64 = 13.0;
/// Linux counts processor time in ticks of a hundredth of a second.
const TICKS_PER_MINUTE: f64 = 6_000.0;

/// Builds the product into an empty folder, prints the processor time and fails when it is too much.
#[expect(clippy::print_stdout, reason = "a command line tool")]
pub(crate) fn print() -> Result<(), String> {
    let folder = Path::new("target/build-cost");
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let before = children_cpu_minutes()?;
    super::cargo(&[
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--target-dir",
        "target/build-cost",
    ])?;
    let minutes = children_cpu_minutes()? - before;
    println!(
        "a release build from nothing costs {minutes:.1} CPU-minutes (at most {CPU_MINUTES_MAX})"
    );
    std::fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if minutes > CPU_MINUTES_MAX {
        return Err(format!("{minutes:.1} CPU-minutes are too many"));
    }
    Ok(())
}

/// User and system time of the children that have ended (fields 16 and 17 of `proc_pid_stat`).
fn children_cpu_minutes() -> Result<f64, String> {
    let stat = std::fs::read_to_string("/proc/self/stat")
        .map_err(|error| format!("/proc/self/stat: {error}"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    // The text after the command name begins with field 3.
    match (ticks(13), ticks(14)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_MINUTE),
        _ => Err("/proc/self/stat has another form than expected".to_owned()),
    }
}
