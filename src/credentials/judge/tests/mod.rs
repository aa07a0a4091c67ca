//! The promises of judging, on files that the tests sign themselves and on vectors from outside.

mod axes;
mod hostile;
mod seeds;
mod signed;
mod vectors;
