//! What can go wrong in the shop, what is the right answer, and what ends it?

use signal::FaultClass;

use super::layout::{is_call, is_host, is_service, services_on};

/// A fault that can be injected, or a decoy: something that looks like news and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A process `minerd` takes nearly all cores of a host.
    CpuMiner {
        /// The host.
        host: String,
        /// Process id; the demo gives that of a real, harmless child.
        pid: u32,
        /// Start of the process, seconds since the epoch.
        start_time: i64,
    },
    /// A service never gives memory back, until the kernel kills it and it starts again.
    MemoryLeak {
        /// The service.
        service: String,
    },
    /// A service does not return database connections.
    PoolExhaustion {
        /// The service; it must have a pool (all but `gateway` and `recommendations`).
        service: String,
    },
    /// A new version that throws for a part of the requests.
    BadDeploy {
        /// The service.
        service: String,
    },
    /// A service on the host writes its log without measure until the disk is full.
    DiskFilling {
        /// The host.
        host: String,
    },
    /// A dependency stops answering one caller.
    DependencyTimeout {
        /// Who calls.
        caller: String,
        /// Who does not answer: `card-network`, or a service that the caller calls.
        peer: String,
    },
    /// Decoy: a new version that works.
    HarmlessDeploy {
        /// The service.
        service: String,
    },
    /// Decoy: 1.8 times the traffic within a minute; resources follow, latency does not.
    TrafficRise,
}

/// What ends a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The process was ended.
    KillProcess {
        /// Its id.
        pid: u32,
    },
    /// A rolling restart of a service: ends a leak of memory or connections.
    Restart {
        /// The service.
        service: String,
    },
    /// The version before is rolled out again.
    Rollback {
        /// The service.
        service: String,
    },
    /// Old log files are removed and the log level is set back.
    CleanDisk {
        /// The host.
        host: String,
    },
    /// Another provider or route is used.
    Failover {
        /// The caller or the peer.
        service: String,
    },
}

/// The right answer to "why" for a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedCause {
    /// Services or hosts that may be blamed, best first.
    pub services: Vec<String>,
    /// Classes that are right.
    pub faults: Vec<FaultClass>,
}

impl ExpectedCause {
    /// True if this answer is right.
    pub fn accepts(&self, service: &str, fault: FaultClass) -> bool {
        self.services.iter().any(|it| it == service) && self.faults.contains(&fault)
    }
}

/// The command line of the miner, as its process series show it. A caller that starts a real process for it starts it
/// with these words, so that the evidence fits the process.
pub const MINER_COMMAND: &str = "minerd demo-process -- --algo cryptonight --url stratum+tcp://pool.invalid:3333";
/// The process id of a miner that no caller has chosen.
const MINER_PID: u32 = 31_337;
/// Names of all faults and decoys, as `break` takes them.
pub const FAULT_NAMES: [&str; 8] = [
    "cpu_miner",
    "memory_leak",
    "pool_exhaustion",
    "bad_deploy",
    "disk_filling",
    "dependency_timeout",
    "harmless_deploy",
    "traffic_rise",
];

impl Fault {
    /// One of each fault, on different parts of the shop, in the order the demo shows them.
    pub fn all() -> Vec<Self> {
        let text = str::to_owned;
        vec![
            Self::CpuMiner { host: text("app-1"), pid: MINER_PID, start_time: 0 },
            Self::PoolExhaustion { service: text("inventory") },
            Self::BadDeploy { service: text("checkout") },
            Self::DependencyTimeout { caller: text("payments"), peer: text("card-network") },
            Self::MemoryLeak { service: text("recommendations") },
            Self::DiskFilling { host: text("data-1") },
        ]
    }

    /// Both decoys.
    pub fn decoys() -> Vec<Self> {
        vec![Self::HarmlessDeploy { service: "catalog".to_owned() }, Self::TrafficRise]
    }

    /// From a name of [`FAULT_NAMES`] and a target: a host, a service, `caller->peer`, or `shop` for `traffic_rise`.
    /// The error says what was expected.
    pub fn parse(name: &str, target: &str) -> Result<Self, String> {
        let owned = target.to_owned();
        match name {
            "cpu_miner" => host(target).map(|host| Self::CpuMiner { host, pid: MINER_PID, start_time: 0 }),
            "disk_filling" => host(target).map(|host| Self::DiskFilling { host }),
            "memory_leak" => service(target).map(|service| Self::MemoryLeak { service }),
            "pool_exhaustion" if ["gateway", "recommendations"].contains(&target) => {
                Err("a service with a pool (not gateway, not recommendations)".to_owned())
            }
            "pool_exhaustion" => service(target).map(|service| Self::PoolExhaustion { service }),
            "bad_deploy" => service(target).map(|service| Self::BadDeploy { service }),
            "harmless_deploy" => service(target).map(|service| Self::HarmlessDeploy { service }),
            "traffic_rise" if target == "shop" => Ok(Self::TrafficRise),
            "traffic_rise" => Err("the target `shop`".to_owned()),
            "dependency_timeout" => match owned.split_once("->") {
                Some((caller, peer)) if is_call(caller, peer) => {
                    Ok(Self::DependencyTimeout { caller: caller.to_owned(), peer: peer.to_owned() })
                }
                _ => Err("a call of the shop such as payments->card-network".to_owned()),
            },
            _ => Err(format!("one of {}", FAULT_NAMES.join(", "))),
        }
    }

