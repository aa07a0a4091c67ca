//! The structure of a JPEG: its segments, the positions of its scans, and their completeness.
//!
//! The entropy decoder trusts nobody, but it forgives: it takes files without an end, with missing
//! scans or with undefined tables. This walk does not. It reads every marker up to EOI (ITU-T T.81,
//! annex B), refuses what the service does not handle by name, and leaves what follows EOI unread.
//! It allocates nothing in proportion to a number in the file, and its time is linear in the file's
//! length.

use super::{
    super::{error::ImagingError, limits::Limits},
    frame::{FrameHeader, refused_process},
    progress::{Band, Progress},
};

/// Most scans of a file. A scan costs time in proportion to the picture, however short it is:
/// 10,000 fit into 400 KB. Real progressive files have about ten, and 100 is the limit of other
/// decoders too.
const MAX_SCANS: usize = 100;
/// Most segments of a file: 25 MiB of ICC profile and extended XMP in 64 KB segments are about 400;
/// floods have thousands.
const MAX_SEGMENTS: usize = 2_000;
/// The largest interleaved unit, in blocks (T.81, B.2.3).
const MAX_BLOCKS_IN_MCU: usize = 10;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DRI: u8 = 0xdd;
const APP0: u8 = 0xe0;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;
const COM: u8 = 0xfe;

/// One scan: its header and its entropy-coded data.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    /// Indices into the frame's components, ascending.
    pub(super) components: Vec<usize>,
    /// Band that it codes of them; for a sequential scan only what its header says.
    pub(super) band: Band,
    /// The SOS segment, marker included, and the data up to the next marker.
    pub(super) bytes: &'a [u8],
    /// Number of [`Structure::headers`] that come before it.
    pub(super) headers_before: usize,
}

/// A JPEG, walked to its end.
#[derive(Debug)]
pub(super) struct Structure<'a> {
    pub(super) frame: FrameHeader,
    pub(super) scans: Vec<Scan<'a>>,
    /// The segments on which a scan's meaning depends, in file order, markers included: DQT, DHT,
    /// DRI, JFIF, Adobe.
    pub(super) headers: Vec<&'a [u8]>,
    /// The other `APPn` and `COM` segments in file order: marker and payload.
    pub(super) metadata: Vec<(u8, &'a [u8])>,
    /// The file up to and including EOI, or up to the end of its scans if there is none.
    pub(super) bytes: &'a [u8],
    /// Whether there is an EOI.
    pub(super) has_end: bool,
    /// Whether all bits of all coefficients are coded.
    pub(super) is_complete: bool,
}

/// Length of a JFIF segment without a thumbnail, marker included.
const JFIF_BYTES: usize = 18;
/// Codes in a DC and in an AC table that has one for every symbol of baseline coding (T.81, tables
/// K.3 to K.6).
const ALL_SYMBOLS: [usize; 2] = [12, 162];

impl<'a> Structure<'a> {
    /// Walks a file from SOI to EOI.
    pub(super) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, ImagingError> {
        let mut walk = MarkerWalk {
            bytes,
            position: 2, // behind SOI, which decided the format
            segment_count: 0,
            frame: None,
            scans: Vec::new(),
            headers: Vec::new(),
            metadata: Vec::new(),
            quant_slots: [None; 4],
            restarts: false,
            progress: Progress::default(),
            has_end: true,
        };
        while walk.step(limits)? {}
        walk.finish()
    }
}

impl Structure<'_> {
    /// Returns whether the JFIF header has a thumbnail: pixels after its width and height (JFIF
    /// 1.02).
    pub(super) fn has_jfif_thumbnail(&self) -> bool {
        let is_jfif = |segment: &&&[u8]| segment[1] == APP0;
        self.headers
            .iter()
            .find(is_jfif)
            .is_some_and(|segment| segment.len() > JFIF_BYTES)
    }

    /// Returns whether all Huffman tables have a code for every symbol, as the standard's do;
    /// tables that were made for one file leave out the symbols that it does not use.
    pub(super) fn has_general_tables(&self) -> bool {
        let tables = self.headers.iter().filter(|segment| segment[1] == DHT);
        tables.clone().count() > 0 && tables.into_iter().all(|segment| all_general(&segment[4..]))
    }
}

/// Returns whether the tables of one DHT segment do (T.81, B.2.4.2).
fn all_general(mut payload: &[u8]) -> bool {
    while let Some((&head, rest)) = payload.split_first() {
        let Some((lengths, rest)) = rest.split_at_checked(16) else {
            return false;
        };
        let codes: usize = lengths.iter().map(|&count| usize::from(count)).sum();
        if ALL_SYMBOLS.get(usize::from(head >> 4)) != Some(&codes) {
            return false;
        }
        payload = rest.get(codes..).unwrap_or_default();
    }
    true
}

