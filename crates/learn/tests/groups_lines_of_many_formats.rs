//! Does one configuration group lines of formats that look very different? Lines in the style of each, made up.

use std::collections::HashMap;

use learn::evaluate::grouping::grouping;
use learn::logs::{TemplateMiner, TemplateMinerConfig, parameters};

/// Each inner slice has the lines of one statement.
fn check(statements: &[&[&str]]) {
    let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
    let lines: Vec<(usize, &str)> =
        statements.iter().enumerate().flat_map(|(truth, lines)| lines.iter().map(move |it| (truth, *it))).collect();
    let ids: Vec<_> = lines.iter().map(|(_, line)| miner.learn_one(line)).collect();
    miner.settle();
    let found: Vec<_> = ids.iter().map(|it| miner.current(*it)).collect();
    let truth: Vec<usize> = lines.iter().map(|it| it.0).collect();
    let mut shown: HashMap<&str, Vec<&str>> = HashMap::new();
    for ((_, line), id) in lines.iter().zip(&found) {
        let template = miner.template(*id).expect("nothing made room");
        shown.entry(template).or_default().push(line);
        let n_values = template.matches("<*>").count();
        assert_eq!(parameters(template, line).len(), n_values, "{line:?} does not fit {template:?}");
    }
    assert_eq!(grouping(&found, &truth).accuracy, 1.0, "{shown:#?}");
}

#[test]
fn proxies_and_virtual_machines() {
    check(&[
        &[
            "mirror.example.com:443 open through relay px.lab.example.org:5070 TLS",
            "a-7.cdn.example.net:80 open through relay px.lab.example.org:5070 TLS",
        ],
        &[
            "mirror.example.com:443 open through relay px.lab.example.org:5070 SOCKS4",
            "10.7.8.9:22 open through relay px.lab.example.org:5070 SOCKS4",
        ],
        &[
            "mirror.example.com:443 close, 512 bytes sent, 77 bytes received, lifetime <1 sec",
            "10.7.8.9:22 close, 81 bytes sent, 9 bytes received, lifetime 02:41",
        ],
        &["mirror.example.com:443 close, 9120 bytes (8.90 KB) sent, 77 bytes received, lifetime 00:41"],
    ]);
    check(&[
        &[
            "[vm: 5f7b3a52-0b1c-4b3f-9a51-7d7f7f3f1c11] Guest Booted (Event)",
            "[vm: 0a7b3a52-0b1c-4b3f-9a51-7d7f7f3f1c12] Guest Booted (Event)",
        ],
        &["[vm: 5f7b3a52-0b1c-4b3f-9a51-7d7f7f3f1c11] Guest Halted (Event)"],
        &[
            r#"10.1.0.2 "GET /v2/7d7f7f3f1c11/disks/all?limit=3 HTTP/1.1" status: 200 len: 17 time: 0.25"#,
            r#"10.1.0.2 "GET /v2/0b1c4b3f/disks HTTP/1.1" status: 404 len: 170 time: 1.25"#,
        ],
        &[r#"10.1.0.2 "POST /v2/7d7f7f3f1c11/disks HTTP/1.1" status: 202 len: 17 time: 0.25"#],
        &["Wanted: memory 2048 MB, disk 20 GB, cpus 2", "Wanted: memory 4 GB, disk 900 MB, cpus 8"],
    ]);
}

#[test]
fn clusters() {
    check(&[
        &[
            "Chunk shuffle_3_piece0 kept in memory (estimated size 5.4 KB, free 12.1 MB)",
            "Chunk shuffle_11_piece2 kept in memory (estimated size 384.0 B, free 1.2 GB)",
        ],
        &["Input part: hdfs://10.0.0.8:9000/logs/a-b.log:0+77", "Input part: hdfs://node-b:9000/logs/c.log:77+770"],
        &["try_17_m_000012_0 Attempt moved from NEW to QUEUED", "try_17_m_000013_1 Attempt moved from NEW to QUEUED"],
        &["try_17_m_000012_0 Attempt moved from QUEUED to RUNNING"],
        &["Room left: <memory:512, cores:-3>", "Room left: <memory:1024, cores:2>"],
        &["Lease kept from ab:cd:ef:aa:bb:cc via eth0", "Lease kept from 00:11:22:33:44:55 via eth1"],
        &["Peers are [10.0.0.1:80, 10.0.0.2:80] now", "Peers are [10.0.0.1:80] now", "Peers are [] now"],
    ]);
}

#[test]
fn desktops_and_phones() {
    check(&[
        &[
            r"Loaded part 6.1.7 with Core: C:\Windows\sxs\amd64_part_31bf\core.dll",
            r"Loaded part 6.2.0 with Core: D:\sxs\x86_part\core.dll",
        ],
        &[
            "Item: Pack_for_KB123456~31bf3856ad364e35~amd64~~6.1.1.2, State: 112",
            "Item: Pack_for_KB99~31bf~x86~~6.1, State: 0",
        ],
        &[
            "take lock=23357, flags=0x1, tag=\"Radio\", ws=null, uid=1000",
            "take lock=9, flags=0x1, tag=\"Radio\", ws=null, uid=10",
        ],
        &["take lock=23357, flags=0x1, tag=\"Screen\", ws=null, uid=1000"],
        &["Bad token: app.os.Proxy@fedcba in task 7", "Bad token: app.os.Proxy@1a2b3c in task 9"],
        &["wl0: Roamed at Sat Jul  8 04:05:06 2017", "wl0: Roamed at Sun Aug 13 14:05:06 2017"],
    ]);
}

#[test]
fn words_that_name_things_become_variables_once_there_are_many() {
    check(&[
        &[
            "login of alice refused",
            "login of bob refused",
            "login of carol refused",
            "login of dave refused",
            "login of erin refused",
        ],
        &["session begun for user alice", "session begun for user bob", "session begun for user carol"],
        &["link to core up", "link to core up"],
        &["link to core down"],
        &["disk sda1 cannot be mounted: access denied", "disk sdb7 cannot be mounted: access denied"],
        &["disk sda1 cannot be mounted: no such device"],
    ]);
}
