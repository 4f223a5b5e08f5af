//! Live streams and a real socket.

use std::io::{Read, Write};
use std::net::TcpStream;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use console::{Config, Console};
use http_body_util::BodyExt;
use store::user::UserStore;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::rest::deliver;
use crate::support::{ANN, World};

#[tokio::test]
async fn streams_push_numbers_until_the_session_ends() {
    use sha2::{Digest, Sha256};
    let world = World::new();
    deliver(&world);
    for path in ["/live/overview", "/live/campaigns/1"] {
        let request = Request::get(path).header("cookie", format!("paceline_session={ANN}"));
        let request = request.body(Body::empty()).unwrap();
        let mut response = world.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        for _ in 0..2 {
            let frame = response.body_mut().frame().await.unwrap().unwrap();
            let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
            assert!(
                text.starts_with("data: ") && text.contains("40.00"),
                "{text}"
            );
        }
        if path == "/live/campaigns/1" {
            let hash = Sha256::digest(ANN.as_bytes()).into();
            world.users.end_session(&hash, crate::support::NOW).unwrap();
            assert!(response.body_mut().frame().await.is_none(), "signed out");
        }
    }
}

#[tokio::test]
async fn streams_are_bounded() {
    let world = World::with(Config {
        live_streams_max: 1,
        ..Config::default()
    });
    let request =
        Request::get("/live/overview").header("cookie", format!("paceline_session={ANN}"));
    let request = request.body(Body::empty()).unwrap();
    let open = world.router.clone().oneshot(request).await.unwrap();
    let refused = world.get("/live/campaigns/1", ANN).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    drop(open);
    let missing = world.get("/live/campaigns/2", ANN).await;
    assert_eq!(
        missing.status,
        StatusCode::NOT_FOUND,
        "the place is free again"
    );
}

fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_real_socket_answers_and_drains() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(Console::run(listener, world.router.clone(), async move {
        drop(ended.await);
    }));
    let answer = tokio::task::spawn_blocking(move || {
        exchange(
            address,
            "GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("Sign in"), "{answer}");
    end.send(()).unwrap();
    served.await.unwrap().unwrap();
    assert!(
        TcpStream::connect(address).is_err(),
        "nobody listens any more"
    );
}
