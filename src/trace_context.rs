//! The place of a request in a trace that spans several services (W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>): the header `traceparent`.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// The flag that says that the caller keeps the trace.
const SAMPLED: u8 = 1;
/// Length of version 00 of the header.
const LENGTH: usize = 55;

/// A trace, and a span in it; prints as the header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace: u128,
    /// The span, which is the parent of what comes next; never 0.
    pub span: u64,
    /// Whether whoever began the trace keeps it.
    pub sampled: bool,
}

/// The header is not as the standard has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct NotATraceparent;

impl TraceContext {
    /// The beginning of a trace that nobody keeps.
    pub fn begin() -> Self {
        Self {
            trace: Uuid::new_v4().as_u128(),
            span: new_span(),
            sampled: false,
        }
    }

    /// The same trace, with a new span.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span: new_span(),
            ..self
        }
    }

    /// The id of the trace, 32 digits of base 16.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// A random number that is not 0: two of the bits of a UUID's second half are always `10`.
fn new_span() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

/// Digits of base 16 in lower case, so many, that are not all 0.
fn number(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl FromStr for TraceContext {
    type Err = NotATraceparent;

    /// Takes version 00, and of later versions what 00 says of them: the same four fields, and
    /// whatever comes behind another dash (section 3.2.4).
    fn from_str(text: &str) -> Result<Self, NotATraceparent> {
        let mut fields = text.splitn(4, '-');
        let mut next = || fields.next().unwrap_or_default();
        let (version, trace, span, rest) = (next(), next(), next(), next());
        let flags = match (number(version, 2), rest.split_once('-')) {
            (None | Some(0xff), _) => return Err(NotATraceparent),
            (Some(0), _) if text.len() != LENGTH => return Err(NotATraceparent),
            (_, Some((flags, _))) => flags,
            (_, None) => rest,
        };
        let flags = number(flags, 2).and_then(|flags| u8::try_from(flags).ok());
        let span = number(span, 16).and_then(|span| u64::try_from(span).ok());
        match (number(trace, 32), span, flags) {
            (Some(trace @ 1..), Some(span @ 1..), Some(flags)) => Ok(Self {
                trace,
                span,
                sampled: flags & SAMPLED != 0,
            }),
            _ => Err(NotATraceparent),
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.sampled { SAMPLED } else { 0 };
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_taken_as_the_standard_has_it_and_in_no_other_form() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read: TraceContext = good.parse().unwrap();
        assert_eq!(read.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read.span, 0x00f0_67aa_0ba9_02b7);
        assert!(read.sampled);
        assert_eq!(read.to_string(), good);
        let mut tried = 0;
        for (text, taken) in [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                true,
            ),
            // Flags that nobody knows yet are none.
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
                true,
            ),
            (
                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x-y",
                true,
            ),
            (
                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                false,
            ),
            (
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                false,
            ),
            (
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e473-000f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1-",
                false,
            ),
            ("", false),
            ("é", false),
        ] {
            assert_eq!(text.parse::<TraceContext>().is_ok(), taken, "{text}");
            tried += 1;
        }
        assert_eq!(tried, 16);
    }

    #[test]
    fn a_child_stays_in_its_trace_and_what_is_written_is_read_back() {
        let begun = TraceContext::begin();
        let child = begun.child();
        assert_eq!(child.trace, begun.trace);
        assert_ne!(child.span, begun.span);
        assert_eq!(child.to_string().parse(), Ok(child));
    }
}
