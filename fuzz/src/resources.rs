//! Resources, as files and clusters have them.

use discovery::fuzzing::{resource_of_cluster, resources_of_file};

/// Reads a file, and an object of a cluster. Read twice it says the same; each complaint has its place in the file and says something, and
/// what is refused has one; the one resource of a file comes to the same in a cluster.
pub fn resources(bytes: &[u8]) {
    for confined in [true, false] {
        let of_cluster = resource_of_cluster(bytes, confined);
        assert_eq!(of_cluster, resource_of_cluster(bytes, confined), "read twice, an object says two things");
        if let Some((None, remarks)) = &of_cluster {
            assert!(remarks.iter().any(|remark| !remark.is_empty()), "it is refused, and nobody says why");
        }
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (found, complaints) = resources_of_file(text);
    assert_eq!(
        (&found, &complaints),
        (&resources_of_file(text).0, &resources_of_file(text).1),
        "read twice, a file says two things"
    );
    // Where a text ends too early, that is the line after it.
    let lines = text.split(['\n', '\r']).count() as u64 + 1;
    for complaint in &complaints {
        assert!((1..=lines).contains(&complaint.line) && complaint.column > 0, "{complaint} is not in the file");
        assert!(!complaint.message.is_empty());
    }
    let as_written = resource_of_cluster(bytes, false);
    if let ([found], [], Some((of_cluster, remarks))) = (found.as_slice(), complaints.as_slice(), as_written) {
        assert_eq!(Some(found), of_cluster.as_ref(), "a file and a cluster differ: {remarks:?}");
    }
}
