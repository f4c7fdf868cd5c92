//! How does what spans tell of get from the partition of their trace to the partitions of the services? Put together by
//! task for the way, and taken apart there.

use std::collections::{BTreeMap, HashMap};

use cluster::{Batch, Mark, Signals, TaskDone, What, Work, of_owner};
use detect::Task;
use signal::Timestamp;

use crate::roles::gateway::To;

/// What one record has told of; None if that is nothing.
pub fn of(from: u32, mark: Mark, done: Vec<detect::Work>) -> Option<Work> {
    let mut tasks: HashMap<Task, TaskDone> = HashMap::new();
    for detect::Work { task, secs, is_failed } in done {
        let so_far = tasks.entry(task).or_insert_with_key(begin);
        (if is_failed { &mut so_far.failed } else { &mut so_far.good }).push(secs);
    }
    let mut tasks: Vec<TaskDone> = tasks.into_values().collect();
    // The same spans make the same record, whoever works on them.
    tasks.sort_by(|a, b| (&a.owner, name(a)).cmp(&(&b.owner, name(b))));
    (!tasks.is_empty()).then_some(Work { from, mark, tasks })
}

fn begin(task: &Task) -> TaskDone {
    let what = match task {
        Task::Operation { name, kind, .. } => What::Operation(name.clone(), *kind),
        Task::Call { server, .. } => What::Call(server.clone()),
    };
    TaskDone { owner: task.owner().to_owned(), what, good: vec![], failed: vec![] }
}

fn name(task: &TaskDone) -> (u8, &str, &str) {
    match &task.what {
        What::Operation(name, kind) => (0, name, kind.as_str()),
        What::Call(server) => (1, server, ""),
    }
}

/// The records that carry it to the partitions of the services. How far a partition is goes to all of them.
pub fn records(work: Vec<Work>, received: Timestamp, partitions: u32) -> Vec<(To, Vec<u8>)> {
    let mut parts: BTreeMap<u32, Vec<Work>> = BTreeMap::new();
    for Work { from, mark, tasks } in work {
        if matches!(mark, Mark::Until(_)) {
            (0..partitions).for_each(|it| parts.entry(it).or_default().push(Work { from, mark, tasks: vec![] }));
            continue;
        }
        let mut by_partition: BTreeMap<u32, Vec<TaskDone>> = BTreeMap::new();
        for task in tasks {
            by_partition.entry(of_owner(&task.owner, partitions)).or_default().push(task);
        }
        for (partition, tasks) in by_partition {
            parts.entry(partition).or_default().push(Work { from, mark, tasks });
        }
    }
    let encode = |(partition, work)| {
        let records = Batch { received, signals: Signals::Work(work) }.encode();
        records.into_iter().map(move |it| (To::Partition(partition), it))
    };
    parts.into_iter().flat_map(encode).collect()
}

/// Each time that a task was done, to be counted.
pub fn done(it: &TaskDone) -> impl Iterator<Item = detect::Work> {
    let task = match &it.what {
        What::Operation(name, kind) => Task::Operation { service: it.owner.clone(), name: name.clone(), kind: *kind },
        What::Call(server) => Task::Call { client: it.owner.clone(), server: server.clone() },
    };
    let good = it.good.iter().map(|secs| (*secs, false));
    let all = good.chain(it.failed.iter().map(|secs| (*secs, true)));
    all.map(move |(secs, is_failed)| detect::Work { task: task.clone(), secs, is_failed })
}

#[cfg(test)]
mod tests {
    use signal::SpanKind;

    use super::*;

    #[test]
    fn all_work_arrives_where_its_service_is_counted() {
        let operation = |service: &str| Task::Operation {
            service: service.to_owned(),
            name: "GET".to_owned(),
            kind: SpanKind::Server,
        };
        let call = Task::Call { client: "shop".to_owned(), server: "pay".to_owned() };
        let tasks = [operation("shop"), operation("pay"), call, operation("shop")];
        let all: Vec<detect::Work> = tasks
            .into_iter()
            .enumerate()
            .map(|(idx, task)| detect::Work { task, secs: idx as f64, is_failed: idx == 3 })
            .collect();
        let work = of(2, Mark::Seen(9), all.clone()).unwrap();
        assert_eq!(work.tasks.len(), 3);
        let mut arrived = vec![];
        for (to, record) in records(vec![work], Timestamp::from_secs(1), 6) {
            let Signals::Work(all) = Batch::decode(&record).unwrap().signals else { panic!("no work") };
            for it in all {
                assert_eq!((it.from, it.mark), (2, Mark::Seen(9)));
                assert!(it.tasks.iter().all(|it| to == To::Partition(of_owner(&it.owner, 6))));
                arrived.extend(it.tasks.iter().flat_map(done));
            }
        }
        arrived.sort_by(|a, b| a.secs.total_cmp(&b.secs));
        assert_eq!(arrived, all);
        assert_eq!(of(2, Mark::Seen(10), vec![]), None);
    }
}
