//! Two network namespaces joined by a pair of virtual Ethernet devices, each of which `tc netem` makes bad.

use std::process::Command;

use anyhow::{Context, ensure};
use duologue_rtc::client::Network;

/// Addresses of the two ends; a network of four addresses that exists in these namespaces alone.
const ADDRESSES: [&str; 2] = ["10.231.7.1", "10.231.7.2"];

/// The namespaces; they go when this is dropped.
pub(super) struct Namespaces {
    names: [String; 2],
}

impl Namespaces {
    /// Makes them, with this network between.
    ///
    /// Errors say what this machine lacks: the right to make namespaces, or the kernel's `sch_netem`.
    pub(super) fn new(network: Option<Network>) -> anyhow::Result<Self> {
        let of = |end: &str| format!("duologue-{end}-{}", std::process::id());
        let made = Self { names: [of("a"), of("b")] };
        for name in &made.names {
            run(&["ip", "netns", "add", name])?;
        }
        let [a, b] = &made.names;
        run(&["ip", "-n", a, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", b])?;
        for (name, address) in made.names.iter().zip(ADDRESSES) {
            run(&["ip", "-n", name, "address", "add", &format!("{address}/30"), "dev", "wire"])?;
            run(&["ip", "-n", name, "link", "set", "wire", "up"])?;
            run(&["ip", "-n", name, "link", "set", "lo", "up"])?;
            if let Some(network) = network {
                netem(name, network)?;
            }
        }
        Ok(made)
    }

    /// How a program is started at an end.
    pub(super) fn prefix(&self, end: usize) -> [&str; 4] {
        ["ip", "netns", "exec", &self.names[end]]
    }

    /// The address of an end.
    pub(super) fn address(end: usize) -> &'static str {
        ADDRESSES[end]
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.names {
            // One that was never made cannot be removed.
            let _ = run(&["ip", "netns", "del", name]);
        }
    }
}

fn netem(name: &str, network: Network) -> anyhow::Result<()> {
    let loss = format!("{}%", network.loss);
    let (delay, jitter) =
        (format!("{}ms", network.delay.as_millis()), format!("{}ms", network.jitter.as_millis()));
    let command = ["ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "wire", "root", "netem"];
    run(&[command.as_slice(), &["loss", "random", &loss, "delay", &delay, &jitter]].concat())
}

fn run(words: &[&str]) -> anyhow::Result<()> {
    let (program, arguments) = words.split_first().context("no command")?;
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("{program} cannot be run"))?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{}`: {}", words.join(" "), why.trim());
    Ok(())
}
