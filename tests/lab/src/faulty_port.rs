//! Ports of loopback that do not behave as an SSH server's.

use std::any::Any;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

/// The manner of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// No packet is answered, as behind a closed security group: its queue is full.
    Drops,
    /// Nothing listens on it.
    Refuses,
    /// The connection is accepted, and nothing is said.
    Silent,
    /// A web server answers.
    Web,
}

/// An open port, with what keeps it so.
pub(crate) type Held = (u16, Vec<Box<dyn Any + Send>>);

/// Opens a port of this manner on 127.0.0.1.
///
/// # Panics
/// If no port can be bound.
pub(crate) fn open(manner: Manner) -> Held {
    match manner {
        Manner::Drops => drops(),
        Manner::Refuses => refuses(),
        Manner::Silent => serves(std::mem::forget),
        Manner::Web => serves(|mut stream| {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }),
    }
}

/// A socket that is bound and does not listen keeps its port from others.
fn refuses() -> Held {
    let bound = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket can be made");
    bind(&bound, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("loopback can be bound");
    (port_of(&bound), vec![Box::new(bound)])
}

fn drops() -> Held {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    listen(&listener, 0).expect("the queue can be made short");
    let address = listener.local_addr().expect("a listener has an address");
    let mut held: Vec<Box<dyn Any + Send>> = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        held.push(Box::new(stream));
    }
    held.push(Box::new(listener));
    (address.port(), held)
}

fn serves(answer: impl Fn(TcpStream) + Send + 'static) -> Held {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let port = listener.local_addr().expect("a listener has an address").port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    (port, Vec::new())
}

fn port_of(socket: &OwnedFd) -> u16 {
    let name = getsockname(socket).expect("a bound socket has a name");
    SocketAddrV4::try_from(name).expect("it is an IPv4 address").port()
}
