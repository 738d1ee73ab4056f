//! Compressed images: whole, cut, broken, and bombs.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use suq::fetch::{Access, Format, Reason, SourceError};

use super::server::{Server, Step, answer, chunked, file, head};
use super::{all, client, drain, error, image};

const FORMATS: [Format; 4] = [Format::Gzip, Format::Bzip2, Format::Xz, Format::Zstd];

fn pack(format: Format, content: &[u8]) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let level = flate2::Compression::fast();
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), level);
            packed.write_all(content).unwrap();
            packed.finish().unwrap()
        }
        Format::Bzip2 => {
            let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            packed.write_all(content).unwrap();
            packed.finish().unwrap()
        }
        Format::Xz => {
            let mut packed = liblzma::write::XzEncoder::new(Vec::new(), 0);
            packed.write_all(content).unwrap();
            packed.finish().unwrap()
        }
        Format::Zstd => zstd::encode_all(content, 1).unwrap(),
    }
}

/// A disk: some of it full, most of it empty.
fn disk() -> Vec<u8> {
    let mut disk = image(400_000);
    disk.resize(1_500_000, 0);
    disk.extend(image(1001));
    disk
}

/// Opens what a good server serves.
async fn served(
    packed: Vec<u8>,
    bytes: usize,
) -> (Server, Result<suq::fetch::Source, SourceError>) {
    let server = Server::start(move |_, request| file(request, &packed, "\"a\"")).await;
    let source = client().open(&server.url("/"), bytes as u64).await;
    (server, source)
}

/// Everything that comes out, and how it ended.
async fn unpacked(packed: Vec<u8>, bytes: usize) -> (Vec<u8>, Result<(), SourceError>) {
    let (_server, source) = served(packed, bytes).await;
    drain(&mut source.unwrap().read_all().await.unwrap()).await
}

fn never(end: Result<(), SourceError>) -> Reason {
    let error = end.unwrap_err();
    assert!(matches!(error, SourceError::Never { .. }), "{error:?}");
    error.reason().clone()
}

#[tokio::test]
async fn every_format_is_known_by_its_content() {
    let disk = disk();
    for format in FORMATS {
        let (_server, source) = served(pack(format, &disk), disk.len()).await;
        let source = source.unwrap();
        assert_eq!(source.format(), Some(format));
        assert_eq!(source.access(), Access::Sequential);
        assert!(error(source.read(0..9).await).to_string().contains("ranges"));
        assert!(all(source.read_all().await.unwrap()).await == disk, "{format}");
        assert!(all(source.read_all().await.unwrap()).await == disk, "{format}, again");
    }
}

