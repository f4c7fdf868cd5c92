//! How does a test use a real Prometheus? It is started on a configuration of the test's and ended with it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::client::{encoded, send};
use super::server::Folder;
use super::services::free_port;
use super::wait_for;

/// A running Prometheus.
pub struct Prometheus {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Prometheus {
    /// Starts it with further arguments and waits until it is ready.
    pub fn start(folder: &Folder, config: &str, arguments: &[&str]) -> Self {
        let config = folder.write("prometheus.yml", config);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let log = std::fs::File::create(folder.path().join("prometheus.log")).expect("the folder can be written");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it is installed");
        let prometheus = Self { child, address };
        wait_for(Duration::from_secs(120), "Prometheus is ready", || {
            send(address, "GET", "/-/ready", &[], b"").ok().filter(|it| it.status == 200)
        });
        prometheus
    }
}

/// Gives a Prometheus of this folder, which has not started yet, these samples (text of OpenMetrics) as blocks.
pub fn make_past(folder: &Folder, text: &str) {
    let file = folder.write("past.txt", text);
    let mut promtool = Command::new("promtool");
    promtool.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(file).arg(folder.path().join("prometheus"));
    assert!(promtool.status().is_ok_and(|it| it.success()), "promtool makes blocks");
}

/// A target that answers each scrape with the text of its number.
pub fn serve_scrapes(text: impl Fn(usize) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for (scrape, mut stream) in listener.incoming().flatten().enumerate() {
            let body = text(scrape);
            let mut request = [0; 2048];
            let is_read = stream.read(&mut request).is_ok();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ =
                is_read && stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_ok();
        }
    });
    address
}

/// Samples of one series: milliseconds to the bits of the value.
pub type Samples = BTreeMap<i64, u64>;

/// The samples that a server with the API of Prometheus has of each series of a selector, one by one, in so much time
/// before an instant; no sample may be there twice. A chart could draw two that are close together as one.
pub fn samples(address: SocketAddr, selector: &str, window: &str, until: i64) -> Vec<(Value, Samples)> {
    let query = encoded(&format!("{selector}[{window}]"));
    let path = format!("/api/v1/query?query={query}&time={}.{:03}", until / 1000, until % 1000);
    let answer = send(address, "GET", &path, &[], b"").expect("the server answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let one = |series: &Value| {
        let mut samples = Samples::new();
        for pair in series["values"].as_array().into_iter().flatten() {
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
            let time = (pair[0].as_f64().expect("a time") * 1000.0).round() as i64;
            let value: f64 = pair[1].as_str().and_then(|it| it.parse().ok()).expect("a number");
            assert!(samples.insert(time, value.to_bits()).is_none(), "two samples at {time} of {}", series["metric"]);
        }
        (series["metric"].clone(), samples)
    };
    answer["data"]["result"].as_array().expect("a matrix").iter().map(one).collect()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}
