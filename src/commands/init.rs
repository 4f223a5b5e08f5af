//! `paceline init`: fills a data folder with examples.

use std::process::ExitCode;

use domain::Clock;
use domain::time::SystemClock;

use crate::cli::{Example, InitArgs};
use crate::config::Config;
use crate::example;
use crate::node::Node;

/// Fills the folder.
///
/// # Errors
/// When the folder cannot be written or is in use.
pub(crate) fn run(args: &InitArgs) -> anyhow::Result<ExitCode> {
    let mut config = Config::defaults()?;
    config.data.clone_from(&args.data);
    let node = Node::open(&config, &format!("pid {}, init", std::process::id()))?;
    let now = SystemClock::new().now();
    let (line_items, creatives) = match args.example {
        Example::AllFormats => {
            example::all_formats(node.sql.as_ref(), &config.bidder.public_url, now)?
        }
    };
    let data = args.data.display();
    super::print_line(&format!(
        "{data}: {line_items} live line items with {creatives} creatives"
    ))?;
    super::print_line(&format!("serve it with: paceline serve --data {data}"))?;
    Ok(ExitCode::SUCCESS)
}
