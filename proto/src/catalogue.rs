//! Catalogue documents.
