//! Whether the reply of a time-stamp authority is a good one.
//!
//! The crate checks what validators check: the status, the hash of the message, the authority's
//! signature. Here is the rest, what a client owes itself (RFC 3161, 2.4.2) or this server its
//! manifests: a time outside of the signer's certificate would make a manifest invalid, and one
//! that is too long would not be signed.

use c2pa::{
    crypto::{
        cose::CertificateTrustPolicy,
        time_stamp::{TimeStampError, verify_time_stamp},
    },
    status_tracker::StatusTracker,
};
use time::{
    PrimitiveDateTime, format_description::StaticFormatDescription, macros::format_description,
};
use x509_parser::{
    asn1_rs::{Any, Tag},
    prelude::FromDer,
};

use super::{super::certificate::Certificate, RESERVED_BYTES};

/// Bytes of the CBOR around a token.
const FRAME_BYTES: usize = 64;
/// A time of RFC 3161 up to its seconds; what may follow is a fraction of one, and a `Z`.
const SECONDS: StaticFormatDescription =
    format_description!("[year][month][day][hour][minute][second]");
/// Length of such a time, in bytes.
const SECONDS_BYTES: usize = 14;

/// Why there is no time stamp.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The crate cannot make a request.
    #[error("there is no request: {0}")]
    Request(#[source] c2pa::Error),
    /// The authority cannot be reached, or is too slow.
    #[error("there is no reply")]
    NoReply,
    /// It is something else than a `TimeStampResp` in DER with a token.
    #[error("the reply holds no time stamp of RFC 3161")]
    Unreadable,
    /// It answers something else than was asked.
    #[error("the reply has the nonce of another request")]
    OtherNonce,
    /// It does not fit into the manifest.
    #[error("the time stamp has {0} bytes, more than there is room for")]
    TooLong(usize),
    /// The authority's clock, or this server's, is wrong.
    #[error("its time lies outside of the signing certificate's")]
    OutsideValidity,
    /// The crate finds a fault.
    #[error("the time stamp does not hold: {0}")]
    Unsound(#[source] TimeStampError),
}

/// What is read of a time stamp beside what the crate does.
struct TimeStamp<'a> {
    /// Length of the token, in bytes.
    bytes: usize,
    /// The time, as text.
    time: &'a [u8],
    nonce: Option<&'a [u8]>,
}

/// Checks a reply to `request`, for a time stamp on `message` that was signed with `leaf`.
pub(super) fn check(
    reply: &[u8],
    request: &[u8],
    message: &[u8],
    leaf: &Certificate,
) -> Result<(), Refusal> {
    let stamp = read(reply).ok_or(Refusal::Unreadable)?;
    if stamp.bytes + FRAME_BYTES > RESERVED_BYTES {
        return Err(Refusal::TooLong(stamp.bytes));
    }
    if stamp.nonce != requested_nonce(request) {
        return Err(Refusal::OtherNonce);
    }
    let time = (stamp.time.get(..SECONDS_BYTES))
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| PrimitiveDateTime::parse(text, SECONDS).ok())
        .ok_or(Refusal::Unreadable)?;
    if !leaf.is_valid_at(time.assume_utc()) {
        return Err(Refusal::OutsideValidity);
    }
    let anyone = CertificateTrustPolicy::default();
    verify_time_stamp(
        reply,
        message,
        &anyone,
        &mut StatusTracker::default(),
        false,
    )
    .map(|_| ())
    .map_err(Refusal::Unsound)
}

/// Reads the time stamp in a `TimeStampResp` (RFC 3161, 2.4.2), which is in a `SignedData` (RFC
/// 5652, 5.1).
fn read(reply: &[u8]) -> Option<TimeStamp<'_>> {
    let reply = elements(sequence(reply)?)?;
    let token = reply.get(1)?;
    let bytes = token.header.length().definite().ok()? + 4;
    let signed = sequence(elements(token.data)?.get(1)?.data)?;
    let content = elements(signed)?.into_iter().nth(2)?;
    let octets = elements(content.data)?.into_iter().nth(1)?;
    let (_, octets) = Any::from_der(octets.data).ok()?;
    let info = elements(sequence(octets.data)?)?;
    let time = info
        .get(4)
        .filter(|time| time.tag() == Tag::GeneralizedTime)?;
    Some(TimeStamp {
        bytes,
        time: time.data,
        nonce: integer(&info[5..]),
    })
}

/// The nonce of a `TimeStampReq`, which follows its version.
fn requested_nonce(request: &[u8]) -> Option<&[u8]> {
    let request = elements(sequence(request)?)?;
    integer(request.get(1..)?)
}

/// The first integer of some elements.
fn integer<'a>(elements: &[Any<'a>]) -> Option<&'a [u8]> {
    let mut all = elements.iter();
    all.find(|any| any.tag() == Tag::Integer)
        .map(|any| any.data)
}

/// The content of a DER that is one sequence and nothing more.
fn sequence(der: &[u8]) -> Option<&[u8]> {
    let (rest, any) = Any::from_der(der).ok()?;
    (rest.is_empty() && any.tag() == Tag::Sequence).then_some(any.data)
}

/// The elements that follow one another in a DER.
fn elements(mut der: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (rest, any) = Any::from_der(der).ok()?;
        found.push(any);
        der = rest;
    }
    Some(found)
}
