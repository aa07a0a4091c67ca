//! A photo protected and verified in memory.

use super::{super::chain, Code, Finding, SetUp};
use crate::service::engine_test::{self, EngineTest};

/// The engine finds its mark in a copy, and in no other picture.
pub(super) fn engine(_: &SetUp<'_>) -> Vec<Finding> {
    let fault = match engine_test::run() {
        Ok(EngineTest::Passed { z }) => {
            let message = format!(
                "a picture was protected, saved again at JPEG quality {}, and found authentic (z {z:.0}); another one was not",
                engine_test::QUALITY
            );
            return vec![Finding::good(Code::Engine, message)];
        }
        Ok(EngineTest::Missed(verdict)) => format!(
            "a picture was protected and saved again, and is {} in place of authentic",
            verdict.as_str()
        ),
        Ok(EngineTest::Mistaken(verdict)) => format!(
            "a picture that nobody protected is {} as another one",
            verdict.as_str()
        ),
        Err(error) => format!("a picture cannot be protected: {}", chain(&error)),
    };
    vec![Finding::bad(
        Code::EngineFailed,
        fault,
        "stop this server, and install what `lumatrace --version` names anew: program or machine compute wrongly",
    )]
}
