//! A torrent and its tracker: as much of both as aria2c asks for.
//!
//! BEP 3 (metainfo, HTTP tracker) and BEP 23 (compact peers).

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::MIB;

/// Bytes of a piece: as suq's.
const PIECE_BYTES: usize = 4 * MIB;

pub struct Torrent {
    /// Its metainfo file.
    pub path: PathBuf,
}

impl Torrent {
    /// Makes the metainfo of a file, and a tracker that names these ports of this
    /// machine until the process ends.
    pub fn of(file: &Path, folder: &Path, seeders: &[u16]) -> Torrent {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let announce = format!("http://{}/announce", listener.local_addr().unwrap());
        let peers: Vec<u8> = seeders.iter().flat_map(|port| compact(*port)).collect();
        std::thread::spawn(move || track(&listener, &peers));
        let name = file.file_name().unwrap().to_str().unwrap();
        let pieces = pieces(file);
        let length = fs::metadata(file).unwrap().len();
        let mut text = format!("d8:announce{}:{announce}", announce.len()).into_bytes();
        let info = format!("4:infod6:lengthi{length}e4:name{}:{name}", name.len());
        text.extend(info.into_bytes());
        text.extend(format!("12:piece lengthi{PIECE_BYTES}e6:pieces{}:", pieces.len()).bytes());
        text.extend(pieces);
        text.extend(b"ee");
        let path = folder.join("image.torrent");
        fs::write(&path, text).unwrap();
        Torrent { path }
    }
}

fn pieces(file: &Path) -> Vec<u8> {
    let (mut file, mut digests) = (File::open(file).unwrap(), Vec::new());
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).unwrap();
        if piece.is_empty() {
            return digests;
        }
        digests.extend(openssl::sha::sha1(&piece));
    }
}

fn compact(port: u16) -> [u8; 6] {
    let [high, low] = port.to_be_bytes();
    [127, 0, 0, 1, high, low]
}

fn track(listener: &TcpListener, peers: &[u8]) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 4096]);
        let mut body = format!("d8:intervali60e5:peers{}:", peers.len()).into_bytes();
        body.extend(peers);
        body.push(b'e');
        let head = format!(
            "HTTP/1.0 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    }
}
