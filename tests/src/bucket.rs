//! A server that speaks as much S3 as backups need, in this process: objects in memory,
//! conditional puts, lists in pages, bulk deletes. It looks at who signed, not at the
//! signature.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Objects in one page of a list: few, so that lists have several.
const PAGE: usize = 3;
/// Bytes of a body that is taken.
const BODY_MAX: usize = 64 << 20;

/// What the server holds and how it behaves.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// Objects by key.
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Changes that are still done; then each is answered with 403.
    pub(crate) changes_left: Option<u32>,
    /// Whether somebody else is always faster with objects that must not be there yet.
    pub(crate) loses_races: bool,
    /// Pages of lists that were asked for.
    pub(crate) pages: u32,
    closing: bool,
}

/// A bucket, until it is dropped.
pub(crate) struct Bucket {
    /// Where it listens.
    pub(crate) endpoint: String,
    pub(crate) shelf: Arc<Mutex<Shelf>>,
    server: Option<JoinHandle<()>>,
}

/// What is asked for.
struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Bucket {
    /// The name of the bucket and of who may use it.
    pub(crate) const NAME: &str = "shelf";
    pub(crate) const KEY: &str = "neighbour";

    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let served = Arc::clone(&shelf);
        let server = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.lock().unwrap().closing {
                    break;
                }
                // who hangs up in the middle of something is not answered
                let _ = stream.and_then(|stream| serve(stream, &served));
            }
        });
        Self {
            endpoint: format!("http://{address}"),
            shelf,
            server: Some(server),
        }
    }

    /// What a command must be told of it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", self.endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "here".to_owned()),
            ("AWS_ACCESS_KEY_ID", Self::KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "between us".to_owned()),
        ]
    }

    /// Keys of all objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.shelf.lock().unwrap().objects.keys().cloned().collect()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if let Ok(mut shelf) = self.shelf.lock() {
            shelf.closing = true;
        }
        // the server waits for somebody to come
        let _ = TcpStream::connect(self.endpoint.trim_start_matches("http://"));
        let _ = self.server.take().map(JoinHandle::join);
    }
}

fn serve(mut stream: TcpStream, shelf: &Mutex<Shelf>) -> std::io::Result<()> {
    let Some(request) = read(&stream)? else {
        return Ok(());
    };
    let (status, body) = answer(&request, &mut shelf.lock().unwrap());
    let tag = blake3::hash(&body).to_hex();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"{tag}\"\r\n\
         Last-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}

fn read(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescaped(name), unescaped(value))
    });
    let mut request = Request {
        method: method.to_owned(),
        path: unescaped(path),
        query: pairs.collect(),
        headers: BTreeMap::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim().to_owned();
        request.headers.insert(name.to_lowercase(), value);
    }
    let length = request.headers.get("content-length");
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    assert!(length <= BODY_MAX, "{length} bytes");
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let digits = String::from_utf8(digits).unwrap();
        bytes.push(u8::from_str_radix(&digits, 16).unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

fn answer(request: &Request, shelf: &mut Shelf) -> (&'static str, Vec<u8>) {
    let signed = request.headers.get("authorization");
    let theirs = format!("Credential={}/", Bucket::KEY);
    if !signed.is_some_and(|it| it.starts_with("AWS4-HMAC-SHA256") && it.contains(&theirs)) {
        return ("403 Forbidden", Vec::new());
    }
    let path = request.path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    if bucket != Bucket::NAME {
        return ("404 Not Found", Vec::new());
    }
    let is_change = request.method != "GET";
    if let Some(left) = shelf.changes_left.as_mut().filter(|_| is_change) {
        if *left == 0 {
            return ("403 Forbidden", Vec::new());
        }
        *left -= 1;
    }
    match request.method.as_str() {
        "GET" if key.is_empty() => ("200 OK", list(request, shelf).into_bytes()),
        "GET" => match shelf.objects.get(key) {
            Some(bytes) => ("200 OK", bytes.clone()),
            None => ("404 Not Found", Vec::new()),
        },
        "PUT" => {
            let fresh = request.headers.contains_key("if-none-match");
            if fresh && (shelf.loses_races || shelf.objects.contains_key(key)) {
                return ("412 Precondition Failed", Vec::new());
            }
            shelf.objects.insert(key.to_owned(), request.body.clone());
            ("200 OK", Vec::new())
        }
        "POST" if request.query.contains_key("delete") => {
            let body = String::from_utf8(request.body.clone()).unwrap();
            let mut done = "<DeleteResult>".to_owned();
            for part in body.split("<Key>").skip(1) {
                let (key, _) = part.split_once("</Key>").unwrap();
                shelf.objects.remove(key);
                done += &format!("<Deleted><Key>{key}</Key></Deleted>");
            }
            ("200 OK", (done + "</DeleteResult>").into_bytes())
        }
        _ => ("501 Not Implemented", Vec::new()),
    }
}

fn list(request: &Request, shelf: &mut Shelf) -> String {
    shelf.pages += 1;
    let word = |name| request.query.get(name).map_or("", String::as_str);
    let (prefix, after) = (word("prefix"), word("continuation-token"));
    let matching = shelf.objects.iter();
    // no key is empty, so all are behind nothing
    let matching = matching.filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
    let mut found: Vec<(&String, &Vec<u8>)> = matching.take(PAGE + 1).collect();
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let mut text = "<ListBucketResult>".to_owned();
    for (key, bytes) in &found {
        text += &format!(
            "<Contents><Key>{key}</Key><Size>{}</Size>\
             <LastModified>2026-10-21T07:28:00.000Z</LastModified></Contents>",
            bytes.len()
        );
    }
    if let Some((last, _)) = found.last().filter(|_| more) {
        text += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
    }
    text + "</ListBucketResult>"
}
