//! A time-stamp authority for tests: that of openssl, with certificates of its own.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use uuid::Uuid;

const CONFIG: &str = "
[tsa]
serial = DIR/serial
signer_cert = DIR/tsa.pem
signer_key = DIR/tsa.key
certs = DIR/chain.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
ess_cert_id_alg = sha256
";
const EXTENSIONS: &str = "
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

/// The authority, in a folder that goes with it.
pub(crate) struct TestAuthority {
    folder: PathBuf,
    /// Its root, in PEM.
    pub(crate) root: String,
}

impl TestAuthority {
    /// Makes one; `None` on a machine without openssl. `chain` is sent with each time stamp, in
    /// PEM.
    pub(crate) fn new(chain: &str) -> Option<Self> {
        let has_openssl = Command::new("openssl").arg("version").output();
        if has_openssl.is_err() {
            println!("SKIPPED: NO TIME STAMP WAS TESTED, SINCE THIS MACHINE HAS NO openssl");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("lumatrace-tsa-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let mut authority = Self {
            folder,
            root: String::new(),
        };
        let config = CONFIG.replace("DIR", authority.folder.to_str().unwrap());
        authority.write("tsa.cnf", config.as_bytes());
        authority.write("extensions", EXTENSIONS.as_bytes());
        authority.write("serial", b"01\n");
        authority.write("chain.pem", chain.as_bytes());
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        authority.openssl(&format!(
            "req -x509 {key} -keyout root.key -out root.pem -days 3650 -subj /O=Test/CN=Root \
             -addext keyUsage=critical,keyCertSign"
        ));
        authority.openssl(&format!(
            "req {key} -keyout tsa.key -out tsa.csr -subj /O=Test/CN=TSA"
        ));
        authority.openssl(
            "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 1000 \
             -extfile extensions -out tsa.pem",
        );
        authority.root = fs::read_to_string(authority.folder.join("root.pem")).unwrap();
        Some(authority)
    }

    /// Its reply to a request.
    pub(crate) fn reply(&self, request: &[u8]) -> Vec<u8> {
        self.write("query", request);
        self.openssl("ts -reply -config tsa.cnf -section tsa -queryfile query -out reply");
        fs::read(self.folder.join("reply")).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join(name), bytes).unwrap();
    }

    fn openssl(&self, arguments: &str) {
        let run = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "openssl {arguments}: {told}");
    }
}

impl Drop for TestAuthority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
