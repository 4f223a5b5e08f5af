//! Starts that must fail, and say why.

use crate::support::folder::Folder;
use crate::support::server::Server;

#[test]
fn a_folder_in_use_is_refused_and_its_holder_named() {
    let folder = Folder::with_examples();
    let server = Server::start(&folder);
    let holder = format!("pid {}", server.program.id());
    std::fs::write(folder.file("request.json"), "{}").unwrap();
    let commands: [&[&str]; 4] = [
        &["serve", "--config", "paceline.toml"],
        &["init", "--example", "all-formats", "--data", "data"],
        &["bid", "request.json", "--data", "data"],
        &["demo", "--seconds", "5", "--data", "data"],
    ];
    for args in commands {
        let refused = folder.run(args);
        assert_eq!(refused.code, Some(1), "{args:?}: {refused:?}");
        assert!(refused.err.contains(&holder), "{args:?}: {refused:?}");
        assert!(refused.err.contains("in use"), "{args:?}: {refused:?}");
    }
    assert_eq!(
        server
            .ask(&crate::support::server::banner_request("r1"))
            .status,
        200
    );
}

#[test]
fn a_taken_port_is_named_with_its_key() {
    let folder = Folder::new();
    let server = Server::start(&folder);
    let ports = [
        ("console.listen", server.console.port()),
        ("bidder.listen", server.bidder.port()),
        ("pixel.listen", server.pixel.port()),
        ("admin.listen", server.admin.port()),
    ];
    for (index, (key, port)) in ports.into_iter().enumerate() {
        let folder = Folder::new();
        let mut listen = [0; 4];
        listen[index] = port;
        folder.listen(listen);
        let refused = folder.run(&["serve", "--config", "paceline.toml"]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let address = format!("127.0.0.1:{port}");
        for text in [key, address.as_str()] {
            assert!(refused.err.contains(text), "{text}: {refused:?}");
        }
        assert!(
            !folder.file("data").exists(),
            "nothing is made before it can start"
        );
    }
}
