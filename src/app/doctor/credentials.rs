//! Checks of content credentials: who signs, with what, for how long, and whose signatures are
//! trusted.

use time::{Duration, OffsetDateTime};

use super::{super::chain, Code, Finding, Level, database::Installation};
use crate::{
    credentials::{profile, signing::Certificate},
    db::signers::Origin,
    service::{
        self,
        signers::{ExaminedSigner, Holder, SelfTest},
        trust::ListedTrustList,
    },
};

/// What ends sooner is warned of, as the profile does of a leaf.
const SOON: Duration = Duration::days(30);

pub(super) const CLOCK_CURE: &str =
    "set the clock of this machine, and keep it set: `timedatectl set-ntp true`";

/// A certificate that was issued or imported here has begun, unless the clock is wrong.
pub(super) fn clock(it: &Installation) -> Vec<Finding> {
    let leaves = it.signers.iter().map(|signer| &signer.leaf);
    let authority = it.authority.iter();
    let mut all = leaves.chain(authority.flat_map(|it| [&it.root, &it.issuing]));
    let now = moment(it.now);
    vec![
        match all.find(|certificate| it.now < certificate.not_before) {
            None => Finding::good(Code::Clock, format!("it is {now}")),
            Some(Certificate {
                common_name,
                not_before,
                ..
            }) => Finding::bad(
                Code::ClockBehind,
                format!(
                    "the clock says {now}, and the certificate of {common_name} begins at {}",
                    moment(*not_before)
                ),
                CLOCK_CURE,
            ),
        },
    ]
}

/// The certificate authority is there, opens, and lasts.
pub(super) fn authority(it: &Installation) -> Vec<Finding> {
    if !it.is_signing {
        return Vec::new();
    }
    let Some(authority) = &it.authority else {
        return vec![Finding::bad(
            Code::AuthorityMissing,
            "there is no certificate authority",
            "run `lumatrace ca init`, or start the server, which makes one",
        )];
    };
    let mut found = Vec::new();
    if !authority.is_usable {
        found.push(Finding::bad(
            Code::AuthorityUnusable,
            "the keys of the certificate authority do not open, or are not those of its certificates",
            "set LUMATRACE_MASTER_KEY to the key that they were sealed under; if it is lost, see \
             docs/credentials.md, \"Loss and compromise\"",
        ));
    }
    let both = [
        ("root", &authority.root),
        ("issuing CA", &authority.issuing),
    ];
    for (what, certificate) in both {
        let (ends, name) = (certificate.not_after, &certificate.common_name);
        let message = |ends_at: &str| format!("the {what}, {name}, {ends_at} {}", ends.date());
        let cure = "run `lumatrace ca init`, and give out what `lumatrace ca export` prints if the root is another one";
        if ends < it.now {
            found.push(Finding::bad(
                Code::AuthorityEnded,
                message("ended on"),
                cure,
            ));
        } else if ends < it.now + SOON {
            found.push(Finding::bad(Code::AuthorityEnds, message("ends on"), cure));
        }
    }
    if found.is_empty() {
        let lasts = both.map(|(what, it)| {
            let (begins, ends) = (it.not_before.date(), it.not_after.date());
            format!("{what} {begins} to {ends}")
        });
        let name = &authority.root.common_name;
        let message = format!("{name}: {}", lasts.join(", "));
        found.push(Finding::good(Code::Authority, message));
    }
    found
}

/// Each signer meets the profile, has its key, and lasts.
pub(super) fn signers(it: &Installation) -> Vec<Finding> {
    if !it.is_signing {
        return Vec::new();
    }
    let mut found: Vec<Finding> = it
        .signers
        .iter()
        .flat_map(|signer| of_signer(signer, it.now))
        .collect();
    if !it
        .signers
        .iter()
        .any(|signer| signer.holder == Holder::Server)
    {
        found.push(Finding::bad(
            Code::SignerMissing,
            "nobody signs for the server",
            "run `lumatrace ca init`, or start the server, which makes a signer",
        ));
    }
    found
}

fn of_signer(signer: &ExaminedSigner, now: OffsetDateTime) -> Vec<Finding> {
    let called = called(signer);
    let mut found = Vec::new();
    if let Some(fault) = signer.key_fault {
        found.push(Finding::bad(
            Code::SignerKey,
            format!("{called}: {fault}"),
            format!(
                "set LUMATRACE_MASTER_KEY to the key that it was sealed under, or {}",
                replace(signer)
            ),
        ));
    }
    // One that another has replaced stops nothing.
    let broken = if signer.is_chosen {
        Level::Error
    } else {
        Level::Warning
    };
    let profile = &signer.profile;
    for (level, findings) in [
        (broken, &profile.broken),
        (Level::Warning, &profile.warnings),
    ] {
        found.extend(findings.iter().map(|clause| {
            let message = format!("{called}: {}", clause.found);
            let cure = cure(signer, clause, now);
            Finding::of(level, clause.clause.name, &message, Some(&cure))
        }));
    }
    if found.is_empty() {
        let days = (signer.leaf.not_after - now).whole_days();
        let unused = if signer.is_chosen { "" } else { ", not in use" };
        let message = format!(
            "{called}, {}{unused}: {days} days left",
            signer.origin.as_str()
        );
        found.push(Finding::good(Code::Signer, message));
    }
    found
}

fn called(signer: &ExaminedSigner) -> String {
    let id = signer.id;
    match &signer.holder {
        Holder::Server => format!("signer {id} of the server"),
        Holder::Tenant(tenant) => format!("signer {id} of tenant {tenant}"),
        Holder::Unknown => format!("signer {id} of a tenant"),
    }
}