#[tokio::test]
async fn bytes_that_come_one_by_one_make_the_same_image() {
    let disk = image(3000);
    for format in FORMATS {
        let packed = pack(format, &disk);
        let server = Server::start(move |_, _| {
            let mut steps = vec![head("200 OK", &[("Transfer-Encoding", "chunked")])];
            let one = |byte: &u8| Step::Send(vec![b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
            steps.extend(packed.iter().map(one));
            steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
            steps
        })
        .await;
        let source = client().open(&server.url("/"), 3000).await.unwrap();
        assert_eq!(source.format(), Some(format));
        assert!(all(source.read_all().await.unwrap()).await == disk, "{format}");
    }
}

#[tokio::test]
async fn an_image_of_the_right_size_is_not_decompressed() {
    let packed = pack(Format::Gzip, b"an image may look like gzip");
    let (_server, source) = served(packed.clone(), packed.len()).await;
    let source = source.unwrap();
    assert_eq!((source.format(), source.access()), (None, Access::Ranges));
    assert_eq!(all(source.read_all().await.unwrap()).await, packed);
}

#[tokio::test]
async fn an_encoding_nobody_asked_for_is_undone() {
    let disk = disk();
    for (name, format) in [("gzip", Format::Gzip), ("x-gzip", Format::Gzip), ("zstd", Format::Zstd)]
    {
        let packed = pack(format, &disk);
        let server =
            Server::start(move |_, _| chunked(&[("Content-Encoding", name)], &packed)).await;
        let source = client().open(&server.url("/"), disk.len() as u64).await.unwrap();
        assert_eq!(source.format(), Some(format));
        assert!(all(source.read_all().await.unwrap()).await == disk);
    }
    let server =
        Server::start(|_, _| answer("200 OK", &[("Content-Encoding", "br")], b"abc")).await;
    let found = error(client().open(&server.url("/"), 1000).await);
    assert_eq!(found.reason(), &Reason::Encoding("br".to_owned()));
}

#[tokio::test]
async fn several_parts_are_one_image() {
    for format in FORMATS {
        let mut packed = pack(format, b"one ");
        packed.extend(pack(format, b""));
        packed.extend(pack(format, b"two"));
        let (found, end) = unpacked(packed, 7).await;
        assert_eq!((found.as_slice(), end), (b"one two".as_slice(), Ok(())), "{format}");
    }
}

#[tokio::test]
async fn what_follows_the_data_is_taken_as_the_tools_take_it() {
    for (format, after, good) in [
        (Format::Gzip, &[0; 700][..], true),
        (Format::Gzip, b"garbage", true),
        (Format::Gzip, b"\x1f", true),
        (Format::Bzip2, b"garbage", true),
        (Format::Xz, &[0; 8], true),
        (Format::Xz, &[0; 7], false),
        (Format::Xz, b"garbage!", false),
        (Format::Zstd, b"\x50\x2a\x4d\x18\x03\0\0\0abc", true),
        (Format::Zstd, b"garbage", false),
    ] {
        let mut packed = pack(format, b"content");
        packed.extend_from_slice(after);
        let (found, end) = unpacked(packed, 7).await;
        if good {
            assert_eq!((found, end), (b"content".to_vec(), Ok(())), "{format} {after:?}");
        } else {
            assert!(matches!(never(end), Reason::Unpack { .. }), "{format} {after:?}");
        }
    }
}

#[tokio::test]
async fn a_zstd_file_may_begin_with_a_frame_to_skip() {
    let mut packed = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    packed.extend(pack(Format::Zstd, b"content"));
    assert_eq!(unpacked(packed, 7).await, (b"content".to_vec(), Ok(())));
}

#[tokio::test]
async fn a_bomb_is_stopped_at_the_size_of_the_image() {
    let bomb = vec![0; 16 * 1024 * 1024];
    for format in FORMATS {
        let (found, end) = unpacked(pack(format, &bomb), 1_000_000).await;
        assert!(found.len() <= 1_000_000, "{format}");
        assert_eq!(never(end), Reason::TooMuch { expected: 1_000_000 }, "{format}");
        // One byte too many is too many.
        let (_, end) = unpacked(pack(format, &bomb[..1001]), 1000).await;
        assert_eq!(never(end), Reason::TooMuch { expected: 1000 }, "{format}");
    }
}

#[tokio::test]
async fn a_smaller_image_is_an_error() {
    for format in FORMATS {
        let (found, end) = unpacked(pack(format, &[7; 999]), 1000).await;
        assert_eq!(found, [7; 999]);
        assert_eq!(never(end), Reason::TooLittle { found: 999, expected: 1000 }, "{format}");
    }
}

#[tokio::test]
async fn a_file_that_lacks_its_end_or_has_a_wrong_byte_is_broken() {
    let disk = disk();
    for format in FORMATS {
        let packed = pack(format, &disk);
        for short in [packed.len() - 1, packed.len() / 2, 40] {
            let (found, end) = unpacked(packed[..short].to_vec(), disk.len()).await;
            assert!(disk.starts_with(&found), "{format} {short}");
            assert!(matches!(never(end), Reason::Unpack { .. }), "{format} {short}");
        }
        let mut wrong = packed.clone();
        wrong[packed.len() / 2] ^= 1;
        let (_, end) = unpacked(wrong, disk.len()).await;
        // zstd files made without a checksum may also give other bytes.
        if format != Format::Zstd {
            assert!(matches!(never(end), Reason::Unpack { .. }), "{format}");
        }
    }
}

#[tokio::test]
async fn a_connection_cut_is_told_from_a_broken_file() {
    let disk = disk();
    for format in FORMATS {
        let packed = pack(format, &disk);
        let server = Server::start(move |number, request| {
            let mut steps = file(request, &packed, "\"a\"");
            if number > 0 {
                let Some(Step::Send(body)) = steps.last_mut() else { panic!("a body") };
                body.truncate(packed.len() / 2);
                steps.push(Step::Close);
            }
            steps
        })
        .await;
        let source = client().open(&server.url("/"), disk.len() as u64).await.unwrap();
        let (found, end) = drain(&mut source.read_all().await.unwrap()).await;
        assert!(disk.starts_with(&found));
        let found = end.unwrap_err();
        assert!(
            matches!(found, SourceError::Failed { reason: Reason::Cut { .. }, .. }),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn more_history_than_is_allowed_is_refused_before_it_is_held() {
    // A frame header that asks for a window of 2 GiB.
    let zstd = b"\x28\xb5\x2f\xfd\x00\xa8\x01\0\0".to_vec();
    // A block header that asks for a dictionary of 3 GiB.
    let mut xz = b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36".to_vec();
    let block = [2, 0, 0x21, 1, 39, 0, 0, 0];
    let mut crc = flate2::Crc::new();
    crc.update(&block);
    xz.extend_from_slice(&block);
    xz.extend_from_slice(&crc.sum().to_le_bytes());
    xz.extend_from_slice(&[0; 64]);
    for packed in [zstd, xz] {
        let (_, end) = unpacked(packed, 1000).await;
        let reason = never(end);
        assert!(reason.to_string().contains("memory"), "{reason}");
    }
}

#[tokio::test]
async fn padding_without_end_ends() {
    let empty = pack(Format::Gzip, b"");
    let server = Server::start(move |number, _| match number {
        0 => chunked(&[], &empty),
        _ => {
            let chunk = [format!("{:x}\r\n", empty.len()).as_bytes(), &empty, b"\r\n"].concat();
            let head = head("200 OK", &[("Transfer-Encoding", "chunked")]);
            vec![head, Step::Endless(chunk.repeat(1000))]
        }
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    let (_, end) = drain(&mut source.read_all().await.unwrap()).await;
    assert!(matches!(never(end), Reason::PackedSize { .. }));
    let (_server, source) = served([0x1f, 0x8b, 8].repeat(1_000_000), 1000).await;
    let reason = Reason::PackedSize { found: 3_000_000, expected: 1000 };
    assert_eq!(error(source).reason(), &reason);
}

#[tokio::test]
async fn only_so_many_are_decompressed_at_a_time() {
    let packed = pack(Format::Gzip, &[7; 1000]);
    let length = packed.len().to_string();
    let server = Server::start(move |number, _| match number {
        0 => answer("200 OK", &[], &packed),
        _ => vec![head("200 OK", &[("Content-Length", &length)]), Step::Hang],
    })
    .await;
    let source = client().open(&server.url("/"), 1000).await.unwrap();
    let mut bodies = Vec::new();
    for _ in 0..suq::fetch::MAX_UNPACKERS {
        bodies.push(source.read_all().await.unwrap());
    }
    let found = error(source.read_all().await);
    assert!(matches!(found, SourceError::Busy { reason: Reason::UnpackersTaken, .. }));
    bodies.pop();
    // The place is free when the thread has seen that nobody waits.
    while source.read_all().await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// The real tools make the files here, where they are installed.
#[tokio::test]
async fn files_of_the_tools_are_read() {
    let disk = disk();
    for (tool, options, format) in [
        ("gzip", &["-9", "-c"][..], Format::Gzip),
        ("bzip2", &["-9", "-c"], Format::Bzip2),
        ("xz", &["-9", "--check=sha256", "-c"], Format::Xz),
        ("xz", &["-0", "--block-size=100000", "-T2", "-c"], Format::Xz),
        ("xz", &["--x86", "--lzma2=preset=6", "-c"], Format::Xz),
        ("zstd", &["-19", "--long=27", "-c"], Format::Zstd),
    ] {
        let child =
            Command::new(tool).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: {tool} is not installed");
            continue;
        };
        let mut stdin = child.stdin.take().unwrap();
        let content = disk.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&content).unwrap());
        let mut packed = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut packed).unwrap();
        writer.join().unwrap();
        assert!(child.wait().unwrap().success());
        let (_server, source) = served(packed, disk.len()).await;
        let source = source.unwrap();
        assert_eq!(source.format(), Some(format));
        assert!(all(source.read_all().await.unwrap()).await == disk, "{tool} {options:?}");
    }
}
