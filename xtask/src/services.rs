//! What do the tests need besides Rust, is it there, and can it be installed?

use std::env;

use anyhow::{Result, bail};

use crate::command::{is_installed, output, program, run};

/// A program that some tests start for real.
struct Service {
    /// The program.
    program: &'static str,
    /// The Debian package that has it.
    package: &'static str,
    /// What is not tested without it.
    purpose: &'static str,
}

const SERVICES: [Service; 15] = [
    Service { program: "prometheus", package: "prometheus", purpose: "remote write by a real Prometheus" },
    Service { program: "vmagent", package: "victoria-metrics", purpose: "remote write by a real vmagent" },
    Service {
        program: "victoria-metrics",
        package: "victoria-metrics",
        purpose: "the comparison of `sentinel bench ingest` with VictoriaMetrics",
    },
    Service { program: "chromium", package: "chromium", purpose: "the web page in a real browser" },
    Service { program: "chromedriver", package: "chromium-driver", purpose: "the web page in a real browser" },
    Service {
        program: "python3",
        package: "python3",
        purpose: "log pushes by a real Loki client, the OpenTelemetry SDK, and the book",
    },
    Service { program: "mosquitto", package: "mosquitto", purpose: "MQTT through a real broker" },
    Service { program: "mosquitto_pub", package: "mosquitto-clients", purpose: "MQTT by a real sender" },
    Service { program: "g++", package: "g++", purpose: "the fuzz targets" },
    // Debian's default is Java 17 or newer, which Kafka needs; Maven gets Kafka itself when the tests run.
    Service { program: "java", package: "default-jre-headless", purpose: "a real Apache Kafka" },
    Service { program: "mvn", package: "maven", purpose: "a real Apache Kafka" },
    Service { program: "openssl", package: "openssl", purpose: "a Kafka with TLS" },
    Service { program: "make", package: "make", purpose: "the TLS of the Kafka client" },
    Service { program: "faketime", package: "faketime", purpose: "a clock that jumps" },
    Service { program: "ip", package: "iproute2", purpose: "a network that is cut" },
];

/// True on a build server: then nothing may be skipped.
pub fn is_ci() -> bool {
    env::var("CI").is_ok_and(|it| it == "true" || it == "1")
}

/// Installs what is missing and says so. What still is missing is an error if `is_required`, else it is named.
pub fn install(is_required: bool) -> Result<()> {
    let mut packages = missing().map(|it| it.package).collect::<Vec<_>>();
    if is_installed("python3") && !has_venv() {
        packages.push("python3-venv");
    }
    // Every Debian has a small perl; the build of OpenSSL wants the whole.
    if !has("perl", &["-MIPC::Cmd", "-MFindBin", "-e", "1"]) {
        packages.push("perl");
    }
    if !packages.is_empty() {
        println!("missing Debian packages: {}", packages.join(" "));
        if let Err(error) = install_packages(&packages) {
            println!("could not install them: {error:#}");
        }
    }
    let skipped: Vec<String> = missing().map(|it| format!("{} ({})", it.program, it.purpose)).collect();
    if skipped.is_empty() {
        println!("everything the tests need is installed");
        return Ok(());
    }
    if is_required {
        bail!("missing: {}", skipped.join(", "));
    }
    println!("SKIPPED for want of programs: {}", skipped.join(", "));
    Ok(())
}

fn missing() -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(|it| !is_installed(it.program))
}

/// Debian's python3 may come without the module that makes virtual environments.
fn has_venv() -> bool {
    has("python3", &["-c", "import venv, ensurepip"])
}

fn has(name: &str, arguments: &[&str]) -> bool {
    let mut command = program(name);
    command.args(arguments).stderr(std::process::Stdio::null());
    command.status().is_ok_and(|it| it.success())
}

fn install_packages(packages: &[&str]) -> Result<()> {
    if !is_installed("apt-get") {
        bail!("there is no apt-get; install them by hand");
    }
    let is_root = output(program("id").arg("-u"))?.trim() == "0";
    let apt_get = || {
        let mut command = if is_root { program("env") } else { program("sudo") };
        if !is_root {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
        command
    };
    run(apt_get().arg("update"))?;
    run(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))
}
