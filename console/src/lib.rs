//! Advertisers' web pages and REST API.
