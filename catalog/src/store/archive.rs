//! A store as one file: what `backup` writes and `restore` reads.
//!
//! A line `portolan backup 1`, then each record as `length of key, key, length of value, value` (lengths as 4 bytes, big endian), an empty
//! key, and the SHA-256 of all before it. A file that was cut, changed or is something else is refused before anything of it is kept.

use std::io::{self, Read, Write};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{ChangeSet, Key, Space, Store, StoreError};

/// The first line; its number changes with the form of the file.
const MAGIC: &[u8] = b"portolan backup 1\n";

/// The longest value read back, in bytes: a broken length must not take all memory.
const MAX_VALUE: u32 = 1 << 30;

/// Bytes of records that one commit restores.
const COMMIT: usize = 8 << 20;

/// Why a backup could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file.
    #[error("the backup file: {0}")]
    File(#[from] io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no backup, or not a whole one.
    #[error("this is no whole backup: {0}")]
    Broken(&'static str),
    /// The store to restore to is in use.
    #[error("the store holds a catalog already; restore into an empty --data-dir")]
    NotEmpty,
}

/// Writes every record of `store` to `out`. It is one revision as long as nothing is committed meanwhile: the registrar calls this
/// between commits.
pub async fn write(store: &dyn Store, out: &mut (dyn Write + Send)) -> Result<(), ArchiveError> {
    let mut sum = Sha256::new();
    let mut put = |bytes: &[u8]| {
        sum.update(bytes);
        out.write_all(bytes)
    };
    put(MAGIC)?;
    for space in Space::ALL {
        let mut failed = None;
        let each = &mut |key: Key, value: &[u8]| {
            let key = key.to_bytes();
            let length = |part: &[u8]| (part.len() as u32).to_be_bytes();
            let parts = [&length(&key)[..], &key, &length(value), value];
            match parts.into_iter().try_for_each(&mut put) {
                Ok(()) => Ok(()),
                Err(error) => {
                    let cause = error.to_string().into();
                    failed = Some(error);
                    Err(StoreError::Unavailable { act: "write a backup", cause })
                }
            }
        };
        let loaded = store.load(space.keys(), each).await;
        if let Some(error) = failed {
            return Err(error.into());
        }
        loaded?;
    }
    put(&0u32.to_be_bytes())?;
    out.write_all(&sum.finalize())?;
    out.flush()?;
    Ok(())
}

/// Reads a backup into an empty `store`. The file is read twice, the first time to see that it is whole.
pub async fn read<R: Read + io::Seek + Send>(input: &mut R, store: &dyn Store) -> Result<(), ArchiveError> {
    let mut empty = true;
    for space in Space::ALL {
        let each = &mut |_: Key, _: &[u8]| {
            empty = false;
            Ok(())
        };
        store.load(space.keys(), each).await?;
    }
    if !empty {
        return Err(ArchiveError::NotEmpty);
    }
    let mut reader = Reader::new(&mut *input)?;
    while reader.record()?.is_some() {}
    input.rewind()?;
    let mut reader = Reader::new(input)?;
    let (mut changes, mut size) = (ChangeSet::default(), 0);
    while let Some((key, value)) = reader.record()? {
        size += value.len();
        changes.records.push((key, value.into()));
        if size > COMMIT {
            store.commit(vec![std::mem::take(&mut changes)]).await?;
            size = 0;
        }
    }
    // Last, because a store without it is refused: so is what a restore leaves that was cut short.
    changes.manifest.extend(reader.meta.map(|meta| (Key::Meta, Bytes::from(meta))));
    Ok(store.commit(vec![changes]).await?)
}

/// Takes a backup apart.
struct Reader<R> {
    input: R,
    sum: Sha256,
    meta: Option<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    fn new(input: R) -> Result<Self, ArchiveError> {
        let mut reader = Self { input, sum: Sha256::new(), meta: None };
        match reader.take(MAGIC.len() as u32)? == MAGIC {
            true => Ok(reader),
            false => Err(ArchiveError::Broken("it does not begin like one")),
        }
    }

    /// The next record but the store's own, or `None` at the end of a whole backup.
    fn record(&mut self) -> Result<Option<(Key, Vec<u8>)>, ArchiveError> {
        loop {
            let length = self.length()?;
            if length == 0 {
                let expected = self.sum.clone().finalize();
                let mut rest = Vec::new();
                self.input.by_ref().take(33).read_to_end(&mut rest)?;
                return match rest == expected[..] {
                    true => Ok(None),
                    false => Err(ArchiveError::Broken("its check sum does not fit")),
                };
            }
            let key = self.take(length)?;
            let key = Key::from_bytes(&key).ok_or(ArchiveError::Broken("it has an unknown key"))?;
            let length = self.length()?;
            let value = self.take(length)?;
            match key {
                Key::Meta => self.meta = Some(value),
                key => return Ok(Some((key, value))),
            }
        }
    }

    fn length(&mut self) -> Result<u32, ArchiveError> {
        let bytes = self.take(4)?;
        let length = bytes.try_into().map(u32::from_be_bytes).map_err(|_| ArchiveError::Broken("it ends early"))?;
        if length > MAX_VALUE { Err(ArchiveError::Broken("a record is too large")) } else { Ok(length) }
    }

    fn take(&mut self, length: u32) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(u64::from(length)).read_to_end(&mut bytes)?;
        if bytes.len() != length as usize {
            return Err(ArchiveError::Broken("it ends early"));
        }
        self.sum.update(&bytes);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::{Digest, UpstreamId};
    use crate::store::Memory;

    async fn filled() -> Memory {
        let store = Memory::default();
        let id = UpstreamId::from("a");
        let records = vec![
            (Key::Meta, Bytes::from_static(b"meta")),
            (Key::Manifest(id.clone()), Bytes::from(vec![1; 200_000])),
            (Key::Function(id.clone(), Digest::of([&b"f"[..]])), Bytes::new()),
            (Key::History(id, "pkg.S/M".into()), Bytes::from_static(b"h")),
            (Key::Event(7, 1), Bytes::from_static(b"e")),
        ];
        store.commit(vec![ChangeSet { records, ..ChangeSet::default() }]).await.unwrap();
        store
    }

    async fn backup(store: &Memory) -> Vec<u8> {
        let mut file = Vec::new();
        write(store, &mut file).await.unwrap();
        file
    }

    #[tokio::test]
    async fn a_backup_comes_back_whole() {
        let file = backup(&filled().await).await;
        let restored = Memory::default();
        read(&mut Cursor::new(&file), &restored).await.unwrap();
        assert_eq!(backup(&restored).await, file);
        let again = read(&mut Cursor::new(&file), &restored).await;
        assert!(matches!(again, Err(ArchiveError::NotEmpty)));
    }

    #[tokio::test]
    async fn a_cut_or_changed_backup_restores_nothing() {
        let file = backup(&filled().await).await;
        let mut spoiled: Vec<Vec<u8>> =
            [0, 10, 18, 25, file.len() / 2, file.len() - 1].map(|n| file[..n].to_vec()).to_vec();
        spoiled.extend([19, 40, 1000, file.len() - 40, file.len() - 1].map(|at| {
            let mut changed = file.clone();
            changed[at] ^= 0x40;
            changed
        }));
        spoiled.push([&file[..], b"x"].concat());
        for (n, bytes) in spoiled.into_iter().enumerate() {
            let store = Memory::default();
            let refused = read(&mut Cursor::new(&bytes), &store).await;
            assert!(matches!(refused, Err(ArchiveError::Broken(_))), "{n}: {refused:?}");
            assert_eq!(backup(&store).await, backup(&Memory::default()).await, "{n}");
        }
    }
}
