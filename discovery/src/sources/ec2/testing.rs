//! What EC2 answers in tests.

/// A page with one running instance for each group, with a loopback address.
pub(crate) fn answer(groups: &[&str]) -> String {
    let tags = |group: &&str| (format!("i-{group}"), vec![("portolan:upstream", (*group).to_owned())]);
    page(&groups.iter().map(tags).map(|(id, tags)| instance(&id, "127.0.0.1", &tags)).collect::<String>(), "")
}

/// A page of these `instances`; empty `next` for the last one.
pub(crate) fn page(instances: &str, next: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
        <reservationSet><item><groupSet/><instancesSet>{instances}</instancesSet></item></reservationSet>
        <nextToken>{next}</nextToken></DescribeInstancesResponse>"#
    )
}

/// A running instance.
pub(crate) fn instance(id: &str, private: &str, tags: &[(&str, String)]) -> String {
    let tags: String =
        tags.iter().map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>")).collect();
    format!(
        "<item><instanceId>{id}</instanceId><instanceState><code>16</code><name>running</name></instanceState>
        <placement><availabilityZone>eu-west-1a</availabilityZone></placement>
        <privateIpAddress>{private}</privateIpAddress><tagSet>{tags}</tagSet></item>"
    )
}
