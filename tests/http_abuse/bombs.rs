//! Heads, queries and bodies that are too much.

use std::io::Write;

use super::Target;

#[test]
fn thousands_of_headers_and_headers_of_megabytes() {
    let target = Target::new();
    let head = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let many: String = (0..5000).map(|n| format!("X-{n}: y\r\n")).collect();
    let same = "Cookie: a=b\r\n".repeat(5000);
    let long = format!("X: {}\r\n", "y".repeat(8 << 20));
    let name = format!("{}: y\r\n", "X".repeat(8 << 20));
    for lines in [many, same, long, name] {
        let answer = target.send(format!("{head}{lines}\r\n").as_bytes());
        let status = answer.get(9..12).unwrap_or_default();
        // Where more is sent than is read, the answer may be lost with the connection.
        assert!(matches!(status, "431" | ""), "{answer}");
        assert!(answer.len() < 300, "{answer}");
        target.is_well();
    }
    assert!(target.failed("unreadable") >= 3, "{}", target.numbers());
}

#[test]
fn queries_of_thousands_of_parameters_are_answered_at_once() {
    let target = Target::new();
    let fill = |part: &str| part.repeat(7900 / part.len());
    for query in [
        fill("a=1&"),
        fill("identifier=x&"),
        fill("&"),
        fill("="),
        fill("%"),
        fill("%25"),
        fill("+"),
        fill("a[]=1&"),
        fill("a[a][a]=&"),
        fill("iDisplayLength=99999999999&"),
        fill("sSearch=((((a+)+)+)+)$&"),
        fill("created=9999-12-31T23:59:59Z&"),
    ] {
        for path in ["/metadata", "/endorsers", "/healthz", "/nothing"] {
            let request =
                format!("GET {path}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = target.send(request.as_bytes());
            let status = answer.get(9..12).unwrap_or_default();
            assert!(matches!(status, "200" | "400" | "404"), "{query:.20}: {answer}");
            assert!(answer.len() < 3000, "{query:.20}: {} bytes", answer.len());
        }
    }
    target.is_well();
}

#[test]
fn bodies_that_never_end_are_not_read_to_their_end() {
    let target = Target::new();
    let head = |path: &str, kind: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n")
    };
    let mut chunks = Vec::new();
    for _ in 0..200 {
        chunks.extend_from_slice(b"10000\r\n");
        chunks.resize(chunks.len() + 0x10000, b'x');
        chunks.extend_from_slice(b"\r\n");
    }
    // 13 MB, where a quarter of one is taken.
    for kind in ["application/xml", "application/x-www-form-urlencoded", "x/y"] {
        let begun = format!("{}Transfer-Encoding: chunked\r\n\r\n", head("/metadata", kind));
        let answer = target.send(&[begun.as_bytes(), &chunks].concat());
        // Where more is sent than is read, the answer may be lost with the connection.
        assert!(matches!(answer.get(9..12).unwrap_or_default(), "413" | ""), "{kind}: {answer}");
        let said = format!("{}Content-Length: 99999999999\r\n\r\n", head("/metadata", kind));
        assert_eq!(target.statuses(said.as_bytes()), [413], "{kind}");
    }
    // Nobody reads what is sent with a question.
    let mut question = b"GET /readyz HTTP/1.1\r\nHost: x\r\n".to_vec();
    write!(question, "Transfer-Encoding: chunked\r\n\r\n").unwrap();
    let answer = target.send(&[&question[..], &chunks].concat());
    assert!(matches!(answer.get(9..12).unwrap_or_default(), "200" | ""), "{answer}");
    // A body that is announced and does not come is not waited for where none is wanted.
    let said = format!("{}Content-Length: 5\r\n\r\n", head("/readyz", "text/plain"));
    assert_eq!(target.statuses(said.as_bytes()), [405]);
    // A form of ten thousand parts.
    let boundary = "----b";
    let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n");
    let form = part.repeat(3000);
    let kind = format!("multipart/form-data; boundary={boundary}");
    let request = format!(
        "{}Connection: close\r\nContent-Length: {}\r\n\r\n{form}",
        head("/metadata", &kind),
        form.len()
    );
    let answer = target.send(request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.len() < 700, "{answer}");
    target.is_well();
}
