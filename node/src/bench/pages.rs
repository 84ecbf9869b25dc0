//! A running node as its pages see it: queries of rows over HTTP, and many who watch.
//!
//! A shell file: it opens sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::Stage;
use super::meter::{median, status_mb_of};
use super::station::Station;
use super::table::Row;
use crate::failure::Failure;

/// Rows of the table that is asked.
const ROWS: usize = 1_000;
/// Connections that ask, each one question after the other.
const ASKING: usize = 8;
/// How long they ask.
const TIME: Duration = Duration::from_secs(5);
/// Who watches.
const WATCHERS: usize = 1_000;
/// Events that they are told of, after one that warms up.
const EVENTS: usize = 20;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn broken(error: std::io::Error) -> Failure {
    Failure::System(format!("asking the node of the bench: {error}"))
}

/// Where the node's pages are, and a token for them.
struct Door {
    host: String,
    token: String,
}

impl Door {
    fn connect(&self) -> Result<BufReader<TcpStream>, Failure> {
        let stream = TcpStream::connect(&self.host).map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
        Ok(BufReader::new(stream))
    }

    fn ask(&self, stream: &mut BufReader<TcpStream>, path: &str) -> Result<(), Failure> {
        let (host, token) = (&self.host, &self.token);
        let request = format!(
            "GET /api/v1/{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let sent = stream.get_mut().write_all(request.as_bytes());
        sent.map_err(broken)
    }
}

/// Reads the head of an answer: its status, and how long the body is if that is said.
fn head(stream: &mut BufReader<TcpStream>) -> Result<(u16, usize), Failure> {
    let (mut status, mut length) = (0, 0);
    for number in 0.. {
        let mut line = String::new();
        stream.read_line(&mut line).map_err(broken)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if number == 0 {
            let word = line.split(' ').nth(1);
            status = word.and_then(|word| word.parse().ok()).unwrap_or(0);
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    Ok((status, length))
}

/// A whole answer, which must be what was asked for.
fn answer(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<(), Failure> {
    let (status, length) = head(stream)?;
    body.clear();
    let read = stream.take(length as u64).read_to_end(body);
    read.map_err(broken)?;
    match status {
        200 => Ok(()),
        _ => Err(Failure::System(format!(
            "the node of the bench answers {status}: {}",
            String::from_utf8_lossy(body)
        ))),
    }
}

/// How many questions are answered in a second.
fn queries(door: &Door, path: &str) -> Result<f64, Failure> {
    let (over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let ended = std::thread::scope(|scope| {
        let ask = || {
            let (mut stream, mut body) = (door.connect()?, Vec::new());
            while !over.load(Ordering::Relaxed) {
                door.ask(&mut stream, path)?;
                answer(&mut stream, &mut body)?;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let asking: Vec<_> = (0..ASKING).map(|_| scope.spawn(ask)).collect();
        std::thread::sleep(TIME);
        over.store(true, Ordering::Relaxed);
        let mut joined = asking.into_iter().map(|thread| {
            let crashed = |_| Failure::System("a thread of the bench crashed".into());
            thread.join().map_err(crashed)?
        });
        joined.try_for_each(|ended: Result<(), Failure>| ended)
    });
    ended?;
    Ok(answered.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

/// Opens streams of a topic, and reads the beginning of each.
fn watch(door: &Door, count: usize) -> Result<Vec<BufReader<TcpStream>>, Failure> {
    let open = |_| {
        let mut stream = door.connect()?;
        door.ask(&mut stream, "stream?topic=hours")?;
        let (status, _) = head(&mut stream)?;
        if status != 200 {
            return Err(Failure::System(format!("a stream is answered by {status}")));
        }
        until(&mut stream, "hello")?;
        Ok(stream)
    };
    (0..count).map(open).collect()
}

/// Reads a stream up to a line that has a text.
fn until(stream: &mut BufReader<TcpStream>, text: &str) -> Result<(), Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).map_err(broken)? == 0 {
            return Err(Failure::System("a stream of the bench ended".into()));
        }
        if String::from_utf8_lossy(&line).contains(text) {
            return Ok(());
        }
    }
}

/// How long an event of the command line takes to each of those who watch: until it is
/// at the first, and until it is at the last.
fn told(
    station: &Station,
    tally: &str,
    streams: Vec<BufReader<TcpStream>>,
    events: usize,
) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let watchers = streams.len();
    let came = readers(streams, events);
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for number in 0..=events {
        let body = format!(r#"{{"tally":{{"$hex":"{tally}"}},"amount":1,"note":"of the bench"}}"#);
        let append = ["append", "hours", "tally.add", "--body", &body].map(str::to_owned);
        let begun = Instant::now();
        station.call(&append)?;
        let mut times = Vec::with_capacity(watchers);
        for _ in 0..watchers {
            let late = |_| Failure::System("an event of the bench is not told".into());
            let at = came.recv_timeout(PATIENCE).map_err(late)??;
            times.push(at.saturating_duration_since(begun).as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        if number > 0 {
            first.push(times[0]);
            last.push(times[watchers - 1]);
        }
    }
    last.sort_by(f64::total_cmp);
    Ok((first, last))
}

/// When each stream says each event. Few threads read, each its streams in turn: how a
/// machine spreads a thousand of them is not what is measured.
fn readers(
    mut streams: Vec<BufReader<TcpStream>>,
    events: usize,
) -> Receiver<Result<Instant, Failure>> {
    let (sender, came) = channel();
    let share = streams.len().div_ceil(ASKING);
    while !streams.is_empty() {
        let mut mine = streams.split_off(streams.len().saturating_sub(share));
        let sender = sender.clone();
        std::thread::spawn(move || {
            for number in 0..=events {
                // each event makes the sum one more
                let text = format!("\"sum\":{}", number + 1);
                for stream in &mut mine {
                    let read = until(stream, &text).map(|()| Instant::now());
                    if sender.send(read).is_err() {
                        return;
                    }
                }
            }
        });
    }
    came
}

/// Queries of rows, and watchers.
pub(super) fn pages(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let mut station = Station::new(stage, "pages")?;
    station.run(&["topic", "new", "hours", "--app", "tally"])?;
    let token = station.ask(&["token", "new", "bench"], "token")?;
    station.up()?;
    let url = station.ask(&["web"], "url")?;
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let door = Door {
        host: host.to_owned(),
        token,
    };
    let open = |title: &str| {
        let body = format!(r#"{{"title":"{title}","unit":"h"}}"#);
        ["append", "hours", "tally.open", "--body", &body].map(str::to_owned)
    };
    for number in 0..stage.scaled(ROWS) {
        station.call(&open(&format!("hours of {number}")))?;
    }
    let opened = open("hours that are watched");
    let opened: Vec<&str> = opened.iter().map(String::as_str).collect();
    let tally = station.ask(&opened, "id")?;
    let one = queries(&door, &format!("topics/hours/rows/tallies/{tally}"))?;
    let page = queries(&door, "topics/hours/views/tallies?limit=20")?;
    let before = status_mb_of(&station.pid().to_string(), "VmRSS:");
    let watchers = stage.scaled(WATCHERS);
    let streams = watch(&door, watchers)?;
    let (first, last) = told(&station, &tally, streams, stage.scaled(EVENTS).max(5))?;
    let what = "from a command to an open page";
    Ok(vec![
        Row::new("queries of one row over HTTP", one, "/s").at_least(5_000.0),
        Row::new("  of a page of 20 rows", page, "/s"),
        Row::new(
            format!("{what}: first of {watchers}, median"),
            median(first),
            "ms",
        )
        .at_most(100.0),
        Row::new("  last of them, median", median(last.clone()), "ms"),
        Row::new(
            "  last of them, worst",
            last.last().copied().unwrap_or(0.0),
            "ms",
        ),
        Row::new("memory of the node before they came", before, "MB"),
        Row::new("  most that it had", station.peak_mb(), "MB").at_most(300.0),
    ])
}
