//! Checks of settings, and of the files that they name.

use std::net::IpAddr;

use axum::http::Uri;

use super::{
    super::{Severity, StartError, time_stamps, weakness},
    Code, Finding, Level, SetUp,
};
use crate::{config::Switch, metrics::Metrics};

/// The domain that belongs to examples (RFC 2606), reversed.
const EXAMPLE_DOMAIN: &str = "com.example.";

/// A setting that cannot be read at all.
pub(super) fn wrong(error: &StartError) -> Finding {
    match error {
        StartError::Weak(found) => weak(found),
        error => Finding::bad(
            Code::SettingWrong,
            error.to_string(),
            "correct the setting or the file that this names: `lumatrace serve --help` says what each is",
        ),
    }
}

/// Each weak set-up that the server refuses or warns of.
pub(super) fn weak_set_ups(
    SetUp {
        config, in_flags, ..
    }: &SetUp<'_>,
) -> Vec<Finding> {
    let found = weakness::of_installation(&config.installation, in_flags).and_then(|mut found| {
        found.extend(weakness::of_server(&config.serve)?);
        Ok(found)
    });
    match found {
        Err(error) => vec![wrong(&error)],
        Ok(found) if found.is_empty() => {
            vec![Finding::good(Code::SetUp, "no weak set-up was found")]
        }
        Ok(found) => found.iter().map(weak).collect(),
    }
}

fn weak(found: &weakness::Finding) -> Finding {
    let level = match found.weakness.severity() {
        Severity::Refused => Level::Error,
        Severity::Warned => Level::Warning,
    };
    let (sentence, cure) = (found.sentence(), found.cure());
    Finding::of(level, found.weakness.code(), &sentence, Some(&cure))
}

/// The variables that look like settings and are none.
pub(super) fn unknown(set_up: &SetUp<'_>) -> Vec<Finding> {
    let unknown = set_up.unknown.iter().map(|name| {
        Finding::bad(
            Code::SettingUnknown,
            format!("{name} is no setting, and changes nothing"),
            "correct the name of that variable, or unset it: `lumatrace serve --help` lists the settings",
        )
    });
    unknown.collect()
}

/// The time-stamp authority is one that the server would ask.
pub(super) fn outgoing(set_up: &SetUp<'_>) -> Vec<Finding> {
    let checked = time_stamps(&set_up.config.serve, &Metrics::new());
    checked.err().iter().map(wrong).collect()
}

/// Whether files are signed.
pub(super) fn credentials_off(SetUp { config, .. }: &SetUp<'_>) -> Vec<Finding> {
    if config.serve.credentials == Switch::On {
        return Vec::new();
    }
    vec![Finding::bad(
        Code::CredentialsOff,
        "LUMATRACE_CREDENTIALS is off: files are marked and not signed",
        "set LUMATRACE_CREDENTIALS=on, unless that is meant",
    )]
}

/// Whether the name of the watermark in manifests is one's own, once strangers see it.
pub(super) fn soft_binding(SetUp { config, .. }: &SetUp<'_>) -> Vec<Finding> {
    let serve = &config.serve;
    if serve.credentials == Switch::Off {
        return Vec::new();
    }
    let name = &serve.soft_binding;
    let is_example = name.starts_with(EXAMPLE_DOMAIN);
    if is_example && !serve.public_url.as_deref().is_none_or(is_loopback) {
        return vec![Finding::bad(
            Code::SoftBindingExample,
            format!(
                "LUMATRACE_SOFT_BINDING_ALG is {name}, which belongs to nobody, and stands in every signed file"
            ),
            "set LUMATRACE_SOFT_BINDING_ALG to a reversed domain of your own, such as org.mydomain.lumatrace.wm.1",
        )];
    }
    let message = if is_example {
        format!("the watermark is called {name}, an example that will do on this machine")
    } else {
        format!("the watermark is called {name}")
    };
    vec![Finding::good(Code::SoftBinding, message)]
}

fn is_loopback(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || ip.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        let loopback = [
            "http://localhost",
            "http://localhost:8081",
            "http://127.0.0.1:8081",
            "http://[::1]:8081/",
        ];
        assert!(loopback.into_iter().all(is_loopback));
        let others = [
            "https://photos.example.com",
            "https://localhost.example.com",
            "http://10.0.0.7:8081",
            "http://[fd00::1]",
            "",
            "no url",
        ];
        assert!(!others.into_iter().any(is_loopback));
    }
}
