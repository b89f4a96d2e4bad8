//! Answers to EC2's DescribeInstances.

use std::collections::BTreeSet;

use discovery::sources::ec2::wire::parse;

/// Reads a page. Read twice it says the same; it has no token that is empty, which would ask for the first page again; and it names no
/// more instances than it has items.
pub fn instances(bytes: &[u8]) {
    let page = parse(bytes);
    assert_eq!(page, parse(bytes));
    let Ok(page) = page else { return };
    assert_ne!(page.next.as_deref(), Some(""));
    let items = bytes.windows(5).filter(|window| window == b"<item").count();
    assert!(page.instances.len() <= items, "{} of {items}", page.instances.len());
    let tags: usize = page.instances.iter().map(|instance| instance.tags.len()).sum();
    let ids: BTreeSet<_> = page.instances.iter().map(|instance| &instance.id).collect();
    assert!(tags + ids.len() <= items, "each tag and each instance is an item of its own");
}
