//! Two real nodes on loopback: they meet by ticket, prove their devices, pass frames, and
//! hold out against those who don't keep to the protocol.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use synlog_log::identity::{Action, Certificate, Statement};
use synlog_log::ids::{DeviceId, EntityId};
use synlog_log::keys::SecretKey;
use synlog_net::handshake::{Greeting, HELLO_LEN, Hello, Proof, Side};
use synlog_net::{Command, Config, Dht, Event, GossipTopic, Identity, Net, Via, Why};
use synlog_replication::peer::{LinkId, NodeId, Peer, Proven};

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A device of an entity, known by its seed.
pub(crate) fn identity(seed: u8) -> Identity {
    let (root, key) = (
        SecretKey::from_seed([seed; 32]),
        SecretKey::from_seed([seed + 100; 32]),
    );
    let entity = EntityId(root.public());
    let statement = Statement {
        entity,
        number: 0,
        prev: None,
        issued_ms: 1,
        action: Action::Certify {
            device: DeviceId(key.public()),
            acceptance: Statement::acceptance(&entity, &key),
            name: format!("device-{seed}"),
        },
    };
    let certificate = Certificate {
        rotations: Vec::new(),
        certify: statement.sign(&root),
    };
    Identity {
        key,
        certificate: certificate.encode(),
    }
}

fn proven(seed: u8) -> Proven {
    Proven {
        device: DeviceId(SecretKey::from_seed([seed + 100; 32]).public()),
        entity: EntityId(SecretKey::from_seed([seed; 32]).public()),
    }
}

/// A node for tests: on loopback, known by its seed.
fn config(seed: u8) -> Config {
    let mut config = Config::new([seed + 50; 32], [seed; 16], [seed + 1; 32]);
    config.identity = Some(identity(seed));
    config.bind = Some("127.0.0.1:0".parse().unwrap());
    config
}

fn node(seed: u8) -> Net {
    Net::start(config(seed)).unwrap()
}

/// The next event that a question answers.
fn wait<T>(net: &mut Net, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        let event = net.next(PATIENCE).expect("nothing happened");
        if let Some(found) = wanted(event) {
            return found;
        }
    }
}

fn connected(net: &mut Net) -> (LinkId, Peer, bool) {
    wait(net, |event| match event {
        Event::Connected {
            link, peer, dialed, ..
        } => Some((link, peer, dialed)),
        Event::DialFailed { why, .. } => panic!("{why}"),
        _ => None,
    })
}

fn message(net: &mut Net) -> Vec<u8> {
    wait(net, |event| match event {
        Event::Message { message, .. } => Some(message.into_bytes()),
        Event::Closed { why, .. } => panic!("{why}"),
        _ => None,
    })
}

fn closed(net: &mut Net) -> (LinkId, Why) {
    wait(net, |event| match event {
        Event::Closed { link, why } => Some((link, why)),
        _ => None,
    })
}

/// Makes one call the other by its ticket.
fn call(caller: &mut Net, called: &mut Net) -> (LinkId, LinkId) {
    // a ticket is a text between people
    let ticket = called.desk().ticket().to_string().parse().unwrap();
    caller.tell(Command::Learn(ticket));
    caller.tell(Command::Dial {
        node: called.node(),
    });
    (connected(caller).0, connected(called).0)
}

#[test]
fn two_nodes_meet_by_ticket_and_prove_their_devices() {
    let (mut ana, mut ben) = (node(1), node(2));
    let ticket = ben.desk().ticket();
    assert!(!ticket.addresses.is_empty());
    ana.tell(Command::Learn(ticket));
    ana.tell(Command::Dial { node: ben.node() });
    let (from_ana, peer, dialed) = connected(&mut ana);
    assert_eq!(
        (peer.node, peer.proven, dialed),
        (ben.node(), Some(proven(2)), true)
    );
    let (from_ben, peer, dialed) = connected(&mut ben);
    assert_eq!(
        (peer.node, peer.proven, dialed),
        (ana.node(), Some(proven(1)), false)
    );
    // both sides may speak first
    let (link, bytes) = (from_ben, b"good day".to_vec());
    ben.tell(Command::Send { link, bytes });
    assert_eq!(message(&mut ana), b"good day");
    let (link, bytes) = (from_ana, b"hello".to_vec());
    ana.tell(Command::Send { link, bytes });
    assert_eq!(message(&mut ben), b"hello");
    wait(&mut ana, |event| match event {
        Event::Sent { bytes, .. } => Some(bytes),
        _ => None,
    });
    let known = &ana.desk().peers()[0];
    assert_eq!(known.name.as_deref(), Some("device-2"));
    assert!(matches!(known.via, Via::Lan(_)), "{known:?}");
    assert_eq!((known.sent_bytes, known.received_bytes), (5, 8));
    ana.tell(Command::Close {
        link: from_ana,
        why: "enough",
    });
    assert_eq!(closed(&mut ana).1, Why::Here("enough"));
    assert_eq!(closed(&mut ben).1, Why::There("enough".to_owned()));
    assert_eq!(ben.desk().peers()[0].link, None);
    ana.close();
    ben.close();
}

