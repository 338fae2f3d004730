//! What a server answers to those that bring outputs and to those that lack one.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::carry::{self, Put};
use super::store::Store;
use crate::rpc::{Frames, Method, Role, Router};

/// Takes outputs in and gives them away. What comes to be spread has room of its own, so that
/// servers which spread to each other do not wait for each other.
#[must_use]
pub fn register(router: Router, store: &Store) -> Router {
    let (rooms, own) = ([Store::room(), Store::room()], store.clone());
    let router = router.stream(Method::PutOutput, move |_, mut frames| {
        let (store, rooms) = (own.clone(), rooms.clone());
        async move {
            let answer = match take(&store, rooms, &mut frames).await {
                Ok(()) => Bytes::new(),
                Err(reason) => Bytes::from(reason),
            };
            // Who has left tries again.
            let _ = frames.to.send(answer).await;
        }
    });
    let (room, own) = (Store::room(), store.clone());
    router.stream(Method::GetOutput, move |caller, mut frames| {
        let (store, room) = (own.clone(), Arc::clone(&room));
        async move {
            // Agents have no use for what others wrote.
            if caller.role == Role::Server {
                give(&store, &room, &mut frames).await;
            }
        }
    })
}

async fn take(
    store: &Store,
    [plain, spreading]: [Arc<Semaphore>; 2],
    frames: &mut Frames,
) -> Result<(), String> {
    let (name, put) = carry::put_head(&carry::first(frames).await?)?;
    let room = if put == Put::Spread { spreading } else { plain };
    let room = room.acquire_many_owned(name.kib()).await.map_err(|_| "this server ends")?;
    // One that comes again is not carried again.
    let bytes = match store.here(name.digest).await {
        Some(bytes) => bytes,
        None if carry::go(&frames.to).await => carry::rest(&mut frames.from, name).await?,
        None => return Err("nobody waits for the answer".into()),
    };
    let bytes = Bytes::from(bytes);
    if store.put(bytes.clone()).await? != name {
        return Err("the store names it otherwise".into());
    }
    match put {
        Put::Store => Ok(()),
        Put::Spread => store.spread(name, bytes, Some(room)).await,
    }
}

async fn give(store: &Store, room: &Semaphore, frames: &mut Frames) {
    let asked = match carry::first(frames).await {
        Ok(head) => carry::get_head(&head),
        Err(reason) => Err(reason),
    };
    let Ok(name) = asked else { return };
    let Ok(_room) = room.acquire_many(name.kib()).await else { return };
    let bytes = store.here(name.digest).await.map(Bytes::from);
    carry::give(&frames.to, bytes.filter(|bytes| bytes.len() as u64 == name.len)).await;
}
