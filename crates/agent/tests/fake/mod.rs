//! Providers of language models on loopback, as strict as the real ones, who say what a script tells them to.
//!
//! A request that its provider would not take is refused as the provider does it, and kept in [`Fake::problems`].

#![allow(dead_code, reason = "shared by tests, each of which needs a part")]

mod anthropic;
mod gemini;
mod http;
mod ollama;
mod openai;
mod shape;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use self::http::{Answer, Request};

/// The only key that is taken.
pub const KEY: &str = "fake-key-0123456789abcdef";
/// Pieces of a stream have this many bytes, so that characters, lines and events are cut anywhere.
const CUT: usize = 13;

/// Whose wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gemini,
    OpenAi,
    Anthropic,
    Ollama,
}

pub const KINDS: [Kind; 4] = [Kind::Gemini, Kind::OpenAi, Kind::Anthropic, Kind::Ollama];

/// What a provider does with a request that is right.
#[derive(Clone, Debug)]
pub enum Step {
    /// Text.
    Say(String),
    /// Text, and calls in parallel.
    Call(String, Vec<(String, Value)>),
    /// A call whose arguments are no JSON.
    CallBadly(String, String),
    /// Text that is cut at the limit of tokens.
    SayTooMuch(String),
    /// The model or its filter says no.
    Refuse,
    /// A status, with a pause in seconds if one is asked for.
    Fail(u16, Option<u64>),
    /// An error after the stream has begun.
    FailLate,
    /// 400 with the key in the text, as a careless proxy does it.
    TellKey,
    /// An answer with the key in the text and in a call.
    SayKey,
    /// 200 and the right type, with what is no JSON.
    Garbage,
    /// 200 with a page, as a web server at a wrong address.
    Page,
    /// The answer does not begin.
    Hang,
    /// The answer begins and does not go on.
    Stall,
    /// The connection ends in the middle of the answer.
    Break,
    /// A redirect to this address.
    Redirect(String),
}

pub fn say(text: &str) -> Step {
    Step::Say(text.to_owned())
}

pub fn call(calls: &[(&str, Value)]) -> Step {
    Step::Call(String::new(), calls.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect())
}

/// What an answer is made of, whatever the wire.
#[derive(Default)]
pub struct Said {
    pub text: String,
    pub calls: Vec<(String, Value)>,
    pub end: End,
    /// Makes ids and signatures of calls differ from turn to turn.
    pub turn: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
pub enum End {
    #[default]
    Done,
    Limit,
    Refusal,
}

/// One provider.
pub struct Fake {
    pub kind: Kind,
    /// As clients of the provider have it.
    pub url: String,
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
pub struct State {
    steps: Mutex<VecDeque<Step>>,
    last: Mutex<Option<Step>>,
    bodies: Mutex<Vec<Value>>,
    problems: Mutex<Vec<String>>,
    /// Signatures of parts that were given out, by what they sign.
    pub signatures: Mutex<BTreeMap<String, BTreeSet<String>>>,
    is_over: AtomicBool,
}

impl Fake {
    /// Does these steps, one for each request; the last one again and again.
    pub fn start(kind: Kind, steps: impl IntoIterator<Item = Step>) -> Self {
        Self::start_behind(kind, steps, "http", move |stream, state| serve(kind, state, stream))
    }

    /// The same behind TLS.
    pub fn start_tls(kind: Kind, steps: impl IntoIterator<Item = Step>, tls: Arc<rustls::ServerConfig>) -> Self {
        Self::start_behind(kind, steps, "https", move |stream, state| {
            let connection = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
            serve(kind, state, rustls::StreamOwned::new(connection, stream));
        })
    }

