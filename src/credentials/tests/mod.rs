//! Tests of certificates against each other.

mod profile;
