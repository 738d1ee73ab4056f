//! Requests that two programs could read in two ways, and what is no request at all.

use super::Target;

#[test]
fn a_request_has_one_end_or_none() {
    let target = Target::new();
    let hidden =
        "GET /hidden HTTP/1.1\r\nHost: x\r\nX-Request-Id: hidden\r\nConnection: close\r\n\r\n";
    let length = hidden.len();
    let post = "POST /metadata HTTP/1.1\r\nHost: x\r\nContent-Type: application/xml\r\n";
    for (name, request, first) in [
        (
            "a length, and then chunks",
            format!(
                "{post}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "chunks, and then a length",
            format!(
                "{post}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "two lengths",
            format!("{post}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}"),
            400,
        ),
        ("a list of lengths", format!("{post}Content-Length: 0, {length}\r\n\r\n{hidden}"), 400),
        ("a negative length", format!("{post}Content-Length: -1\r\n\r\n{hidden}"), 400),
        ("a length with a sign", format!("{post}Content-Length: +0\r\n\r\n{hidden}"), 400),
        ("a length in hex", format!("{post}Content-Length: 0x0\r\n\r\n{hidden}"), 400),
        (
            "a length beyond all bounds",
            format!("{post}Content-Length: 99999999999999999999999\r\n\r\n{hidden}"),
            400,
        ),
        (
            "a coding that is none",
            format!("{post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
            400,
        ),
        (
            "a coding after chunks",
            format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
            400,
        ),
        (
            "two codings",
            format!(
                "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{hidden}"
            ),
            400,
        ),
        (
            "chunks of HTTP/1.0",
            format!(
                "{}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
                post.replace("1.1", "1.0")
            ),
            400,
        ),
        ("a space before a colon", format!("{post}Content-Length : 0\r\n\r\n{hidden}"), 400),
        ("a folded line", format!("{post}X: a\r\n b\r\nContent-Length: 0\r\n\r\n{hidden}"), 400),
        ("a line that is none", format!("{post}nothing\r\n\r\n{hidden}"), 400),
        ("a null", format!("{post}X: a\0b\r\n\r\n{hidden}"), 400),
        ("a carriage return alone", format!("{post}X: a\rY: b\r\n\r\n{hidden}"), 400),
        (
            "a size of a chunk that is none",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{hidden}"),
            400,
        ),
        (
            "a chunk that is too long",
            format!("{post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{hidden}"),
            400,
        ),
        ("no Host", format!("GET / HTTP/1.1\r\n\r\n{hidden}"), 400),
        ("two Hosts", format!("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{hidden}"), 400),
    ] {
        let answers = target.send(request.as_bytes());
        assert!(answers.starts_with(&format!("HTTP/1.1 {first} ")), "{name}: {answers}");
        // A head that is well but refused leaves the next request as it is.
        let is_one_request = name.ends_with("Host") || name.ends_with("Hosts");
        assert_eq!(answers.contains("x-request-id: hidden"), is_one_request, "{name}: {answers}");
    }
    // The end of chunks is agreed on, and all the same nothing is read after it.
    let request = format!("{post}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n{hidden}");
    let answers = target.send(request.as_bytes());
    assert!(
        answers.starts_with("HTTP/1.1 400 ") && answers.contains("connection: close"),
        "{answers}"
    );
    assert!(!answers.contains("hidden"), "{answers}");
    target.is_well();
}

#[test]
fn what_is_no_request_is_answered_shortly_or_not_at_all_and_noted() {
    let target = Target::new();
    let before = target.failed("unreadable");
    let odd: [&[u8]; 13] = [
        b"\r\n\r\n\r\n",
        b"\0\0\0\0",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1 x\r\nHost: x\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x80\x81\x82\x83",
    ];
    for octets in odd {
        let answer = target.send_and_end(octets);
        let shown = String::from_utf8_lossy(&octets[..octets.len().min(40)]).into_owned();
        let status = answer.get(9..12).unwrap_or_default();
        assert!(matches!(status, "" | "400" | "414" | "431"), "{shown}: {answer}");
        assert!(answer.len() < 300, "{shown}: {answer}");
    }
    assert!(target.failed("unreadable") >= before + 10, "{}", target.numbers());
    assert!(target.site.log().contains("reason=\"unreadable\""), "{}", target.site.log());
    target.is_well();
}

#[test]
fn methods_and_forms_of_targets_that_mean_nothing_here() {
    let target = Target::new();
    let long = format!("{} / HTTP/1.1", "X".repeat(50_000));
    for (line, status) in [
        (&*long, 501),
        ("OPTIONS * HTTP/1.1", 404),
        ("CONNECT example.org:443 HTTP/1.1", 404),
        ("TRACE /metrics HTTP/1.1", 405),
        ("DELETE /metadata HTTP/1.1", 405),
        ("PATCH /readyz HTTP/1.1", 405),
        ("PROPFIND /metadata/x HTTP/1.1", 405),
        ("get /metrics HTTP/1.1", 405),
        ("GET http://elsewhere.example/readyz HTTP/1.1", 200),
        ("GET ftp://elsewhere.example/readyz HTTP/1.1", 200),
        ("GET readyz HTTP/1.1", 404),
    ] {
        let request = format!("{line}\r\nHost: x\r\nX-Secret: s3cret\r\nConnection: close\r\n\r\n");
        let answer = target.send(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert!(!answer.contains("s3cret") && answer.len() < 700, "{line}: {answer}");
    }
    let old = target.send(b"GET /readyz HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n") && old.ends_with("\r\n\r\nok\n"), "{old}");
    target.is_well();
}
