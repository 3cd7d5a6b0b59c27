//! Servers below HTTP. Each runs until the test's runtime ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A TLS front to a plain server, with a certificate of a private CA.
#[derive(Debug)]
pub struct TlsFront {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The CA's certificate, as PEM.
    pub ca_pem: String,
}

/// The years in which a certificate is valid: from the first of January of one to that of the other.
pub type Years = (i32, i32);

/// Puts TLS in front of `plain`, for `localhost` and `aws.test`.
pub async fn tls_front(plain: SocketAddr) -> TlsFront {
    tls_front_valid_in((1975, 4096), plain).await
}

/// Puts TLS in front of `plain`, with a certificate that is valid in these years only.
pub async fn tls_front_valid_in((first, end): Years, plain: SocketAddr) -> TlsFront {
    let mut ca = CertificateParams::new(Vec::new()).expect("a CA has no names");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().expect("a key")).expect("a CA");
    let leaf_key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "aws.test".to_owned()];
    let mut leaf = CertificateParams::new(names).expect("names");
    leaf.not_before = date_time_ymd(first, 1, 1);
    leaf.not_after = date_time_ymd(end, 1, 1);
    let leaf = leaf.signed_by(&leaf_key, &ca).expect("a leaf");
    let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).expect("a PKCS#8 key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("the key is the certificate's");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the CA closes the connection.
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(plain).await.expect("the plain server listens");
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    TlsFront { address, ca_pem: ca.pem() }
}

/// An HTTP proxy that supports `CONNECT`.
#[derive(Debug)]
pub struct Proxy {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The number of `CONNECT` requests so far.
    pub tunnels: Arc<AtomicUsize>,
}

/// Starts a proxy whose tunnels all end at `server`, whatever host a client names.
pub async fn proxy(server: SocketAddr) -> Proxy {
    let (listener, address) = listen().await;
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tunnels);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut client = BufReader::new(stream);
                let mut line = String::new();
                while client.read_line(&mut line).await.is_ok_and(|read| read > 2) {}
                if !line.starts_with("CONNECT ") {
                    return;
                }
                counter.fetch_add(1, Ordering::SeqCst);
                let mut server = TcpStream::connect(server).await.expect("the server listens");
                let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    Proxy { address, tunnels }
}

/// Starts a front to `server` that resets the first `times` connections.
pub async fn reset_connections(times: usize, server: SocketAddr) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut left = times;
        while let Ok((mut client, _)) = listener.accept().await {
            if left > 0 {
                left -= 1;
                // A connection that is closed with unread data is reset.
                let _ = client.readable().await;
                continue;
            }
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.expect("the server listens");
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

/// Starts a server that answers every request with these bytes and then closes the connection.
pub async fn close_after_response(answer: Vec<u8>) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                // The first part of the request is enough; the response is the same for all.
                let mut request = [0; 16 * 1024];
                let read = stream.read(&mut request);
                let _ = tokio::time::timeout(Duration::from_secs(5), read).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    address
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback");
    let address = listener.local_addr().expect("a bound address");
    (listener, address)
}
