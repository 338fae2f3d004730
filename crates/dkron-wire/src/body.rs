//! One word as postcard behind a header, and back.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use crate::error::Error;
use crate::kind::Kind;
use crate::word::Word;

/// Appends to a buffer that holds a header already.
struct Behind(Vec<u8>);

impl Flavor for Behind {
    type Output = Vec<u8>;

    #[inline(always)]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    #[inline(always)]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// `header` with the form of a word behind it.
pub(crate) fn write(header: Vec<u8>, form: &impl Serialize) -> Vec<u8> {
    postcard::serialize_with_flavor(form, Behind(header))
        .expect("the buffer grows, and every sequence knows its length")
}

/// The word that fills `bytes` to their end.
pub(crate) fn read<T: Word>(kind: Kind, bytes: &[u8]) -> Result<T, Error> {
    let (word, rest) = take(kind, bytes)?;
    if !rest.is_empty() {
        let extra = rest.len();
        return Err(Error::Trailing { kind, extra });
    }
    Ok(word)
}

/// The first word of `bytes`, and what stands behind it.
pub(crate) fn take<T: Word>(kind: Kind, bytes: &[u8]) -> Result<(T, &[u8]), Error> {
    let (form, rest) = postcard::take_from_bytes::<T::Form<'_>>(bytes)
        .map_err(|source| Error::Body { kind, source })?;
    Ok((T::word(form), rest))
}

/// The word that fills a frame to its end.
pub(crate) fn read_message<T: Word>(what: &'static str, bytes: &[u8]) -> Result<T, Error> {
    let (word, rest) = take_message(what, bytes)?;
    if !rest.is_empty() {
        let extra = rest.len();
        return Err(Error::TrailingMessage { what, extra });
    }
    Ok(word)
}

/// The first word of a frame, and what stands behind it.
pub(crate) fn take_message<'a, T: Word>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), Error> {
    let (form, rest) = postcard::take_from_bytes::<T::Form<'_>>(bytes)
        .map_err(|source| Error::Message { what, source })?;
    Ok((T::word(form), rest))
}
