//! Backups.

use std::io::Cursor;

use catalog::store::{Memory, archive};
use sha2::{Digest as _, Sha256};

use super::block_on;

/// How every backup begins.
const MAGIC: &[u8] = b"portolan backup 1\n";

/// Restores bytes as they are, and as the records of a backup whose check sum fits. What was restored must be written as a backup that
/// restores the same; what was refused must leave nothing.
pub fn backups(bytes: &[u8]) {
    block_on(async {
        restore(bytes).await;
        let mut whole = [MAGIC, bytes, &[0; 4]].concat();
        whole.extend(Sha256::digest(&whole));
        restore(&whole).await;
    });
}

async fn restore(file: &[u8]) {
    let store = Memory::default();
    match archive::read(&mut Cursor::new(file), &store).await {
        Err(_) => assert!(store.is_empty(), "what was refused was kept"),
        Ok(()) => {
            let written = write(&store).await;
            let again = Memory::default();
            archive::read(&mut Cursor::new(&written), &again).await.expect("what was written can be read");
            assert_eq!(write(&again).await, written);
        }
    }
}

async fn write(store: &Memory) -> Vec<u8> {
    let mut file = Vec::new();
    archive::write(store, &mut file).await.expect("memory takes everything");
    file
}
