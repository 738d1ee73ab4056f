//! The log: its two formats, the access log, and ids of requests.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::get_with;
use super::http::Shop;
use super::site::wait_for;

/// A shop whose node was started again with other settings and options.
fn shop(access_log: bool, options: &[&str]) -> Shop {
    let mut shop = Shop::new(100_000);
    shop.site.stop();
    if access_log {
        shop.site.set("http", "access_log = \"stderr\"\ntrusted_proxies = [\"127.0.0.1\"]");
    }
    shop.site.options = options.iter().map(|option| (*option).to_owned()).collect();
    fs::write(shop.site.home.join("log"), "").unwrap();
    shop.site.start();
    shop.address = shop.site.http();
    shop
}

fn lines(shop: &Shop) -> Vec<Value> {
    let log = shop.site.log();
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?} in {log}"))
    };
    // The last line may be on its way.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().map(parse).collect()
}

/// The lines of the access log about one path, as soon as there is one.
fn noted(shop: &Shop, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    wait_for(&format!("{path} is noted"), || {
        found = lines(shop);
        found.retain(|line| line["target"] == "suq::access" && line["path"] == path);
        !found.is_empty()
    });
    found
}

#[test]
fn every_answer_is_noted_with_who_asked_what_and_how_it_ended() {
    let shop = shop(true, &["--log-format", "json"]);
    let head = "X-Request-Id: a-1.b:2_c\r\nUser-Agent: test \"quoted\"\u{9b}\r\n\
                X-Forwarded-For: 10.9.9.9, 192.0.2.7\r\n";
    let answer = get_with(&shop.address, &shop.path(), head);
    assert_eq!(answer.header("X-Request-Id"), Some("a-1.b:2_c"));
    let noted = noted(&shop, &shop.path());
    assert_eq!(noted.len(), 1, "{noted:?}");
    let line = &noted[0];
    for (field, value) in [
        ("level", Value::from("INFO")),
        ("message", "answered".into()),
        ("client", "192.0.2.7".into()),
        ("method", "GET".into()),
        ("status", 200.into()),
        ("bytes", 100_000.into()),
        ("whole", true.into()),
        ("agent", "test \"quoted\"\u{9b}".into()),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    assert_eq!(line["span"]["id"], "a-1.b:2_c");
    assert!(line["seconds"].as_f64().unwrap() > 0.0 && line["timestamp"].is_string());
    // The node's own lines have the same form.
    let all = lines(&shop);
    let running = all.iter().find(|line| line["message"] == "running").unwrap();
    assert_eq!(running["peer"], shop.site.peer.as_str());
}

#[test]
fn whatever_is_logged_while_a_request_is_answered_carries_its_id() {
    let shop = shop(false, &["--log-format", "json"]);
    // No file can be opened here.
    fs::remove_file(shop.stored()).unwrap();
    symlink(shop.stored(), shop.stored()).unwrap();
    let answer = get_with(&shop.address, &shop.path(), "X-Request-Id: what happened?\r\n");
    assert_eq!(answer.status, 500);
    let id = answer.header("X-Request-Id").unwrap();
    assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    let mut found = Vec::new();
    wait_for("it is logged", || {
        found = lines(&shop);
        found.retain(|line| line["message"] == "a blob cannot be read");
        !found.is_empty()
    });
    assert_eq!((found.len(), &found[0]["span"]["id"]), (1, &Value::from(id)));
    let noted = lines(&shop).iter().any(|line| line["target"] == "suq::access");
    assert!(!noted, "nobody asked for an access log");
}

#[test]
fn paths_and_agents_are_bounded_and_text_stays_on_its_line() {
    let shop = shop(true, &[]);
    let long = format!("/{}", "x".repeat(5000));
    let agent = format!("User-Agent: {}\r\n", "y".repeat(9000));
    assert_eq!(get_with(&shop.address, &long, &agent).status, 404);
    // One character that terminals take for an escape and a bracket.
    let escape = "User-Agent: \u{9b}2Jgone\r\n";
    assert_eq!(get_with(&shop.address, "/%0aERROR%20forged", escape).status, 404);
    wait_for("both are noted", || shop.site.log().matches("answered").count() >= 2);
    let log = shop.site.log();
    let answered: Vec<&str> = log.lines().filter(|line| line.contains("answered")).collect();
    assert!(answered.iter().all(|line| line.len() < 1000), "{log}");
    assert!(answered[0].contains(&"x".repeat(199)) && !log.contains(&"x".repeat(200)), "{log}");
    assert!(!log.contains(&"y".repeat(161)), "{log}");
    assert!(!log.contains(['\u{1b}', '\u{9b}']) && !log.contains("\nERROR"), "{log}");
    assert!(answered[1].contains("path=\"/%0aERROR%20forged\""), "{log}");
    assert!(answered[1].contains("request{id="), "{log}");
}

#[test]
fn an_answer_that_its_client_did_not_take_is_noted_as_that() {
    use std::io::{Read, Write};
    let mut shop = Shop::new(24_000_000);
    shop.site.stop();
    shop.site.set("http", "access_log = \"stderr\"");
    shop.site.options = vec!["--log-format".into(), "json".into()];
    fs::write(shop.site.home.join("log"), "").unwrap();
    shop.site.start();
    shop.address = shop.site.http();
    let mut stream = std::net::TcpStream::connect(&shop.address).unwrap();
    write!(stream, "GET {} HTTP/1.1\r\nHost: x\r\n\r\n", shop.path()).unwrap();
    stream.read_exact(&mut [0; 4096]).unwrap();
    drop(stream);
    let noted = noted(&shop, &shop.path());
    assert_eq!((&noted[0]["status"], &noted[0]["whole"]), (&200.into(), &false.into()));
    assert!(noted[0]["bytes"].as_u64().unwrap() < 24_000_000, "{noted:?}");
}
