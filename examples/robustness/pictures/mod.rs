//! The pictures of a report.

mod curves;
mod sheet;
mod tampered;

pub(crate) use curves::curves;
pub(crate) use sheet::contact_sheet;
pub(crate) use tampered::tamper_maps;
