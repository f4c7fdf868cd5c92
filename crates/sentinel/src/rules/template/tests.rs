//! Do templates say what those of Prometheus say? Its documentation's examples, each function, mistakes and bounds.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::*;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn stored(expression: &str) -> QueryResult {
    let up = |instance: &str, value: f64| (map(&[("__name__", "up"), ("instance", instance)]), value);
    match expression {
        "up" => Ok(vec![up("web-2:9100", 0.0), up("web-1:9100", 1.0)]),
        "none" => Ok(vec![]),
        "scalar(2)" => Ok(vec![(BTreeMap::new(), 2.0)]),
        "spoken" => Ok(vec![(map(&[("__value__", "many")]), 3.0)]),
        "rate(http[5m])" => Ok(vec![(map(&[("job", "shop")]), 1234.0), (map(&[("job", "cart")]), 5.0)]),
        _ => Err("bad_data: unknown".to_owned()),
    }
}

fn expand_with(value: f64, text: &str, query: &dyn Fn(&str) -> QueryResult) -> Result<String, String> {
    let labels = map(&[("instance", "web-1.north.example:9100"), ("job", "shop")]);
    let external = map(&[("region", "north")]);
    let external_url = "http://s:80/sentinel?x=1";
    let subject = Subject { value, labels: &labels, external_labels: &external, external_url, query };
    Template::parse(text)?.expand(&subject)
}

