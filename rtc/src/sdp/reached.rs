//! Where clients reach this machine, as its own answers tell it.

use std::net::IpAddr;

use super::{fragment::is_usable, push};

/// The answer as clients get it: in candidates of this machine's own addresses the public one of the same family stands,
/// where there is one, as a NAT maps one to one; and candidates are left out that nobody could use, such as `::`.
pub(crate) fn from_outside(answer: &str, public: &[IpAddr]) -> String {
    let mut told = String::with_capacity(answer.len());
    for line in answer.lines() {
        match line.strip_prefix("a=").filter(|value| value.starts_with("candidate:")) {
            None => push(&mut told, line),
            Some(candidate) if is_usable(candidate) => push(&mut told, &mapped(candidate, public)),
            Some(_) => {}
        }
    }
    told
}

/// The line of a candidate (`candidate:foundation component transport priority address port typ …`).
fn mapped(candidate: &str, public: &[IpAddr]) -> String {
    let mut fields = candidate.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let is_own = fields.get(7).is_some_and(|kind| kind == "host");
    if let Some(address) = fields.get_mut(4).filter(|_| is_own) {
        let is_ipv4 = address.parse::<IpAddr>().is_ok_and(|own| own.is_ipv4());
        if let Some(public) = public.iter().find(|public| public.is_ipv4() == is_ipv4) {
            *address = public.to_string();
        }
    }
    format!("a={}", fields.join(" "))
}
