//! Packed bodies of every kind against the limit: whole, cut, changed, and made to burst.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

const BYTES_MAX: usize = 1 << 20;

/// 686 bytes of requests as the reference tool packs them: level 3; level 19 with checksum; with the largest
/// window that it can be told to name (128 MiB).
const BY_THE_TOOL: [&str; 3] = [
    "28b52ffd0058150300c4037b226964223a2230222c22696d70223a5b31222c2262616e6e6572223a7b2277223a3330302c2268223a3235307d7d5d7d2c323334353637383931310d007615c97d88f30a4e56704ac17905272b38a5e0bc8293159c22ae0ec852f125772e01",
    "28b52ffd0468d5020092030d1290cf0128380a0822c89d25830d06e4eb7f9542a8848e296480cc720e66f4e34108a47f8ffb1652da9c58fd3ae5c1c3fb4f1e070ea03076ffad1980e39c03768aeee3ec53cf3e7baab3679dca19e53bd0f2169894a11d320b7694",
    "28b52ffd0488d5020092030d1290cf0128380a0822c89d25830d06e4eb7f9542a8848e296480cc720e66f4e34108a47f8ffb1652da9c58fd3ae5c1c3fb4f1e070ea03076ffad1980e39c03768aeee3ec53cf3e7baab3679dca19e53bd0f2169894a11d320b7694",
];

fn requests() -> Vec<u8> {
    let one = |i| {
        format!("{{\"id\":\"{i}\",\"imp\":[{{\"id\":\"1\",\"banner\":{{\"w\":300,\"h\":250}}}}]}},")
    };
    (0..12).map(one).collect::<String>().into_bytes()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    compress_to_vec(plain, CompressionLevel::Fastest)
}

/// A frame of `head` and blocks that say "this byte, 128 KiB times".
fn zstd_bomb(head: &[u8], blocks: usize) -> Vec<u8> {
    let mut bomb = [&ZSTD_MAGIC[..], head].concat();
    for left in (0..blocks).rev() {
        let block = (BLOCK_BYTES_MAX << 3) | 0b10 | usize::from(left == 0);
        bomb.extend_from_slice(&block.to_le_bytes()[..3]);
        bomb.push(b'[');
    }
    bomb
}

fn unpack(unpacker: &mut Unpacker, packing: Packing, packed: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut raw = packed.to_vec();
    let unpacked = unpacker.unpack(packing, &mut raw, BYTES_MAX);
    unpacked.map(|bytes| bytes.to_vec())
}

#[test]
fn whole_bodies_unpack_and_cut_ones_do_not_with_one_unpacker() {
    let mut unpacker = Unpacker::new();
    let mut cases = vec![
        (Packing::Gzip, gzip(&requests())),
        (Packing::Zstd, zstd(&requests())),
    ];
    cases.extend(BY_THE_TOOL.map(|hex| (Packing::Zstd, from_hex(hex))));
    let skippable = [
        &[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9],
        &zstd(&requests())[..],
    ];
    cases.push((Packing::Zstd, skippable.concat()));
    for (packing, packed) in cases {
        let whole = unpack(&mut unpacker, packing, &packed);
        assert_eq!(whole, Ok(requests()), "{packing:?}");
        for length in 0..packed.len() {
            let cut = unpack(&mut unpacker, packing, &packed[..length]);
            let is_skipped_alone = cut == Ok(Vec::new());
            assert!(
                cut == Err(BodyError::Broken) || is_skipped_alone,
                "{packing:?} {length}: {cut:?}"
            );
        }
    }
    let twice = [zstd(b"[1,"), zstd(b"2]")].concat();
    assert_eq!(
        unpack(&mut unpacker, Packing::Zstd, &twice).unwrap(),
        b"[1,2]"
    );
    assert_eq!(unpack(&mut unpacker, Packing::Plain, b"{}").unwrap(), b"{}");
}

#[test]
fn any_changed_byte_gives_bytes_or_a_refusal() {
    let mut unpacker = Unpacker::new();
    let mut cases = vec![(Packing::Gzip, gzip(&requests()))];
    cases.extend(BY_THE_TOOL.map(|hex| (Packing::Zstd, from_hex(hex))));
    cases.push((Packing::Zstd, zstd(&requests())));
    for (packing, whole) in cases {
        for place in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut changed = whole.clone();
                changed[place] = byte;
                let read = unpack(&mut unpacker, packing, &changed);
                assert!(
                    read.as_ref().map_or(true, |bytes| bytes.len() <= BYTES_MAX),
                    "{packing:?} {place} {byte}"
                );
                assert_ne!(read, Err(BodyError::Encoding));
            }
        }
        assert_eq!(unpack(&mut unpacker, packing, &whole), Ok(requests()));
    }
}

#[test]
fn the_limit_is_exact_and_bombs_leave_no_memory_behind() {
    let mut unpacker = Unpacker::new();
    let full = vec![b' '; BYTES_MAX];
    let over = vec![b' '; BYTES_MAX + 1];
    let endless = vec![0; 64 << 20];
    let (window, small_window) = ([0, 0x98], [0, 0x38]);
    let declared = [&[0xe0][..], &(64_u64 << 20).to_le_bytes()].concat();
    let cases = [
        (Packing::Gzip, gzip(&full), true),
        (Packing::Gzip, gzip(&over), false),
        (Packing::Gzip, gzip(&endless), false),
        (Packing::Zstd, zstd(&full), true),
        (Packing::Zstd, zstd(&over), false),
        (Packing::Zstd, zstd_bomb(&small_window, 8), true),
        (Packing::Zstd, zstd_bomb(&small_window, 9), false),
        (Packing::Zstd, zstd_bomb(&window, 16_000), false),
        (Packing::Zstd, zstd_bomb(&declared, 512), false),
        (Packing::Zstd, zstd(b"{}").repeat(FRAMES_MAX), true),
        (Packing::Zstd, zstd(b"{}").repeat(FRAMES_MAX + 1), false),
    ];
    for (at, (packing, packed, fits)) in cases.iter().enumerate() {
        let read = unpack(&mut unpacker, *packing, packed);
        assert_eq!(read.is_ok(), *fits, "case {at}");
        if !fits {
            assert_eq!(read, Err(BodyError::TooLarge), "case {at}");
        }
        assert!(unpacker.unpacked.capacity() <= 4 * BYTES_MAX, "case {at}");
    }
}

#[test]
fn heads_that_cannot_be_kept_to_are_refused() {
    let block = [0x11, 0, 0, b'{', b'}'];
    let frame = |head: &[u8]| [&ZSTD_MAGIC[..], head, &block].concat();
    let whole = Ok(b"{}".to_vec());
    let broken = || Err(BodyError::Broken);
    let cases = [
        (&[0x20, 2][..], whole.clone()),
        (&[0x00, 0x58], whole),
        // Another length than declared, the reserved bit, a dictionary, and none of the magic.
        (&[0x20, 3], broken()),
        (&[0x28, 2], broken()),
        (&[0x21, 7, 2], broken()),
        (&[], broken()),
    ];
    let mut unpacker = Unpacker::new();
    for (head, wanted) in cases {
        let read = unpack(&mut unpacker, Packing::Zstd, &frame(head));
        assert_eq!(read, wanted, "{head:x?}");
    }
    assert_eq!(
        unpack(&mut unpacker, Packing::Zstd, b"{}"),
        Err(BodyError::Broken)
    );
}