#[test]
fn who_reads_slowly_slows_down_who_writes() {
    const MESSAGES: usize = 60;
    let (mut ana, mut ben) = (node(3), node(4));
    let (link, _) = call(&mut ana, &mut ben);
    // more than fits anywhere between them, sent as fast as it leaves
    let body = |number: usize| vec![number as u8; 1 << 20];
    let (mut told, mut left) = (0, 0);
    let mut stuck = 0;
    while told < MESSAGES && stuck < 4 {
        while told < MESSAGES && told - left < 4 {
            ana.tell(Command::Send {
                link,
                bytes: body(told),
            });
            told += 1;
        }
        match ana.next(Duration::from_millis(250)) {
            Some(Event::Sent { bytes, .. }) => {
                assert_eq!(bytes, 1 << 20);
                left += 1;
            }
            Some(other) => panic!("{other:?}"),
            None => stuck += 1,
        }
    }
    assert!(left < MESSAGES / 2, "nobody read, and {left} left");
    let mut read = 0;
    while read < MESSAGES {
        match ben.next(Duration::from_millis(1)) {
            Some(Event::Message { message, .. }) => {
                assert_eq!(message.into_bytes(), body(read));
                read += 1;
            }
            Some(Event::Closed { why, .. }) => panic!("{why}"),
            _ => {}
        }
        while let Some(event) = ana.next(Duration::ZERO) {
            left += usize::from(matches!(event, Event::Sent { .. }));
        }
        while told < MESSAGES && told - left < 4 {
            ana.tell(Command::Send {
                link,
                bytes: body(told),
            });
            told += 1;
        }
    }
    ana.close();
    ben.close();
}

#[test]
fn who_never_waits_is_cut_off() {
    let (mut ana, mut ben) = (node(5), node(6));
    let (link, _) = call(&mut ana, &mut ben);
    for _ in 0..60 {
        let bytes = vec![0; 1 << 20];
        ana.tell(Command::Send { link, bytes });
    }
    assert_eq!(closed(&mut ana).1, Why::TooSlow);
    ana.close();
    ben.close();
}

#[test]
fn two_that_call_at_once_have_one_link() {
    for seed in 0..8 {
        let (mut ana, mut ben) = (node(10 + 2 * seed), node(11 + 2 * seed));
        let (to_ana, to_ben) = (ana.desk().ticket(), ben.desk().ticket());
        ana.tell(Command::Learn(to_ben));
        ben.tell(Command::Learn(to_ana));
        ana.tell(Command::Dial { node: ben.node() });
        ben.tell(Command::Dial { node: ana.node() });
        // whatever was connected and closed on the way, one link stays, and it works
        let (mut at_ana, mut at_ben) = ((None, false), (None, false));
        let began = Instant::now();
        // what is shown is the link that was told of last, and the same call at both ends
        let shown = |ana: &Net, ben: &Net| {
            let [ana, ben] = [ana, ben].map(|net| net.desk().peers());
            let each = ana.iter().zip(&ben);
            let each = each.map(|(ana, ben)| (ana.link, ben.link, ana.dialed != ben.dialed));
            each.collect::<Vec<_>>()
        };
        while !(at_ana.1 && at_ben.1) || shown(&ana, &ben) != [(at_ana.0, at_ben.0, true)] {
            let state = (at_ana, at_ben, shown(&ana, &ben));
            assert!(began.elapsed() < PATIENCE, "seed {seed}: {state:?}");
            for (net, (link, heard)) in [(&mut ana, &mut at_ana), (&mut ben, &mut at_ben)] {
                match net.next(Duration::from_millis(20)) {
                    Some(Event::Connected { link: new, .. }) => {
                        (*link, *heard) = (Some(new), false);
                        let bytes = b"hello".to_vec();
                        net.tell(Command::Send { link: new, bytes });
                    }
                    Some(Event::Closed { link: old, why }) => {
                        assert_eq!(why, Why::Duplicate);
                        if *link == Some(old) {
                            (*link, *heard) = (None, false);
                        }
                    }
                    Some(Event::Message { link: over, .. }) if *link == Some(over) => *heard = true,
                    Some(Event::DialFailed { why, .. }) => assert_eq!(why, Why::Duplicate),
                    _ => {}
                }
            }
        }
        ana.close();
        ben.close();
    }
}

