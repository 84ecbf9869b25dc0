//! The ladder, as a table.
#![allow(clippy::unwrap_used)]

use super::*;

const PATH: &str = "/home/ana/config.toml";

fn settle(file: &str, environment: &[(&str, &str)], given: &[&str]) -> Result<Config, ConfigError> {
    let given: Result<Vec<Given>, _> = given.iter().map(|text| assignment(text, "--set")).collect();
    let environment = environment
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    resolve(Path::new(PATH), Some(file), environment, &given?)
}

#[test]
fn each_setting_is_in_the_table_once_and_its_default_is_right() {
    for spec in SPECS {
        assert_eq!(keys::of(spec.key).name, spec.name);
        assert_eq!(keys::named(spec.name).unwrap().key, spec.key);
        assert_eq!(
            spec.checked(spec.fallback()),
            Ok(spec.fallback()),
            "{}",
            spec.name
        );
        assert!(!spec.section().is_empty() && !spec.about.is_empty());
    }
    let mut keys: Vec<Key> = SPECS.iter().map(|spec| spec.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), SPECS.len());
    assert_eq!(keys.last(), Some(&Key::LogFormat));
    assert_eq!(keys.len(), Key::LogFormat as usize + 1);
}

#[test]
fn who_stands_higher_is_heard() {
    let file = "version = 1\n[net]\nmdns = false\nrelay = \"https://a.example\"\n\n[log]\nfilter = \"info\"\n";
    // what each rung says of net.mdns, and who is heard
    type Rung<'a> = (
        &'a str,
        &'a [(&'a str, &'a str)],
        &'a [&'a str],
        bool,
        Origin,
    );
    let variable = "SYNLOG_NET_MDNS";
    let table: &[Rung<'_>] = &[
        ("", &[], &[], true, Origin::Default),
        (file, &[], &[], false, Origin::File(3)),
        (
            file,
            &[(variable, "true")],
            &[],
            true,
            Origin::Environment(variable.to_owned()),
        ),
        (file, &[(variable, "")], &[], false, Origin::File(3)),
        (
            file,
            &[(variable, "true")],
            &["net.mdns=false"],
            false,
            Origin::CommandLine("--set net.mdns=false".to_owned()),
        ),
        (
            "",
            &[],
            &["net.mdns=false", "net.mdns=true"],
            true,
            Origin::CommandLine("--set net.mdns=true".to_owned()),
        ),
        (
            "[net]\n# as it was\ngossip = true\n",
            &[("PATH", "/bin"), ("SYNLOG_HOME", "x")],
            &[],
            true,
            Origin::Default,
        ),
    ];
    for (file, environment, given, value, origin) in table {
        let config = settle(file, environment, given).unwrap();
        let settled = config.get(Key::NetMdns);
        assert_eq!(config.flag(Key::NetMdns), *value);
        assert_eq!(settled.origin, *origin, "{file} {environment:?} {given:?}");
    }
    let config = settle(file, &[("SYNLOG_NET_NEIGHBOURS", "/a:/b")], &[]).unwrap();
    assert_eq!(config.text(Key::NetRelay), Some("https://a.example"));
    assert_eq!(config.said_by(Key::NetRelay), "/home/ana/config.toml:4");
    assert_eq!(config.text(Key::LogFilter), Some("info"));
    assert_eq!(config.texts(Key::NetNeighbours), ["/a", "/b"]);
    assert_eq!(config.address(Key::WebAddress), None);
    let config = settle("web = { address = \"127.0.0.1:4477\" }", &[], &[]).unwrap();
    let address = config.address(Key::WebAddress).unwrap();
    assert_eq!(address, "127.0.0.1:4477".parse().unwrap());
}

