//! Prints the API's description: `cargo run -p paceline-console --example print_api > console/api.json`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(console::Console::api_description().as_bytes())
}