#[test]
fn a_node_that_was_started_again_is_let_in_at_once() {
    let (mut ana, mut ben) = (node(30), node(31));
    let (_, old) = call(&mut ana, &mut ben);
    // it goes without a word, as a killed process does
    std::mem::forget(ana);
    let mut again = config(30);
    again.run = [99; 16];
    let mut ana = Net::start(again).unwrap();
    ana.tell(Command::Learn(ben.desk().ticket()));
    ana.tell(Command::Dial { node: ben.node() });
    connected(&mut ana);
    let (mut gone, mut new) = (false, None);
    while !gone || new.is_none() {
        match ben.next(PATIENCE).unwrap() {
            Event::Closed { link, .. } => gone |= link == old,
            Event::Connected { link, .. } => new = Some(link),
            _ => {}
        }
    }
    assert_ne!(new, Some(old));
    ana.close();
    ben.close();
}

#[test]
fn a_call_that_comes_to_nothing_is_told() {
    let mut ana = node(32);
    let nobody = NodeId(SecretKey::from_seed([77; 32]).public());
    ana.tell(Command::Dial { node: nobody });
    let failed = wait(&mut ana, |event| match event {
        Event::DialFailed { node, why } => Some((node, why)),
        _ => None,
    });
    assert_eq!(failed, (nobody, Why::NoAddress));
    assert!(ana.desk().peers()[0].why_not.is_some());
    ana.close();
    let mut offline = config(33);
    offline.online = false;
    let mut offline = Net::start(offline).unwrap();
    offline.tell(Command::Dial { node: nobody });
    let why = wait(&mut offline, |event| match event {
        Event::DialFailed { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(why, Why::Offline);
    offline.close();
}

#[test]
fn each_call_is_answered() {
    let (mut ana, mut ben) = (node(60), node(61));
    call(&mut ana, &mut ben);
    // there is a link: whoever asks for another must not wait for it
    ana.tell(Command::Dial { node: ben.node() });
    let why = wait(&mut ana, |event| match event {
        Event::DialFailed { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(why, Why::Duplicate);
    assert!(ana.desk().peers()[0].why_not.is_none());
    ana.close();
    ben.close();
}

#[test]
fn who_proves_nothing_is_a_stranger() {
    let mut stranger = config(34);
    stranger.identity = None;
    let (mut stranger, mut ana) = (Net::start(stranger).unwrap(), node(35));
    stranger.tell(Command::Learn(ana.desk().ticket()));
    stranger.tell(Command::Dial { node: ana.node() });
    let (_, peer, _) = connected(&mut ana);
    assert_eq!(
        peer,
        Peer {
            node: stranger.node(),
            proven: None
        }
    );
    let (_, peer, _) = connected(&mut stranger);
    assert_eq!(peer.proven, Some(proven(35)));
    stranger.close();
    ana.close();
}

#[test]
fn a_changed_device_is_proven_on_the_next_link() {
    let (mut ana, mut ben) = (node(36), node(37));
    ana.tell(Command::Become(Some(identity(38))));
    call(&mut ana, &mut ben);
    let known = ben.desk().peers();
    assert_eq!(known[0].proven, Some(proven(38)));
    ana.close();
    ben.close();
}

/// A node that lets others in over a socket file, and the file.
fn with_socket(seed: u8) -> (Net, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(seed);
    config.online = false;
    config.socket = Some(UnixListener::bind(directory.path().join("s")).unwrap());
    (Net::start(config).unwrap(), directory)
}

#[test]
fn nodes_of_one_machine_meet_over_a_socket_file() {
    let (mut ana, directory) = with_socket(40);
    let (mut ben, _) = with_socket(41);
    let path = directory.path().join("s");
    ben.tell(Command::DialSocket { path });
    let (link, peer, _) = connected(&mut ben);
    assert_eq!((peer.node, peer.proven), (ana.node(), Some(proven(40))));
    let (_, peer, _) = connected(&mut ana);
    assert_eq!((peer.node, peer.proven), (ben.node(), Some(proven(41))));
    let bytes = vec![7; 300_000];
    ben.tell(Command::Send { link, bytes });
    assert_eq!(message(&mut ana), vec![7; 300_000]);
    assert_eq!(ana.desk().peers()[0].via, Via::Socket);
    ben.close();
    assert_eq!(closed(&mut ana).1, Why::There("stopping".to_owned()));
    ana.close();
}

/// What the node says to bytes that make no sense.
fn said_to(path: &std::path::Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
    frame.push(kind);
    frame.extend_from_slice(body);
    frame
}

#[test]
fn garbage_is_answered_with_a_reason_and_nothing_else() {
    let (mut ana, directory) = with_socket(42);
    let path = directory.path().join("s");
    let told = |said: &[u8], reason: &str| {
        let bye = frame(4, reason.as_bytes());
        assert!(said.ends_with(&bye), "{reason}: {said:?}");
    };
    told(&said_to(&path, &[0xff; 40]), "bad frame");
    told(&said_to(&path, &frame(9, b"")), "bad frame");
    told(&said_to(&path, &frame(3, b"hello?")), "bad frame");
    let huge = [0xff, 0xff, 0xff, 0xff, 1];
    told(&said_to(&path, &huge), "frame too long");
    told(&said_to(&path, &frame(1, &[9; HELLO_LEN])), "other version");
    told(&said_to(&path, &frame(1, &[1; HELLO_LEN - 1])), "bad frame");
    let hello = Hello {
        node: NodeId(SecretKey::from_seed([5; 32]).public()),
        run: [0; 16],
        nonce: [1; 32],
    };
    // a hello alone, somebody else's node, a proof that is none
    let mut bytes = frame(1, &hello.encode());
    bytes.extend(frame(2, &[0, 0]));
    told(&said_to(&path, &bytes), "bad proof");
    let mut bytes = frame(1, &hello.encode());
    bytes.extend(frame(2, &[7; 90]));
    told(&said_to(&path, &bytes), "bad frame");
    let own = Hello {
        node: ana.node(),
        ..hello
    };
    told(&said_to(&path, &frame(1, &own.encode())), "same node");
    assert!(
        ana.next(Duration::from_millis(50)).is_none(),
        "it never counted"
    );
    ana.close();
}

/// Speaks the protocol by hand over a socket file, up to where links count.
fn by_hand(path: &std::path::Path, seed: u8) -> UnixStream {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let transport = SecretKey::from_seed([seed; 32]);
    let dialer = Hello {
        node: NodeId(transport.public()),
        run: [0; 16],
        nonce: [seed; 32],
    };
    stream.write_all(&frame(1, &dialer.encode())).unwrap();
    let (kind, theirs) = read_frame(&mut stream);
    assert_eq!(kind, 1);
    let acceptor = Hello::decode(&theirs).unwrap();
    let greeting = Greeting { dialer, acceptor };
    let proof = Proof::of(&greeting, Side::Dialer, None, Some(&transport));
    stream.write_all(&frame(2, &proof.encode())).unwrap();
    let (kind, theirs) = read_frame(&mut stream);
    assert_eq!(kind, 2);
    let theirs = Proof::decode(&theirs).unwrap();
    let shown = theirs.verify(&greeting, Side::Acceptor, false).unwrap();
    assert!(shown.is_some());
    stream
}

fn read_frame(stream: &mut UnixStream) -> (u8, Vec<u8>) {
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).unwrap();
    (head[4], body)
}

#[test]
fn a_link_ends_at_the_first_frame_that_is_wrong() {
    let (mut ana, directory) = with_socket(43);
    let path = directory.path().join("s");
    let cases: [(&[u8], Why, &str); 3] = [
        (&[0xff, 0xff, 0xff, 0x7f, 3], Why::TooLong, "frame too long"),
        (&[0, 0, 0, 0, 77], Why::BadFrame, "bad frame"),
        (&[0, 0, 0, 0, 1], Why::BadFrame, "bad frame"),
    ];
    for (seed, (bytes, why, told)) in (60..).zip(cases) {
        let mut stream = by_hand(&path, seed);
        let (_, peer, dialed) = connected(&mut ana);
        assert_eq!((peer.proven, dialed), (None, false));
        stream.write_all(&frame(3, b"right")).unwrap();
        assert_eq!(message(&mut ana), b"right");
        stream.write_all(bytes).unwrap();
        assert_eq!(closed(&mut ana).1, why);
        assert_eq!(read_frame(&mut stream), (4, told.as_bytes().to_vec()));
    }
    // who cuts the line in the middle of a frame is gone without a word
    let mut stream = by_hand(&path, 70);
    connected(&mut ana);
    stream.write_all(&[200, 0, 0, 0, 3, 1, 2]).unwrap();
    drop(stream);
    assert_eq!(closed(&mut ana).1, Why::Lost);
    ana.close();
}

#[test]
fn gossip_reaches_the_others_and_what_is_too_long_is_not_said() {
    let topic = GossipTopic([9; 32]);
    let (mut ana, mut ben) = (node(44), node(45));
    call(&mut ana, &mut ben);
    let nodes = vec![ana.node()];
    ana.tell(Command::JoinGossip {
        topic,
        nodes: Vec::new(),
    });
    ben.tell(Command::Learn(ana.desk().ticket()));
    ben.tell(Command::JoinGossip { topic, nodes });
    // nobody is told when a neighbour is there, so it is said until it is heard
    let mut said = 0u32;
    let heard = loop {
        said += 1;
        let long = vec![1; synlog_net::gossip::PAYLOAD_MAX + 1];
        ben.tell(Command::Broadcast { topic, bytes: long });
        let bytes = said.to_le_bytes().to_vec();
        ben.tell(Command::Broadcast { topic, bytes });
        match ana.next(Duration::from_millis(100)) {
            Some(Event::Gossip { topic: on, bytes }) => {
                assert_eq!(on, topic);
                break bytes;
            }
            _ => assert!(said < 600, "never heard"),
        }
    };
    assert_eq!(heard.len(), 4);
    // the largest that may be said arrives, and after it others still do
    let largest = vec![2; synlog_net::gossip::PAYLOAD_MAX];
    for bytes in [largest.clone(), b"after".to_vec()] {
        ben.tell(Command::Broadcast {
            topic,
            bytes: bytes.clone(),
        });
        wait(&mut ana, |event| match event {
            Event::Gossip { bytes: got, .. } if got == bytes => Some(()),
            _ => None,
        });
    }
    ana.close();
    ben.close();
}

#[test]
fn nodes_find_each_other_in_the_dht() {
    let dht = small_dht();
    let at = Dht::At(dht.2.clone());
    let (mut ana, mut ben) = (config(46), config(47));
    (ana.dht, ben.dht) = (at.clone(), at);
    let (mut ana, mut ben) = (Net::start(ana).unwrap(), Net::start(ben).unwrap());
    // publishing takes its time: a few calls come to nothing
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        ana.tell(Command::Dial { node: ben.node() });
        let found = wait(&mut ana, |event| match event {
            Event::Connected { peer, .. } => Some(Some(peer.node)),
            Event::DialFailed { .. } => Some(None),
            _ => None,
        });
        if let Some(node) = found {
            assert_eq!(node, ben.node());
            connected(&mut ben);
            ana.close();
            ben.close();
            return;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    panic!("never found");
}

/// A DHT of a few nodes on loopback.
fn small_dht() -> (
    tokio::runtime::Runtime,
    n0_mainline::Testnet,
    Vec<std::net::SocketAddrV4>,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let testnet = runtime.block_on(n0_mainline::Testnet::new(10)).unwrap();
    let addresses = testnet.bootstrap.iter();
    let addresses = addresses.map(|address| address.parse().unwrap()).collect();
    (runtime, testnet, addresses)
}
