//! Compiles the protobuf files with protox: no protoc on the machine is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "proto/event.proto",
        "proto/openrtb.proto",
        "proto/state.proto",
    ];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    let set = protox::compile(files, ["proto"])?;
    // The large parts of a slot go behind pointers: most slots have one of the four.
    let mut config = prost_build::Config::new();
    for part in ["banner", "video", "audio", "native"] {
        config.boxed(format!(".paceline.openrtb.v2.Imp.{part}"));
    }
    config.compile_fds(set)?;
    Ok(())
}
