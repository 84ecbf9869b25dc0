//! Frames of a link: a length, a kind, and what it is about (`spec/12-link.md` 12.2).

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::event::Why;

/// Bytes of a frame's body: a run of at most 1 MiB and what is around it.
pub const BODY_MAX: usize = 2 << 20;
/// Bytes that are read at once, so that a length alone allocates nothing.
const PIECE: usize = 64 << 10;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first of each side.
    Hello,
    /// The second of each side.
    Proof,
    /// A message of the engine.
    Message,
    /// The last one: why it ends.
    Bye,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Proof => 2,
            Self::Message => 3,
            Self::Bye => 4,
        }
    }

    fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Hello),
            2 => Some(Self::Proof),
            3 => Some(Self::Message),
            4 => Some(Self::Bye),
            _ => None,
        }
    }
}

/// The head of a frame: five bytes.
pub fn head(kind: Kind, length: usize) -> Option<[u8; 5]> {
    let length = u32::try_from(length)
        .ok()
        .filter(|_| length <= BODY_MAX)?
        .to_le_bytes();
    Some([length[0], length[1], length[2], length[3], kind.number()])
}

/// What a head says; a length above a limit and an unknown kind are refused.
pub fn parse_head(head: [u8; 5], max: usize) -> Result<(Kind, usize), Why> {
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let kind = Kind::of(head[4]).ok_or(Why::BadFrame)?;
    if length > max {
        return Err(Why::TooLong);
    }
    Ok((kind, length))
}

/// Writes a frame.
pub(crate) async fn write<W: AsyncWrite + Unpin>(
    output: &mut W,
    kind: Kind,
    body: &[u8],
) -> Result<(), Why> {
    let head = head(kind, body.len()).ok_or(Why::TooLong)?;
    let mut frame = Vec::with_capacity(head.len() + body.len());
    frame.extend_from_slice(&head);
    frame.extend_from_slice(body);
    output.write_all(&frame).await.map_err(|_| Why::Lost)?;
    output.flush().await.map_err(|_| Why::Lost)
}

/// Reads a frame of at most `max` bytes.
pub(crate) async fn read<R: AsyncRead + Unpin>(
    input: &mut R,
    max: usize,
) -> Result<(Kind, Vec<u8>), Why> {
    let mut head = [0; 5];
    input.read_exact(&mut head).await.map_err(|_| Why::Lost)?;
    let (kind, length) = parse_head(head, max)?;
    let mut body = Vec::new();
    while body.len() < length {
        let begun = body.len();
        body.resize(length.min(begun + PIECE), 0);
        input
            .read_exact(&mut body[begun..])
            .await
            .map_err(|_| Why::Lost)?;
    }
    Ok((kind, body))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    proptest! {
        #[test]
        fn heads_are_one_of_a_kind(head in any::<[u8; 5]>(), max in 0..=BODY_MAX) {
            if let Ok((kind, length)) = parse_head(head, max) {
                prop_assert!(length <= max);
                prop_assert_eq!(super::head(kind, length), Some(head));
            }
        }

        #[test]
        fn frames_come_back_and_garbage_is_refused(
            body in proptest::collection::vec(any::<u8>(), 0..300),
            garbage in proptest::collection::vec(any::<u8>(), 0..40),
            cut in 0usize..305,
        ) {
            run(async {
                let mut bytes = Vec::new();
                write(&mut bytes, Kind::Message, &body).await.unwrap();
                let read_back = read(&mut &bytes[..], BODY_MAX).await;
                prop_assert_eq!(read_back, Ok((Kind::Message, body.clone())));
                let cut = cut.min(bytes.len() - 1);
                prop_assert_eq!(read(&mut &bytes[..cut], BODY_MAX).await, Err(Why::Lost));
                let _ = read(&mut &garbage[..], 16).await;
                Ok(())
            })?;
        }
    }

    #[test]
    fn a_length_alone_allocates_nothing() {
        let claim = head(Kind::Message, BODY_MAX).unwrap();
        run(async {
            assert_eq!(read(&mut &claim[..], BODY_MAX).await, Err(Why::Lost));
            assert_eq!(read(&mut &claim[..], 100).await, Err(Why::TooLong));
            assert_eq!(
                read(&mut &[0, 0, 0, 0, 9][..], 100).await,
                Err(Why::BadFrame)
            );
        });
        assert!(head(Kind::Message, BODY_MAX + 1).is_none());
    }
}
