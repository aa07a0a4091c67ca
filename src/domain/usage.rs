//! Metered work.

use time::Date;

/// A kind of work that is metered: each call that succeeds counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeteredOperation {
    /// A photo was registered.
    Register,
    /// A photo was protected.
    Protect,
    /// An image was verified, whatever the verdict.
    Verify,
    /// An image was looked for, found or not.
    Identify,
}

impl MeteredOperation {
    /// All kinds, in the order of answers.
    pub const ALL: [Self; 4] = [Self::Register, Self::Protect, Self::Verify, Self::Identify];

    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Protect => "protect",
            Self::Verify => "verify",
            Self::Identify => "identify",
        }
    }

    /// Reads the name of a kind; `None` if it is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
    }
}

/// Calls of one kind that a tenant made on one day of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayUse {
    /// The day, in UTC.
    pub day: Date,
    /// The kind of work.
    pub operation: MeteredOperation,
    /// Successful calls; at least 1.
    pub calls: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        for operation in MeteredOperation::ALL {
            assert_eq!(MeteredOperation::parse(operation.as_str()), Some(operation));
        }
        assert_eq!(MeteredOperation::parse("delete"), None);
    }
}
