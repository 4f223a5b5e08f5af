//! The operators' endpoints on a real socket.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use service_kit::metrics::Metrics;
use service_kit::{Shutdown, admin, listen};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn readiness_metrics_and_life_are_shown() {
    let metrics = Metrics::install().unwrap();
    ::metrics::counter!("admin_test_total").increment(3);
    let loaded = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&loaded);
    let readiness = Arc::new(move || vec![("log", true), ("model", state.load(Ordering::SeqCst))]);
    let router = admin::router(metrics, readiness);
    let listener = listen::bind("admin.listen", "127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let told = shutdown.clone();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(admin::serve(listener, router, told))
    });
    let waiting = get(address, "/ready");
    assert!(waiting.starts_with("HTTP/1.1 503"), "{waiting}");
    assert!(waiting.contains("\"missing\":[\"model\"]"), "{waiting}");
    loaded.store(true, Ordering::SeqCst);
    assert!(get(address, "/ready").starts_with("HTTP/1.1 200"));
    assert!(get(address, "/live").ends_with("live\n"));
    assert!(get(address, "/metrics").contains("admin_test_total 3"));
    assert!(get(address, "/nothing").starts_with("HTTP/1.1 404"));
    shutdown.trigger();
    server.join().unwrap().unwrap();
}
