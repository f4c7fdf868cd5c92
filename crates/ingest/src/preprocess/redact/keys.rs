//! Which keys are known by how they begin? A table from the documentation of those who give them out, and a filter that
//! is asked at the beginning of every word.

use std::ops::Range;

use super::{Secret, is_key_byte, run, run_within};

/// A key of which only the beginning and the least length are known has its digits within so many bytes more.
const MORE_BYTES: usize = 64;

/// A key: how it begins, and how many more letters, digits, `.`, `_` and `-` it has at least.
struct Known {
    prefix: &'static str,
    length: usize,
    /// The beginning is one that other words have, too: what follows must hold a digit.
    is_short: bool,
}

const fn key(prefix: &'static str, length: usize) -> Known {
    Known { prefix, length, is_short: false }
}

const fn short(prefix: &'static str, length: usize) -> Known {
    Known { prefix, length, is_short: true }
}

#[rustfmt::skip]
const KEYS: &[Known] = &[
    // Clouds.
    key("AKIA", 16), key("ASIA", 16), key("ABIA", 16), key("ACCA", 16), key("ABSK", 40), key("AIza", 35),
    key("ya29.", 20), key("GOCSPX-", 20), short("LTAI", 16), short("AKID", 32), key("AQVN", 35), key("t1.9euel", 20),
    key("dop_v1_", 60), key("doo_v1_", 60), key("dor_v1_", 60), key("HRKU-", 36), key("fo1_", 40), key("fm2_", 40),
    key("nfp_", 36), key("sbp_", 36), key("sb_secret_", 20), key("v1.0-", 60), key("tskey-", 16), key("ops_eyJ", 60),
    key("pscale_tkn_", 30), key("pscale_pw_", 30), key("pscale_oauth_", 30), key("AGE-SECRET-KEY-1", 50),
    // Code hosts, packages, builds.
    key("ghp_", 36), key("gho_", 36), key("ghu_", 36), key("ghs_", 36), key("ghr_", 36), key("github_pat_", 22),
    key("glpat-", 20), key("gldt-", 20), key("glrt-", 20), key("glcbt-", 20), key("glptt-", 20), key("glft-", 20),
    key("glsoat-", 20), key("glimt-", 20), key("glagent-", 20), key("gloas-", 20), key("ATATT3", 40), key("ATCTT3", 40),
    short("ATBB", 28), key("npm_", 36), key("pypi-AgE", 32), key("dckr_pat_", 24), key("dckr_oat_", 24),
    key("rubygems_", 40), short("cio", 32), short("oy2", 43), key("AKCp", 60), key("sqp_", 40), key("squ_", 40),
    key("sqa_", 40), key("pul-", 40), key("pnu_", 36), key("CFPAT-", 40), key("PMAK-", 32), key("rdme_", 60),
    // Chat, tickets, mail.
    key("xoxb-", 10), key("xoxa-", 10), key("xoxp-", 10), key("xoxr-", 10), key("xoxs-", 10), key("xoxe-", 10),
    key("xoxe.xox", 20), key("xoxc-", 10), key("xoxd-", 10), key("xapp-", 10), key("APA91b", 100), key("SG.", 32),
    short("key-", 32), key("xkeysib-", 60), key("mlsn.", 40), short("re_", 24), key("lin_api_", 32),
    key("lin_oauth_", 32), key("ntn_", 40), short("secret_", 40), key("figd_", 36), short("pat", 70),
    // Payment.
    key("sk_live_", 16), key("sk_test_", 16), key("rk_live_", 16), key("rk_test_", 16), key("whsec_", 16),
    key("sq0atp-", 22), key("sq0csp-", 40), key("EAAA", 56), key("EAAC", 80), key("shpat_", 32), key("shpca_", 32),
    key("shppa_", 32), key("shpss_", 32), key("rzp_live_", 14), key("FLWSECK", 30), key("access-production-", 30),
    // Models.
    key("sk-", 32), key("hf_", 30), key("r8_", 36), key("gsk_", 40), key("pplx-", 40), key("xai-", 60), key("dapi", 32),
    // Watching and secrets.
    key("hvs.", 24), key("hvb.", 24), key("hvr.", 24), key("glsa_", 32), key("glc_", 40), key("NRAK-", 27),
    key("sntrys_", 40), key("sntryu_", 40),
];

/// Whether some key, or something else that is looked for at the beginning of words, begins with these two bytes.
#[expect(clippy::indexing_slicing, reason = "it is computed by the compiler, which would say so")]
static BY_FIRST_TWO: [[u64; 4]; 256] = {
    let mut table = [[0; 4]; 256];
    let mut idx = 0;
    while idx < KEYS.len() {
        let bytes = KEYS[idx].prefix.as_bytes();
        table[bytes[0] as usize][bytes[1] as usize / 64] |= 1 << (bytes[1] % 64);
        idx += 1;
    }
    let others = super::words::BEGINNINGS;
    let mut idx = 0;
    while idx < others.len() {
        let bytes = others[idx];
        table[bytes[0] as usize][bytes[1] as usize / 64] |= 1 << (bytes[1] % 64);
        idx += 1;
    }
    table
};

/// By the first byte: the keys that begin with it, a bit for each.
#[expect(clippy::indexing_slicing, reason = "it is computed by the compiler, which would say so")]
static BY_FIRST: [u128; 256] = {
    let mut table = [0; 256];
    let mut idx = 0;
    while idx < KEYS.len() {
        table[KEYS[idx].prefix.as_bytes()[0] as usize] |= 1 << idx;
        idx += 1;
    }
    table
};

/// False if nothing that is looked for begins with these bytes; most words end here.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is below 256, a quarter of it below 4")]
pub(super) fn may_begin(first: u8, second: u8) -> bool {
    BY_FIRST_TWO[first as usize][second as usize / 64] >> (second % 64) & 1 == 1
}

/// A key of the table that begins here.
pub(super) fn known_key(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let rest = text.get(idx..)?;
    let end_of = |it: &&Known| {
        let from = idx + it.prefix.len();
        // More is looked at when it is one, so that what only begins like keys is not read again and again.
        let end = run_within(text, from, it.length + MORE_BYTES, is_key_byte);
        let tail = text.get(from..end).unwrap_or("");
        let is_long = tail.len() >= it.length;
        (is_long && (!it.is_short || tail.bytes().any(|it| it.is_ascii_digit()))).then_some(end)
    };
    let mut candidates = BY_FIRST.get(usize::from(*rest.as_bytes().first()?)).copied()?;
    let next = || {
        let idx = (candidates != 0).then(|| candidates.trailing_zeros() as usize)?;
        candidates &= candidates - 1;
        KEYS.get(idx)
    };
    let mut fitting = std::iter::from_fn(next).filter(|it| rest.starts_with(it.prefix));
    let (prefix, end) = fitting.find_map(|it| Some((it.prefix, end_of(&it)?)))?;
    // Some are base64, whose signs may follow.
    let end = run(text, end, |it| is_key_byte(it) || matches!(it, b'+' | b'/' | b'='));
    let end = if matches!(prefix, "AKIA" | "ASIA") { with_secret_half(text, end) } else { end };
    Some((idx..end, Secret::Key))
}

/// An access key is often followed by the secret that belongs to it, with nothing but a separator between them.
fn with_secret_half(text: &str, end: usize) -> usize {
    let from = run(text, end, |it| matches!(it, b' ' | b',' | b':' | b';' | b'\t' | b'"' | b'\'' | b'|'));
    let half = run(text, from, |it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'='));
    if from > end && from - end <= 4 && half - from == 40 { half } else { end }
}