    fn start_behind(
        kind: Kind,
        steps: impl IntoIterator<Item = Step>,
        scheme: &str,
        serve: impl Fn(TcpStream, &State) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { steps: Mutex::new(steps.into_iter().collect()), ..State::default() });
        let of_server = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if of_server.is_over.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_nodelay(true).unwrap();
                let (state, serve) = (Arc::clone(&of_server), serve.clone());
                thread::spawn(move || serve(stream, &state));
            }
        });
        let path = if kind == Kind::OpenAi { "/v1" } else { "" };
        Self { kind, url: format!("{scheme}://{address}{path}"), address, state }
    }

    /// The bodies of all requests that were taken.
    pub fn bodies(&self) -> Vec<Value> {
        self.state.bodies.lock().unwrap().clone()
    }

    /// What was wrong with requests.
    pub fn problems(&self) -> Vec<String> {
        self.state.problems.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes the server up.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(kind: Kind, state: &State, stream: impl Read + Write) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = http::read(&mut stream) {
        let answer = answer(kind, state, &request);
        let is_last = !matches!(answer, Answer::Bytes { .. });
        if http::write(stream.get_mut(), answer).is_err() || is_last {
            return;
        }
    }
}

fn answer(kind: Kind, state: &State, request: &Request) -> Answer {
    let has_key = |name: &str| request.headers.get(name).is_some_and(|it| it.trim_start_matches("Bearer ") == KEY);
    // The official client of Anthropic sends its key as a token.
    let is_keyed = has_key(key_header(kind)) || kind == Kind::Anthropic && has_key("authorization");
    if !is_keyed && kind != Kind::Ollama {
        return fail(kind, 401, None, "no such key");
    }
    let checked = match kind {
        Kind::Gemini => gemini::check(state, request),
        Kind::OpenAi => openai::check(request),
        Kind::Anthropic => anthropic::check(state, request),
        Kind::Ollama => ollama::check(request),
    };
    if let Err(problem) = checked {
        state.problems.lock().unwrap().push(problem.clone());
        return fail(kind, 400, None, &problem);
    }
    let turn = {
        let mut bodies = state.bodies.lock().unwrap();
        bodies.push(request.body.clone());
        bodies.len()
    };
    let mut last = state.last.lock().unwrap();
    if let Some(next) = state.steps.lock().unwrap().pop_front() {
        *last = Some(next);
    }
    act(kind, state, request, last.clone().expect("the script has a step"), turn)
}

fn key_header(kind: Kind) -> &'static str {
    match kind {
        Kind::Gemini => "x-goog-api-key",
        Kind::OpenAi | Kind::Ollama => "authorization",
        Kind::Anthropic => "x-api-key",
    }
}

// Long because each step is an arm.
fn act(kind: Kind, state: &State, request: &Request, step: Step, turn: usize) -> Answer {
    let is_streamed = is_streamed(kind, request);
    let content_type = match (kind, is_streamed) {
        (_, false) => "application/json",
        (Kind::Ollama, true) => "application/x-ndjson",
        (_, true) => "text/event-stream; charset=utf-8",
    };
    let done = |said: Said| -> Vec<u8> { said_by(kind, state, &Said { turn, ..said }, is_streamed) };
    let whole = |said: Said| Answer::Bytes {
        status: 200,
        headers: vec![],
        content_type,
        bytes: done(said),
        cut: is_streamed.then_some(CUT),
    };
    let begun = || {
        let bytes = done(Said { text: "It begins well and ".to_owned(), ..Said::default() });
        bytes.get(..bytes.len() * 2 / 5).unwrap().to_vec()
    };
    match step {
        Step::Say(text) => whole(Said { text, ..Said::default() }),
        Step::Call(text, calls) => whole(Said { text, calls, ..Said::default() }),
        Step::CallBadly(name, text) => whole(Said { calls: vec![(name, Value::String(text))], ..Said::default() }),
        Step::SayTooMuch(text) => whole(Said { text, end: End::Limit, ..Said::default() }),
        Step::Refuse => whole(Said { end: End::Refusal, ..Said::default() }),
        Step::SayKey => {
            let calls = vec![("look".to_owned(), json!({"at": KEY}))];
            whole(Said { text: format!("Your key is {KEY}."), calls, ..Said::default() })
        }
        Step::Fail(status, pause) => fail(kind, status, pause, "as the script says"),
        Step::TellKey => fail(kind, 400, None, &format!("bad request with x-api-key: {KEY}")),
        Step::FailLate => {
            let error = match kind {
                Kind::Anthropic => json!({"type": "error", "error": {"type": "overloaded_error", "message": "late"}}),
                Kind::Ollama => json!({"error": "late"}),
                Kind::Gemini => json!({"error": {"code": 503, "message": "late", "status": "UNAVAILABLE"}}),
                Kind::OpenAi => json!({"error": {"code": null, "message": "late", "type": "server_error"}}),
            };
            let mut bytes = begun();
            // Up to the last whole message.
            let end = bytes.windows(2).rposition(|it| it == b"\n\n" || kind == Kind::Ollama && it[1] == b'\n');
            bytes.truncate(end.map_or(0, |it| it + 2));
            let text = if kind == Kind::Ollama { format!("{error}\n") } else { format!("data: {error}\n\n") };
            bytes.extend(text.into_bytes());
            Answer::Bytes { status: 200, headers: vec![], content_type, bytes, cut: Some(CUT) }
        }
        Step::Garbage => Answer::Bytes {
            status: 200,
            headers: vec![],
            content_type,
            bytes: if is_streamed && kind != Kind::Ollama { b"data: <html>\n\n".to_vec() } else { b"<html>".to_vec() },
            cut: is_streamed.then_some(CUT),
        },
        Step::Page => Answer::Bytes {
            status: 200,
            headers: vec![],
            content_type: "text/html",
            bytes: b"<html>Hello</html>".to_vec(),
            cut: None,
        },
        Step::Hang => Answer::Silence,
        Step::Stall => Answer::Stalled { content_type, bytes: begun() },
        Step::Break => Answer::Broken { content_type, bytes: begun() },
        Step::Redirect(to) => Answer::Bytes {
            status: 307,
            headers: vec![("location", to)],
            content_type: "text/html",
            bytes: vec![],
            cut: None,
        },
    }
}

