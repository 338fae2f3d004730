//! Who is not heard: other keys, and what is not ours.

mod pool;

use dkron_gossip::{Gossip, Key};
use pool::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn each_length_of_key_makes_members() {
    for key in [Key::Aes128([1; 16]), Key::Aes192([2; 24]), Key::Aes256([3; 32])] {
        let a = start_with_key(1, Some(key.clone())).await;
        let b = start_with_key(2, Some(key)).await;
        b.join(&[a.local_addr()]).await.unwrap();
        until_alive(&a, &[2]).await;
        // Packets bring this; the next comparison over TCP is far away.
        a.set_tags(tags(&[("port", "1")])).await.unwrap();
        until(&b, "changed tags", |members| members[1].tags == tags(&[("port", "1")])).await;
    }
}

#[tokio::test]
async fn another_key_is_no_member_and_both_hear_why() {
    let one = Some(Key::Aes128([1; 16]));
    let cases = [
        (one.clone(), Some(Key::Aes128([2; 16])), "differ"),
        (one.clone(), Some(Key::Aes256([1; 32])), "differ"),
        (one.clone(), None, "has a key"),
        (None, one, "has no key"),
    ];
    for (key, other, why) in cases {
        let a = start_with_key(1, key).await;
        let b = start_with_key(2, other).await;
        let error = b.join(&[a.local_addr()]).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(a.members().borrow().len(), 1);
        assert_eq!(b.members().borrow().len(), 1);
        until_unreadable(&a, 1).await;
    }
}

#[tokio::test]
async fn what_is_foreign_is_counted_and_changes_nothing() {
    let [a, b] = [start(1).await, start(2).await];
    let socket = tokio::net::UdpSocket::bind(loopback()).await.unwrap();
    let mut foreign: Vec<Vec<u8>> = vec![
        vec![0, 0x82, 0xa5],
        b"GET /".to_vec(),
        b"DKG\x02\x00x".to_vec(),
        b"DKG\x01\x01".to_vec(),
    ];
    foreign.push(vec![0xff; 9000]);
    for packet in &foreign {
        socket.send_to(packet, a.local_addr()).await.unwrap();
    }
    until_unreadable(&a, foreign.len() as u64).await;
    // Ours, with a body that says nothing.
    socket.send_to(b"DKG\x01\x00nonsense", a.local_addr()).await.unwrap();

    let mut stream = tokio::net::TcpStream::connect(a.local_addr()).await.unwrap();
    stream.write_all(b"\x06\x83\xa5 a push of Serf").await.unwrap();
    let mut answer = Vec::new();
    // Reset or closed: nothing was said.
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer, []);
    until_unreadable(&a, foreign.len() as u64 + 1).await;

    let mut stream = tokio::net::TcpStream::connect(a.local_addr()).await.unwrap();
    stream.write_all(b"DKG\x01\x00\xff\xff\xff\xff").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"DKG\x01\x02\x00\x00\x00\x01\x07", "too large, and told so");

    b.join(&[a.local_addr()]).await.unwrap();
    until_alive(&a, &[2]).await;
}

/// Counting has nothing to wait on.
async fn until_unreadable(gossip: &Gossip, count: u64) {
    let counted = async {
        while gossip.unreadable() < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap_or_else(|_| {
        panic!("{} of {count} were counted", gossip.unreadable());
    });
}
