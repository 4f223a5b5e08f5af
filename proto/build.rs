//! Compiles the protobuf files with protox: no protoc on the machine is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["proto/event.proto", "proto/state.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    let set = protox::compile(files, ["proto"])?;
    prost_build::Config::new().compile_fds(set)?;
    Ok(())
}
