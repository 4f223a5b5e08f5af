//! Budget and price control as pure arithmetic.
