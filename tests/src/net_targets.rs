//! Decoders of the network and of the running node, to be fed with any bytes; apart from
//! those of the log, which are fuzzed without what a network needs.

use synlog_net::frame::{BODY_MAX, parse_head};
use synlog_net::handshake::{Greeting, Hello, Proof, Side};
use synlog_net::{GossipTopic, Ticket};
use synlog_node::blobs::Table;
use synlog_node::contacts::Contacts;
use synlog_node::daemon::frame::{Call, Reply, read_frame};
use synlog_node::daemon::swarms;
use synlog_node::letters;
use synlog_replication::peer::NodeId;

use crate::targets::Decoder;

fn hello(bytes: &[u8]) {
    if let Ok(hello) = Hello::decode(bytes) {
        assert_eq!(hello.encode(), bytes, "one encoding");
    }
}

fn proof(bytes: &[u8]) {
    let hello = Hello {
        node: NodeId([1; 32]),
        run: [0; 16],
        nonce: [2; 32],
    };
    let greeting = Greeting {
        dialer: hello,
        acceptor: hello,
    };
    if let Ok(proof) = Proof::decode(bytes) {
        assert_eq!(proof.encode(), bytes, "one encoding");
        let _ = proof.verify(&greeting, Side::Dialer, true);
        let _ = proof.verify(&greeting, Side::Acceptor, false);
    }
}

fn frame_head(bytes: &[u8]) {
    if let Some(head) = bytes.first_chunk() {
        let _ = parse_head(*head, BODY_MAX);
    }
}

fn ticket(bytes: &[u8]) {
    if let Ok(ticket) = Ticket::decode(bytes) {
        assert_eq!(ticket.encode(), bytes, "one encoding");
    }
}

fn ticket_text(bytes: &[u8]) {
    let _: Result<Ticket, _> = String::from_utf8_lossy(bytes).parse();
}

fn contacts(bytes: &[u8]) {
    let _: Result<Contacts, _> = String::from_utf8_lossy(bytes).parse();
}

fn call(bytes: &[u8]) {
    if let Ok(call) = Call::decode(bytes) {
        assert_eq!(call.encode(), bytes, "one encoding");
    }
}

fn reply(bytes: &[u8]) {
    if let Ok(reply) = Reply::decode(bytes) {
        assert_eq!(reply.encode(), bytes, "one encoding");
    }
}

fn command_frame(mut bytes: &[u8]) {
    let _ = read_frame(&mut bytes);
}

fn blob_journal(bytes: &[u8]) {
    let table = Table::read(&String::from_utf8_lossy(bytes));
    assert_eq!(Table::read(&table.lines().join("\n")), table);
}

fn file_of_letters(bytes: &[u8]) {
    let _ = letters::decode(bytes);
}

fn swarm_word(bytes: &[u8]) {
    let _ = swarms::heard(bytes, &GossipTopic([1; 32]), 0);
}

pub const DECODERS: &[Decoder] = &[
    ("hello", hello),
    ("proof of a link", proof),
    ("head of a frame", frame_head),
    ("word in a swarm", swarm_word),
    ("file of letters", file_of_letters),
    ("ticket", ticket),
    ("text of a ticket", ticket_text),
    ("contacts", contacts),
    ("journal of blobs", blob_journal),
    ("call", call),
    ("reply", reply),
    ("frame of a command", command_frame),
];