#[test]
fn what_is_said_wrong_is_named_with_its_place_and_what_is_allowed() {
    // file, variable, option; the place; words of the reason
    type Wrong<'a> = (&'a str, (&'a str, &'a str), &'a str, &'a str, &'a [&'a str]);
    let none = ("", "");
    let table: &[Wrong<'_>] = &[
        (
            "[net]\nmdsn = true\n",
            none,
            "",
            "/home/ana/config.toml:2",
            &["net.mdsn", "offline, mdns"],
        ),
        (
            "\n\n[nett]\nmdns = true\n",
            none,
            "",
            "/home/ana/config.toml:3",
            &["nett", "[net]", "[log]"],
        ),
        (
            "[net]\nmdns = \"yes\"\n",
            none,
            "",
            "/home/ana/config.toml:2",
            &["true or false", "\"yes\""],
        ),
        (
            "[net]\nmdns = 1\n",
            none,
            "",
            "/home/ana/config.toml:2",
            &["true or false", "not 1"],
        ),
        (
            "[net]\nneighbours = [1]\n",
            none,
            "",
            "/home/ana/config.toml:2",
            &["a list of texts"],
        ),
        (
            "[log]\nformat = \"xml\"",
            none,
            "",
            "/home/ana/config.toml:2",
            &["text or json", "xml"],
        ),
        (
            "[log]\nfilter = \"inof\"",
            none,
            "",
            "/home/ana/config.toml:2",
            &["info", "inof"],
        ),
        (
            "[log]\nfilter = \"\"",
            none,
            "",
            "/home/ana/config.toml:2",
            &["trace"],
        ),
        (
            "[web]\naddress = \"4477\"",
            none,
            "",
            "/home/ana/config.toml:2",
            &["with a port"],
        ),
        (
            "net = 3\n",
            none,
            "",
            "/home/ana/config.toml:1",
            &["a section"],
        ),
        (
            "[net]\nmdns = true\nmdns = false\n",
            none,
            "",
            "/home/ana/config.toml:3",
            &["duplicate"],
        ),
        ("[net\n", none, "", "/home/ana/config.toml:1", &[]),
        (
            "version = 2\n[new]\nx = 1\n",
            none,
            "",
            "/home/ana/config.toml:1",
            &["made by a newer synlog", "2"],
        ),
        (
            "version = \"1\"\n",
            none,
            "",
            "/home/ana/config.toml:1",
            &["version is 1"],
        ),
        (
            "",
            ("SYNLOG_NET_MDNS", "on"),
            "",
            "SYNLOG_NET_MDNS",
            &["true or false", "\"on\""],
        ),
        (
            "",
            ("SYNLOG_NET_MDSN", "true"),
            "",
            "SYNLOG_NET_MDSN",
            &["SYNLOG_NET_MDNS"],
        ),
        (
            "",
            ("SYNLOG_WEB_METRICS", "all"),
            "",
            "SYNLOG_WEB_METRICS",
            &["token or loopback"],
        ),
        ("", none, "net.mdns", "--set net.mdns", &["KEY=VALUE"]),
        (
            "",
            none,
            "net.x=1",
            "--set net.x=1",
            &["net.mdns", "log.format"],
        ),
        (
            "",
            none,
            "net.relay=relay.example",
            "--set net.relay=relay.example",
            &["https://"],
        ),
        // also where somebody else would be heard
        (
            "[net]\nmdns = 1\n",
            none,
            "net.mdns=true",
            "/home/ana/config.toml:2",
            &["true or false"],
        ),
    ];
    for (file, variable, option, place, words) in table {
        let environment: &[(&str, &str)] = match variable.0.is_empty() {
            true => &[],
            false => &[*variable],
        };
        let given: &[&str] = match option.is_empty() {
            true => &[],
            false => &[*option],
        };
        let wrong = settle(file, environment, given).unwrap_err();
        assert_eq!(wrong.place, *place, "{wrong}");
        for word in *words {
            assert!(wrong.why.contains(word), "{wrong}: {word}");
        }
    }
}

#[test]
fn the_file_is_changed_and_the_rest_of_it_stays() {
    let mdns = keys::of(Key::NetMdns);
    let filter = keys::of(Key::LogFilter);
    let neighbours = keys::of(Key::NetNeighbours);
    let text = file::set("", mdns, &Value::Flag(false)).unwrap();
    assert_eq!(text, "version = 1\n\n[net]\nmdns = false\n");
    let text = "# my node\n[net]\nmdns = false # noisy here\n";
    let text = file::set(text, mdns, &Value::Flag(true)).unwrap();
    assert_eq!(text, "# my node\n[net]\nmdns = true # noisy here\n");
    let text = file::set(&text, filter, &Value::Text("info".to_owned())).unwrap();
    let both = Value::Texts(vec!["/a b".to_owned(), "/c".to_owned()]);
    let text = file::set(&text, neighbours, &both).unwrap();
    let config = settle(&text, &[], &[]).unwrap();
    assert_eq!(config.texts(Key::NetNeighbours), ["/a b", "/c"]);
    assert_eq!(config.text(Key::LogFilter), Some("info"));
    assert!(text.starts_with("# my node\n") && text.contains("# noisy here"));
    let text = file::unset(&text, "net.mdns").unwrap().unwrap();
    assert_eq!(
        settle(&text, &[], &[]).unwrap().get(Key::NetMdns).origin,
        Origin::Default
    );
    assert_eq!(file::unset(&text, "net.mdns").unwrap(), None);
    // what nobody knows can be taken out, too
    let text = file::unset("[net]\nmdsn = true\n[x]\ny = 1\n", "net.mdsn")
        .unwrap()
        .unwrap();
    let text = file::unset(&text, "x").unwrap().unwrap();
    assert!(settle(&text, &[], &[]).is_ok());
    for change in [
        file::set("version = 2\n", mdns, &Value::Flag(true)).map(Some),
        file::unset("version = 2\n[net]\nmdns = true\n", "net.mdns"),
        file::set("[net\n", mdns, &Value::Flag(true)).map(Some),
        file::set("net = 1\n", mdns, &Value::Flag(true)).map(Some),
    ] {
        assert!(change.is_err(), "{change:?}");
    }
}

#[test]
fn a_list_may_be_one_text() {
    let spec = |name: &str| SPECS.iter().find(|spec| spec.name == name).unwrap();
    for (name, typed, texts) in [
        ("net.neighbours", "/a:/b", &["/a", "/b"][..]),
        (
            "web.names",
            "counter.example:4443, [::1]:1,",
            &["counter.example:4443", "[::1]:1"],
        ),
        ("web.names", "", &[]),
    ] {
        let texts = texts.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(spec(name).typed(&[typed]), Ok(Value::Texts(texts)));
    }
}
