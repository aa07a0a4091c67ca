//! Bearer tokens and `traceparent`: nothing is accepted that we did not sign, or that has another
//! form.

#![no_main]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use lumatrace::{
    auth::{KeyRing, SigningKey, TokenService},
    clock::Clock,
    trace_context::TraceContext,
};

static TOKENS: LazyLock<TokenService> = LazyLock::new(|| {
    let keys = KeyRing::new(SigningKey::generate().unwrap(), Vec::new());
    TokenService::new(
        keys,
        Clock::system(),
        "issuer".to_owned(),
        "audience".to_owned(),
    )
});

/// Where the seeds have the name of the key, which is another one in each run.
const KEY: &str = "KEY";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    assert!(TOKENS.verify(text).is_err());
    // Its parts in plain text, so that damage does not stop at their encoding.
    let named = text.replace(KEY, TOKENS.keys().active().id());
    let parts: Vec<String> = named
        .split('\n')
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .collect();
    assert!(TOKENS.verify(&parts.join(".")).is_err(), "{named}");
    if let Ok(trace) = text.parse::<TraceContext>() {
        let own = trace.to_string();
        assert_eq!(text[3..52], own[3..52]);
        assert_eq!(own.parse(), Ok(trace));
    }
});
