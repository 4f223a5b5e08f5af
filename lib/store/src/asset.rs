//! Files that creatives show, kept under the hash of their bytes: a name is always the same file.

use sha2::{Digest, Sha256};

use crate::StoreError;

/// Largest file, in bytes: half a minute of video at 8 Mbit/s, and what one upload may hold in memory.
pub const ASSET_BYTES_MAX: usize = 32 << 20;

/// Files by their names. Nothing is ever changed or removed: creatives that left are still shown for a while.
pub trait AssetStore: Send + Sync {
    /// Keeps a file; keeping it again changes nothing.
    ///
    /// # Errors
    /// `Invalid` for a type that is not served or more than `ASSET_BYTES_MAX`; `Storage`.
    fn put(&self, bytes: &[u8]) -> Result<AssetName, StoreError>;

    /// The bytes of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When the storage fails, or what it holds is not what the name says.
    fn get(&self, name: AssetName) -> Result<Option<Vec<u8>>, StoreError>;
}

/// What a file is, as its own bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssetKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// MPEG-4 video.
    Mp4,
    /// MPEG-4 audio.
    M4a,
    /// WebM.
    Webm,
    /// MPEG audio layer 3.
    Mp3,
    /// Ogg audio.
    Ogg,
    /// WAVE.
    Wav,
}

impl AssetKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Png,
        Self::Jpeg,
        Self::Gif,
        Self::Webp,
        Self::Mp4,
        Self::M4a,
        Self::Webm,
        Self::Mp3,
        Self::Ogg,
        Self::Wav,
    ];

    /// Reads the signature; `None` for anything that is not served, SVG and HTML above all: they run scripts.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let at = |from: usize, word: &[u8]| bytes.get(from..from + word.len()) == Some(word);
        let frame = matches!(bytes, [0xff, second, ..] if second & 0xe6 == 0xe2);
        match () {
            () if at(0, b"\x89PNG\r\n\x1a\n") => Some(Self::Png),
            () if at(0, b"\xff\xd8\xff") => Some(Self::Jpeg),
            () if at(0, b"GIF87a") || at(0, b"GIF89a") => Some(Self::Gif),
            () if at(0, b"RIFF") && at(8, b"WEBP") => Some(Self::Webp),
            () if at(0, b"RIFF") && at(8, b"WAVE") => Some(Self::Wav),
            () if at(4, b"ftypM4A") => Some(Self::M4a),
            () if at(4, b"ftyp") => Some(Self::Mp4),
            () if at(0, b"\x1a\x45\xdf\xa3") && has_webm(bytes) => Some(Self::Webm),
            () if at(0, b"OggS") => Some(Self::Ogg),
            () if at(0, b"ID3") || frame => Some(Self::Mp3),
            () => None,
        }
    }

    /// How its names end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Mp4 => "mp4",
            Self::M4a => "m4a",
            Self::Webm => "webm",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
        }
    }

    /// What it is served as.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Mp4 => "video/mp4",
            Self::M4a => "audio/mp4",
            Self::Webm => "video/webm",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Wav => "audio/wav",
        }
    }
}

/// The document type of the EBML header says which of its formats a file is.
fn has_webm(bytes: &[u8]) -> bool {
    let header = bytes.get(..64).unwrap_or(bytes);
    header.windows(4).any(|word| word == b"webm")
}

/// The SHA-256 of a file and its kind: `HASH.EXTENSION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetName {
    hash: [u8; 32],
    kind: AssetKind,
}

impl AssetName {
    /// The name of a file.
    ///
    /// # Errors
    /// `Invalid` for a type that is not served or more than `ASSET_BYTES_MAX`.
    pub fn of(bytes: &[u8]) -> Result<Self, StoreError> {
        let invalid = |rule: &str| StoreError::Invalid {
            field: "file",
            rule: rule.to_owned(),
        };
        if bytes.len() > ASSET_BYTES_MAX {
            return Err(invalid("must have at most 32 MiB"));
        }
        let kind = AssetKind::of(bytes).ok_or_else(|| {
            invalid("must be PNG, JPEG, GIF, WebP, MP4, WebM, MP3, M4A, Ogg or WAVE by its content")
        })?;
        Ok(Self {
            hash: Sha256::digest(bytes).into(),
            kind,
        })
    }

    /// Reads a name; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (hex, extension) = text.split_once('.')?;
        let kind = AssetKind::ALL
            .into_iter()
            .find(|kind| kind.extension() == extension)?;
        let digits = hex.as_bytes();
        let sound = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
        if digits.len() != 64 || !digits.iter().all(sound) {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self { hash, kind })
    }

    /// What the file is.
    pub fn kind(self) -> AssetKind {
        self.kind
    }

    /// Whether these are the bytes that the name is of.
    pub fn is_of(self, bytes: &[u8]) -> bool {
        self.hash == <[u8; 32]>::from(Sha256::digest(bytes))
    }
}

impl std::fmt::Display for AssetName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.hash {
            write!(f, "{byte:02x}")?;
        }
        write!(f, ".{}", self.kind.extension())
    }
}

/// Width and height of a picture in pixels; `None` for other files and damaged pictures.
pub fn picture_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let size = imagesize::blob_size(bytes).ok()?;
    let side = |side: usize| u32::try_from(side).ok();
    Some((side(size.width)?, side(size.height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_their_bytes_say() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], Some(AssetKind::Png)),
            (b"\xff\xd8\xff\xe0", Some(AssetKind::Jpeg)),
            (b"GIF89a", Some(AssetKind::Gif)),
            (b"RIFF....WEBP", Some(AssetKind::Webp)),
            (b"RIFF....WAVE", Some(AssetKind::Wav)),
            (b"....ftypisom", Some(AssetKind::Mp4)),
            (b"....ftypM4A ", Some(AssetKind::M4a)),
            (b"\x1a\x45\xdf\xa3...webm", Some(AssetKind::Webm)),
            (b"\x1a\x45\xdf\xa3...matroska", None),
            (b"ID3\x04", Some(AssetKind::Mp3)),
            (b"\xff\xfb\x90", Some(AssetKind::Mp3)),
            (b"\xff\xf1\x50", None),
            (b"OggS", Some(AssetKind::Ogg)),
            (b"<svg xmlns=", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(AssetKind::of(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn names_read_back_and_nothing_else_is_one() {
        let name = AssetName::of(b"GIF89a").unwrap();
        let text = name.to_string();
        assert_eq!(AssetName::parse(&text), Some(name));
        assert!(name.is_of(b"GIF89a") && !name.is_of(b"GIF87a"));
        let upper = text.to_uppercase();
        let long = format!("a{text}");
        let other = text.replace(".gif", ".svg");
        for bad in ["", ".gif", "../x.gif", &upper, &long, &other] {
            assert_eq!(AssetName::parse(bad), None, "{bad}");
        }
        assert!(AssetName::of(&vec![0; ASSET_BYTES_MAX + 1]).is_err());
    }
}