    /// Its name in scenarios and tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CpuMiner { .. } => "cpu_miner",
            Self::MemoryLeak { .. } => "memory_leak",
            Self::PoolExhaustion { .. } => "pool_exhaustion",
            Self::BadDeploy { .. } => "bad_deploy",
            Self::DiskFilling { .. } => "disk_filling",
            Self::DependencyTimeout { .. } => "dependency_timeout",
            Self::HarmlessDeploy { .. } => "harmless_deploy",
            Self::TrafficRise => "traffic_rise",
        }
    }

    /// What it is injected into: a host, a service, `caller->peer`, or `shop`.
    pub fn target(&self) -> String {
        match self {
            Self::CpuMiner { host, .. } | Self::DiskFilling { host } => host.clone(),
            Self::MemoryLeak { service }
            | Self::PoolExhaustion { service }
            | Self::BadDeploy { service }
            | Self::HarmlessDeploy { service } => service.clone(),
            Self::DependencyTimeout { caller, peer } => format!("{caller}->{peer}"),
            Self::TrafficRise => "shop".to_owned(),
        }
    }

    /// True if no incident may come of it.
    pub const fn is_decoy(&self) -> bool {
        matches!(self, Self::HarmlessDeploy { .. } | Self::TrafficRise)
    }

    /// The right answer to "why"; None for decoys.
    pub fn expected_cause(&self) -> Option<ExpectedCause> {
        let (services, fault) = match self {
            Self::CpuMiner { host, .. } => (vec![host.clone()], FaultClass::CpuHog),
            Self::MemoryLeak { service } => (vec![service.clone()], FaultClass::MemoryLeak),
            Self::PoolExhaustion { service } => (vec![service.clone()], FaultClass::PoolExhaustion),
            Self::BadDeploy { service } => (vec![service.clone()], FaultClass::BadDeploy),
            Self::DiskFilling { host } => (vec![host.clone()], FaultClass::DiskFilling),
            Self::DependencyTimeout { caller, peer } => {
                (vec![peer.clone(), caller.clone()], FaultClass::DependencyTimeout)
            }
            Self::HarmlessDeploy { .. } | Self::TrafficRise => return None,
        };
        Some(ExpectedCause { services, faults: vec![fault] })
    }

    /// What ends it; None for decoys.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::CpuMiner { pid, .. } => Remedy::KillProcess { pid: *pid },
            Self::MemoryLeak { service } | Self::PoolExhaustion { service } => {
                Remedy::Restart { service: service.clone() }
            }
            Self::BadDeploy { service } => Remedy::Rollback { service: service.clone() },
            Self::DiskFilling { host } => Remedy::CleanDisk { host: host.clone() },
            Self::DependencyTimeout { peer, .. } => Remedy::Failover { service: peer.clone() },
            Self::HarmlessDeploy { .. } | Self::TrafficRise => return None,
        })
    }

    /// True if the remedy ends this fault.
    pub fn is_ended_by(&self, remedy: &Remedy) -> bool {
        match (self, remedy) {
            // Either end of the call may be named: a playbook acts on what the diagnosis blames.
            (Self::DependencyTimeout { caller, peer }, Remedy::Failover { service }) => {
                service == caller || service == peer
            }
            // The log that fills the disk belongs to a service of the host, and may be blamed instead.
            (Self::DiskFilling { host }, Remedy::CleanDisk { host: cleaned }) => {
                host == cleaned || services_on(host).next() == Some(cleaned.as_str())
            }
            _ => self.remedy().as_ref() == Some(remedy),
        }
    }
}

fn service(target: &str) -> Result<String, String> {
    if is_service(target) { Ok(target.to_owned()) } else { Err("a service of the shop".to_owned()) }
}

fn host(target: &str) -> Result<String, String> {
    if is_host(target) { Ok(target.to_owned()) } else { Err("a host of the shop".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_back_from_its_name_and_target() {
        for fault in Fault::all().into_iter().chain(Fault::decoys()) {
            assert_eq!(Fault::parse(fault.name(), &fault.target()), Ok(fault.clone()));
            assert_eq!(fault.is_decoy(), fault.expected_cause().is_none());
            assert_eq!(fault.is_decoy(), fault.remedy().is_none());
            assert!(fault.remedy().is_none_or(|it| fault.is_ended_by(&it)));
        }
    }

    #[test]
    fn wrong_targets_say_what_was_expected() {
        assert_eq!(Fault::parse("cpu_miner", "checkout"), Err("a host of the shop".to_owned()));
        assert!(Fault::parse("dependency_timeout", "cart->payments").is_err());
        assert!(Fault::parse("pool_exhaustion", "gateway").is_err());
        assert!(Fault::parse("earthquake", "shop").unwrap_err().contains("memory_leak"));
    }

    #[test]
    fn a_restart_does_not_heal_a_bad_version() {
        let fault = Fault::BadDeploy { service: "checkout".to_owned() };
        assert!(!fault.is_ended_by(&Remedy::Restart { service: "checkout".to_owned() }));
    }
}
