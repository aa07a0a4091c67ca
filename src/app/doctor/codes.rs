//! What `lumatrace doctor` can say of itself, in one list; docs/operations.md, "Doctor", has the
//! same.

use super::Level;

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// No weak set-up was found.
    SetUp,
    /// A setting cannot be read.
    SettingWrong,
    /// Files are not signed.
    CredentialsOff,
    /// The watermark's name in manifests is one's own, or nobody else sees it.
    SoftBinding,
    /// The watermark's name in manifests is the example, and strangers see it.
    SoftBindingExample,
    /// There is nothing to examine.
    InstallationMissing,
    /// The database, its schema and the master key are there.
    Database,
    /// The database cannot be asked.
    DatabaseUnusable,
    /// The schema is that of another program.
    SchemaOther,
    /// There is a database and no master key.
    MasterKeyMissing,
    /// Something was not examined.
    NotExamined,
    /// The clock is later than the beginning of all certificates.
    Clock,
    /// A certificate of this installation begins later than now.
    ClockBehind,
    /// The certificate authority can issue.
    Authority,
    /// There is no certificate authority.
    AuthorityMissing,
    /// The keys of the certificate authority are of no use.
    AuthorityUnusable,
    /// A certificate of the authority ends soon.
    AuthorityEnds,
    /// A certificate of the authority has ended.
    AuthorityEnded,
    /// A signer can sign.
    Signer,
    /// Nobody signs for the server.
    SignerMissing,
    /// The key of a signer is of no use.
    SignerKey,
    /// A trust list is as its publisher means it.
    TrustList,
    /// No trust list was imported.
    TrustListNone,
    /// The publisher of a trust list has another one.
    TrustListStale,
    /// Certificates of a trust list have ended.
    TrustListEnded,
    /// A picture was signed, and read back valid and trusted.
    SelfTest,
    /// A picture was signed and read back valid, and this server does not trust it.
    SelfTestUntrusted,
    /// A picture was not signed, or not read back valid.
    SelfTestFailed,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::SetUp,
        Self::SettingWrong,
        Self::CredentialsOff,
        Self::SoftBinding,
        Self::SoftBindingExample,
        Self::InstallationMissing,
        Self::Database,
        Self::DatabaseUnusable,
        Self::SchemaOther,
        Self::MasterKeyMissing,
        Self::NotExamined,
        Self::Clock,
        Self::ClockBehind,
        Self::Authority,
        Self::AuthorityMissing,
        Self::AuthorityUnusable,
        Self::AuthorityEnds,
        Self::AuthorityEnded,
        Self::Signer,
        Self::SignerMissing,
        Self::SignerKey,
        Self::TrustList,
        Self::TrustListNone,
        Self::TrustListStale,
        Self::TrustListEnded,
        Self::SelfTest,
        Self::SelfTestUntrusted,
        Self::SelfTestFailed,
    ];

    /// Its name, which stays the same.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// How good or bad it is.
    pub fn level(self) -> Level {
        self.row().1
    }

    fn row(self) -> (&'static str, Level) {
        use Level::{Error, Ok, Warning};
        match self {
            Self::SetUp => ("set-up", Ok),
            Self::SettingWrong => ("setting-wrong", Error),
            Self::CredentialsOff => ("credentials-off", Warning),
            Self::SoftBinding => ("soft-binding", Ok),
            Self::SoftBindingExample => ("soft-binding-example", Warning),
            Self::InstallationMissing => ("installation-missing", Error),
            Self::Database => ("database", Ok),
            Self::DatabaseUnusable => ("database-unusable", Error),
            Self::SchemaOther => ("schema-other", Error),
            Self::MasterKeyMissing => ("master-key-missing", Error),
            Self::NotExamined => ("not-examined", Warning),
            Self::Clock => ("clock", Ok),
            Self::ClockBehind => ("clock-behind", Error),
            Self::Authority => ("authority", Ok),
            Self::AuthorityMissing => ("authority-missing", Error),
            Self::AuthorityUnusable => ("authority-unusable", Error),
            Self::AuthorityEnds => ("authority-ends", Warning),
            Self::AuthorityEnded => ("authority-ended", Error),
            Self::Signer => ("signer", Ok),
            Self::SignerMissing => ("signer-missing", Error),
            Self::SignerKey => ("signer-key", Error),
            Self::TrustList => ("trust-list", Ok),
            Self::TrustListNone => ("trust-list-none", Ok),
            Self::TrustListStale => ("trust-list-stale", Warning),
            Self::TrustListEnded => ("trust-list-ended", Warning),
            Self::SelfTest => ("self-test", Ok),
            Self::SelfTestUntrusted => ("self-test-untrusted", Warning),
            Self::SelfTestFailed => ("self-test-failed", Error),
        }
    }
}
