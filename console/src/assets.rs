//! The stylesheet and the one script, built into the binary.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The stylesheet.
pub(crate) async fn style() -> impl IntoResponse {
    let css = "text/css; charset=utf-8";
    ([(CONTENT_TYPE, css)], include_str!("assets/style.css"))
}

/// The script that follows live streams.
pub(crate) async fn script() -> impl IntoResponse {
    let javascript = "text/javascript; charset=utf-8";
    ([(CONTENT_TYPE, javascript)], include_str!("assets/live.js"))
}

/// The icon in the browser's tab.
pub(crate) async fn icon() -> impl IntoResponse {
    let svg = "image/svg+xml";
    ([(CONTENT_TYPE, svg)], include_str!("assets/icon.svg"))
}
