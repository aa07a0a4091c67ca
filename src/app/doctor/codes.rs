//! What `lumatrace doctor` can say of itself, in one list; docs/operations.md, "Doctor", has the
//! same.

use super::Level;
use crate::service::readiness::Unready;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:expr, $level:ident;)*) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name, which stays the same.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How good or bad it is.
            pub fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)* }
            }
        }
    };
}

codes! {
    /// No weak set-up was found.
    SetUp "set-up", Ok;
    /// A setting cannot be read.
    SettingWrong "setting-wrong", Error;
    /// A variable looks like a setting, and is none.
    SettingUnknown "setting-unknown", Warning;
    /// Files are not signed.
    CredentialsOff "credentials-off", Warning;
    /// The watermark's name in manifests is one's own, or nobody else sees it.
    SoftBinding "soft-binding", Ok;
    /// The watermark's name in manifests is the example, and strangers see it.
    SoftBindingExample "soft-binding-example", Warning;
    /// Folder and files are closed to others.
    Files "files", Ok;
    /// The folder of the private PostgreSQL's socket is open to others.
    SocketFolderOpen "socket-folder-open", Warning;
    /// Another master key takes the place of one, and has not done so yet.
    RekeyUnfinished "rekey-unfinished", Warning;
    /// A disk has room.
    Disk "disk", Ok;
    /// A disk is nearly full.
    DiskLow "disk-low", Warning;
    /// A disk is full.
    DiskFull Unready::DiskFull.code(), Error;
    /// As many files may be open as a server needs.
    Descriptors "descriptors", Ok;
    /// Fewer files may be open than a server needs.
    DescriptorsLow "descriptors-low", Warning;
    /// There is as much memory as a server may need.
    Memory "memory", Ok;
    /// There is less memory than a server may need.
    MemoryLow "memory-low", Warning;
    /// An address can be listened at, or this server answers there.
    Listener "listener", Ok;
    /// Somebody else listens there.
    ListenerTaken "listener-taken", Error;
    /// An address cannot be listened at.
    ListenerUnusable "listener-unusable", Error;
    /// The server answers there, and is not ready.
    ServerNotReady "server-not-ready", Warning;
    /// The collector of traces can be reached.
    Collector "collector", Ok;
    /// The collector of traces cannot be reached.
    CollectorSilent "collector-silent", Warning;
    /// A picture was protected and verified.
    Engine "engine", Ok;
    /// A picture was not protected, or not verified as it should be.
    EngineFailed "engine-failed", Error;
    /// There is nothing to examine.
    InstallationMissing "installation-missing", Error;
    /// The database, its schema and the master key are there.
    Database "database", Ok;
    /// The database cannot be used like this.
    DatabaseUnusable "database-unusable", Error;
    /// The database refuses, or is not there.
    DatabaseDown Unready::DatabaseDown.code(), Error;
    /// The database does not answer in time.
    DatabaseSilent Unready::DatabaseSilent.code(), Error;
    /// No connection to the database is to be had.
    DatabaseExhausted Unready::DatabaseExhausted.code(), Error;
    /// The database takes no changes.
    DatabaseReadOnly Unready::DatabaseReadOnly.code(), Error;
    /// The disk of the database is full.
    DatabaseFull Unready::DatabaseFull.code(), Error;
    /// PostgreSQL is too old.
    DatabaseVersion "database-version", Error;
    /// The role could bypass row-level security.
    RoleUnsafe "role-unsafe", Error;
    /// The serving role may do what it never needs.
    RoleExcess "role-excess", Warning;
    /// `DATABASE_URL` leads to a pooler.
    Pooler "pooler", Warning;
    /// The schema is that of another program.
    SchemaOther "schema-other", Error;
    /// A row holds what this program never wrote.
    RowDamaged "row-damaged", Error;
    /// There is a database and no master key.
    MasterKeyMissing "master-key-missing", Error;
    /// Something was not examined.
    NotExamined "not-examined", Warning;
    /// The clock agrees with the database's, and is later than the beginning of all certificates.
    Clock "clock", Ok;
    /// The clock is not that of the database.
    ClockApart "clock-apart", Warning;
    /// A certificate of this installation begins later than now.
    ClockBehind "clock-behind", Error;
    /// A key signs tokens, and is young enough.
    SigningKey "signing-key", Ok;
    /// No key signs tokens.
    SigningKeyMissing "signing-key-missing", Error;
    /// A key that signs tokens, or has signed some, does not open.
    SigningKeyUnusable "signing-key-unusable", Error;
    /// The key that signs tokens was to be replaced.
    SigningKeyOld "signing-key-old", Warning;
    /// The certificate authority can issue.
    Authority "authority", Ok;
    /// There is no certificate authority.
    AuthorityMissing "authority-missing", Error;
    /// The keys of the certificate authority are of no use.
    AuthorityUnusable "authority-unusable", Error;
    /// A certificate of the authority ends soon.
    AuthorityEnds "authority-ends", Warning;
    /// A certificate of the authority has ended.
    AuthorityEnded "authority-ended", Error;
    /// A signer can sign.
    Signer "signer", Ok;
    /// Nobody signs for the server.
    SignerMissing "signer-missing", Error;
    /// The key of a signer is of no use.
    SignerKey "signer-key", Error;
    /// A trust list is as its publisher means it.
    TrustList "trust-list", Ok;
    /// No trust list was imported.
    TrustListNone "trust-list-none", Ok;
    /// The publisher of a trust list has another one.
    TrustListStale "trust-list-stale", Warning;
    /// Certificates of a trust list have ended.
    TrustListEnded "trust-list-ended", Warning;
    /// A trust list holds what is no certificate.
    TrustListDamaged "trust-list-damaged", Error;
    /// A picture was signed, and read back valid and trusted.
    SelfTest "self-test", Ok;
    /// A picture was signed and read back valid, and this server does not trust it.
    SelfTestUntrusted "self-test-untrusted", Warning;
    /// A picture was not signed, or not read back valid.
    SelfTestFailed "self-test-failed", Error;
}
