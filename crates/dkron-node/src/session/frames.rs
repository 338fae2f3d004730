//! Messages into frames: all that wait go into one, up to its limit.

use bytes::Bytes;
use tokio::sync::mpsc;

/// LIMIT: bytes of a frame on the control connection, but for a single larger message.
const FRAME: usize = 64 << 10;
/// Messages taken for frames in one go.
const BATCH: usize = 256;

/// Sends what comes until one side has enough.
pub async fn pump<M>(
    to: mpsc::Sender<Bytes>,
    mut inbox: mpsc::Receiver<M>,
    encode: impl Fn(&mut Vec<u8>, &M),
) {
    let mut batch = Vec::new();
    while inbox.recv_many(&mut batch, BATCH).await > 0 {
        let mut frame = Vec::new();
        for message in batch.drain(..) {
            let before = frame.len();
            encode(&mut frame, &message);
            if frame.len() > FRAME && before > 0 {
                let next = frame.split_off(before);
                let full = std::mem::replace(&mut frame, next);
                if to.send(full.into()).await.is_err() {
                    return;
                }
            }
        }
        if to.send(frame.into()).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_shares_frames_up_to_their_limit() {
        let (to, mut frames) = mpsc::channel(64);
        let (sender, inbox) = mpsc::channel(64);
        for size in [100, 200, FRAME - 100, 3 * FRAME, 7] {
            sender.send(size).await.unwrap();
        }
        drop(sender);
        pump(to, inbox, |frame, size| frame.resize(frame.len() + size, 0)).await;
        let mut sizes = Vec::new();
        while let Some(frame) = frames.recv().await {
            sizes.push(frame.len());
        }
        assert_eq!(sizes, [300, FRAME - 100, 3 * FRAME, 7]);
    }
}
