//! Checks of the keys that sign tokens.

use super::{Code, Finding, database::Installation};
use crate::service::keys::{ExaminedKey, KeyState, LONGEST_USE};

/// There is one that signs, all that are published open, and it is not too old.
pub(super) fn signing_keys(it: &Installation) -> Vec<Finding> {
    let keys = &it.signing_keys;
    let mut found: Vec<Finding> = keys.iter().filter(|key| !key.opens).map(closed).collect();
    let active = keys.iter().find(|key| key.state == KeyState::Active);
    let Some((key, since)) = active.and_then(|key| Some((key, key.active_since?))) else {
        found.push(Finding::bad(
            Code::SigningKeyMissing,
            "no key signs tokens: nobody can log in",
            "run `lumatrace migrate`, or start the server, which makes one",
        ));
        return found;
    };
    let age = it.now - since;
    let (id, days) = (&key.id, age.whole_days());
    if age > LONGEST_USE {
        let most = LONGEST_USE.whole_days();
        found.push(Finding::bad(
            Code::SigningKeyOld,
            format!("the key {id} has signed tokens for {days} days, more than {most}"),
            "run `lumatrace key rotate`",
        ));
    } else if found.is_empty() {
        let message = format!("the key {id} has signed tokens for {days} days");
        found.push(Finding::good(Code::SigningKey, message));
    }
    found
}

fn closed(ExaminedKey { id, state, .. }: &ExaminedKey) -> Finding {
    Finding::bad(
        Code::SigningKeyUnusable,
        format!(
            "the {} signing key {id} was sealed under another master key: no server starts with it",
            state.as_str()
        ),
        "set LUMATRACE_MASTER_KEY to the key that it was sealed under, or copy master.key from the data folder of the \
         server that made it",
    )
}
