//! Chromium without a window, driven by WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::site::wait_for;

pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
const SHIFT: &str = "\u{e008}";

/// A browser with one tab, and nothing in its profile.
pub struct Browser {
    driver: Child,
    address: String,
    session: String,
    profile: tempfile::TempDir,
    /// The only origin that it may ask.
    origin: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that is gone already must not hide why a test ended.
        let path = format!("/session/{}", self.session);
        let _ =
            exchange(&self.address, &format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// A browser that is at no page yet.
    pub fn new(address: &str) -> Browser {
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut driver = driver.expect("chromedriver is there: apt-get install chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver says its port");
        // It would end when nobody reads what it says.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Browser {
            driver,
            address: format!("127.0.0.1:{port}"),
            session: String::new(),
            profile,
            origin: format!("http://{address}"),
        };
        browser.begin();
        browser
    }

    fn begin(&mut self) {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let options = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--window-size=1280,900", "--force-device-scale-factor=1", "--hide-scrollbars", profile,
            ] },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            // A dialog that nobody expects fails the next command.
            "unhandledPromptBehavior": "ignore",
        } } });
        let session = self.ask("POST", "/session", Some(&options));
        self.session = session["sessionId"].as_str().unwrap().to_owned();
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, answer) = exchange(&self.address, &head).unwrap();
        let value: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, 200, "{path}: {:#}", value["value"]["message"]);
        value["value"].clone()
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{path}", self.session), Some(body))
    }

    /// A command of the Chrome DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The value of an expression in the page; promises are waited for.
    pub fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression})");
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    pub fn text(&self, expression: &str) -> String {
        match self.value(expression) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// Looks until an expression is true.
    pub fn until(&self, expression: &str) {
        let script = format!("Boolean({expression})");
        wait_for(expression, || self.value(&script) == true);
    }

    /// Goes to a path of the node.
    pub fn visit(&self, path: &str) {
        self.command("url", &json!({ "url": format!("{}/{path}", self.origin) }));
    }

    /// Goes to a view, as somebody does who opens a bookmark, and waits for it.
    pub fn open(&self, place: &str) {
        // Of two views that differ after the #, the second would not be loaded.
        self.command("url", &json!({ "url": "about:blank" }));
        self.visit(place);
        self.settled();
    }

    /// Waits until the view that the address names is there.
    pub fn settled(&self) {
        self.until("document.querySelector('main:not([aria-busy]) h1')");
    }

    /// Clicks what a selector finds first, as a mouse does: what is hidden cannot be clicked.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into what a selector finds first; of a file input, chooses a file.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.command(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    fn element(&self, selector: &str) -> String {
        let by = json!({ "using": "css selector", "value": selector });
        let found = self.command("element", &by);
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    /// Presses a key, wherever the focus is.
    pub fn press(&self, key: &str) {
        self.keys(&[("keyDown", key), ("keyUp", key)]);
    }

    /// Goes back with Shift and Tab.
    pub fn press_back(&self) {
        self.keys(&[("keyDown", SHIFT), ("keyDown", TAB), ("keyUp", TAB), ("keyUp", SHIFT)]);
    }

    fn keys(&self, strokes: &[(&str, &str)]) {
        let strokes: Vec<Value> =
            strokes.iter().map(|(kind, key)| json!({ "type": kind, "value": key })).collect();
        let keys = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.command("actions", &json!({ "actions": [keys] }));
    }

    pub fn back(&self) {
        self.command("back", &json!({}));
    }

    /// As a screen of this width and these media features has it.
    pub fn screen(&self, width: u32, features: &[(&str, &str)]) {
        let metrics = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// What the console was told since this was asked last.
    pub fn console(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| format!("{}: {}", entry["source"], entry["message"])).collect()
    }

    /// Nothing went wrong in the page, no rule of its content policy was broken, and it asked
    /// only its own node. What the node refuses is told by the network, and must be expected.
    pub fn is_quiet(&self, expected: &[&str]) {
        let told = self.console();
        let told: Vec<&String> = told
            .iter()
            .filter(|line| {
                !line.starts_with("\"network\"") || !expected.iter().any(|path| line.contains(path))
            })
            .collect();
        assert!(told.is_empty(), "{told:#?}");
        let asked = self.requests();
        assert!(!asked.is_empty(), "the log of requests works");
        for url in asked {
            assert!(url.starts_with(&format!("{}/", self.origin)), "asks elsewhere: {url}");
        }
    }

    /// Every address that a page asked since this was asked last.
    pub fn requests(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "performance" }));
        let events = log.as_array().unwrap().iter();
        let urls = events.filter_map(|event| {
            let event: Value = serde_json::from_str(event["message"].as_str()?).ok()?;
            let message = &event["message"];
            let from = message["params"]["documentURL"].as_str()?;
            // Not what the browser's own first page asks for.
            let is_request = message["method"] == "Network.requestWillBeSent"
                && !from.starts_with("chrome://")
                && from != "about:blank";
            let url = message["params"]["request"]["url"].as_str()?;
            is_request.then(|| url.to_owned())
        });
        urls.collect()
    }

    /// The whole page as a picture, in base64.
    pub fn picture(&self) -> String {
        let size = self.devtools("Page.getLayoutMetrics", &json!({}));
        let (width, height) = (&size["cssContentSize"]["width"], &size["cssContentSize"]["height"]);
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let how = json!({ "captureBeyondViewport": true, "clip": clip });
        self.devtools("Page.captureScreenshot", &how)["data"].as_str().unwrap().to_owned()
    }
}

/// One question to the driver, which closes no connection; the status and the body.
fn exchange(address: &str, request: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body))
}
