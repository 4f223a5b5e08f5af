//! Takes what happened after a bid: notices, impressions, clicks, conversions.
