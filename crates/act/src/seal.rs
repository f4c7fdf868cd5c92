//! Is this exactly the plan that was approved? The digest of a plan and the signature over an approval.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::{Digest, Sha256};

use signal::{Approval, IncidentId, Plan, StepKind, Timestamp, Verification};

/// Everything that an approval is bound to. The order of fields is part of the format.
#[derive(Serialize)]
struct Content<'a> {
    format: &'static str,
    incident: IncidentId,
    playbook: &'a str,
    target: &'a str,
    steps: Vec<(&'a StepKind, Option<&'a StepKind>)>,
    verification: &'a Verification,
    is_dry_run: bool,
}

/// SHA-256 (hex) over what the plan would do; outcomes and states do not enter.
pub fn digest(plan: &Plan) -> String {
    let content = Content {
        format: "sentinel-plan-1",
        incident: plan.incident,
        playbook: &plan.playbook,
        target: &plan.target,
        steps: plan.steps.iter().map(|it| (&it.action, it.undo.as_ref())).collect(),
        verification: &plan.verification,
        is_dry_run: plan.is_dry_run,
    };
    let bytes = serde_json::to_vec(&content).expect("plain data always has a JSON form");
    hex(&Sha256::digest(bytes))
}

/// The key of this installation, in use.
pub struct Seal(Hmac<Sha256>);

impl Seal {
    /// Takes the key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// A signed yes to the plan as it is now.
    pub fn approve(&self, plan: &Plan, actor: &str, now: Timestamp) -> Approval {
        let mut approval =
            Approval { actor: actor.to_owned(), time: now, digest: digest(plan), signature: String::new() };
        approval.signature = hex(&self.mac(plan, &approval).finalize().into_bytes());
        approval
    }

    /// True if the approval was made here for exactly this plan. The comparison takes constant time.
    pub fn is_genuine(&self, plan: &Plan, approval: &Approval) -> bool {
        let Some(signature) = bytes_of_hex(&approval.signature) else { return false };
        let is_signed = self.mac(plan, approval).verify_slice(&signature).is_ok();
        is_signed && approval.digest == digest(plan)
    }

    fn mac(&self, plan: &Plan, approval: &Approval) -> Hmac<Sha256> {
        // A JSON array keeps the fields apart whatever they contain.
        let fields = (
            "sentinel-approval-1",
            plan.id,
            &approval.digest,
            &approval.actor,
            approval.time.millis(),
            plan.expires_at.millis(),
        );
        let bytes = serde_json::to_vec(&fields).expect("plain data always has a JSON form");
        self.0.clone().chain_update(bytes)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, it| {
        write!(text, "{it:02x}").expect("writing to a string cannot fail");
        text
    })
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|it| it.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
    digits?.chunks(2).map(|it| if let [high, low] = it { Some(high * 16 + low) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::tests::plan;

    #[test]
    fn any_change_of_what_will_be_done_breaks_the_approval() {
        let seal = Seal::new(&[7; 32]);
        let original = plan();
        let approval = seal.approve(&original, "ann", Timestamp::from_secs(5));
        assert!(seal.is_genuine(&original, &approval));
        assert!(!Seal::new(&[8; 32]).is_genuine(&original, &approval), "another key");

        let changes: [fn(&mut Plan); 7] = [
            |it| it.incident.0 += 1,
            |it| it.target.push('x'),
            |it| it.steps[0].action = StepKind::Command { argv: vec!["/bin/rm".to_owned()] },
            |it| it.steps[0].undo = None,
            |it| it.verification.threshold += 1.0,
            |it| it.is_dry_run = !it.is_dry_run,
            |it| it.expires_at = Timestamp::MAX,
        ];
        for (idx, change) in changes.iter().enumerate() {
            let mut altered = original.clone();
            change(&mut altered);
            assert!(!seal.is_genuine(&altered, &approval), "change {idx}");
        }
        let changes: [fn(&mut Approval); 3] =
            [|it| it.actor.push('x'), |it| it.time = Timestamp::MAX, |it| it.signature.clear()];
        for change in changes {
            let mut altered = approval.clone();
            change(&mut altered);
            assert!(!seal.is_genuine(&original, &altered));
        }
    }

    #[test]
    fn outcomes_do_not_enter_the_digest() {
        let mut done = plan();
        done.steps[0].outcome =
            Some(signal::StepOutcome { time: Timestamp::MIN, is_ok: true, detail: "done".to_owned() });
        assert_eq!(digest(&done), digest(&plan()));
    }
}
