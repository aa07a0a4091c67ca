//! Seeds for the fuzzer: small files that tests know how to make.

use std::{fs, path::PathBuf};

/// Writes a seed for one of the targets in `fuzz/`, into a folder of the target's name below
/// `LUMATRACE_FUZZ_SEEDS`.
pub(crate) fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder =
        std::env::var_os("LUMATRACE_FUZZ_SEEDS").expect("LUMATRACE_FUZZ_SEEDS is a folder");
    let folder = PathBuf::from(folder).join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name.replace(' ', "-")), bytes).unwrap();
}

#[test]
#[ignore = "writes files for .ci/fuzz"]
fn seeds_of_tokens() {
    let claims = r#"{"sub":"press","auth":"ROLE_USER","tenantId":"acme","iss":"issuer","aud":["audience"],"jti":"7f6c0e0a-8a3b-4c2e-9a55-1d8b6a3f2c10","iat":1,"nbf":1,"exp":9999999999,"scope":"protect verify"}"#;
    for header in [
        r#"{"alg":"RS256","typ":"at+jwt","kid":"KEY"}"#,
        r#"{"alg":"none","typ":"JWT","kid":"KEY"}"#,
        r#"{"alg":"HS256","kid":"KEY","crit":["x"],"jwk":{"kty":"oct","k":"AA"}}"#,
    ] {
        let name = format!("{:.16}", blake3::hash(header.as_bytes()).to_hex());
        write(
            "token",
            &name,
            format!("{header}\n{claims}\nsignature").as_bytes(),
        );
    }
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    write("token", "traceparent", trace.as_bytes());
}