/// What cures a clause that a stored signer breaks.
fn cure(signer: &ExaminedSigner, broken: &profile::Finding, now: OffsetDateTime) -> String {
    if now < signer.leaf.not_before {
        return CLOCK_CURE.to_owned();
    }
    match signer.origin {
        Origin::Imported if signer.is_chosen => {
            let asked = broken.clause.cure.trim_end_matches('.');
            format!("{asked}; then {}", replace(signer))
        }
        _ => replace(signer),
    }
}

/// The command that puts another signer in place of one, or takes away what is not in use.
fn replace(signer: &ExaminedSigner) -> String {
    let import = "run `lumatrace signer import --cert CHAIN.pem --key KEY.pem";
    match (signer.origin, &signer.holder) {
        (Origin::SelfMade, _) => "run `lumatrace ca init`".to_owned(),
        (Origin::Imported, _) if !signer.is_chosen => {
            format!("run `lumatrace signer remove {}`", signer.id)
        }
        (Origin::Imported, Holder::Server) => format!("{import}`"),
        (Origin::Imported, Holder::Tenant(tenant)) => format!("{import} --tenant {tenant}`"),
        (Origin::Imported, Holder::Unknown) => format!("{import} --tenant TENANT`"),
    }
}

/// Each trust list is what its publisher means at present.
pub(super) fn trust_lists(it: &Installation) -> Vec<Finding> {
    if it.trust_lists.is_empty() {
        return vec![Finding::good(
            Code::TrustListNone,
            "no trust list was imported: of signers, this server trusts its own root alone",
        )];
    }
    it.trust_lists.iter().flat_map(of_trust_list).collect()
}

fn of_trust_list(list: &ListedTrustList) -> Vec<Finding> {
    let ListedTrustList { name, kind, .. } = list;
    let called = format!("trust list {name} ({kind})");
    let import = format!("`lumatrace trust import FILE --kind {kind} --name {name}`");
    let next = list.next_update.map(|next| next.date().to_string());
    let next = next.unwrap_or_else(|| "unknown".to_owned());
    let mut found = Vec::new();
    if list.is_stale {
        found.push(Finding::bad(
            Code::TrustListStale,
            format!("{called} was to be replaced by {next}"),
            format!("get the current one from its publisher, and run {import}"),
        ));
    }
    if list.damaged > 0 {
        let (damaged, all) = (list.damaged, list.anchors);
        found.push(Finding::bad(
            Code::TrustListDamaged,
            format!("of the {all} certificates of {called}, {damaged} cannot be read"),
            format!("run {import} with the list as its publisher has it, or `lumatrace trust remove {name}`"),
        ));
    }
    if list.ended > 0 {
        let (ended, all) = (list.ended, list.anchors);
        found.push(Finding::bad(
            Code::TrustListEnded,
            format!("of the {all} certificates of {called}, {ended} have ended"),
            format!("run {import} with the current ones, or `lumatrace trust remove {name}`"),
        ));
    }
    if found.is_empty() {
        let (all, imported) = (list.anchors, list.imported_at.date());
        let message =
            format!("{called}: certificates {all}, imported {imported}, next update {next}");
        found.push(Finding::good(Code::TrustList, message));
    }
    found
}

/// A picture is signed and read back, for the server and for each tenant that has its own signer.
pub(super) fn self_tests(it: &Installation) -> Vec<Finding> {
    if !it.is_signing {
        return Vec::new();
    }
    let signers = match &it.loaded {
        Ok(signers) => signers,
        Err(error) => return vec![failed("the server cannot read its signers", error)],
    };
    let mut found = vec![of_self_test("the server", signers.self_test(it.now))];
    let mut tenants: Vec<_> = it
        .signers
        .iter()
        .filter_map(|signer| match &signer.holder {
            Holder::Tenant(tenant) => Some(tenant),
            Holder::Server | Holder::Unknown => None,
        })
        .collect();
    tenants.sort_unstable_by_key(|tenant| tenant.as_str());
    tenants.dedup();
    found.extend(tenants.into_iter().map(|tenant| {
        let tested = signers.self_test_for(tenant, it.now);
        of_self_test(&format!("the signer of tenant {tenant}"), tested)
    }));
    found
}

fn of_self_test(who: &str, tested: Result<SelfTest, service::Error>) -> Finding {
    match tested {
        Ok(SelfTest::Passed) => Finding::good(
            Code::SelfTest,
            format!("a picture that {who} signed was read back valid and trusted"),
        ),
        Ok(SelfTest::Untrusted) => Finding::bad(
            Code::SelfTestUntrusted,
            format!(
                "a picture that {who} signed was read back valid, and no trust list of this server leads to its signer"
            ),
            "run `lumatrace trust import ROOT.pem` with the root of the authority that issued the certificate",
        ),
        Ok(SelfTest::Failed(status)) => Finding::bad(
            Code::SelfTestFailed,
            format!(
                "a picture that {who} signed was read back {}",
                status.as_str()
            ),
            SIGNER_CURE,
        ),
        Err(error) => failed(&format!("{who} cannot sign"), &error),
    }
}

const SIGNER_CURE: &str = "cure what is said of its signer above, or run `lumatrace ca init` or `lumatrace signer import`";

fn failed(what: &str, error: &service::Error) -> Finding {
    Finding::bad(
        Code::SelfTestFailed,
        format!("{what}: {}", chain(error)),
        SIGNER_CURE,
    )
}

/// A time to the second, as RFC 3339 writes it.
fn moment(at: OffsetDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    let (hour, minute, second) = time.as_hms();
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}
