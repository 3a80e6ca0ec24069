//! A small DNS server on loopback that answers from a zone, after a pause.
#![allow(clippy::wildcard_enum_match_arm, reason = "the enums are not ours")]
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, PTR, SOA, TXT};
use hickory_resolver::proto::rr::{self, Name, RData, Record};
use ra_plugins::dns::zone::Zone;
use ra_plugins::world::{Answer, Asked, Dns, DnsError, RecordType, Records};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// A server that is running; it stops when this is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// How many questions have come by UDP.
    pub by_udp: Arc<AtomicUsize>,
    /// How many have come by TCP.
    pub by_tcp: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    /// Starts a server on a free port.
    pub async fn start(zone: Arc<Zone>, pause: Duration) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = Arc::new(UdpSocket::bind(address).await.unwrap());
        let (by_udp, by_tcp) = (Arc::default(), Arc::default());
        let one = serve_udp(udp, zone.clone(), pause, Arc::clone(&by_udp));
        let other = serve_tcp(tcp, zone, pause, Arc::clone(&by_tcp));
        let tasks = vec![tokio::spawn(one), tokio::spawn(other)];
        Self { address, by_udp, by_tcp, tasks }
    }
}

/// Answers datagrams, each in a task of its own.
async fn serve_udp(
    socket: Arc<UdpSocket>,
    zone: Arc<Zone>,
    pause: Duration,
    count: Arc<AtomicUsize>,
) {
    let mut buffer = [0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        count.fetch_add(1, Ordering::Relaxed);
        let Ok(question) = Message::from_vec(&buffer[..length]) else {
            continue;
        };
        let (socket, zone) = (Arc::clone(&socket), Arc::clone(&zone));
        tokio::spawn(async move {
            wait(pause).await;
            let Some(mut answer) = answer(&question, &zone) else { return };
            let room =
                question.edns.as_ref().map_or(512, |it| it.max_payload());
            let mut bytes = answer.to_vec().unwrap();
            if bytes.len() > usize::from(room) {
                answer.answers.clear();
                answer.metadata.truncation = true;
                bytes = answer.to_vec().unwrap();
            }
            _ = socket.send_to(&bytes, client).await;
        });
    }
}

/// Lets exactly so much time pass; a timer alone is up to 2 ms late.
async fn wait(pause: Duration) {
    let until = Instant::now() + pause;
    tokio::time::sleep(pause.saturating_sub(Duration::from_millis(2))).await;
    while Instant::now() < until {
        tokio::task::yield_now().await;
    }
}

/// Answers connections.
async fn serve_tcp(
    listener: TcpListener,
    zone: Arc<Zone>,
    pause: Duration,
    count: Arc<AtomicUsize>,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let (zone, count) = (Arc::clone(&zone), Arc::clone(&count));
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut bytes = vec![0; length.into()];
                if stream.read_exact(&mut bytes).await.is_err() {
                    return;
                }
                wait(pause).await;
                let Ok(question) = Message::from_vec(&bytes) else { return };
                let Some(answer) = answer(&question, &zone) else { return };
                let bytes = answer.to_vec().unwrap();
                let length = u16::try_from(bytes.len()).unwrap();
                if stream.write_u16(length).await.is_err()
                    || stream.write_all(&bytes).await.is_err()
                {
                    return;
                }
            }
        });
    }
}

/// The answer to a question; none where the zone says TIMEOUT.
fn answer(question: &Message, zone: &Zone) -> Option<Message> {
    let query = question.queries.first()?;
    let wanted = match query.query_type() {
        rr::RecordType::TXT => RecordType::Txt,
        rr::RecordType::A => RecordType::A,
        rr::RecordType::AAAA => RecordType::Aaaa,
        rr::RecordType::MX => RecordType::Mx,
        rr::RecordType::PTR => RecordType::Ptr,
        _ => return None,
    };
    let name = query.name().to_ascii();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let known = match zone.ask(name, wanted) {
        Asked::Known(known) => known,
        Asked::Lent(known) => known.clone(),
        Asked::Waiting(_) => return None,
    };
    let metadata = &question.metadata;
    let mut answer =
        Message::new(metadata.id, MessageType::Response, metadata.op_code);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    fill(&mut answer, query.name(), known)?;
    Some(answer)
}

/// Puts what a zone knows into a message.
fn fill(message: &mut Message, owner: &Name, known: Answer) -> Option<()> {
    let mut add = |data: RData| {
        message.add_answer(Record::from_rdata(owner.clone(), 60, data));
    };
    let name = |text: &str| Name::from_str(&format!("{text}.")).unwrap();
    match known {
        Ok(Records::Txt(list)) => list.iter().for_each(|text| {
            let strings: Vec<&[u8]> = text.chunks(255).collect();
            add(RData::TXT(TXT::from_bytes(strings)));
        }),
        Ok(Records::A(list)) => {
            list.iter().for_each(|it| add(RData::A(A(*it))));
        }
        Ok(Records::Aaaa(list)) => {
            list.iter().for_each(|it| add(RData::AAAA(AAAA(*it))));
        }
        Ok(Records::Mx(list)) => list
            .iter()
            .for_each(|(at, it)| add(RData::MX(MX::new(*at, name(it))))),
        Ok(Records::Ptr(list)) => {
            list.iter().for_each(|it| add(RData::PTR(PTR(name(it)))));
        }
        Err(DnsError::Timeout) => return None,
        Err(DnsError::Failure | DnsError::NotThere) => {
            message.metadata.response_code = ResponseCode::ServFail;
        }
        Err(error @ (DnsError::NoName | DnsError::NoRecord)) => {
            if error == DnsError::NoName {
                message.metadata.response_code = ResponseCode::NXDomain;
            }
            let soa = SOA::new(
                name("ns.example"),
                name("hm.example"),
                1,
                2,
                3,
                4,
                30,
            );
            let record = Record::from_rdata(Name::root(), 30, RData::SOA(soa));
            message.authorities.push(record);
        }
    }
    Some(())
}
