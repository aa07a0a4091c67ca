//! Tests of the whole module: every kind of file in, out and in again; damage; metadata policies.
//!
//! Pictures are made by code ([`samples`]). The walk over the laboratory's files ([`corpus`]) is
//! ignored unless asked for, since the files are not part of the repository.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "lengths and samples of small pictures made here"
)]

mod corpus;
mod damage;
mod formats;
mod jpeg;
mod palettes;
mod policies;
mod read_back;
pub(super) mod samples;
mod xmp;
