//! A client of StratusLab's time, unchanged: Python 2 with `httplib2` for what it sends, and
//! `urllib2` for what it fetches. Each request is what those write, octet for octet.

use super::http::{Response, exchange};
use super::*;

/// A session of the client with one Marketplace.
struct OldClient {
    address: String,
}

impl OldClient {
    /// `HttpClient.post` of a manifest. `httplib2` sends head and body by themselves, no
    /// `Expect`, and keeps the connection; the body of its answer ends where its length says.
    fn post(&self, document: &[u8]) -> Response {
        let head = format!(
            "POST /metadata HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\ncontent-type: \
             application/xml\r\naccept-encoding: gzip, deflate\r\naccept: application/xml\r\n\
             user-agent: Python-httplib2/0.7.2 (gzip)\r\n\r\n",
            self.address,
            document.len()
        );
        keep_alive(&self.address, &[head.as_bytes(), document])
    }

    /// `Util.wget` and `Util.wstring`.
    fn get(&self, path: &str) -> Response {
        let head = format!(
            "GET {path} HTTP/1.1\r\nAccept-Encoding: identity\r\nHost: {}\r\nConnection: close\r\n\
             User-Agent: Python-urllib/2.6\r\n\r\n",
            self.address
        );
        exchange(&self.address, head.as_bytes())
    }

    /// `Uploader.upload`: where the entry is follows from the document, whatever `Location`
    /// says; an error is the text of the answer's root.
    fn upload(&self, text: &str) -> Result<String, String> {
        let answer = self.post(text.as_bytes());
        match answer.status {
            200..300 => Ok(format!(
                "/metadata/{}/{}/{}",
                element(text, "dcterms:identifier"),
                element(text, "slreq:email"),
                endorsed(text)
            )),
            400..500 => {
                assert_eq!(answer.header("Content-Type"), Some("application/xml"));
                Err(element(&answer.text(), "error").to_owned())
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }

    /// `ManifestDownloader.getManifestList`: the RDF elements directly in the root. An error
    /// is an `HTTPError`.
    fn list(&self, identifier: &str) -> Result<Vec<String>, u16> {
        let answer = self.get(&format!("/metadata/{identifier}"));
        if answer.status != 200 {
            return Err(answer.status);
        }
        let text = answer.text();
        let inside = text.split_once("<metadata>").unwrap().1;
        let inside = inside.strip_suffix("</metadata>").unwrap();
        let documents = inside.split_inclusive("</rdf:RDF>").map(str::trim);
        Ok(documents.filter(|text| !text.is_empty()).map(str::to_owned).collect())
    }
}

/// The date of the endorsement, which is the first one after its beginning.
fn endorsed(text: &str) -> &str {
    element(text.split_once("<slreq:endorsement").unwrap().1, "dcterms:created")
}

/// Sends these parts one after the other and reads one answer, of a connection that stays.
fn keep_alive(address: &str, parts: &[&[u8]]) -> Response {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    parts.iter().for_each(|part| stream.write_all(part).unwrap());
    let mut answer = Vec::new();
    let mut octet = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).unwrap();
        answer.push(octet[0]);
    }
    let head = String::from_utf8(answer[..answer.len() - 4].to_vec()).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.expect("a length, for the connection stays")];
    stream.read_exact(&mut body).unwrap();
    Response { status: head[9..12].parse().unwrap(), head, body }
}

#[test]
fn it_uploads_checks_downloads_and_deprecates() {
    let desk = Desk::new();
    let (site, endpoint) = desk.market();
    let client = OldClient { address: site.http() };
    desk.write("disk.img", "an image");
    assert_eq!(site.run(&["blob", "add", &desk.text("disk.img")]).code, 0);
    let sha1 = Command::new("sha1sum").arg(desk.path("disk.img")).output().unwrap().stdout;
    let image = format!("/blobs/sha1/{}", str::from_utf8(&sha1[..40]).unwrap());
    let identifier = desk.signed("image.xml", b"an image", &[&format!("{endpoint}{image}")]);
    let document = desk.read("image.xml");

    // stratus-upload-metadata
    assert_eq!(client.list(&identifier), Err(404));
    let path = client.upload(&document).unwrap();
    assert_eq!(site.entries(), 1);
    let answer = client.get(&path);
    assert!(answer.status == 200 && answer.body == document.as_bytes());
    let changed = document.replace("x86_64", "i686");
    assert!(client.upload(&changed).unwrap_err().starts_with("invalid metadata: "));

    // stratus-policy-image: it reads values, and never the signature.
    let list = client.list(&identifier).unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(element(&list[0], "slreq:email"), JANE);
    assert_eq!(element(&list[0], "dcterms:identifier"), identifier);

    // stratus-download-image
    let location = element(&list[0], "slterms:location").to_owned();
    let answer = client.get(location.strip_prefix(&endpoint).unwrap());
    assert_eq!((answer.status, answer.text().as_str()), (200, "an image"));

    // stratus-deprecate-metadata: fetched by email, its reason before the endorsement, signed.
    let answer = client.get(&format!("/metadata/{identifier}/{JANE}"));
    let text = answer.text();
    assert_eq!(text.matches("<rdf:RDF").count(), 1);
    let (_, listed) = text.split_once("<metadata>").unwrap();
    let (before, after) =
        listed.strip_suffix("</metadata>").unwrap().split_once("<slreq:endorsement").unwrap();
    let (_, after) = after.split_once("</slreq:endorsement>").unwrap();
    let deprecated = "<slterms:deprecated>a hole</slterms:deprecated>";
    let (after, signature) = after.split_once("<ds:Signature").unwrap();
    assert!(signature.trim_end().ends_with("</rdf:RDF>"));
    let after = after.replace("</rdf:Description>", &format!("{deprecated}</rdf:Description>"));
    site::wait_for("the next second", || ago(0).to_string().as_str() > endorsed(&document));
    desk.write("old.xml", format!("{before}{after}</rdf:RDF>"));
    desk.done("stratus-sign-metadata", &["old.xml"]);
    let path = client.upload(&desk.read("old.xml")).unwrap();
    assert!(client.get(&path).text().contains(deprecated));
    assert_eq!(client.list(&identifier), Err(404), "nothing current is left");
    assert!(client.upload(&document).unwrap_err().contains("older than latest entry"));
    assert_eq!(site.entries(), 2);
}

#[test]
fn its_signatures_need_the_sites_consent() {
    let desk = Desk::new();
    old_key(&desk);
    desk.write("disk.img", "an image");
    desk.done("stratus-build-metadata", &["--os=a", "-qq", "disk.img"]);
    let key = ["--p12-cert", "old.p12", "--p12-password", "old", "--legacy", "a---base-.xml"];
    desk.done("stratus-sign-metadata", &key);
    let document = desk.read("a---base-.xml");

    let (site, _) = desk.market();
    fs::copy(desk.path("c"), site.home.join("trust/old.pem")).unwrap();
    assert_eq!(site.run(&["policy", "reload"]).code, 0);
    let client = OldClient { address: site.http() };
    assert!(client.upload(&document).unwrap_err().starts_with("refused by this site's rules"));
    fs::write(site.home.join("policy.cfg"), "[trust]\nlegacy = accept\n").unwrap();
    assert_eq!(site.run(&["policy", "reload"]).code, 0);
    let path = client.upload(&document).unwrap();
    assert!(client.get(&path).body == document.as_bytes());
}
