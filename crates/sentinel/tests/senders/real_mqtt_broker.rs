//! Do messages reach Sentinel through a real broker, by both versions of MQTT, and is none lost when Sentinel or the
//! broker is killed?

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::prometheus::samples;
use crate::support::server::{Folder, QUIET, Server};
use crate::support::services::{free_port, is_there};
use crate::support::wait_for;

const LIMIT: Duration = Duration::from_secs(180);

/// A running mosquitto that remembers sessions over its own death.
struct Broker {
    child: Child,
    folder: Folder,
    port: u16,
}

impl Broker {
    fn start() -> Option<Self> {
        if !is_there("mosquitto", "MQTT through a real broker") || !is_there("mosquitto_pub", "MQTT by a real sender") {
            return None;
        }
        let folder = Folder::new("mosquitto");
        let port = free_port();
        // It would give up its rights for a user that may not write here.
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nuser {}\npersistence true\npersistence_location {}/\n\
             autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 10000\n",
            user.trim(),
            folder.path().display()
        );
        folder.write("mosquitto.conf", &config);
        let child = spawn(&folder);
        let broker = Self { child, folder, port };
        broker.wait();
        Some(broker)
    }

    fn wait(&self) {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        wait_for(LIMIT, "the broker listens", || std::net::TcpStream::connect(address).ok());
    }

    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.folder);
        self.wait();
    }

    fn publish(&self, version: &str, topic: &str, payload: &str) {
        let port = self.port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-V", version, "-q", "1", "-t", topic, "-m", payload];
        assert!(Command::new("mosquitto_pub").args(arguments).status().unwrap().success(), "{topic} {payload}");
    }
}

fn spawn(folder: &Folder) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.path().join("mosquitto.log")).unwrap();
    let mut mosquitto = Command::new("mosquitto");
    mosquitto.arg("-v").arg("-c").arg(folder.path().join("mosquitto.conf"));
    mosquitto.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}

fn config(broker: &Broker, version: u8) -> String {
    format!(
        "{QUIET}mqtt:
  - broker: mqtt://127.0.0.1:{}
    version: {version}
    client_id: sentinel-by-{version}
    topics:
      - topic: sensors/{{host}}/{{__name__}}
        labels: {{site: roof}}
      - topic: tele/{{device}}/SENSOR
        name: tasmota
        time_key: Time
      - topic: telegraf/#
",
        broker.port
    )
}

/// The values of a series in order of time.
fn values(server: &Server, series: &str) -> Vec<f64> {
    let shown = |it: &serde_json::Value| {
        let labels = it.as_object().unwrap();
        let rest =
            labels.iter().filter(|it| it.0 != "__name__").map(|it| format!("{}={}", it.0, it.1.as_str().unwrap()));
        format!("{} {}", labels["__name__"].as_str().unwrap(), rest.collect::<Vec<_>>().join(" "))
    };
    let name = series.split(' ').next().unwrap();
    let all = samples(server.address, name, "2h", jiff::Timestamp::now().as_millisecond() + 1000);
    let found = all.into_iter().find(|it| shown(&it.0) == series);
    found.map_or(vec![], |it| it.1.into_values().map(f64::from_bits).collect())
}

fn has(server: &Server, series: &str, expected: &[f64]) {
    wait_for(LIMIT, &format!("{series} has {expected:?}"), || (values(server, series) == expected).then_some(()));
}

fn connected(server: &Server, n_times: usize) {
    wait_for(LIMIT, "Sentinel is connected", || {
        (server.log().matches("Connected to MQTT").count() >= n_times).then_some(())
    });
}

/// Guarantees: MUST 140, 141 and 142 of docs/specs/ingest.md.
#[test]
fn both_versions_bring_numbers_objects_and_lines() {
    let Some(broker) = Broker::start() else { return };
    for (version, name) in [(3, "mqttv311"), (5, "mqttv5")] {
        let server = Server::start("mqtt", &config(&broker, version));
        connected(&server, 1);
        let now = jiff::Timestamp::now();
        broker.publish(name, "sensors/attic/temperature", "21.5");
        broker.publish(name, "sensors/attic/door", "{\"open\":true,\"name\":\"<b>x</b>\",\"battery\":{\"volts\":3.1}}");
        broker.publish(name, "tele/plug/SENSOR", &format!("{{\"Time\":\"{now}\",\"ENERGY\":{{\"Power\":42}}}}"));
        broker.publish(name, "telegraf/web-1", &format!("cpu,host=web-1 usage_idle=91.5 {}", now.as_nanosecond()));
        broker.publish(name, "sensors/attic/broken", "{\"open\":");
        broker.publish(name, "sensors/attic/last", "1");
        has(&server, "temperature host=attic site=roof", &[21.5]);
        has(&server, "door_open host=attic site=roof", &[1.0]);
        has(&server, "door_battery_volts host=attic site=roof", &[3.1]);
        has(&server, "tasmota_ENERGY_Power device=plug", &[42.0]);
        has(&server, "cpu_usage_idle host=web-1", &[91.5]);
        has(&server, "last host=attic site=roof", &[1.0]);
        let dropped = |reason| server.metric("sentinel_ingest_signals_dropped_total", &["\"mqtt\"", reason]);
        assert_eq!((dropped("\"malformed\""), dropped("\"text\"")), (1.0, 1.0), "version {version}");
    }
}

/// Guarantees: MUST 143 and 144: what was published while Sentinel or the broker was away, or just before, is there.
#[test]
fn nothing_is_lost_when_either_side_is_killed() {
    let Some(mut broker) = Broker::start() else { return };
    let mut server = Server::start("mqtt-kill", &config(&broker, 3));
    connected(&server, 1);
    let mut next = 0;
    let publish = |broker: &Broker, next: &mut i32, count: i32| {
        for _ in 0..count {
            let payload = format!("{{\"Time\":\"{}\",\"n\":{next}}}", jiff::Timestamp::now());
            broker.publish("mqttv311", "tele/plug/SENSOR", &payload);
            *next += 1;
        }
    };
    for round in 2..5 {
        publish(&broker, &mut next, 10);
        server.kill();
        publish(&broker, &mut next, 10);
        server.restart();
        connected(&server, round);
    }
    publish(&broker, &mut next, 5);
    // What the broker has answered is on its own disk only a moment later: it dies when Sentinel has everything.
    let numbers = |next: i32| (0..next).map(f64::from).collect::<Vec<f64>>();
    has(&server, "tasmota_n device=plug", &numbers(next));
    broker.restart();
    connected(&server, 5);
    publish(&broker, &mut next, 10);
    has(&server, "tasmota_n device=plug", &numbers(next));
    eprintln!("{next} messages published, each stored once");
}
