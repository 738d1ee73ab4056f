//! The algorithms that a signature may name. Names: <https://www.w3.org/TR/xmldsig-core1/>.

use openssl::md::{Md, MdRef};
use openssl::pkey::Id;
use openssl::sha;

use super::xml::c14n::Form;

/// A signature algorithm: the kind of key and the digest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Method {
    pub(super) key: Id,
    pub(super) digest: DigestMethod,
    pub(super) uri: &'static str,
    pub(super) name: &'static str,
}

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DigestMethod {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl DigestMethod {
    /// The digest of some octets, without looking the algorithm up by name each time.
    pub(super) fn of(self, octets: &[u8]) -> Vec<u8> {
        macro_rules! digest {
            ($hasher:ident) => {{
                let mut hasher = sha::$hasher::new();
                hasher.update(octets);
                hasher.finish().to_vec()
            }};
        }
        match self {
            DigestMethod::Sha1 => digest!(Sha1),
            DigestMethod::Sha256 => digest!(Sha256),
            DigestMethod::Sha384 => digest!(Sha384),
            DigestMethod::Sha512 => digest!(Sha512),
        }
    }

    /// As OpenSSL's operations with keys name it.
    pub(super) fn openssl(self) -> &'static MdRef {
        match self {
            DigestMethod::Sha1 => Md::sha1(),
            DigestMethod::Sha256 => Md::sha256(),
            DigestMethod::Sha384 => Md::sha384(),
            DigestMethod::Sha512 => Md::sha512(),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            DigestMethod::Sha1 => "SHA-1",
            DigestMethod::Sha256 => "SHA-256",
            DigestMethod::Sha384 => "SHA-384",
            DigestMethod::Sha512 => "SHA-512",
        }
    }

    pub(super) fn uri(self) -> &'static str {
        match self {
            DigestMethod::Sha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            DigestMethod::Sha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            DigestMethod::Sha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            DigestMethod::Sha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    pub(super) fn from_uri(uri: &str) -> Option<DigestMethod> {
        use DigestMethod::{Sha1, Sha256, Sha384, Sha512};
        [Sha1, Sha256, Sha384, Sha512].into_iter().find(|method| method.uri() == uri)
    }
}

macro_rules! method {
    ($key:ident, $digest:ident, $uri:literal, $name:literal) => {
        Method { key: Id::$key, digest: DigestMethod::$digest, uri: $uri, name: $name }
    };
}

const METHODS: [Method; 8] = [
    method!(RSA, Sha256, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "RSA-SHA256"),
    method!(RSA, Sha384, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "RSA-SHA384"),
    method!(RSA, Sha512, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "RSA-SHA512"),
    method!(EC, Sha256, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "ECDSA-SHA256"),
    method!(EC, Sha384, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", "ECDSA-SHA384"),
    method!(EC, Sha512, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", "ECDSA-SHA512"),
    method!(RSA, Sha1, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "RSA-SHA1"),
    method!(DSA, Sha1, "http://www.w3.org/2000/09/xmldsig#dsa-sha1", "DSA-SHA1"),
];

/// The method for a kind of key and a digest.
pub(super) fn method_for(key: Id, digest: DigestMethod) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.key == key && method.digest == digest)
}

/// The method of this name.
pub(super) fn method_named(uri: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.uri == uri)
}

/// The four canonical forms by their names.
const FORMS: [(&str, Form); 4] = [
    ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", Form { exclusive: false, comments: false }),
    (
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        Form { exclusive: false, comments: true },
    ),
    ("http://www.w3.org/2001/10/xml-exc-c14n#", Form { exclusive: true, comments: false }),
    (
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        Form { exclusive: true, comments: true },
    ),
];

/// The name of a canonical form.
pub(super) fn form_uri(form: Form) -> &'static str {
    FORMS.iter().find(|(_, other)| *other == form).map_or("", |(uri, _)| uri)
}

/// The canonical form of this name.
pub(super) fn form_named(uri: &str) -> Option<Form> {
    FORMS.iter().find(|(other, _)| *other == uri).map(|(_, form)| *form)
}

/// The name of the transform that leaves the signature out.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
