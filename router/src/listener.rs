//! Listening sockets: one for each worker, all on one port.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits;

/// `count` sockets that listen on `address`, and the address they got. The kernel spreads connections over them. With
/// `SO_REUSEPORT` a second daemon could bind the same port without a word, so one plain bind shows first that it is free.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let address = TcpListener::bind(address)?.local_addr()?;
    let listeners = (0..count).map(|_| shared(address)).collect::<io::Result<_>>()?;
    Ok((address, listeners))
}

fn shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_an_error() {
        let (address, _listeners) = bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
        assert_ne!(address.port(), 0);
        assert_eq!(bind(address, 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