/// The state of the walk.
struct MarkerWalk<'a> {
    bytes: &'a [u8],
    position: usize,
    segment_count: usize,
    frame: Option<FrameHeader>,
    scans: Vec<Scan<'a>>,
    headers: Vec<&'a [u8]>,
    metadata: Vec<(u8, &'a [u8])>,
    /// The latest definition of each quantisation table, as stored.
    quant_slots: [Option<&'a [u8]>; 4],
    /// Whether a restart interval is in force.
    restarts: bool,
    progress: Progress,
    /// False once the scans have ended without an EOI.
    has_end: bool,
}

impl<'a> MarkerWalk<'a> {
    /// Takes the next marker and its segment; false at the end.
    fn step(&mut self, limits: &Limits) -> Result<bool, ImagingError> {
        if !self.has_end {
            return Ok(false);
        }
        let marker = self.next_marker()?;
        match marker {
            EOI => return Ok(false),
            _ if is_reserved(marker) && !self.scans.is_empty() => {
                // No marker: these bytes follow the picture, which has lost its EOI.
                self.position -= 2;
                self.has_end = false;
                return Ok(false);
            }
            0x01 => return Ok(true), // TEM stands alone
            SOI => return Err(ImagingError::invalid("a second start marker")),
            0xd0..=0xd7 => return Err(ImagingError::invalid("a restart marker outside of a scan")),
            _ => {}
        }
        self.segment_count += 1;
        if self.segment_count > MAX_SEGMENTS {
            return Err(ImagingError::invalid("more than 2,000 segments"));
        }
        let start = self.position - 2;
        let payload = self.segment()?;
        let segment = &self.bytes[start..self.position];
        match marker {
            0xc0..=0xc2 => {
                let frame = FrameHeader::parse(marker, payload, limits)?;
                if self.frame.replace(frame).is_some() {
                    return Err(ImagingError::invalid("a second frame header"));
                }
            }
            DHT => self.headers.push(segment),
            DQT => {
                self.quant_tables(payload)?;
                self.headers.push(segment);
            }
            DRI => {
                self.restarts = payload.iter().any(|&byte| byte != 0);
                self.headers.push(segment);
            }
            SOS => self.scan(start, payload)?,
            APP0..=APP15 | COM => {
                if is_written_anew(marker, payload) {
                    self.headers.push(segment);
                } else {
                    self.metadata.push((marker, payload));
                }
            }
            _ => {
                if let Some(what) = refused_process(marker) {
                    return Err(ImagingError::unsupported(what));
                }
            }
        }
        Ok(true)
    }

    /// Advances past the next marker. Stray bytes between segments are skipped, as every decoder
    /// does.
    fn next_marker(&mut self) -> Result<u8, ImagingError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let marker = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff))
            .ok_or_else(|| ImagingError::invalid("it ends before its end marker"))?;
        self.position += marker + 2;
        Ok(rest[marker + 1])
    }

    /// Advances past the segment whose length comes next, and returns its payload.
    fn segment(&mut self) -> Result<&'a [u8], ImagingError> {
        let rest = &self.bytes[self.position..];
        let payload = rest
            .first_chunk()
            .map(|&length| usize::from(u16::from_be_bytes(length)))
            .and_then(|length| rest.get(2..length))
            .ok_or_else(|| ImagingError::invalid("a segment's length is wrong"))?;
        self.position += 2 + payload.len();
        Ok(payload)
    }

    fn quant_tables(&mut self, mut payload: &'a [u8]) -> Result<(), ImagingError> {
        while let Some((&head, rest)) = payload.split_first() {
            let length = if head >> 4 == 0 { 64 } else { 128 };
            let slot = self.quant_slots.get_mut(usize::from(head & 15));
            let (Some(slot), Some((table, rest)), 0 | 1) =
                (slot, rest.split_at_checked(length), head >> 4)
            else {
                return Err(ImagingError::invalid("a quantisation table is malformed"));
            };
            if table
                .chunks(length / 64)
                .any(|step| step.iter().all(|&byte| byte == 0))
            {
                return Err(ImagingError::invalid("a quantisation step of zero"));
            }
            if !self.scans.is_empty() && slot.is_some_and(|earlier| earlier != table) {
                return Err(ImagingError::unsupported(
                    "a JPEG that changes its quantisation between scans",
                ));
            }
            *slot = Some(table);
            payload = rest;
        }
        Ok(())
    }

    /// Takes a scan header and the entropy-coded data after it.
    fn scan(&mut self, start: usize, payload: &[u8]) -> Result<(), ImagingError> {
        if self.scans.len() == MAX_SCANS {
            return Err(ImagingError::invalid("more than 100 scans"));
        }
        let Some(frame) = &self.frame else {
            return Err(ImagingError::invalid("a scan before the frame header"));
        };
        let malformed = || ImagingError::invalid("a scan header is malformed");
        let (&count, rest) = payload.split_first().ok_or_else(malformed)?;
        let (selectors, &[first, last, bits]) = rest.split_last_chunk().ok_or_else(malformed)?;
        let (selectors, []) = selectors.as_chunks::<2>() else {
            return Err(malformed());
        };
        let components: Option<Vec<usize>> = selectors
            .iter()
            .map(|&[id, _]| frame.components.iter().position(|c| c.id == id))
            .collect();
        let components = components.ok_or_else(malformed)?;
        if components.is_empty()
            || components.len() != usize::from(count)
            || !components.is_sorted_by(|a, b| a < b)
        {
            return Err(malformed());
        }
        let blocks: usize = components
            .iter()
            .map(|&index| frame.components[index])
            .map(|c| usize::from(c.horizontal) * usize::from(c.vertical))
            .sum();
        if components.len() > 1 && blocks > MAX_BLOCKS_IN_MCU {
            return Err(ImagingError::invalid(
                "an interleaved unit of more than ten blocks",
            ));
        }
        let band = Band {
            first: first.into(),
            last: last.into(),
            from_bit: bits >> 4,
            to_bit: bits & 15,
        };
        self.progress.add(frame.progressive, &components, &band)?;
        self.skip_entropy_coded()?;
        self.scans.push(Scan {
            components,
            band,
            bytes: &self.bytes[start..self.position],
            headers_before: self.headers.len(),
        });
        Ok(())
    }

    /// Advances to the marker that ends the scan, over stuffed bytes and restart markers in their
    /// order; or to the end of the file, if nothing ends it. Whether the scan is whole is for the
    /// decoder to say.
    fn skip_entropy_coded(&mut self) -> Result<(), ImagingError> {
        let mut expected_restart = 0xd0;
        loop {
            let rest = &self.bytes[self.position..];
            let Some(found) = memchr::memchr(0xff, rest) else {
                self.position = self.bytes.len();
                self.has_end = false;
                return Ok(());
            };
            self.position += found;
            match rest.get(found + 1) {
                Some(0x00) => self.position += 2,
                Some(0xff) => self.position += 1,
                Some(&marker @ 0xd0..=0xd7) => {
                    if !self.restarts || marker != expected_restart {
                        return Err(ImagingError::invalid("a restart marker out of order"));
                    }
                    expected_restart = 0xd0 | (marker + 1) & 7;
                    self.position += 2;
                }
                Some(_) => return Ok(()),
                None => {
                    self.has_end = false;
                    return Ok(());
                }
            }
        }
    }

    fn finish(self) -> Result<Structure<'a>, ImagingError> {
        let Some(frame) = self.frame else {
            return Err(ImagingError::invalid("it has no frame header"));
        };
        for component in &frame.components {
            let slot = self.quant_slots.get(usize::from(component.quant_slot));
            if !matches!(slot, Some(Some(_))) {
                return Err(ImagingError::invalid("a quantisation table is missing"));
            }
        }
        let is_complete = self.progress.is_complete(frame.components.len());
        // A progressive file may leave out its last bits; one that was cut off has no end.
        if self.has_end && !self.progress.has_every_coefficient(frame.components.len()) {
            return Err(ImagingError::invalid(
                "scans are missing, so that it shows only coarsely: send the whole file",
            ));
        }
        if !self.has_end && !is_complete {
            return Err(ImagingError::invalid("it ends before its last scan"));
        }
        Ok(Structure {
            frame,
            scans: self.scans,
            headers: self.headers,
            metadata: self.metadata,
            bytes: &self.bytes[..self.position],
            has_end: self.has_end,
            is_complete,
        })
    }
}

/// Returns whether a marker has no meaning in a JPEG (T.81, table B.1: RES, JPG).
fn is_reserved(marker: u8) -> bool {
    matches!(marker, 0x02..=0xbf | 0xf0..=0xfd)
}

/// Returns whether a segment is one that the encoder makes itself, from what the decoder read in
/// it.
fn is_written_anew(marker: u8, payload: &[u8]) -> bool {
    marker == APP0 && payload.starts_with(b"JFIF\0")
        || marker == APP14 && payload.starts_with(b"Adobe")
}
