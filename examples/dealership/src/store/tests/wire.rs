//! A way to the server on which every answer has to be waited for.

use reqwest::Url;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use super::{super::scratch::Scratch, *};

/// Opens an empty database as [`Store::fresh`] does, for tests that count where an operation waits.
///
/// A server on a busy machine may have answered before anybody looks, and then nothing waits. Here
/// the way to it leads through tasks of the test's own thread, so no answer is there before whoever
/// asked has let go of the thread.
pub(crate) async fn awaited() -> Store {
    let Ok(address) = std::env::var("DEALERSHIP_TEST_POSTGRES") else {
        return Store::fresh().await;
    };
    let mut address = Url::parse(&address).unwrap();
    let (host, port) = (address.host_str().unwrap().to_owned(), address.port().unwrap_or(5_432));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    address.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    address.set_host(Some("127.0.0.1")).unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect((host.as_str(), port)).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    Scratch::open(Some(&Place::from(address.as_str()))).await.unwrap().store
}
