//! The key of a certificate, at work.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;

use crate::manifest::algorithms::DigestMethod;

/// A public key. It keeps OpenSSL's preparation from one signature to the next,
/// which costs a quarter of an RSA verification.
pub struct VerifyingKey {
    key: PKey<Public>,
    prepared: Mutex<Option<(DigestMethod, PkeyCtx<Public>)>>,
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.key).finish()
    }
}

impl VerifyingKey {
    pub(super) fn new(key: PKey<Public>) -> VerifyingKey {
        VerifyingKey { key, prepared: Mutex::new(None) }
    }

    /// As OpenSSL has it.
    pub fn as_openssl(&self) -> &PKeyRef<Public> {
        &self.key
    }

    /// The kind of key.
    pub(in crate::manifest) fn id(&self) -> Id {
        self.key.id()
    }

    /// Its length.
    pub(in crate::manifest) fn bits(&self) -> u32 {
        self.key.bits()
    }

    /// True when the value was made with this key over the digest: PKCS#1 v1.5
    /// for RSA, DER for ECDSA and DSA. Whatever OpenSSL cannot make sense of
    /// was not.
    pub(in crate::manifest) fn holds(
        &self,
        method: DigestMethod,
        digest: &[u8],
        value: &[u8],
    ) -> bool {
        // Taken out, so that other threads need not wait; they prepare anew.
        let kept = self.lock().take().filter(|(prepared, _)| *prepared == method);
        let context = kept.map(|(_, context)| Ok(context)).unwrap_or_else(|| self.prepare(method));
        let Ok(mut context) = context else { return false };
        let holds = context.verify(digest, value).unwrap_or(false);
        if holds {
            *self.lock() = Some((method, context));
        }
        holds
    }

    fn prepare(&self, method: DigestMethod) -> Result<PkeyCtx<Public>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.key)?;
        context.verify_init()?;
        if self.key.id() == Id::RSA {
            context.set_rsa_padding(Padding::PKCS1)?;
        }
        context.set_signature_md(method.openssl())?;
        Ok(context)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(DigestMethod, PkeyCtx<Public>)>> {
        // Nothing panics while it is held.
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
