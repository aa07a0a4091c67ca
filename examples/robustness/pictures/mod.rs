//! The pictures of a report.

mod curves;
mod sheet;

pub(crate) use curves::curves;
pub(crate) use sheet::contact_sheet;
