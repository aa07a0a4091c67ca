//! PEM (RFC 7468): DER in base64 between two lines that say what it is.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// Characters of base64 in a line.
const LINE: usize = 64;

/// One block of a PEM file.
#[derive(Debug)]
pub(super) struct Block {
    /// What its lines say, as `CERTIFICATE`.
    pub(super) label: String,
    /// Its bytes; they may be a private key.
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// Why a text is not PEM; the number counts lines from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A block does not end, or another begins inside it.
    #[error("the block that begins in line {0} does not end")]
    Open(usize),
    /// A block ends that did not begin, or under another name.
    #[error("line {0} ends a block that did not begin")]
    Closed(usize),
    /// What is in a block is not base64.
    #[error("the block that begins in line {0} is not base64")]
    Base64(usize),
}

/// Reads all blocks. What stands between them is comment.
pub(super) fn decode(text: &str) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, Zeroizing<String>)> = None;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if let Some(label) = marked(line, "-----BEGIN ") {
            if let Some((began, ..)) = open {
                return Err(PemError::Open(began));
            }
            open = Some((number, label, Zeroizing::new(String::new())));
        } else if let Some(label) = marked(line, "-----END ") {
            let (began, opened, body) = open.take().ok_or(PemError::Closed(number))?;
            if label != opened {
                return Err(PemError::Closed(number));
            }
            let der = STANDARD.decode(body.as_bytes());
            blocks.push(Block {
                label: label.to_owned(),
                der: Zeroizing::new(der.map_err(|_| PemError::Base64(began))?),
            });
        } else if let Some((_, _, body)) = &mut open {
            body.push_str(line);
        }
    }
    match open {
        Some((began, ..)) => Err(PemError::Open(began)),
        None => Ok(blocks),
    }
}

/// The label of a line that begins or ends a block.
fn marked<'a>(line: &'a str, side: &str) -> Option<&'a str> {
    line.strip_prefix(side)?.strip_suffix("-----")
}

/// Writes one block.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(LINE) {
        // Base64 is ASCII.
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_between_comments_as_they_were_written() {
        let long: Vec<u8> = (0..=255).collect();
        let text = format!(
            "Subject: CN=one\n{}\r\nSubject: CN=two\n{}",
            encode("CERTIFICATE", &long),
            encode("PRIVATE KEY", b"x")
        );
        let blocks = decode(&text).unwrap();
        let read: Vec<_> = blocks
            .iter()
            .map(|block| (block.label.as_str(), block.der.to_vec()))
            .collect();
        assert_eq!(
            read,
            [("CERTIFICATE", long), ("PRIVATE KEY", b"x".to_vec())]
        );
        assert!(text.lines().all(|line| line.len() <= LINE));
        assert!(decode("nothing\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_pem_is_refused_by_its_line() {
        let mut tried = 0;
        for (text, error) in [
            ("\n-----BEGIN A-----\nAAAA\n", PemError::Open(2)),
            (
                "-----BEGIN A-----\nAAAA\n-----BEGIN A-----",
                PemError::Open(1),
            ),
            ("-----END A-----", PemError::Closed(1)),
            (
                "-----BEGIN A-----\nAAAA\n-----END B-----",
                PemError::Closed(3),
            ),
            (
                "\n\n-----BEGIN A-----\n!\n-----END A-----",
                PemError::Base64(3),
            ),
        ] {
            assert_eq!(decode(text).map(|_| ()), Err(error), "{text}");
            tried += 1;
        }
        assert_eq!(tried, 5);
    }
}