fn is_streamed(kind: Kind, request: &Request) -> bool {
    match kind {
        Kind::Gemini => request.path.contains(":streamGenerateContent"),
        Kind::OpenAi | Kind::Anthropic => request.body["stream"] == true,
        Kind::Ollama => request.body["stream"] != false,
    }
}

fn said_by(kind: Kind, state: &State, said: &Said, is_streamed: bool) -> Vec<u8> {
    let messages = match kind {
        Kind::Gemini => gemini::messages(state, said, is_streamed),
        Kind::OpenAi => openai::messages(said, is_streamed),
        Kind::Anthropic => anthropic::messages(state, said, is_streamed),
        Kind::Ollama => ollama::messages(said, is_streamed),
    };
    let text: String = match (kind, is_streamed) {
        (_, false) => messages[0].to_string(),
        (Kind::Ollama, true) => messages.iter().map(|it| format!("{it}\n")).collect(),
        (Kind::Anthropic, true) => {
            messages.iter().map(|it| format!("event: {}\ndata: {it}\n\n", it["type"].as_str().unwrap())).collect()
        }
        (Kind::Gemini, true) => messages.iter().map(|it| format!("data: {it}\r\n\r\n")).collect(),
        (Kind::OpenAi, true) => {
            let all: String = messages.iter().map(|it| format!("data: {it}\n\n")).collect();
            all + "data: [DONE]\n\n"
        }
    };
    text.into_bytes()
}

fn fail(kind: Kind, status: u16, pause: Option<u64>, text: &str) -> Answer {
    let (word, google) = match status {
        401 => ("authentication_error", "UNAUTHENTICATED"),
        429 => ("rate_limit_error", "RESOURCE_EXHAUSTED"),
        500.. => ("api_error", "INTERNAL"),
        _ => ("invalid_request_error", "INVALID_ARGUMENT"),
    };
    let body = match kind {
        Kind::Gemini => json!({"error": {"code": status, "message": text, "status": google}}),
        Kind::OpenAi => json!({"error": {"message": text, "type": word, "param": null, "code": null}}),
        Kind::Anthropic => json!({"type": "error", "error": {"type": word, "message": text}, "request_id": "req_1"}),
        Kind::Ollama => json!({"error": text}),
    };
    let headers = pause.map(|it| ("retry-after", it.to_string())).into_iter().collect();
    Answer::Bytes { status, headers, content_type: "application/json", bytes: body.to_string().into_bytes(), cut: None }
}

/// Text in pieces of a few characters.
pub fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(6).map(|it| it.iter().collect()).collect()
}
