//! Collects a body, a caller's or an upstream's, within its limit and within what all calls may hold.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt;

use crate::budget::Share;

/// Why there is no whole body.
pub(super) enum Uncollected<E> {
    /// It is longer than the limit.
    TooLarge,
    /// All calls hold as much as they may.
    NoRoom,
    /// It broke off.
    Broken(E),
}

/// The whole of `body`, of `limit` bytes at most, which are counted in `share`; and its trailers. What comes as one piece is not copied.
pub(super) async fn collect<B>(
    mut body: B,
    limit: usize,
    share: &mut Share,
) -> Result<(Bytes, HeaderMap), Uncollected<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (mut whole, mut trailers) = (BytesMut::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        let data = match frame.map_err(Uncollected::Broken)?.into_data() {
            Ok(data) => data,
            Err(frame) => {
                trailers = frame.into_trailers().unwrap_or_default();
                continue;
            }
        };
        if whole.len() + data.len() > limit {
            return Err(Uncollected::TooLarge);
        }
        if !share.take(data.len()) {
            return Err(Uncollected::NoRoom);
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok((data, trailers));
        }
        whole.extend_from_slice(&data);
    }
    Ok((whole.freeze(), trailers))
}
