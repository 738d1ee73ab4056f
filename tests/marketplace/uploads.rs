//! Uploads.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

#[test]
fn uploads_are_judged() {
    let market = Market::new();
    let document = market.document(1, 3, |_| {});
    let rdf = ["Content-Type: application/rdf+xml; charset=utf-8"];
    assert_eq!(market.ask("POST", "/metadata/", &rdf, &document).status, 201);
    assert_eq!(market.upload(&document).status, 201, "again is no harm");
    let form = ["Content-Type: multipart/form-data; boundary=xx"];
    let file = |name: &str, document: &[u8]| {
        let head = format!(
            "--xx\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--xx\r\n\
             Content-Disposition: form-data; name=\"file\"{name}\r\n\
             Content-Type: application/xml\r\n\r\n"
        );
        [head.as_bytes(), document, b"\r\n--xx--\r\n"].concat()
    };
    let second = market.document(2, 3, |_| {});
    let sent = market.ask("POST", "/metadata", &form, &file("; filename=\"a.xml\"", &second));
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(market.site.entries(), 2);
    assert_eq!(market.get(&format!("/metadata/{}", identifier(2))).text(), list(&[&second]));
    market.put(&market.document(3, 1, |_| {}));
    let ahead = market.endorser_ahead();
    let waits = market.upload(&ahead);
    assert!(waits.status == 202 && waits.text().contains("judged at its date"));

    let stranger = Endorser::since(market.folder.path(), ago(90));
    let other = Market { endorser: stranger, ..Market::new() };
    let untrusted = other.document(7, 1, |_| {});
    let text = |document: &[u8]| String::from_utf8(document.to_vec()).unwrap();
    let changed = text(&market.document(5, 1, |_| {})).replace("x86_64", "i686");
    let unsigned = {
        let whole = text(&market.document(5, 1, |_| {}));
        let start = whole.find("<ds:Signature").unwrap();
        format!("{}</rdf:RDF>", &whole[..start])
    };
    for (document, status, says) in [
        (text(&market.document(3, 9, |_| {})), 400, "invalid metadata: older than latest entry"),
        (changed, 400, "invalid metadata: "),
        (unsigned, 400, "invalid metadata: "),
        ("<a>&lt;</b>".to_owned(), 400, "unable to parse metadata: "),
        ("<rdf/>".to_owned(), 400, "invalid metadata: "),
        (text(&untrusted), 403, "refused by this site's rules"),
    ] {
        let answer = market.upload(document.as_bytes());
        assert_eq!(answer.status, status, "{}", answer.text());
        let start = format!("{}<error>{says}", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        assert!(answer.text().starts_with(&start), "{}", answer.text());
        assert!(!answer.text().contains(&market.site.home.display().to_string()));
    }
    for (lines, body, status) in [
        (&form, file("", &second), 400),
        (&["Content-Type: multipart/form-data"], second.clone(), 400),
        (&["Content-Type: text/plain"], second.clone(), 415),
        (&["X: y"], second.clone(), 415),
        (&["Content-Type: application/xml"], vec![0xff, 0xfe], 400),
        (&["Content-Type: application/xml"], Vec::new(), 400),
    ] {
        let answer = market.ask("POST", "/metadata", lines, &body);
        assert_eq!(answer.status, status, "{lines:?}: {}", answer.text());
    }
    assert_eq!(market.site.entries(), 3);
    // A body that is said to be too large is not waited for.
    let huge = b"POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 Content-Type: application/xml\r\nContent-Length: 99999999\r\n\r\n";
    assert_eq!(exchange(&market.address, huge).status, 413);
    // One whose length is not said is counted.
    let chunked = |body: &[u8]| {
        let head = "POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                    Content-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = format!("{:x}\r\n", body.len());
        let whole = [head.as_bytes(), length.as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        exchange(&market.address, &whole)
    };
    assert_eq!(chunked(&second).status, 201);
    assert_eq!(chunked(&vec![b' '; 279 * 1024]).status, 413);
    let broken = b"POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                   Content-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n";
    assert_eq!(exchange(&market.address, broken).status, 400);
    waits_for_continue(&market.address, &second);
    for (method, path, allow) in [
        ("PUT", "/metadata", "GET, HEAD, POST"),
        ("POST", "/metadata/x", "GET, HEAD"),
        ("DELETE", "/metadata/a/b/c", "GET, HEAD"),
        ("POST", "/endorsers", "GET, HEAD"),
    ] {
        let answer = market.ask(method, path, &[], b"");
        assert_eq!((answer.status, answer.header("Allow")), (405, Some(allow)), "{method} {path}");
    }
}

/// What `curl` does with a body that is not short.
fn waits_for_continue(address: &str, document: &[u8]) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Content-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        document.len()
    )
    .unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(document).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[test]
fn a_site_need_not_take_uploads_and_a_client_may_not_send_for_ever() {
    let closed = Market::with(|site| {
        let settings = site.home.join("suq.toml");
        let text = fs::read_to_string(&settings).unwrap();
        fs::write(&settings, text.replace("[http]", "[http]\nuploads = false")).unwrap();
    });
    let document = closed.document(1, 1, |_| {});
    let answer = closed.upload(&document);
    assert_eq!(answer.status, 403);
    assert!(answer.text().ends_with("<error>read-only repository</error>"));
    assert_eq!(closed.site.entries(), 0);

    let open = Market::new();
    let statuses: Vec<u16> = (0..200).map(|_| open.upload(b"<a/>").status).collect();
    let first = statuses.iter().position(|status| *status == 429);
    assert!(first.is_some_and(|first| first >= 100), "{statuses:?}");
    assert!(statuses[..100].iter().all(|status| *status == 400));
    assert_eq!(open.get("/metadata").status, 200, "reading goes on");
}

#[test]
fn an_upload_is_there_after_a_kill() {
    let mut market = Market::new();
    let document = market.document(1, 1, |_| {});
    let path = market.put(&document);
    market.site.kill();
    market.site.start();
    market.address = market.site.http();
    let answer = market.get(&path);
    assert!(answer.body == document);
}
impl Market {
    /// A document from tomorrow.
    fn endorser_ahead(&self) -> Vec<u8> {
        let document = self.document(6, 0, |_| {});
        let draft = suq::manifest::parse_unsigned(&document).unwrap();
        let draft = Draft {
            identifier: draft.identifier,
            bytes: draft.bytes,
            checksums: draft.checksums,
            details: draft.details,
            pieces: None,
        };
        self.endorser.sign(&draft, ago(0).plus(Duration::from_secs(86_400)))
    }
}