fn expand(value: f64, text: &str) -> Result<String, String> {
    expand_with(value, text, &stored)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(expand(2.5, text).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refuse(text: &str, expected: &str) {
    let error = expand(2.5, text).unwrap_err();
    assert!(error.contains(expected), "{text}: {error}");
}

/// Guarantees: MUST 371 of docs/specs/query-api.md.
#[test]
fn values_are_told_as_prometheus_tells_them() {
    let told = |value: f64, text: &str, expected: &str| {
        assert_eq!(expand(value, text).as_deref(), Ok(expected), "{text}");
    };
    told(17.0, "{{ $value }} jobs of {{ $labels.job }}", "17 jobs of shop");
    told(1_234_567.0, "{{$value}} {{ .Value | humanize }} {{ humanize1024 $value }}", "1.234567e+06 1.235M 1.177Mi");
    told(0.1234, "{{ $value | humanizePercentage }}", "12.34%");
    told(90_061.0, "{{ humanizeDuration $value }}", "1d 1h 1m 1s");
    told(0.0321, "{{ humanizeDuration $value }} {{ humanize $value }}", "32.1ms 32.1m");
    told(2.5, r#"{{ printf "%.2f of %s, %d%%" $value $labels.job 80 }}"#, "2.50 of shop, 80%");
    told(2.5, r#"{{ $value | printf "%.1f" }} {{ index $labels "job" | toUpper }}"#, "2.5 SHOP");
    told(2.0, r#"{{ if gt $value 1 }}many{{ else }}few{{ end }}"#, "many");
    told(2.0, r#"{{ if eq $labels.job "x" }}x{{- else -}} y {{- end }}."#, "y.");
    told(0.0, "{{ $labels.none }}{{ $externalLabels.region }} {{ $externalURL }}", "north http://s:80/sentinel?x=1");
    told(1_769_860_800.0, "{{ humanizeTimestamp $value }}", "2026-01-31 12:00:00 +0000 UTC");
    told(1_435_065_584.128, "{{ humanizeTimestamp $value }}", "2015-06-23 13:19:44.128 +0000 UTC");
    told(f64::NAN, "{{ humanizeTimestamp $value }} {{ humanize $value }}", "NaN NaN");
}

/// Guarantees: MUST 371 of docs/specs/query-api.md.
#[test]
fn the_examples_of_the_documentation_work() {
    check(
        "Instance {{ $labels.instance }} down: {{ $labels.instance }} of job {{ $labels.job }} has been down for more than 5 minutes.",
        "Instance web-1.north.example:9100 down: web-1.north.example:9100 of job shop has been down for more than 5 minutes.",
    );
    check(
        "{{ $labels.instance }} has a latency above 1s (current value: {{ $value }}s)",
        "web-1.north.example:9100 has a latency above 1s (current value: 2.5s)",
    );
    check(
        "{{ range query \"up\" }}\n  {{ .Labels.instance }} {{ .Value }}\n{{ end }}",
        "\n  web-2:9100 0\n\n  web-1:9100 1\n",
    );
    check(r#"{{ with query "scalar(2)" }}{{ . | first | value | humanize }}{{ end }}"#, "2");
    check(r#"{{ with query "none" }}{{ . | first | value }}{{ else }}nothing{{ end }}"#, "nothing");
    check(
        r#"{{ range printf "rate(%s[5m])" "http" | query }}{{ .Labels.job }}={{ .Value | humanize }} {{ end }}"#,
        "shop=1.234k cart=5 ",
    );
    check(
        "{{ define \"myTemplate\" }}\n  do something with {{ .arg0 }} and {{ .arg1 }}\n{{ end }}{{ template \"myTemplate\" (args 1 \"b\") }}",
        "\n  do something with 1 and b\n",
    );
    check(
        r#"{{ range query "up" | sortByLabel "instance" }}{{ label "instance" . | reReplaceAll ":(.*)" "/$1" }};{{ end }}"#,
        "web-1/9100;web-2/9100;",
    );
    check(r#"{{ (query "up" | first).Labels.instance }} {{ query "spoken" | first | strvalue }}"#, "web-2:9100 many");
}

/// Guarantees: MUST 378 of docs/specs/query-api.md.
#[test]
fn blocks_variables_and_jumps_are_those_of_go() {
    check("{{ if false }}a{{ else if 0 }}b{{ else if .Labels }}c{{ else }}d{{ end }}", "c");
    check(r#"{{ with $labels.none }}{{ . }}{{ else with $labels.job }}{{ . }}{{ end }}"#, "shop");
    check(
        "{{ range $name, $it := .Labels }}{{ $name }}:{{ $it }},{{ end }}",
        "instance:web-1.north.example:9100,job:shop,",
    );
    check(r#"{{ range $i, $s := query "up" }}{{ $i }}{{ $s.Value }} {{ end }}"#, "00 11 ");
    check(r#"{{ range query "none" }}x{{ else }}{{ .Value }}{{ end }}"#, "2.5");
    check(
        "{{ $n := 0 }}{{ range $i := 5 }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ if gt $i 3 }}{{ break }}{{ end }}{{ $n = $i }}{{ $i }}{{ end }}={{ $n }}",
        "023=3",
    );
    check(
        "{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}{{ if true }}{{ $x = 3 }}{{ end }}{{ $x }}",
        "213",
    );
    check("{{ with $x := .Value }}{{ $x }}{{ $.Labels.job }}{{ end }}", "2.5shop");
    check(
        r#"{{ block "b" .Labels }}<{{ .job }}{{ $.job }}>{{ end }}{{ template "b" .ExternalLabels }}"#,
        "<shopshop><>",
    );
    check(r#"{{ define "a" }}{{ . }}{{ end }}{{ tmpl "a" 5 | printf "%s!" }}{{ template "a" }}"#, "5!<no value>");
    check("a {{- /* none */ -}} b {{/* none */}} c\n{{- 1 -}}\n d", "ab  c1d");
    check(
        "{{ . }}",
        "{map[instance:web-1.north.example:9100 job:shop] map[region:north] http://s:80/sentinel?x=1 2.5}",
    );
    check("{{ \"a}}\\\"\\n\\x41\\u00e9\\101\" }}{{ `\\n}}` }}{{ 'a' }}", "a}}\"\nA\u{e9}A\\n}}97");
    check(
        "{{ 0x10 }} {{ -3 }} {{ 1_000 }} {{ 1e3 }} {{ .5 }} {{ 1.5e-3 }} {{ true }}",
        "16 -3 1000 1000 0.5 0.0015 true",
    );
}

/// Guarantees: MUST 378 of docs/specs/query-api.md.
#[test]
fn functions_of_go_answer_as_in_go() {
    check("{{ and 1 0 2 }} {{ or 0 \"\" 3 }} {{ not 0 }} {{ and true 5 }}", "0 3 true 5");
    check(r#"{{ or true (query "wrong") }}"#, "true");
    check(
        r#"{{ eq 1 2 1 }} {{ ne "a" "b" }} {{ lt 1 2.5 }} {{ le 2 2 }} {{ gt "b" "a" }} {{ ge 1 2 }}"#,
        "true true true true true false",
    );
    check(r#"{{ index (query "up") 1 | value }} {{ index $labels "none" }}{{ len $labels }} {{ len "abc" }}"#, "1 2 3");
    check(r#"{{ slice "abcdef" 1 3 }} {{ slice "abc" 1 }} {{ slice (query "up") 1 | len }}"#, "bc bc 1");
    check(r#"{{ print 1 2 "a" 3 "b" }}|{{ println 1 "a" }}"#, "1 2a3b|1 a\n");
    check(
        r#"{{ html "<a href='x'>&\"" }} {{ urlquery "a b&c/d" }}"#,
        "&lt;a href=&#39;x&#39;&gt;&amp;&#34; a+b%26c%2Fd",
    );
    check(
        r#"{{ printf "%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c" 42 42 42 42 42 42 42 5 65 }}"#,
        "   42|42   |00042|+42|2a|2A|52|101|A",
    );
    check(
        r#"{{ printf "%e|%E|%g|%.3g|%8.2f|%-8.1f|%08.2f|%v" 1.5 1.5 1.5 1234.5 1.5 1.5 -1.5 0.1 }}"#,
        "1.500000e+00|1.500000E+00|1.5|1.23e+03|    1.50|1.5     |-0001.50|0.1",
    );
    check(
        r#"{{ printf "%q %s %v %t %T %.2s|%4s|" "a\"" "b" "c" true 1 "abc" "x" }}"#,
        r#""a\"" b c true int ab|   x|"#,
    );
    check(
        r#"{{ printf "%d %s" $value }} {{ printf "%s" 1 2 }} {{ printf "%" }}"#,
        "%!d(float64=2.5) %!s(MISSING) %!s(int=1)%!(EXTRA int=2) %!(NOVERB)",
    );
}

/// Guarantees: MUST 371 of docs/specs/query-api.md. Values are those of Prometheus' own tests.
#[test]
fn functions_of_prometheus_answer_as_in_prometheus() {
    for (function, values, expected) in [
        ("humanize", "0.0 1.0 1234567.0 .12", "0:1:1.235M:120m:"),
        ("humanize1024", "0.0 1.0 1048576.0 .12", "0:1:1Mi:0.12:"),
        (
            "humanizeDuration",
            "0 1 60 3600 86400 90000 -183845 899.99",
            "0s:1s:1m 0s:1h 0m 0s:1d 0h 0m 0s:1d 1h 0m 0s:-2d 3h 4m 5s:14m 59s:",
        ),
        (
            "humanizeDuration",
            ".1 .0001 .12345 60.1 60.5 1.2345 12.345",
            "100ms:100us:123.5ms:1m 0s:1m 0s:1.234s:12.35s:",
        ),
        ("humanizePercentage", "-0.22222 0.0 0.1234567 1.23456", "-22.22%:0%:12.35%:123.5%:"),
    ] {
        let text: String = values.split(' ').map(|it| format!("{{{{ {function} {it} }}}}:")).collect();
        check(&text, expected);
        let text: String = values.split(' ').map(|it| format!("{{{{ \"{it}\" | {function} }}}}:")).collect();
        check(&text, expected);
    }
    check(
        r#"{{ "aa bb CC" | title }} {{ "aa bb CC" | toUpper }} {{ "aa bb CC" | toLower }} {{ title "a-b_c" }}"#,
        "Aa Bb CC AA BB CC aa bb cc A-B_c",
    );
    check(
        r#"{{ match "[a-z]+" "aa bb" }} {{ match "^b" "aa" }} {{ reReplaceAll "(a)b" "x$1" "abab" }}"#,
        "true false xaxa",
    );
    check(
        r#"{{ "foo{bar=\"baz\"}" | graphLink }} {{ tableLink "a b" }}"#,
        "/graph?g0.expr=foo%7Bbar%3D%22baz%22%7D&g0.tab=0 /graph?g0.expr=a+b&g0.tab=1",
    );
    check(
        r#"{{ "1h2m10ms" | parseDuration }} {{ parseDuration "0" }} {{ parseDuration "2w" }}"#,
        "3720.01 0 1.2096e+06",
    );
    check(
        r#"{{ "web:80" | stripPort }} {{ "[::1]:80" | stripPort }} {{ "::1" | stripPort }} {{ stripPort "web" }}"#,
        "web ::1 ::1 web",
    );
    check(
        r#"{{ stripDomain "a.b.c:80" }} {{ stripDomain "a.b" }} {{ stripDomain "10.0.0.1:80" }} {{ stripDomain "[::1]:80" }}"#,
        "a:80 a 10.0.0.1:80 [::1]:80",
    );
    check("{{ externalURL }} {{ pathPrefix }}", "http://s:80/sentinel?x=1 /sentinel");
    check(
        r#"{{ safeHtml "<b>" }} {{ urlQueryEscape "a b/\u00e9" }} {{ (args 1 "x").arg1 }} {{ (args 1).arg5 }}"#,
        "<b> a+b%2F%C3%A9 x <no value>",
    );
    check(
        r#"{{ (1435065584.128 | toTime).Year }} {{ toTime 0 }} {{ (toTime 3661).Format "2006-01-02 15:04:05 MST" }}"#,
        "2015 1970-01-01 00:00:00 +0000 UTC 1970-01-01 01:01:01 UTC",
    );
    check(
        r#"{{ $t := toTime 1435065584 }}{{ $t.Format "Jan _2 3:04PM" }} {{ $t.Weekday }} {{ $t.Unix }}"#,
        "Jun 23 1:19PM Tuesday 1435065584",
    );
}

/// Guarantees: MUST 371 of docs/specs/query-api.md.
#[test]
fn mistakes_are_told_with_place_and_what_is_known() {
    refuse("ab\n  {{ $value", "line 2, column 3: `}}` expected");
    refuse("{{ nothing }}", "line 1, column 4: function \"nothing\" is not known; and, or,");
    refuse("{{ $nothing }}", "$nothing is not known here; $, $labels, $externalLabels, $externalURL, $value are");
    refuse(
        "{{ .Nothing }}",
        "column 4: .Nothing is not known here; .Labels, .ExternalLabels, .ExternalURL, .Value are",
    );
    assert!(Template::parse("{{ if .Nothing }}{{ end }}").unwrap_err().contains(".Nothing is not known here"));
    refuse("{{ with .Value }}{{ end }}{{ $.Nothing }}", ".Nothing is not known here");
    check("{{ range query \"none\" }}{{ .Any }}{{ else }}{{ .Value }}{{ end }}", "2.5");
    refuse("{{ if $value }}x", "`{{ end }}` expected before the end");
    refuse("x{{ end }}", "no block is open");
    refuse("{{ else }}", "no block is open");
    refuse("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "has an `else` already");
    refuse("{{ }}", "a value or a function expected");
    refuse("{{ $value $value }}", "only functions have arguments");
    refuse("{{ 1 | 2 }}", "a function expected behind `|`");
    refuse("{{ (1 }}", "`)` expected");
    refuse("{{ 1) }}", "`}}` expected");
    refuse("{{ \"a }}", "a closing \" expected");
    refuse("{{ \"\\z\" }}", "\\z is not known");
    refuse("{{ 12a }}", "\"12a\" is not a number");
    refuse("{{ # }}", "'#' is not expected here");
    refuse("{{ print \"a\"\"b\" }}", "a space expected");
    refuse("{{ humanize }}", "humanize: 1 values expected, found 0");
    refuse("{{ break }}", "`break` outside `range`");
    refuse("{{ template \"x\" }}", "template \"x\" is not defined");
    refuse("{{ define \"x\" }}{{ $value }}{{ end }}", "$value is not known here; $ are");
    refuse("{{ define \"x\" }}{{ end }}{{ define \"x\" }}{{ end }}", "defined already");
    refuse("{{ if 1 }}{{ define \"x\" }}{{ end }}{{ end }}", "must not stand within a block");
    refuse("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "$x is not known here");
    refuse("{{ tmpl \"x\" 1 }}", "tmpl: template \"x\" is not defined");
    refuse("{{ query \"none\" | first }}", "column 19: first: first() called on vector with no elements");
    refuse("{{ query \"wrong\" }}", "query: \"wrong\": bad_data: unknown");
    refuse("{{ humanize \"x\" }}", "humanize: \"x\" is not a number");
    refuse("{{ eq 1 \"1\" }}", "eq: int and string cannot be compared");
    refuse("{{ range .Value }}{{ end }}", "range cannot go over float64");
    refuse("{{ match \"(\" \"x\" }}", "match: \"(\"");
    refuse("{{ index (query \"up\") 2 }}", "index: 2 is out of a list of 2");
    refuse("{{ parseDuration \"1m1h\" }}", "is not a duration");
    refuse("{{ toTime 1e12 }}", "overflows int64");
    refuse("{{ (toTime 1).Nothing }}", ".Nothing is not known of a time; Year,");
    refuse("{{ .Labels.job.x }}", "a value of type string has no fields");
}

/// Guarantees: MUST 379 of docs/specs/query-api.md.
#[test]
fn an_expansion_is_bounded() {
    let n_asked = Cell::new(0);
    let query = |_: &str| {
        n_asked.set(n_asked.get() + 1);
        Ok(vec![])
    };
    let error = expand_with(0.0, "{{ range 200 }}{{ query \"x\" }}{{ end }}", &query).unwrap_err();
    assert!(error.contains("more than 100 queries"), "{error}");
    assert_eq!(n_asked.get(), 100);
    refuse("{{ range 10001 }}{{ end }}", "more than 10000 times");
    refuse("{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}", "more than 10000 times");
    refuse("{{ range 9999 }}{{ printf \"%1000d\" 1 }}{{ end }}", "more than 1048576 bytes come out");
    refuse("{{ $x := \"aa\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}", "a text of more than 1048576 bytes");
    refuse("{{ $x := printf \"%1000d\" 1 }}{{ range 9999 }}{{ $y := print $x $x $x }}{{ end }}", "too much work");
    refuse("{{ printf \"%100000d\" 1 }}", "at most 1000 expected");
    refuse("{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}", "more than 100 blocks");
    refuse("{{ define \"a\" }}{{ tmpl \"a\" . }}{{ end }}{{ tmpl \"a\" 1 }}", "more than 100 blocks");
    refuse(
        "{{ define \"a\" }}{{ if true }}{{ template \"a\" }}{{ template \"a\" }}{{ end }}{{ end }}{{ template \"a\" }}",
        "more than 100 blocks",
    );
    refuse(&"{{ if true }}".repeat(1000), "more than 50 blocks");
    refuse(&format!("{{{{ if 0 }}}}{}", "{{ else if 0 }}".repeat(1000)), "more than 50 blocks");
    refuse(&format!("{{{{ {}", "(".repeat(100_000)), "`}}` expected");
    refuse(&format!("{{{{ {} }}}}", "(".repeat(100_000)), "more than 50 parentheses");
    // Each template puts in the next one twice.
    let doubled: String = (0..40)
        .map(|it| {
            format!("{{{{ define \"{it}\" }}}}{}{{{{ end }}}}", format!("{{{{ template \"{}\" }}}}", it + 1).repeat(2))
        })
        .collect();
    refuse(&format!("{doubled}{{{{ define \"40\" }}}}{{{{ end }}}}{{{{ template \"0\" }}}}"), "too much work");
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(50), ")".repeat(50));
    check(&nested, "1");
}

/// Any text is read or refused, never more.
#[test]
fn no_text_makes_it_panic() {
    let parts = [
        "{{", "}}", "{{-", "-}}", " ", "- ", "\"", "`", "'", "\\", "$", "$x", ":=", "=", ".", ".Labels", "..", "if",
        "else", "end", "range", "with", "define", "\"a\"", "template", "block", "break", "|", "(", ")", ",", "1", "0x",
        "1e", "-", "/*", "*/", "\u{e9}", "printf", "\"%\"", "index", "slice", "\n", "nil", "query", "%",
    ];
    let mut seed = 7_u64;
    for _ in 0..50_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(parts[(seed >> 33) as usize % parts.len()]);
            text.push_str(if seed >> 62 == 0 { "" } else { " " });
        }
        let _ = expand(1.0, &text);
        let _ = expand(1.0, &format!("{{{{ {text} }}}}"));
    }
}
