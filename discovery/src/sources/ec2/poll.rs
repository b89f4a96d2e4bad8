//! Reads one region as one identity, over and over.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::sleep;

use super::limits;
use super::wire::{Instance, STATES, parse};
use crate::aws::{AwsError, Place, Service, Trouble};
use crate::backoff::jitter;

/// The version of EC2's API that is spoken: its only one for years.
const VERSION: &str = "2016-11-15";

/// The instances of `place` as each list of them has them, or why there is no list: those with the tag `group`, where one is given.
pub(crate) fn polled<'a>(
    place: &'a Place,
    group: Option<&'a str>,
    interval: Duration,
) -> impl Stream<Item = Result<Vec<Instance>, AwsError>> + 'a {
    unfold((Duration::ZERO, 0), move |(wait, failures)| async move {
        sleep(wait).await;
        let listed = list(place, group).await;
        let next = match listed {
            Ok(_) => (jitter(interval), 0),
            Err(_) => (limits::FAILED.wait(failures + 1), failures + 1),
        };
        Some((listed, next))
    })
}

/// All instances, with the tag `group` where one is given; a list that breaks off halfway is none.
async fn list(place: &Place, group: Option<&str>) -> Result<Vec<Instance>, AwsError> {
    let states = ["1", "2", "3", "4"].map(|number| format!("Filter.1.Value.{number}"));
    let mut instances = BTreeMap::new();
    let mut next: Option<String> = None;
    for _ in 0..limits::PAGES {
        let mut parameters =
            vec![("Version", VERSION), ("MaxResults", limits::PAGE), ("Filter.1.Name", "instance-state-name")];
        parameters.extend(states.iter().map(String::as_str).zip(STATES));
        let tagged = group.map(|group| [("Filter.2.Name", "tag-key"), ("Filter.2.Value.1", group)]);
        parameters.extend(tagged.into_iter().flatten());
        parameters.extend(next.as_deref().map(|token| ("NextToken", token)));
        let answer = ask(place, &parameters).await?;
        let page = parse(&answer)
            .map_err(|text| unreadable(place, format!("the answer is not what EC2 documents: {text}")))?;
        // What moved between two pages while they were read is on both.
        instances.extend(page.instances.into_iter().map(|instance| (instance.id.clone(), instance)));
        next = page.next;
        if next.is_none() {
            return Ok(instances.into_values().collect());
        }
    }
    Err(unreadable(place, format!("there are more than {} pages", limits::PAGES)))
}

/// One page. A throttled call is made again, each time later, as the pace of the place gets slower: the pages before it were not in vain.
async fn ask(place: &Place, parameters: &[(&str, &str)]) -> Result<Bytes, AwsError> {
    let mut throttled = 0;
    loop {
        match place.query(Service::Ec2, "DescribeInstances", parameters).await {
            Err(error) if error.trouble == Trouble::Throttled && throttled < limits::THROTTLED => throttled += 1,
            answer => return answer,
        }
    }
}

fn unreadable(place: &Place, text: String) -> AwsError {
    AwsError::new(format!("list the instances of {}", place.name()), Trouble::Unreadable, text)
}
