//! Answers bid requests: parse, target, score, pace, price, respond.
