//! Which series does the shop expose? One row per reading, with the names and labels of usual exporters.

use signal::{Labels, SeriesPoints, Timestamp};

use super::fault::MINER_COMMAND;
use super::host::{HOST_MEMORY_BYTES, Host};
use super::layout::CORES;
use super::world::{MEGABYTE, Service, World};

/// Keeps the labels of each service and host, because making them anew each second is most of the work.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    services: Vec<Kept>,
    hosts: Vec<Kept>,
}

/// Labels in the order in which readings are put, valid for one version and one set of processes.
#[derive(Clone, Debug, Default)]
struct Kept {
    key: String,
    labels: Vec<Labels>,
}

impl Series {
    /// All readings of this second.
    pub(super) fn readings(&mut self, now: Timestamp, world: &World) -> Vec<SeriesPoints> {
        let mut out = Vec::with_capacity(256);
        self.services.resize_with(world.services.len(), Kept::default);
        self.hosts.resize_with(world.hosts.len(), Kept::default);
        for (kept, service) in self.services.iter_mut().zip(&world.services) {
            let key = format!("{}/{}", service.version, service.pid);
            read_service(service, &mut kept.sheet(key, now, &mut out));
        }
        for (kept, host) in self.hosts.iter_mut().zip(&world.hosts) {
            let key = host.harm.process.as_ref().map_or_else(String::new, |it| it.pid.to_string());
            read_host(host, &mut kept.sheet(key, now, &mut out));
        }
        out
    }
}

impl Kept {
    fn sheet<'a>(&'a mut self, key: String, now: Timestamp, out: &'a mut Vec<SeriesPoints>) -> Sheet<'a> {
        if self.key != key {
            self.labels.clear();
            self.key = key;
        }
        Sheet { kept: &mut self.labels, at: 0, now, out }
    }
}

struct Sheet<'a> {
    kept: &'a mut Vec<Labels>,
    at: usize,
    now: Timestamp,
    out: &'a mut Vec<SeriesPoints>,
}

impl Sheet<'_> {
    /// Adds one reading. Readings of one sheet must come in the same order each second.
    fn put(&mut self, name: &str, pairs: &[(&str, &str)], value: f64) {
        if self.at == self.kept.len() {
            self.kept.push(Labels::metric(name, pairs));
        }
        if let Some(labels) = self.kept.get(self.at) {
            self.out.push(SeriesPoints::one(labels.clone(), self.now, value));
        }
        self.at += 1;
    }
}

fn read_service(service: &Service, sheet: &mut Sheet<'_>) {
    let spec = service.spec;
    let (name, host) = (("service", spec.name), ("host", spec.host));
    sheet.put("http_requests_total", &[name, host, ("status", "200")], service.ok_total);
    sheet.put("http_requests_total", &[name, host, ("status", "500")], service.failed_total);
    let latency = service.latency;
    for (quantile, value) in [("0.5", latency.p50), ("0.95", latency.p95), ("0.99", latency.p99)] {
        sheet.put("http_request_duration_seconds", &[name, host, ("quantile", quantile)], value);
    }
    sheet.put("service_cpu_percent", &[name, host], service.cpu_percent);
    sheet.put("service_memory_bytes", &[name, host], service.memory_bytes.round());
    sheet.put("service_memory_limit_bytes", &[name, host], spec.memory_limit_mb * MEGABYTE);
    if spec.pool_max > 0.0 {
        sheet.put("db_pool_connections_in_use", &[name, host], service.pool_in_use);
        sheet.put("db_pool_connections_max", &[name, host], spec.pool_max);
        sheet.put("db_pool_wait_seconds", &[name, host], service.pool_wait_secs);
    }
    sheet.put("queue_depth", &[name, host], service.queue_depth);
    sheet.put("service_gc_pause_seconds", &[name, host], service.gc_pause_secs);
    sheet.put("build_info", &[name, host, ("version", &service.version)], 1.0);
    for call in &service.calls {
        let peer = ("peer_service", call.peer);
        sheet.put("client_request_duration_seconds", &[name, host, peer, ("quantile", "0.95")], call.seen.p95);
        sheet.put("client_errors_total", &[name, host, peer], call.errors_total);
    }
    let pid = service.pid.to_string();
    let command = format!("/srv/{0}/bin/{0} --listen 0.0.0.0:8080", spec.name);
    let process = [host, ("pid", pid.as_str()), ("start_time", "1767000000"), ("command", command.as_str())];
    sheet.put("host_process_cpu_percent", &process, service.cpu_percent);
    sheet.put("host_process_memory_bytes", &process, service.memory_bytes.round());
}

fn read_host(host: &Host, sheet: &mut Sheet<'_>) {
    let name = ("host", host.name);
    sheet.put("host_cpu_percent", &[name], host.cpu_percent);
    for (core, value) in ["0", "1", "2", "3"].iter().take(CORES).zip(host.core_percent) {
        sheet.put("host_cpu_core_percent", &[name, ("core", core)], value);
    }
    sheet.put("host_memory_used_percent", &[name], host.memory_bytes / HOST_MEMORY_BYTES * 100.0);
    sheet.put("host_memory_used_bytes", &[name], host.memory_bytes.round());
    sheet.put("host_memory_total_bytes", &[name], HOST_MEMORY_BYTES);
    sheet.put("host_swap_used_percent", &[name], 0.0);
    sheet.put("host_disk_used_percent", &[name, ("mount", "/")], host.disk_percent);
    sheet.put("host_disk_read_bytes_per_second", &[name], host.read_bytes);
    sheet.put("host_disk_written_bytes_per_second", &[name], host.written_bytes);
    sheet.put("host_network_received_bytes_per_second", &[name, ("interface", "eth0")], host.received_bytes);
    sheet.put("host_network_sent_bytes_per_second", &[name, ("interface", "eth0")], host.sent_bytes);
    for (load, value) in ["host_load1", "host_load5", "host_load15"].iter().zip(host.loads) {
        sheet.put(load, &[name], value);
    }
    let pressure = [("cpu", host.cpu_pressure), ("memory", 0.0), ("io", host.io_pressure)];
    for (resource, value) in pressure {
        sheet.put("host_pressure_percent", &[name, ("resource", resource), ("kind", "some")], value);
    }
    sheet.put("host_processes", &[name], host.processes);
    if let Some(process) = &host.harm.process {
        let (pid, start_time) = (process.pid.to_string(), process.start_time.to_string());
        let command = ("command", MINER_COMMAND);
        let pairs = [name, ("pid", pid.as_str()), ("start_time", start_time.as_str()), command];
        sheet.put("host_process_cpu_percent", &pairs, process.cores * 100.0);
        sheet.put("host_process_memory_bytes", &pairs, 260.0 * MEGABYTE);
    }
}
