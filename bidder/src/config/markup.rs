//! Where an exchange takes the markup, and in which form.

/// Where a bid's markup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkupPlace {
    /// In the bid.
    Bid,
    /// In the answer to `bid.nurl`; in the bid where that is not asked for.
    WinNotice,
}

/// How a native ad stands in an answer in protobuf; in JSON it is always a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeForm {
    /// JSON in `bid.adm`.
    Text,
    /// A message, `bid.adm_native`.
    Message,
}
