//! Which subjects an authority may certify: the `.signing_policy` files (EACL of
//! the Globus Toolkit) and `.namespaces` files (EUGridPMA) of the grid's layout.

use regex_lite::Regex;

/// Longest file, in bytes. Real ones have some hundred.
const MAX_BYTES: usize = 64 * 1024;

/// Patterns in one file. The largest authorities have some twenty.
const MAX_PATTERNS: usize = 256;

/// Subjects that an issuer may certify; names as OpenSSL's one-line form.
#[derive(Debug, Clone)]
pub(super) struct Permission {
    /// The issuer.
    pub(super) issuer: String,
    /// Any of these.
    subjects: Vec<Regex>,
}

impl Permission {
    /// True when the issuer may certify the subject.
    pub(super) fn allows(&self, subject: &str) -> bool {
        self.subjects.iter().any(|pattern| pattern.is_match(subject))
    }
}

/// Names as files write them, with the keywords of OpenSSL.
fn name(text: &str) -> String {
    text.replace("/Email=", "/emailAddress=")
        .replace("/E=", "/emailAddress=")
        .replace("/USERID=", "/UID=")
}

/// Reads a `.signing_policy`: blocks of `access_id_CA`, `pos_rights`, `cond_subjects`.
pub(super) fn signing_policy(text: &str) -> Result<Vec<Permission>, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    let mut permissions: Vec<Permission> = Vec::new();
    let mut may_sign = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let (key, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match key {
            "" => {}
            comment if comment.starts_with('#') => {}
            "access_id_CA" => {
                let issuer = quoted(after_word(rest)).next();
                let issuer =
                    issuer.ok_or_else(|| format!("line {number}: no name of an issuer"))?;
                permissions.push(Permission { issuer: name(issuer), subjects: Vec::new() });
                may_sign = false;
            }
            "pos_rights" => may_sign = after_word(rest).contains("CA:sign"),
            "neg_rights" => may_sign = false,
            "cond_subjects" => {
                let block = permissions.last_mut().filter(|_| may_sign);
                let block = block.ok_or_else(|| {
                    format!("line {number}: cond_subjects without CA:sign before")
                })?;
                // One pair of single quotes around patterns in double ones.
                let listed = after_word(rest).trim_matches('\'');
                for pattern in quoted(listed) {
                    block.add(&glob(&name(pattern)), number)?;
                }
            }
            other => return Err(format!("line {number}: `{other}` is unknown")),
        }
    }
    Ok(permissions)
}

/// Reads a `.namespaces`: `TO Issuer "…" PERMIT Subject "…"`, continued with `\`.
pub(super) fn namespaces(text: &str) -> Result<Vec<Permission>, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    let mut permissions: Vec<Permission> = Vec::new();
    let joined = text.replace("\r\n", "\n").replace("\\\n", " ");
    for (number, line) in (1..).zip(joined.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words = line.to_ascii_lowercase();
        let words: Vec<&str> = words.split_whitespace().collect();
        let permits = words.first() == Some(&"to") && words.contains(&"permit");
        let mut names = quoted(line);
        let (Some(issuer), Some(subject), true) = (names.next(), names.next(), permits) else {
            return Err(format!("rule {number} is not TO Issuer \"…\" PERMIT Subject \"…\""));
        };
        let mut permission = Permission { issuer: name(issuer), subjects: Vec::new() };
        permission.add(&format!("^(?:{})$", name(subject)), number)?;
        permissions.push(permission);
    }
    Ok(permissions)
}

impl Permission {
    fn add(&mut self, pattern: &str, line: u32) -> Result<(), String> {
        if self.subjects.len() >= MAX_PATTERNS {
            return Err(format!("line {line}: more than {MAX_PATTERNS} patterns"));
        }
        let pattern = Regex::new(pattern).map_err(|error| format!("line {line}: {error}"))?;
        self.subjects.push(pattern);
        Ok(())
    }
}

/// What follows the first word (`X509`, `globus`).
fn after_word(text: &str) -> &str {
    text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim())
}

/// The names in quotes; the whole text when there are no quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let quote = text.chars().find(|c| matches!(c, '"' | '\'')).unwrap_or('"');
    let bare = (!text.contains(quote) && !text.is_empty()).then_some(text);
    let inside = text.split(quote).skip(1).step_by(2).filter(move |_| bare.is_none());
    bare.into_iter().chain(inside)
}

/// `*` stands for anything, `?` for one character.
fn glob(pattern: &str) -> String {
    let mut expression = String::from("^");
    for c in pattern.chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            c => expression.push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signing_policy_permits_what_it_lists() {
        let text = "# EACL\naccess_id_CA  X509  '/C=EU/O=Grid/CN=CA'\npos_rights globus CA:sign\n\
            cond_subjects globus '\"/C=EU/O=Grid/*\" \"/O=a.b/CN=x/Email=*\"'\n";
        let permissions = signing_policy(text).unwrap();
        assert_eq!(permissions[0].issuer, "/C=EU/O=Grid/CN=CA");
        assert!(permissions[0].allows("/C=EU/O=Grid/CN=Jane"));
        assert!(permissions[0].allows("/O=a.b/CN=x/emailAddress=j@x"));
        assert!(!permissions[0].allows("/O=axb/CN=x/emailAddress=j@x"));
        assert!(!permissions[0].allows("/C=EU/O=Other/CN=Jane"));
        assert!(!permissions[0].allows("/X=1/C=EU/O=Grid/CN=Jane"));
    }

    #[test]
    fn one_bare_pattern_and_namespaces_are_read() {
        let text = "access_id_CA X509 '/CN=CA'\npos_rights globus CA:sign\n\
            cond_subjects globus '/O=Grid/*'\n";
        assert!(signing_policy(text).unwrap()[0].allows("/O=Grid/CN=a"));
        let text = "TO Issuer \"/CN=CA\" \\\n  PERMIT Subject \"/O=Grid/.*\"\n";
        let windows = namespaces(&text.replace('\n', "\r\n")).unwrap();
        assert!(windows[0].allows("/O=Grid/CN=a"));
        let permissions = namespaces(text).unwrap();
        assert!(permissions[0].allows("/O=Grid/CN=a"));
        assert!(!permissions[0].allows("/C=EU/O=Grid/CN=a"));
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        let cases = [
            (signing_policy("cond_subjects globus '\"/O=x\"'"), "line 1"),
            (signing_policy("\nnonsense here"), "line 2"),
            (namespaces("TO Issuer \"/CN=CA\""), "rule 1"),
            (namespaces("TO Issuer \"/CN=CA\" PERMIT Subject \"/O=(\""), "line 1"),
        ];
        for (read, expected) in cases {
            let fault = read.unwrap_err();
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
